/** What somebody else has put into an online table: a check of quality tells of it, and a repair writes what is true. */
import { type AttributeValue, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { publishOnline } from '../../activities/publish-online.js'
import { repairView } from '../../activities/repair-view.js'
import { decodeValues, encodeKey, valueSchemaHash } from '../../core/publish/index.js'
import { pack } from '../../core/publish/message-pack.js'
import { localCredentials, startTestOnline, type TestOnline } from '../support/dynalite.js'
import { tableOf } from '../support/publish-rig.js'
import { recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

let rig: SalesRig
let online: TestOnline
let raw: DynamoDBClient
beforeAll(async () => {
  online = await startTestOnline()
  raw = new DynamoDBClient({ endpoint: online.endpoint, region: 'us-east-1', credentials: localCredentials })
  rig = await startSalesRig({ foreign: { view: { online: true } } }, null, online.store)
})
afterAll(async () => {
  await rig?.stop()
  raw?.destroy()
  await online?.stop()
})

test('items that somebody else has put keep neither a check nor a rebuild from what is true', async () => {
  for (const at of [0, 1]) {
    const rows = ['a', 'b', 'c', 'd', 'e'].map((shop, index) => sale(hour(at, 10 + index), shop, at * 10 + index))
    await rig.write('foreign', at, 'a', ...rows)
    await rig.run(hourOf('foreign', at))
  }
  const bundle = await rig.deps.registry.view('foreign')
  const table = await tableOf(rig.deps, bundle)
  const keyOf = (shop: string) => encodeKey(bundle.entity.keys, [shop])
  const end = (await online.store.getEnd(table))!
  const schema = { S: valueSchemaHash(bundle.view.features) }
  const own = { seq: { N: String(end.sequence) }, schema, v: { B: pack([1n, 'n']) } }
  const items: [Uint8Array, Record<string, AttributeValue>][] = [
    [keyOf('a'), { v: { B: pack([1n, 'n']) } }],
    [keyOf('b'), { ...own, seq: { S: 'x' }, at: { S: 'y' } }],
    [keyOf('c'), { ...own, v: { B: pack(['text', 'n']) } }],
    [keyOf('nobody'), { v: { S: 'text' } }],
    // No keys of a shop: another type, the second spelling of one (R13), and no list at all.
    [pack([1n]), own],
    [Uint8Array.of(0x91, 0xd9, 1, 0x64), own],
    [Uint8Array.of(7), own],
  ]
  for (const [key, more] of items)
    await raw.send(new PutItemCommand({ TableName: table, Item: { pk: { B: key }, ...more } }))
  const { faults } = await recordedCheck(rig.deps, 'foreign', { seed: 1 })
  expect(faults.map(({ cause, key, found }) => [cause, key?.shop, found]).sort()).toEqual(
    ['a', 'b', 'c', 'nobody'].map((shop) => ['online-item', shop, 'no values that can be read']),
  )
  await rig.step(repairView, [{ view: 'foreign', version: 1, by: 'ann', reason: 'a test' }])
  const { signal } = new AbortController()
  await publishOnline(rig.deps, bundle, { workflowRunId: 'repair', attempt: 1, signal, cursor: null, heartbeat() {} })
  expect(await rig.deps.ledger.isRebuildAsked({ view: 'foreign', version: 1 })).toBe(false)
  expect((await recordedCheck(rig.deps, 'foreign', { seed: 2 })).faults).toEqual([])
  const shops = ['a', 'b', 'c', 'd', 'e', 'nobody']
  const found = await online.store.getItems(table, shops.map(keyOf))
  const amounts = found.map((item) => {
    const { values, schemaHash } = item!
    return values === null ? null : decodeValues(bundle.view.features, values, schemaHash)[0]
  })
  expect(amounts).toEqual([10n, 11n, 12n, 13n, 14n, null])
})
