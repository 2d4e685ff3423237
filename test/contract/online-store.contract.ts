import { inspect } from 'node:util'
import { type AttributeValue, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addSpend, nothingSpent } from '../../core/measure/index.js'
import type { OnlineStore } from '../../core/ports/online-store.js'
import type { SpendMeter } from '../../core/ports/spend-meter.js'
import type { OnlineItem, PublishedEnd } from '../../core/publish/online-item.js'
import { localCredentials } from '../support/dynalite.js'

export interface OnlineStoreHome {
  /** Null: AWS. */
  readonly endpoint: string | null
  /** What its tables' names begin with. */
  readonly tablePrefix: string
  /** A store on the endpoint, or on a proxy in front of it. */
  newStore(
    endpoint?: string,
    more?: { readonly patienceMs?: number; readonly requestTimeoutMs?: number; readonly spending?: SpendMeter },
  ): OnlineStore
  stop(): Promise<void>
}

export const item = (name: string, sequence: bigint, changes: Partial<OnlineItem> = {}): OnlineItem => ({
  key: Uint8Array.from(Buffer.from(`\x91${name}`, 'latin1')),
  sequence,
  eventAt: null,
  values: Uint8Array.from(Buffer.from(`${name}@${sequence}`)),
  schemaHash: 'abc',
  expiresAtSeconds: null,
  ...changes,
})
export const end = (sequence: bigint, endAt: bigint): PublishedEnd => ({ sequence, endAt, missing: [] })

/** What every online store must do, run against the real thing (core/ports/online-store.ts). */
export function onlineStoreContract(name: string, startHome: () => Promise<OnlineStoreHome>): void {
  describe.sequential(`online store on ${name}`, () => {
    let home: OnlineStoreHome
    let store: OnlineStore
    let tables = 0
    const named = (name: string): string => `${home.tablePrefix}.${name}`
    const newTable = async (): Promise<string> => {
      const table = named(String(++tables))
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
      store = home.newStore()
    })
    afterAll(async () => {
      await store?.close()
      await home?.stop()
    })

    test('a table is made once, and its identity changes when it is dropped and made again', async () => {
      const table = named('identity')
      const made = await store.ensureTable(table)
      expect(await store.ensureTable(table)).toMatchObject({ identity: made.identity })
      expect(await store.describeTable(table)).toMatchObject({ identity: made.identity })
      await store.dropTable(table)
      await store.dropTable(table)
      expect(await store.describeTable(table)).toBeNull()
      expect((await store.ensureTable(table)).identity).not.toBe(made.identity)
    })

    test('a table is made with tags, a key, expiry and recovery where the endpoint knows them, and without where not', async () => {
      const table = named('settings')
      const tags = { 'millcourse:view': 'v', pii: 'true', odd: 'names, <and> "quotes"' }
      expect((await store.ensureTable(table, tags)).warnings).toEqual([])
      expect((await store.ensureTable(table, tags)).warnings).toEqual([])
      // What is asked for and found is table-settings.test.ts; on AWS this is its own word.
      expect(await store.settingDifferences(table)).toEqual([])
    })

    test('the limits name every table and the quota', async () => {
      const table = await newTable()
      const limits = await store.limits()
      expect(limits.tables).toContain(table)
      expect(limits.tablesMax).toBe(2_500)
      for (const units of [limits.accountWriteUnitsMax, limits.tableWriteUnitsMax])
        expect(units === null || units > 0).toBe(true)
    })

    test('what writes and reads consume is counted: as the endpoint says, and where it does not, by the items’ size', async () => {
      const table = await newTable()
      let spent = nothingSpent
      const counted = home.newStore(undefined, {
        spending: {
          add: (more) => {
            spent = addSpend(spent, more)
          },
        },
      })
      const add = () => {
        throw new Error('no release foresaw that')
      }
      // Counting must not harm what is counted.
      const uncounted = home.newStore(undefined, { spending: { add } })
      await uncounted.putItems(table, [item('uncounted', 1n)])
      expect(await uncounted.getItems(table, [item('uncounted', 1n).key])).toMatchObject([{ sequence: 1n }])
      await uncounted.close()
      const of = async (work: () => Promise<unknown>) => {
        spent = nothingSpent
        await work()
        return spent
      }
      // A KiB and a bit: two units to write, one to read.
      const large = { values: new Uint8Array(1_100) }
      const items = Array.from({ length: 30 }, (_, index) => item(`item-${index}`, 1n, index < 10 ? large : {}))
      const loaded = await of(() => counted.loadItems(table, items))
      expect(loaded.writeUnits).toBe(40)
      const guessed = await of(() =>
        counted.putItems(
          table,
          items.map((one) => ({ ...one, sequence: 2n })),
        ),
      )
      expect(guessed.writeUnits).toBeGreaterThanOrEqual(40)
      expect(guessed.writeUnits).toBeLessThanOrEqual(45)
      const read = await of(() => counted.getItems(table, [...items.map(({ key }) => key), item('absent', 1n).key]))
      // AWS takes a unit for a key that is not there, too.
      expect(read.writeUnits).toBe(0)
      expect([30, 31]).toContain(read.readUnits)
      const end = await of(() => counted.putEnd(table, { sequence: 2n, endAt: 1n, missing: [] }))
      expect(end.writeUnits).toBe(1)
      // Refused: it costs, and the answer does not say what.
      const refused = await of(() => counted.putEnd(table, { sequence: 1n, endAt: 1n, missing: [] }))
      expect(refused).toMatchObject({ writeUnits: 1, estimatedUnits: 1 })
      await counted.close()
    })

    test('two workers that make one table at the same time both get it', async () => {
      const rival = home.newStore()
      const [one, other] = await Promise.all([store.ensureTable(named('race')), rival.ensureTable(named('race'))])
      expect(one.identity).toBe(other.identity)
      await rival.close()
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

    test('R36: of two that make a table, one made it; one that is dropped is gone, at once or soon', async () => {
      const rival = home.newStore()
      const table = named('own')
      const made = await Promise.all([store.createTable(table), rival.createTable(table)])
      expect(made.filter((one) => one === 'taken')).toHaveLength(1)
      expect(made.find((one) => one !== 'taken')).toEqual({
        identity: (await store.ensureTable(table)).identity,
        warnings: [],
      })
      expect(await store.createTable(table)).toBe('taken')
      expect(await store.listTables()).toContain(table)
      await store.dropTable(table, { isAwaited: false })
      await expect.poll(() => store.describeTable(table)).toBeNull()
      await store.dropTable(table)
      await store.dropTable(table, { isAwaited: false })
      await rival.close()
    })

    test('R36: a first load is written whole and as given, whatever was there, and stops with the lease', async () => {
      const table = await newTable()
      const full = { eventAt: 978_310_800_123_456_789n, expiresAtSeconds: 4_102_444_800 }
      const items = Array.from({ length: 260 }, (_, index) =>
        item(`key ${index}`, 4n, index === 7 ? { values: null } : index === 8 ? full : {}),
      )
      await store.putItems(table, [item('key 3', 9n)])
      const told: number[] = []
      const outcomes = await store.loadItems(table, items, { onWritten: (count) => told.push(count) })
      expect(outcomes).toEqual(items.map(() => 'written'))
      expect(told.at(-1)).toBe(items.length)
      const byKey = (found: readonly OnlineItem[]) =>
        new Map(found.map((one) => [Buffer.from(one.key).toString(), one]))
      expect(byKey(await all(table))).toEqual(byKey(items))
      const other = await newTable()
      let asked = 0
      const stopped = (await store.loadItems(other, items, { mayWrite: () => ++asked <= 5 })) as string[]
      const written = stopped.filter((outcome) => outcome === 'written').length
      expect(written).toBeLessThanOrEqual(125)
      expect(await all(other)).toHaveLength(written)
      const missing = store.loadItems(named('none'), items)
      await expect(missing).rejects.toMatchObject({ code: 'PUBLISH_TABLE_MISSING' })
      const large = store.loadItems(other, [item('a', 1n, { values: new Uint8Array(410_000) })])
      await expect(large).rejects.toMatchObject({ code: 'PUBLISH_ITEM_TOO_LARGE' })
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

    test('more items than a batch or a page holds are written, read in order and scanned', async () => {
      const table = await newTable()
      const items = Array.from({ length: 260 }, (_, index) =>
        item(`key ${index}`, 4n, { values: new Uint8Array(5_000).fill(index % 256) }),
      )
      expect(new Set(await store.putItems(table, items))).toEqual(new Set(['written']))
      const summary = (found: OnlineItem | null) =>
        found && `${Buffer.from(found.key)} ${found.sequence} ${Buffer.from(found.values!).toString('base64')}`
      const keys = items.map(({ key }) => key)
      expect((await store.getItems(table, keys)).map(summary)).toEqual(items.map(summary))
      expect((await all(table)).map(summary).sort()).toEqual(items.map(summary).sort())
    })

    test('R36: what is thought to be stored under a key decides nothing', async () => {
      const table = await newTable()
      const isNew = [true, false, undefined]
      const guessed = (name: string, sequence: bigint, guess: boolean | undefined) => ({
        ...item(name, sequence),
        ...(guess === undefined ? {} : { isNew: guess }),
      })
      const names = ['there', 'newer', 'absent']
      for (const guess of isNew) {
        await store.putItems(table, [item(`there ${guess}`, 4n), item(`newer ${guess}`, 9n)])
        const writes = names.map((name) => guessed(`${name} ${guess}`, 5n, guess))
        expect(await store.putItems(table, writes), `isNew: ${guess}`).toEqual(['written', 'refused', 'written'])
        expect(
          await store.getItems(
            table,
            writes.map(({ key }) => key),
          ),
        ).toEqual([item(`there ${guess}`, 5n), item(`newer ${guess}`, 9n), item(`absent ${guess}`, 5n)])
      }
    })

    test('R36: an item that is none of ours can be read, and any write lands on it', async () => {
      const table = await newTable()
      const at = home.endpoint === null ? {} : { endpoint: home.endpoint, credentials: localCredentials }
      const client = new DynamoDBClient({ region: process.env.AWS_REGION ?? 'us-east-1', ...at })
      const foreign: Record<string, AttributeValue>[] = [{ v: { S: 'text' } }, { seq: { S: '9' }, schema: { N: '1' } }]
      const keys = foreign.map((_, index) => item(`foreign ${index}`, 0n).key)
      for (const isNew of [true, false]) {
        for (const [index, attributes] of foreign.entries())
          await client.send(new PutItemCommand({ TableName: table, Item: { pk: { B: keys[index]! }, ...attributes } }))
        const unreadable = keys.map((key) => ({ ...item('', 0n, { schemaHash: '', values: new Uint8Array() }), key }))
        expect(await store.getItems(table, keys)).toEqual(unreadable)
        expect(await all(table)).toHaveLength(2)
        const written = foreign.map((_, index) => item(`foreign ${index}`, 1n))
        const outcomes = await store.putItems(
          table,
          written.map((one) => ({ ...one, isNew })),
        )
        expect(outcomes).toEqual(['written', 'written'])
        expect(await store.getItems(table, keys)).toEqual(written)
      }
      client.destroy()
    })

    test('an item replaces the one before as a whole, whatever each of them has', async () => {
      const table = await newTable()
      const full = { eventAt: 7n, expiresAtSeconds: 4_102_444_800, schemaHash: 'other' }
      const shapes = [
        full,
        { ...full, values: null },
        { ...full, eventAt: null },
        { expiresAtSeconds: 9 },
        { values: null },
      ]
      for (const [from, before] of shapes.entries())
        for (const [to, after] of shapes.entries()) {
          const name = `${from} to ${to}`
          await store.putItems(table, [{ ...item(name, 1n, before), isNew: true }])
          await store.putItems(table, [item(name, 2n, after)])
          expect(await store.getItems(table, [item(name, 0n).key])).toEqual([item(name, 2n, after)])
        }
    })

    test('one key twice in one call is written, and the progress told is without a gap', async () => {
      const table = await newTable()
      const items = [
        item('a', 1n),
        item('a', 1n),
        ...Array.from({ length: 60 }, (_, index) => item(`key ${index}`, 1n)),
      ]
      const told: number[] = []
      const outcomes = await store.putItems(table, items, { onWritten: (count) => told.push(count) })
      expect(new Set(outcomes)).toEqual(new Set(['written']))
      expect(told.at(-1)).toBe(items.length)
      expect(told).toEqual(told.toSorted((one, other) => one - other))
      // A refused item is a gap: nothing behind it is told.
      await store.putItems(table, [item('key 0', 9n)])
      told.length = 0
      await store.putItems(table, items, { onWritten: (count) => told.push(count) })
      expect(Math.max(0, ...told)).toBeLessThanOrEqual(2)
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
        message: expect.stringContaining(named('none')),
      })
      await expect(store.putItems(named('none'), [item('a', 1n)])).rejects.toEqual(missing)
      await expect(store.getItems(named('none'), [item('a', 1n).key])).rejects.toEqual(missing)
      await expect(store.getEnd(named('none'))).rejects.toEqual(missing)
      await expect(all(named('none'))).rejects.toEqual(missing)
      expect(await store.describeTable(named('none'))).toBeNull()
    })

    test('an error carries nothing of the signed request', async () => {
      const error: unknown = await store.getEnd(named('none')).catch((thrown: unknown) => thrown)
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
      const outcomes = await store.putItems(table, items, { mayWrite: () => ++asked <= 5 })
      const written = outcomes.filter((outcome) => outcome === 'written').length
      // A request takes at most 25 of them.
      expect(written).toBeLessThanOrEqual(125)
      expect(await all(table)).toHaveLength(written)
      const cancelled = new AbortController()
      cancelled.abort()
      expect(await store.putItems(table, [item('z', 1n)], { signal: cancelled.signal })).toEqual(['refused'])
    })

    test('an endpoint that does not answer is an error that may pass', async () => {
      const nobody = home.newStore('http://127.0.0.1:1', { patienceMs: 300, requestTimeoutMs: 200 })
      await expect(nobody.getEnd(named('any'))).rejects.toMatchObject({ code: 'PUBLISH_UNREACHABLE' })
      await expect(nobody.ensureTable(named('any'))).rejects.toMatchObject({ code: 'PUBLISH_UNREACHABLE' })
      await nobody.close()
    })
  })
}
