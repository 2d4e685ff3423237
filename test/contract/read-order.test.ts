import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { newItemsAtEndReader } from '../../core/serve/index.js'
import { type Fault, type FaultProxy, startFaultProxy } from '../../drill/faults/fault-proxy.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { end, item } from './online-store.contract.js'

let dynalite: Awaited<ReturnType<typeof startTestDynalite>>
let proxy: FaultProxy
let publisher: DynamoDbOnlineStore
let reader: DynamoDbOnlineStore

beforeAll(async () => {
  dynalite = await startTestDynalite()
  proxy = await startFaultProxy(dynalite.endpoint)
  publisher = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  reader = new DynamoDbOnlineStore({ endpoint: proxy.endpoint, credentials: localCredentials })
})
afterEach(() => {
  proxy.choose = () => 'none'
  proxy.seen.clear()
})
afterAll(async () => {
  await publisher?.close()
  await reader?.close()
  await proxy?.stop()
  await dynalite?.stop()
})

const names = ['a', 'b']
const keys = names.map((name) => item(name, 0n).key)
/** A rerun publishes anew at the end there is: two publishes of one each. */
const endOf = (sequence: bigint) => end(sequence, ((sequence + 1n) / 2n) * 1_000n)
/** As a publish does: items, then the end (R29). */
async function publish(table: string, sequence: bigint): Promise<void> {
  const items = names.map((name) => item(name, sequence))
  await publisher.putItems(table, items)
  await publisher.putEnd(table, endOf(sequence))
}
async function newTable(table: string): Promise<string> {
  await publisher.ensureTable(table)
  await publish(table, 1n)
  return table
}
const at = (sequence: bigint) => ({
  items: names.map((name) => item(name, sequence)),
  end: endOf(sequence),
})

test('R29: a reader never sees the new end beside old values, in whatever order the store reads them', async () => {
  const table = await newTable('order')
  const read = newItemsAtEndReader(reader)
  expect(await read(table, keys)).toEqual(at(1n))
  // The worst order there is: all items are read, a whole publish goes by, then the end is read.
  let published = 1n
  proxy.choose = async (operation, count) => {
    if (operation !== 'BatchGetItem' || count % 2 === 0) return 'none'
    const old = await publisher.getItems(table, keys)
    await publish(table, ++published)
    return {
      says: ({ Responses }) => {
        const read = (Responses as Record<string, Record<string, object>[]>)[table]!
        // The answer has the items as they were, and the end as it is.
        const stored = new Map(old.map((it) => [Buffer.from(it!.key).toString('base64'), it!]))
        for (const one of read) {
          const before = stored.get((one.pk as { B: string }).B)
          if (before === undefined) continue
          one.seq = { N: before.sequence.toString() }
          one.v = { B: Buffer.from(before.values!).toString('base64') }
        }
        return { Responses: { [table]: read } }
      },
    }
  }
  proxy.seen.clear()
  expect(await read(table, keys)).toEqual(at(2n))
  expect(await read(table, keys)).toEqual(at(3n))
  // Also the first read of a process, which knows no end.
  expect(await newItemsAtEndReader(reader)(table, keys)).toEqual(at(4n))
})

test('a read is one request, and two after a publish; what was never published has no end', async () => {
  await publisher.ensureTable('unpublished')
  const read = newItemsAtEndReader(reader)
  expect(await read('unpublished', keys)).toEqual({ items: [null, null], end: null })
  expect(await read('absent', keys)).toEqual({ items: [null, null], end: null })
  const table = await newTable('requests')
  await read(table, keys)
  proxy.seen.clear()
  expect(await read(table, keys)).toEqual(at(1n))
  expect(await read(table, [])).toEqual({ items: [], end: at(1n).end })
  expect([...proxy.seen]).toEqual([['BatchGetItem', 2]])
  await publish(table, 2n)
  expect(await read(table, keys)).toEqual(at(2n))
  expect([...proxy.seen]).toEqual([['BatchGetItem', 4]])
})

test('the batches of a large read go out together, at most eight, and the answers keep their order', async () => {
  const table = await newTable('batches')
  const many = Array.from({ length: 1_150 }, (_, index) => item(`absent ${index}`, 0n).key)
  let [under, most] = [0, 0]
  let open = () => {}
  const eight = new Promise<void>((resolve) => {
    open = resolve
  })
  // None is answered before eight have come: were they sent one after the other, none ever would be.
  proxy.choose = async (operation): Promise<Fault> => {
    if (operation !== 'BatchGetItem') return 'none'
    most = Math.max(most, ++under)
    // A ninth, were there one, would come with them.
    if (under === 8) void sleep(50).then(open)
    await eight
    under--
    return 'none'
  }
  const found = await reader.getItems(table, [keys[1]!, ...many, keys[0]!, keys[1]!])
  expect(most).toBe(8)
  expect(proxy.seen.get('BatchGetItem')).toBe(12)
  expect(found).toHaveLength(many.length + 3)
  expect([found[0], found.at(-2), found.at(-1)]).toEqual([item('b', 1n), item('a', 1n), item('b', 1n)])
  expect(new Set(found.slice(1, -2))).toEqual(new Set([null]))
})
