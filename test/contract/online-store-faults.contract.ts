import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { OnlineStore } from '../../core/ports/online-store.js'
import type { OnlineItem } from '../../core/publish/online-item.js'
import type { StatementFault } from '../../drill/faults/fault-answers.js'
import { type Fault, type FaultProxy, startFaultProxy } from '../../drill/faults/fault-proxy.js'
import { pick, seededRandom } from '../support/random-source.js'
import { testSeed } from '../support/test-seed.js'
import { item, type OnlineStoreHome } from './online-store.contract.js'

/** @param knows whether the endpoint takes statements in batches */
export function onlineStoreFaults(
  name: string,
  startHome: () => Promise<OnlineStoreHome>,
  knows: { readonly batch: boolean },
): void {
  const writes = knows.batch ? 'BatchExecuteStatement' : 'PutItem'

  describe.sequential(`online store on ${name}, on bad days`, () => {
    let home: OnlineStoreHome
    let proxy: FaultProxy
    let store: OnlineStore
    let tables = 0
    const newTable = async (): Promise<string> => {
      const table = `bad-days.${++tables}`
      await store.ensureTable(table)
      return table
    }
    const all = async (table: string): Promise<OnlineItem[]> => {
      const items: OnlineItem[] = []
      for await (const page of store.scan(table)) items.push(...page)
      return items
    }
    const faulty = (patienceMs = 20_000, requestTimeoutMs = 700) =>
      home.newStore(proxy.endpoint, { patienceMs, requestTimeoutMs })
    const newItems = (count: number, sequence: bigint) =>
      Array.from({ length: count }, (_, index) => ({ ...item(`key ${index}`, sequence), isNew: true }))

    beforeAll(async () => {
      home = await startHome()
      proxy = await startFaultProxy(home.endpoint!)
      store = home.newStore()
    })
    afterEach(() => {
      proxy.choose = () => 'none'
    })
    afterAll(async () => {
      await store?.close()
      await proxy?.stop()
      await home?.stop()
    })

    test('R36: a write whose answer was lost is sent again and lands once, also after a successor', async () => {
      const table = await newTable()
      // Long enough for answers that a busy machine gives late: only those that are lost are to be waited for in vain.
      const writer = faulty(60_000, 1_500)
      let swallowed = 0
      proxy.choose = (operation, count) => {
        if (operation !== writes || count % 3 !== 0) return 'none'
        swallowed++
        return 'swallow-answer'
      }
      const items = newItems(knows.batch ? 150 : 15, 5n)
      expect(new Set(await writer.putItems(table, items))).toEqual(new Set(['written']))
      expect(swallowed).toBeGreaterThan(1)
      expect(await all(table)).toHaveLength(items.length)
      // The successor's write lands between the lost answer and the repeat: the repeat is refused, the successor's value stays.
      const late = item('late', 5n)
      proxy.choose = async (operation) => {
        if (operation !== writes) return 'none'
        const [found] = await store.getItems(table, [late.key])
        if (found?.sequence === 5n) await store.putItems(table, [item('late', 6n)])
        return found === null ? 'swallow-answer' : 'none'
      }
      expect(await writer.putItems(table, [{ ...late, isNew: true }])).toEqual(['refused'])
      expect(await store.getItems(table, [late.key])).toEqual([item('late', 6n)])
      await writer.close()
    })

    test('R36: a zombie’s batch that arrives after its successor is refused everywhere', async () => {
      const table = await newTable()
      const zombie = faulty(100)
      proxy.choose = (operation) => (operation === writes ? 'hold' : 'none')
      await store.putItems(table, newItems(10, 4n))
      const zombies = [
        ...newItems(20, 5n)
          .slice(0, 10)
          .map((it) => ({ ...it, isNew: false })),
        ...newItems(20, 5n).slice(10),
      ]
      await expect(zombie.putItems(table, zombies)).rejects.toMatchObject({ code: 'PUBLISH_UNREACHABLE' })
      const successors = newItems(20, 6n).map(({ isNew, ...kept }) => kept)
      await store.putItems(table, successors)
      expect(await proxy.release()).toBeGreaterThan(0)
      const keys = successors.map(({ key }) => key)
      expect(await store.getItems(table, keys)).toEqual(successors)
      await zombie.close()
    })

    test.each(['reset-before', 'reset-after', 'swallow-answer', 'server-error', 'unavailable'] as const)(
      'R36: a first load of which a request met %s does not know whether it landed',
      async (fault) => {
        const table = await newTable()
        const writer = faulty(20_000, 300)
        let sent = 0
        proxy.choose = (operation) => (operation !== 'BatchWriteItem' ? 'none' : ++sent === 3 ? fault : 'none')
        expect(await writer.loadItems(table, newItems(500, 1n))).toBe('unknown')
        await writer.close()
      },
    )

    test('R36: leftovers and throttles of a first load are written in the end; a connection that was refused wrote nothing', async () => {
      const table = await newTable()
      const random = seededRandom(testSeed('MILLCOURSE_TEST_SEED', 271_828))
      const passing = ['throttle', 'throttling', 'request-limit'] as const
      proxy.choose = (operation) => {
        if (operation !== 'BatchWriteItem') return 'none'
        if (random() < 0.2) return pick(random, passing)
        return { isLeftOver: () => random() < 0.3 }
      }
      const writer = faulty(60_000, 10_000)
      const items = newItems(300, 1n)
      expect(await writer.loadItems(table, items)).toEqual(items.map(() => 'written'))
      const stored = new Map((await all(table)).map((one) => [textOf(one), one]))
      expect(stored).toEqual(new Map(items.map(({ isNew: _, ...written }) => [textOf(written), written])))
      await writer.close()
      const nobody = home.newStore('http://127.0.0.1:1', { patienceMs: 300, requestTimeoutMs: 20_000 })
      await expect(nobody.loadItems(table, items)).rejects.toMatchObject({ code: 'PUBLISH_UNREACHABLE' })
      await nobody.close()
      let hasLease = true
      const impatient = faulty(300, 20_000)
      proxy.choose = (operation) => (operation === 'BatchWriteItem' ? 'throttle' : 'none')
      await expect(impatient.loadItems(table, items)).rejects.toMatchObject({ code: 'PUBLISH_THROTTLED' })
      proxy.choose = (operation) => {
        hasLease = false
        return operation === 'BatchWriteItem' ? 'throttle' : 'none'
      }
      const patient = faulty(60_000, 20_000)
      const lost = await patient.loadItems(table, items, { mayWrite: () => hasLease })
      expect(new Set(lost)).toEqual(new Set(['refused']))
      await Promise.all([impatient.close(), patient.close()])
    })

    test('throttles and server errors are waited out, and become an error when they last', async () => {
      const table = await newTable()
      const patient = faulty(20_000, 2_000)
      const passing = [
        'throttle',
        'throttling',
        'request-limit',
        'server-error',
        'unavailable',
        'reset-before',
      ] as const
      proxy.choose = (_, count) => (count % 2 === 0 ? 'none' : passing[(count >> 1) % passing.length]!)
      const items = Array.from({ length: 20 }, (_, index) => item(`key ${index}`, 1n))
      const keys = items.map(({ key }) => key)
      expect(new Set(await patient.putItems(table, items))).toEqual(new Set(['written']))
      expect(await patient.getItems(table, keys)).toEqual(items)
      await patient.close()
      const impatient = faulty(300, 200)
      proxy.choose = () => 'throttle'
      await expect(impatient.putItems(table, items)).rejects.toMatchObject({ code: 'PUBLISH_THROTTLED' })
      proxy.choose = () => 'server-error'
      await expect(impatient.getEnd(table)).rejects.toMatchObject({ code: 'PUBLISH_UNREACHABLE' })
      await impatient.close()
    })

    test('keys that a busy store leaves unread are asked for again, and only they', async () => {
      const table = await newTable()
      const items = Array.from({ length: 150 }, (_, index) => item(`key ${index}`, 1n))
      await store.putItems(table, items)
      const reader = faulty(20_000, 2_000)
      proxy.choose = (operation) => (operation === 'BatchGetItem' ? { isUnread: (index) => index % 2 === 1 } : 'none')
      expect(
        await reader.getItems(
          table,
          items.map(({ key }) => key),
        ),
      ).toEqual(items)
      await reader.close()
    })

    test('R36: a writer that loses its lease while it waits to repeat a request sends nothing more', async () => {
      const table = await newTable()
      const writer = faulty(5_000, 2_000)
      let hasLease = true
      let sent = 0
      proxy.choose = (operation) => {
        if (operation !== writes) return 'none'
        sent++
        hasLease = false
        return 'throttle'
      }
      expect(await writer.putItems(table, [item('a', 1n)], { mayWrite: () => hasLease })).toEqual(['refused'])
      expect(sent).toBe(1)
      expect(await all(table)).toEqual([])
      await writer.close()
    })

    test('who may not write is told what to grant, at once', async () => {
      const table = await newTable()
      const writer = faulty()
      proxy.choose = (operation) => (operation === writes ? 'denied' : 'none')
      await expect(writer.putItems(table, [item('a', 1n)])).rejects.toMatchObject({
        code: 'PUBLISH_ACCESS_DENIED',
        detail: { hint: expect.stringContaining('PartiQLUpdate') },
      })
      await writer.close()
    })

    test('a setting that a table may not be given is a warning that says what to grant', async () => {
      const maker = faulty()
      const denied = ['UpdateTimeToLive', 'DescribeContinuousBackups']
      proxy.choose = (operation) => (denied.includes(operation) ? 'denied' : 'none')
      const { warnings } = await maker.ensureTable('bad-days.denied')
      expect(warnings.join()).toMatch(/grant .*dynamodb:UpdateTimeToLive.*grant .*dynamodb:UpdateContinuousBackups/)
      expect(await maker.putItems('bad-days.denied', [item('a', 1n)])).toEqual(['written'])
      proxy.choose = (operation) => (operation === 'ListTables' ? 'denied' : 'none')
      await expect(maker.limits()).rejects.toMatchObject({ code: 'PUBLISH_ACCESS_DENIED' })
      await maker.close()
    })

    test.runIf(knows.batch)(
      'single statements that fail inside a 200 answer are each treated by their cause',
      async () => {
        const table = await newTable()
        const writer = faulty(20_000, 2_000)
        const passing = [
          'ThrottlingError',
          'ProvisionedThroughputExceeded',
          'InternalServerError',
          'RequestLimitExceeded',
          'TransactionConflict',
        ] as const
        const sizes: number[] = []
        proxy.choose = (operation, count) => {
          if (operation !== 'BatchExecuteStatement') return 'none'
          let size = 0
          const fault: Fault = {
            statement: (index) => {
              size = sizes[count] = Math.max(size, index + 1)
              return index > 0 && index % 4 === 0 ? (passing[index / 4 - 1] ?? null) : null
            },
          }
          return fault
        }
        await store.putItems(table, [item('key 3', 9n), item('key 7', 1n)])
        const outcomes = await writer.putItems(table, newItems(25, 2n))
        expect(outcomes).toEqual(Array.from({ length: 25 }, (_, index) => (index === 3 ? 'refused' : 'written')))
        // Only what was left is sent again.
        expect(Object.values(sizes).slice(1)).not.toContain(25)
        expect((await all(table)).map(({ sequence }) => sequence).sort()).toEqual([...Array(24).fill(2n), 9n])
        for (const [code, expected] of [
          ['ValidationError', 'PUBLISH_ITEM_TOO_LARGE'],
          ['AccessDenied', 'PUBLISH_ACCESS_DENIED'],
        ] as const) {
          proxy.choose = () => ({
            statement: (index) => (index === 20 ? code : index === 2 ? 'ThrottlingError' : null),
          })
          await expect(writer.putItems(table, newItems(25, 3n))).rejects.toMatchObject({ code: expected })
        }
        await writer.close()
      },
    )

    test('under seeded faults, the end is what each key’s highest sequence wrote', async () => {
      const seed = testSeed('MILLCOURSE_TEST_SEED', 271_828)
      console.log(`seed ${seed}: MILLCOURSE_TEST_SEED=${seed} replays it`)
      const random = seededRandom(seed)
      const table = await newTable()
      proxy.choose = (operation) => (operation === 'Scan' ? 'none' : randomFault(random))
      const publishers = Array.from({ length: 4 }, (_, index) => {
        const sequence = BigInt(index + 1)
        const items = Array.from({ length: knows.batch ? 120 : 15 }, (_, key) => key)
          .filter(() => random() < 0.6)
          .map((key) => ({
            ...item(`key ${key}`, sequence, {
              values: random() < 0.2 ? null : Uint8Array.of(index, key),
              eventAt: random() < 0.5 ? null : BigInt(key),
              expiresAtSeconds: random() < 0.5 ? null : 4_102_444_800 + key,
            }),
            isNew: random() < 0.5,
          }))
        return { sequence, items, store: faulty(60_000) }
      })
      const outcomes = await Promise.all(publishers.map(({ store: writer, items }) => writer.putItems(table, items)))
      const winners = new Map<string, OnlineItem>()
      for (const { items } of publishers)
        for (const { isNew: _, ...written } of items) winners.set(textOf(written), written)
      const found = new Map((await all(table)).map((stored) => [textOf(stored), stored]))
      expect(found).toEqual(winners)
      for (const [index, { items, sequence, store: writer }] of publishers.entries()) {
        for (const [position, { key }] of items.entries())
          if (winners.get(textOf({ key }))?.sequence === sequence) expect(outcomes[index]![position]).toBe('written')
        await writer.close()
      }
    })
  })
}

function textOf({ key }: Pick<OnlineItem, 'key'>): string {
  return Buffer.from(key).toString('hex')
}

const wholeFaults = ['throttle', 'throttling', 'request-limit', 'server-error', 'unavailable'] as const
const cutFaults = ['reset-before', 'reset-after', 'swallow-answer'] as const
const statementFaults: readonly StatementFault[] = [
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
  'InternalServerError',
  'ConditionalCheckFailed',
  'DuplicateItem',
]

function randomFault(random: () => number): Fault {
  const drawn = random()
  if (drawn < 0.15) return pick(random, wholeFaults)
  if (drawn < 0.3) return pick(random, cutFaults)
  if (drawn < 0.6)
    return {
      statement: () => (random() < 0.2 ? pick(random, statementFaults) : null),
      isUnread: () => random() < 0.3,
    }
  return 'none'
}
