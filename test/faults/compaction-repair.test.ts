/** check-quality --repair of what many intervals lie in: all of them run again, whatever is asked meanwhile, and the last one publishes. */
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compactSpan } from '../../activities/compact-span.js'
import { planCompaction } from '../../activities/plan-compaction.js'
import { repairView } from '../../activities/repair-view.js'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { parseInstant } from '../../core/time/instant.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const key = { view: 'packed', version: 1 }
const all = { start: parseInstant(hour(0)), end: parseInstant(hour(4)) }

let rig: SalesRig
let online: DynamoDbOnlineStore
let stopDynalite: () => Promise<void>
beforeAll(async () => {
  const dynalite = await startTestDynalite()
  stopDynalite = () => dynalite.stop()
  online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  rig = await startSalesRig({ packed: { view: { online: true } } }, null, online)
})
afterAll(async () => {
  await rig?.stop()
  await online?.close()
  await stopDynalite?.()
})

const check = () => recordedCheck(rig.deps, 'packed')

test('a compaction that cannot be read is one fault, blames no item meanwhile, and the last of its intervals publishes for all', async () => {
  for (const at of [0, 1, 2, 3]) {
    await rig.write(
      'packed',
      at,
      'a',
      ...['a', 'b'].map((shop, index) => sale(hour(at, 10 + index), shop, at * 10 + index)),
    )
    await rig.run(hourOf('packed', at))
  }
  const worthwhile = { fanIn: 4n, piecesMin: { shortest: 2, longer: 2 } }
  const packing = { ...rig.deps, settings: { ...rig.deps.settings, worthwhile } }
  const { spans } = await rig.step(planCompaction, [{ view: 'packed' }], {}, packing)
  for (const span of spans) await rig.step(compactSpan, [{ ...key, span }], {}, packing)
  const [compaction] = await rig.deps.ledger.compactions(key, all)
  expect(compaction!.commitIds).toHaveLength(4)
  await writeFile(rig.deps.lake.uri(compaction!.files[0]!.path), 'not parquet any more')
  const rerun = async (at: number) => await rig.run(hourOf('packed', at, { kind: 'manual' }))
  const startRepair = () => rig.step(repairView, [{ ...key, by: 'ann', reason: 'a test' }])
  const states = () => rig.deps.ledger.intervalStates(key, all)

  const { faults } = await check()
  expect(faults).toMatchObject([{ cause: 'committed-file', key: null, interval: { start: hour(0), end: hour(4) } }])
  expect((await startRepair()).reopened).toHaveLength(4)
  // They commit, and leave the publish to the others.
  for (const at of [0, 1]) expect((await rerun(at)).outcome).toBe('done')
  const published = async () => (await states()).map(({ committed }) => committed!.isPublished)
  expect(await published()).toEqual([false, false, true, true])
  // What is to run still has rows that nobody can read: nothing can be said of items.
  expect((await check()).faults).toMatchObject([
    { cause: 'committed-file', interval: { start: hour(2), end: hour(4) } },
  ])
  const before = await states()
  expect(await startRepair()).toMatchObject({ reopened: [{ start: hour(2) }, { start: hour(3) }], left: 0 })
  expect((await states()).map(({ reopens }) => reopens)).toEqual(before.map(({ reopens }) => reopens))
  for (const at of [2, 3]) await rerun(at)
  expect(await published()).toEqual([true, true, true, true])
  expect((await check()).faults).toEqual([])
  expect(await rig.deps.ledger.isRebuildAsked(key)).toBe(false)
})
