/**
 * What keeps a repair's publish: of what many intervals lie in all of them run again, whatever is asked meanwhile, and the last one publishes;
 * others keep nothing.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkVersion } from '../../activities/check-view.js'
import { compactSpan } from '../../activities/compact-span.js'
import { planCompaction } from '../../activities/plan-compaction.js'
import { publishView } from '../../activities/publish-view.js'
import { removeFiles } from '../../activities/remove-files.js'
import { repairView } from '../../activities/repair-view.js'
import type { Commit } from '../../core/ports/ledger.js'
import { decodeValues, encodeKey } from '../../core/publish/index.js'
import { hexOf, type QualityCheck } from '../../core/quality/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { startTestOnline, type TestOnline } from '../support/dynalite.js'
import { rewriteFile } from '../support/lake-files.js'
import { tableOf } from '../support/publish-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { folder, hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const key = { view: 'packed', version: 1 }
const hourAt = (at: number) => ({ start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) })
const all = { start: parseInstant(hour(0)), end: parseInstant(hour(4)) }

let rig: SalesRig
let online: TestOnline
beforeAll(async () => {
  online = await startTestOnline()
  const views = {
    packed: { view: { online: true, checks: { features: { amount: { max: 100 } } } } },
    unready: { view: { online: true }, ready: { marker: '_SUCCESS', deadline: '2h' } },
    restless: { view: { online: true } },
    readable: { view: { online: true, checks: { features: { amount: { max: 100 } } } } },
  } as const
  rig = await startSalesRig(views, null, online.store)
})
afterAll(async () => {
  await rig?.stop()
  await online?.stop()
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
  const pack = async () => {
    const { spans } = await rig.step(planCompaction, [{ view: 'packed' }], {}, packing)
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

  // Wrong rows are compacted as they are: what cannot be judged meanwhile is at fault there.
  const [{ data }] = (await rig.deps.ledger.currentCommits(key, hourAt(1))) as [Commit]
  await rewriteFile(rig.deps, data!.path, `* REPLACE (CASE shop WHEN 'a' THEN 99 ELSE amount END::BIGINT AS amount)`)
  await rig.commitAsIs(data!.path)
  const wrong = { cause: 'committed-file', interval: { start: hour(1) }, key: { shop: 'a' } }
  expect((await check()).faults).toMatchObject([{ ...wrong, file: rig.deps.lake.uri(data!.path) }])
  await pack()
  const [newest] = await rig.deps.ledger.compactions(key, all)
  await startRepair()
  expect((await check()).faults).toMatchObject([{ ...wrong, file: rig.deps.lake.uri(newest!.files[0]!.path) }])
  await rerun(1)
  expect((await check()).faults).toEqual([])
})

test('while publishes come and go a file that is not what was committed is at fault, and an item that was is none the better', async () => {
  const restless = { view: 'restless', version: 1 }
  for (const at of [0, 1]) {
    await rig.write('restless', at, 'a', sale(hour(at, 10), 'a', at))
    await rig.run(hourOf('restless', at))
  }
  const [{ data }] = (await rig.deps.ledger.currentCommits(restless, hourAt(1))) as [Commit]
  await writeFile(rig.deps.lake.uri(data!.path), 'not parquet any more')
  let marks = 0
  const ledger = new Proxy(rig.deps.ledger, {
    get: (of, name, self) =>
      name !== 'shownState'
        ? Reflect.get(of, name, self)
        : async () => ({ ...(await of.shownState(restless))!, mark: String(marks++) }),
  })
  const bundle = await rig.deps.registry.view('restless')
  const { signal } = new AbortController()
  const look = async (before: QualityCheck | null) =>
    await checkVersion({ ...rig.deps, ledger }, bundle, { seed: 1, sample: 30, before }, signal)
  const lost = ['committed-file', null, '01:00']
  expect(faultsOf(await look(null))).toEqual([lost])
  const before = await recordedCheck(rig.deps, 'restless')
  expect(faultsOf(before)).toEqual([lost])
  const encoded = encodeKey(bundle.entity.keys, ['a'])
  const [item] = await online.store.getItems(await tableOf(rig.deps, bundle), [encoded])
  await online.store.putItems(await tableOf(rig.deps, bundle), [{ ...item!, values: new Uint8Array([0xc1]) }])
  const place = { key: { shop: 'a' }, keyHex: hexOf(encoded), interval: null, file: null }
  const known = {
    ...before,
    faults: [{ ...before.faults[0]!, ...place, cause: 'online-item' as const }, ...before.faults],
  }
  const after = await look(known)
  expect(faultsOf(after)).toEqual([['online-item', 'a', null], lost])
  await rig.deps.ledger.recordQualityCheck(after, before)
  expect(await rig.step(repairView, [{ ...restless, by: 'ann', reason: 'a test' }])).toMatchObject({ left: 0 })
  await rig.run(hourOf('restless', 1, { kind: 'manual' }))
  expect(faultsOf(await recordedCheck(rig.deps, 'restless'))).toEqual([])
})

/** Of files that are all read whole, too, the one at fault is named, with the command for its interval. */
async function expectShortFileTold(pack: () => Promise<void>): Promise<void> {
  const [commit] = await rig.deps.ledger.currentCommits(key, hourAt(1))
  const file = rig.deps.lake.uri(commit!.data!.path)
  const whole = await readFile(file)
  const cut = `COPY (SELECT * FROM read_parquet('${file}') LIMIT 1) TO '${file}.cut' (FORMAT parquet)`
  await rig.deps.engine.withSession((session) => session.execute({ sql: cut }))
  await rename(`${file}.cut`, file)
  const hint = expect.stringContaining(
    `millcourse backfill packed --from ${hour(1)} --to ${hour(2)} --force --yes --reason`,
  )
  const detail = { hint, facts: { file, rows: 1, expected: 2 } }
  await expect(pack()).rejects.toMatchObject({ code: 'COMPACT_ROWS_DIFFER', detail })
  // So is one of as many rows.
  await rewriteFile(rig.deps, commit!.data!.path, '* REPLACE (amount + 1 AS amount)')
  await expect(pack()).rejects.toMatchObject({ code: 'COMPACT_ROWS_DIFFER', detail: { hint, facts: { file } } })
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

  // Nor by a publish that cost too many workers: who asks for a repair asks for it again.
  await rig.deps.ledger.askRebuild(unready, 0n)
  await rig.deps.ledger.giveUpPublish(unready)
  expect(await isPublishDue()).toBe(false)
  expect(await isPublishDue({ version: 1, only: [], runsMax: 0 })).toBe(true)
})

test('a repair compares nothing online with a damaged file that can be read: it waits for the last of them, also while that one is held', async () => {
  const readable = { view: 'readable', version: 1 }
  const bundle = await rig.deps.registry.view('readable')
  const shops = ['a', 'b', 'c']
  for (const [at, shop] of shops.entries()) {
    await rig.write('readable', at, 'a', sale(hour(at, 10), shop, at))
    await rig.run(hourOf('readable', at))
  }
  const amounts = async () => {
    const encoded = shops.map((shop) => encodeKey(bundle.entity.keys, [shop]))
    const items = await online.store.getItems(await tableOf(rig.deps, bundle), encoded)
    return items.map((item) => item && decodeValues(bundle.view.features, item.values!, item.schemaHash)[0])
  }
  for (const at of [0, 1]) {
    const [{ data }] = (await rig.deps.ledger.currentCommits(readable, hourAt(at))) as [Commit]
    await rewriteFile(rig.deps, data!.path, '* REPLACE (99::BIGINT AS amount)')
  }
  const [, , right] = await online.store.getItems(
    await tableOf(rig.deps, bundle),
    shops.map((shop) => encodeKey(bundle.entity.keys, [shop])),
  )
  await online.store.putItems(await tableOf(rig.deps, bundle), [{ ...right!, values: new Uint8Array([0xc1]) }])
  expect(faultsOf(await recordedCheck(rig.deps, 'readable')).sort()).toEqual([
    ['committed-file', null, '00:00'],
    ['committed-file', null, '01:00'],
    ['online-item', 'c', null],
  ])
  const start = () => rig.step(repairView, [{ ...readable, by: 'ann', reason: 'a test' }])
  expect(await start()).toMatchObject({ reopened: [{ start: hour(0) }, { start: hour(1) }], isRebuildAsked: true })
  await online.store.putItems(await tableOf(rig.deps, bundle), [right!])
  await rig.run(hourOf('readable', 1, { kind: 'manual' }))
  expect(await amounts()).toEqual([0n, 1n, 2n])
  // Held, its accepted version stands, and is as wrong as before.
  await rig.write('readable', 0, 'late', sale(hour(0, 40), 'a', 500))
  expect((await rig.run(hourOf('readable', 0, { kind: 'manual' }))).outcome).toBe('held')
  await rig.step(publishView, [{ ...readable, now: null }])
  expect(await amounts()).toEqual([0n, 1n, 2n])
  expect(await rig.deps.ledger.rebuildWaits(readable)).toEqual([hourAt(0)])
  await online.store.putItems(await tableOf(rig.deps, bundle), [{ ...right!, values: new Uint8Array([0xc1]) }])
  await rig.write('readable', 0, 'late', sale(hour(0, 40), 'a', 50))
  await rig.run(hourOf('readable', 0, { kind: 'manual' }))
  expect(await amounts()).toEqual([50n, 1n, 2n])
  expect(await rig.deps.ledger.isRebuildAsked(readable)).toBe(false)
  expect((await recordedCheck(rig.deps, 'readable')).faults).toEqual([])

  // What it waited for was put back, and is no fault any more: asked anew it waits for nothing.
  const [{ commitId }] = (await rig.deps.ledger.currentCommits(readable, hourAt(1))) as [Commit]
  await rig.deps.ledger.askRebuild(readable, 0n, [commitId])
  expect(await rig.deps.ledger.rebuildWaits(readable)).toEqual([hourAt(1)])
  expect(await start()).toEqual({ reopened: [], isRebuildAsked: true, left: 0 })
  expect(await rig.deps.ledger.rebuildWaits(readable)).toEqual([])
  await rig.step(publishView, [{ ...readable, now: null }])
  expect(await start()).toEqual({ reopened: [], isRebuildAsked: false, left: 0 })

  // An old copy of the table was restored, say: all of its items bear another schema.
  const table = await tableOf(rig.deps, bundle)
  const items = await online.store.getItems(
    table,
    shops.map((shop) => encodeKey(bundle.entity.keys, [shop])),
  )
  await online.store.putItems(
    table,
    items.map((item) => ({ ...item!, schemaHash: 'other' })),
  )
  const found = faultsOf(await recordedCheck(rig.deps, 'readable'))
  expect(found.sort()).toEqual(shops.map((shop) => ['online-item', shop, null]))
  expect(await start()).toMatchObject({ isRebuildAsked: true, left: 0 })
  await rig.step(publishView, [{ ...readable, now: null }])
  expect(await amounts()).toEqual([50n, 1n, 2n])
})
