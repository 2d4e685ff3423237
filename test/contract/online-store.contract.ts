import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OnlineStore } from '../../core/ports/online-store.js'
import type { OnlineItem, PublishedEnd } from '../../core/publish/online-item.js'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js'

export interface OnlineStoreHome {
  readonly endpoint: string
  /** A store on the endpoint, or on a proxy in front of it. */
  newStore(endpoint: string, patience?: { readonly patienceMs: number; readonly requestTimeoutMs: number }): OnlineStore
  stop(): Promise<void>
}

const item = (name: string, sequence: bigint, changes: Partial<OnlineItem> = {}): OnlineItem => ({
  key: Uint8Array.from(Buffer.from(`\x91${name}`, 'latin1')),
  sequence,
  eventAt: null,
  values: Uint8Array.from(Buffer.from(`${name}@${sequence}`)),
  schemaHash: 'abc',
  expiresAtSeconds: null,
  ...changes,
})
const end = (sequence: bigint, endAt: bigint): PublishedEnd => ({ sequence, endAt, missing: [] })

/** What every online store must do, run against the real thing (core/ports/online-store.ts). */
export function onlineStoreContract(name: string, startHome: () => Promise<OnlineStoreHome>): void {
  describe(`online store on ${name}`, () => {
    let home: OnlineStoreHome
    let proxy: FaultProxy
    let store: OnlineStore
    let tables = 0
    const newTable = async (): Promise<string> => {
      const table = `contract.${++tables}`
      await store.ensureTable(table)
      return table
    }
    const all = async (table: string): Promise<OnlineItem[]> => {
      const items: OnlineItem[] = []
      for await (const page of store.scan(table)) items.push(...page)
      return items
    }

    beforeAll(async () => {
      home = await startHome()
      proxy = await startFaultProxy(home.endpoint)
      store = home.newStore(home.endpoint)
    })
    afterAll(async () => {
      await store?.close()
      await proxy?.stop()
      await home?.stop()
    })

    test('a table is made once, and its identity changes when it is dropped and made again', async () => {
      const made = await store.ensureTable('contract.identity')
      expect(await store.ensureTable('contract.identity')).toEqual(made)
      expect(await store.describeTable('contract.identity')).toEqual(made)
      await store.dropTable('contract.identity')
      await store.dropTable('contract.identity')
      expect(await store.describeTable('contract.identity')).toBeNull()
      expect((await store.ensureTable('contract.identity')).identity).not.toBe(made.identity)
    })

    test('two workers that make one table at the same time both get it', async () => {
      const [one, other] = await Promise.all([
        store.ensureTable('contract.race'),
        home.newStore(home.endpoint).ensureTable('contract.race'),
      ])
      expect(one).toEqual(other)
    })

    test('R36: a write lands over a lower and over its own sequence and is refused by a higher one', async () => {
      const table = await newTable()
      expect(await store.putItems(table, [item('a', 5n), item('b', 9n)])).toEqual(['written', 'written'])
      expect(await store.putItems(table, [item('a', 5n, { values: null }), item('b', 8n), item('c', 8n)])).toEqual([
        'written',
        'refused',
        'written',
      ])
      expect(await store.putItems(table, [item('a', 6n)])).toEqual(['written'])
      const read = await store.getItems(table, [item('a', 0n).key, item('b', 0n).key])
      expect(read).toEqual([item('a', 6n), item('b', 9n)])
    })

    test('R36: sequences are compared as numbers, beyond 2^53 too', async () => {
      const table = await newTable()
      const big = 2n ** 53n + 1n
      expect(await store.putItems(table, [item('a', 10n)])).toEqual(['written'])
      expect(await store.putItems(table, [item('a', 9n)])).toEqual(['refused'])
      expect(await store.putItems(table, [item('a', big)])).toEqual(['written'])
      expect(await store.putItems(table, [item('a', big - 1n)])).toEqual(['refused'])
      expect((await store.getItems(table, [item('a', 0n).key]))[0]?.sequence).toBe(big)
    })

    test('R29: the published end is under the same fence and is none of the items', async () => {
      const table = await newTable()
      expect(await store.getEnd(table)).toBeNull()
      const marked = { ...end(3n, -1n), missing: [{ start: '2001-01-01T00:00:00Z', end: '2001-01-01T01:00:00Z' }] }
      expect(await store.putEnd(table, marked)).toBe('written')
      expect(await store.getEnd(table)).toEqual(marked)
      expect(await store.putEnd(table, end(2n, 7n))).toBe('refused')
      expect(await store.putEnd(table, end(3n, 978_310_800_123_456_789n))).toBe('written')
      expect(await store.getEnd(table)).toEqual(end(3n, 978_310_800_123_456_789n))
      await store.putItems(table, [item('a', 1n)])
      expect(await all(table)).toEqual([item('a', 1n)])
    })

    test('R11, R20: an item comes back exactly as it was put, the empty one too', async () => {
      const table = await newTable()
      const items = [
        item('full', 1n, { eventAt: 978_310_800_123_456_789n, expiresAtSeconds: 4_102_444_800 }),
        item('before 1970', 1n, { eventAt: -1n }),
        item('empty', 1n, { values: null, expiresAtSeconds: 1 }),
        { ...item('', 1n), key: Uint8Array.from({ length: 256 }, (_, byte) => byte), values: Uint8Array.of(0x90) },
      ]
      await store.putItems(table, items)
      expect(
        await store.getItems(
          table,
          [...items, items[0]!].map(({ key }) => key),
        ),
      ).toEqual([...items, items[0]!])
    })

    test('1,000 items are written, read in order and scanned', async () => {
      const table = await newTable()
      const items = Array.from({ length: 1_000 }, (_, index) =>
        item(`key ${index}`, 4n, { values: new Uint8Array(2_000).fill(index % 256) }),
      )
      expect(new Set(await store.putItems(table, items))).toEqual(new Set(['written']))
      const summary = (found: OnlineItem | null) =>
        found && `${Buffer.from(found.key)} ${found.sequence} ${Buffer.from(found.values!).toString('base64')}`
      const keys = items.map(({ key }) => key)
      expect((await store.getItems(table, keys)).map(summary)).toEqual(items.map(summary))
      expect((await all(table)).map(summary).sort()).toEqual(items.map(summary).sort())
    })

    test('a key that is absent reads as null', async () => {
      const table = await newTable()
      await store.putItems(table, [item('a', 1n)])
      expect(await store.getItems(table, [item('b', 1n).key, item('a', 1n).key])).toEqual([null, item('a', 1n)])
      expect(await store.getItems(table, [])).toEqual([])
    })

    test('a table that is missing is an error that names it', async () => {
      const missing = expect.objectContaining({
        code: 'PUBLISH_TABLE_MISSING',
        message: expect.stringContaining('contract.none'),
      })
      await expect(store.putItems('contract.none', [item('a', 1n)])).rejects.toEqual(missing)
      await expect(store.getItems('contract.none', [item('a', 1n).key])).rejects.toEqual(missing)
      await expect(store.getEnd('contract.none')).rejects.toEqual(missing)
      await expect(all('contract.none')).rejects.toEqual(missing)
      expect(await store.describeTable('contract.none')).toBeNull()
    })

    test('an error carries nothing of the signed request', async () => {
      const error: unknown = await store.getEnd('contract.none').catch((thrown: unknown) => thrown)
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/authorization|credential|signature/i)
    })

    test('a key or an item that is too large is an error of its own', async () => {
      const table = await newTable()
      const large = expect.objectContaining({ code: 'PUBLISH_ITEM_TOO_LARGE' })
      await expect(store.putItems(table, [{ ...item('a', 1n), key: new Uint8Array(2_049) }])).rejects.toEqual(large)
      await expect(store.putItems(table, [item('a', 1n, { values: new Uint8Array(410_000) })])).rejects.toEqual(large)
    })

    test('R36: nothing goes out once the writer may not write any more', async () => {
      const table = await newTable()
      const items = Array.from({ length: 200 }, (_, index) => item(`key ${index}`, 1n))
      let asked = 0
      const outcomes = await store.putItems(table, items, { mayWrite: () => ++asked <= 50 })
      const written = outcomes.filter((outcome) => outcome === 'written').length
      expect(written).toBeLessThanOrEqual(50)
      expect(await all(table)).toHaveLength(written)
      const cancelled = new AbortController()
      cancelled.abort()
      expect(await store.putItems(table, [item('z', 1n)], { signal: cancelled.signal })).toEqual(['refused'])
    })

    test('R36: a write whose answer was lost is sent again and lands once, also after a successor', async () => {
      const table = await newTable()
      const faulty = home.newStore(proxy.endpoint, { patienceMs: 20_000, requestTimeoutMs: 200 })
      let swallowed = 0
      proxy.choose = (operation, count) => {
        if (operation !== 'PutItem' || count % 3 !== 0) return 'none'
        swallowed++
        return 'swallow-answer'
      }
      const items = Array.from({ length: 30 }, (_, index) => item(`key ${index}`, 5n))
      expect(new Set(await faulty.putItems(table, items))).toEqual(new Set(['written']))
      expect(swallowed).toBeGreaterThan(5)
      expect(await all(table)).toHaveLength(30)
      // The successor's write lands between the lost answer and the repeat: the repeat is refused, the successor's value stays.
      const late = item('late', 5n)
      proxy.choose = async (operation) => {
        if (operation !== 'PutItem') return 'none'
        if ((await store.getItems(table, [late.key]))[0] === null) return 'swallow-answer'
        await store.putItems(table, [item('late', 6n)])
        return 'none'
      }
      expect(await faulty.putItems(table, [late])).toEqual(['refused'])
      expect(await store.getItems(table, [late.key])).toEqual([item('late', 6n)])
      await faulty.close()
    })

    test('throttles and server errors are waited out, and become an error when they last', async () => {
      const table = await newTable()
      const faulty = home.newStore(proxy.endpoint, { patienceMs: 20_000, requestTimeoutMs: 2_000 })
      proxy.choose = (_, count) => (count % 3 === 0 ? 'none' : count % 3 === 1 ? 'throttle' : 'server-error')
      const items = Array.from({ length: 20 }, (_, index) => item(`key ${index}`, 1n))
      expect(new Set(await faulty.putItems(table, items))).toEqual(new Set(['written']))
      expect(
        await faulty.getItems(
          table,
          items.map(({ key }) => key),
        ),
      ).toEqual(items)
      await faulty.close()
      const impatient = home.newStore(proxy.endpoint, { patienceMs: 300, requestTimeoutMs: 200 })
      proxy.choose = () => 'throttle'
      await expect(impatient.putItems(table, items)).rejects.toMatchObject({ code: 'PUBLISH_THROTTLED' })
      proxy.choose = () => 'server-error'
      await expect(impatient.getEnd(table)).rejects.toMatchObject({ code: 'PUBLISH_UNREACHABLE' })
      await impatient.close()
    })

    test('an endpoint that does not answer is an error that may pass', async () => {
      const nobody = home.newStore('http://127.0.0.1:1', { patienceMs: 300, requestTimeoutMs: 200 })
      await expect(nobody.getEnd('contract.any')).rejects.toMatchObject({ code: 'PUBLISH_UNREACHABLE' })
      await expect(nobody.ensureTable('contract.any')).rejects.toMatchObject({ code: 'PUBLISH_UNREACHABLE' })
      await nobody.close()
    })
  })
}
