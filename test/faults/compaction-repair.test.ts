/**
 * What keeps a repair's publish: of what many intervals lie in all of them run again, whatever is asked meanwhile, and the last one publishes;
 * others keep nothing.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compactSpan } from '../../activities/compact-span.js'
import { planCompaction } from '../../activities/plan-compaction.js'
import { publishView } from '../../activities/publish-view.js'
import { removeFiles } from '../../activities/remove-files.js'
import { repairView } from '../../activities/repair-view.js'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { parseInstant } from '../../core/time/instant.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { recordedCheck } from '../support/recorded-check.js'
import { folder, hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const key = { view: 'packed', version: 1 }
const hourAt = (at: number) => ({ start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) })
const all = { start: parseInstant(hour(0)), end: parseInstant(hour(4)) }

let rig: SalesRig
let online: DynamoDbOnlineStore
let stopDynalite: () => Promise<void>
beforeAll(async () => {
  const dynalite = await startTestDynalite()
  stopDynalite = () => dynalite.stop()
  online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  const views = {
    packed: { view: { online: true, checks: { features: { amount: { max: 100 } } } } },
    unready: { view: { online: true }, ready: { marker: '_SUCCESS', deadline: '2h' } },
  } as const
  rig = await startSalesRig(views, null, online)
})
afterAll(async () => {
  await rig?.stop()
  await online?.close()
  await stopDynalite?.()
})

const check = () => recordedCheck(rig.deps, 'packed')

test('a compaction that cannot be read is one fault, blames no item meanwhile, and the last of its intervals publishes for all', async () => {
  for (const at of [0, 1, 2, 3, 4]) {
    await rig.write(
      'packed',
      at,
      'a',
      ...['a', 'b'].map((shop, index) => sale(hour(at, 10 + index), shop, at * 10 + index)),
    )
    await rig.run(hourOf('packed', at))
  }
  const worthwhile = { fanIn: 4n, piecesMin: { shortest: 2, longer: 2 } }
  const retention = { compactedKeptMs: 0, supersededKeptMs: 86_400_000, graceMs: 0 }
  const packing = { ...rig.deps, settings: { ...rig.deps.settings, worthwhile, retention } }
  const { spans } = await rig.step(planCompaction, [{ view: 'packed' }], {}, packing)
  const pack = async () => {
    for (const span of spans) await rig.step(compactSpan, [{ ...key, span }], {}, packing)
  }
  await expectShortFileTold(pack)
  await pack()
  // Their own files are read no longer.
  expect((await rig.step(removeFiles, [key], {}, packing)).filesMarked).toBeGreaterThanOrEqual(4)
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

  // The last one is held, so the file stays in use (R37): no other interval that is to run again is a reason to be quiet about that.
  await rig.write('packed', 3, 'late', sale(hour(3, 40), 'b', 500))
  expect((await rerun(3)).outcome).toBe('held')
  await rig.deps.ledger.reopenIntervals(key, [hourAt(4)], 'a late file')
  expect((await rerun(2)).outcome).toBe('SOURCE_FILE_CORRUPT')
  expect(await published()).toEqual([false, false, false, true])
  await rig.write('packed', 3, 'late', sale(hour(3, 40), 'b', 50))
  await rerun(3)
  expect(await published()).toEqual([true, true, true, true])
  expect((await check()).faults).toEqual([])
  expect(await rig.deps.ledger.isRebuildAsked(key)).toBe(false)
})

/** Of files that are all read whole, too, the one at fault is named, with the command for its interval. */
async function expectShortFileTold(pack: () => Promise<void>): Promise<void> {
  const [commit] = await rig.deps.ledger.currentCommits(key, hourAt(1))
  const file = rig.deps.lake.uri(commit!.data!.path)
  const whole = await readFile(file)
  const cut = `COPY (SELECT * FROM read_parquet('${file}') LIMIT 1) TO '${file}.cut' (FORMAT parquet)`
  await rig.deps.engine.withSession((session) => session.execute({ sql: cut }))
  await rename(`${file}.cut`, file)
  const hint = expect.stringContaining(`millcourse decide packed@v1@${hour(1)} rerun --reason`)
  const detail = { hint, facts: { file, rows: 1, expected: 2 } }
  await expect(pack()).rejects.toMatchObject({ code: 'COMPACT_ROWS_DIFFER', detail })
  await writeFile(file, whole)
}

test('a repair is not kept from being published by an interval that has no complete input, whose accepted version stands', async () => {
  const unready = { view: 'unready', version: 1 }
  for (const at of [0, 1]) {
    await rig.write('unready', at, 'a', sale(hour(at, 10), 'a', at))
    await rig.writeBytes(`${folder('unready', at)}/_SUCCESS`, '')
    await rig.run(hourOf('unready', at))
  }
  await rig.deps.ledger.reopenIntervals(unready, [hourAt(0)], 'a late file')
  await rm(rig.deps.sources.uri(`${folder('unready', 0)}/_SUCCESS`))
  await rig.deps.ledger.askRebuild(unready, 0n)
  // It may be about to be replaced, which is nothing to the tick that the repair starts.
  const isPublishDue = async (own = {}) => (await rig.tick('unready', hour(2), own)).isPublishDue
  expect(await isPublishDue()).toBe(false)
  expect(await isPublishDue({ version: 1, only: [], runsMax: 0 })).toBe(true)
  expect((await rig.run({ ...hourOf('unready', 0), now: hour(8) })).outcome).toBe('not-ready')
  expect(await isPublishDue()).toBe(true)
  expect(await rig.step(publishView, [{ ...unready, now: null }])).toMatchObject({ kind: 'published', endAt: hour(2) })
  expect(await rig.deps.ledger.isRebuildAsked(unready)).toBe(false)
})
