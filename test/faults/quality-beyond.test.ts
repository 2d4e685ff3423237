/** What a check of quality does about a committed file that nobody can compare any more, and about those that no window reaches. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkVersion } from '../../activities/check-view.js'
import { repairView } from '../../activities/repair-view.js'
import { formatChecks } from '../../cli/quality-screen/check-text.js'
import { window } from '../../core/define/index.js'
import { defaultPrices, estimateBackfill } from '../../core/plan/index.js'
import type { CompactedPart } from '../../core/ports/compaction-ledger.js'
import { encodeKey, encodeValues, valueSchemaHash } from '../../core/publish/index.js'
import type { FaultCause, QualityCheck } from '../../core/quality/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { compactInBuckets } from '../support/compact-in-buckets.js'
import { startTestOnline, type TestOnline } from '../support/dynalite.js'
import { columnsOf, rewriteFile } from '../support/lake-files.js'
import { tableOf } from '../support/publish-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { folder, hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const sums = {
  view: {
    ...{ tile: '1h', coarseTile: '2h', online: true },
    features: { total: window.sum('amount', { over: '3h' }), sales: window.count({ over: '3h' }) },
  },
}

const wide = {
  view: {
    ...{ tile: '1h', online: true },
    features: { total: window.sum('amount', { over: '6h' }), sales: window.count({ over: '6h' }) },
  },
}

let rig: SalesRig
let online: TestOnline
beforeAll(async () => {
  online = await startTestOnline()
  const views = {
    lost: sums,
    older: sums,
    tainted: wide,
    halves: wide,
    years: sums,
    between: wide,
    waits: wide,
    spare: wide,
    filled: { view: { online: true } },
    summed: wide,
    ended: wide,
    coarse: sums,
  }
  rig = await startSalesRig(views, null, online.store)
})
afterAll(async () => {
  await rig?.stop()
  await online?.stop()
})

const sourceOf = (view: string, at: number) => rig.deps.sources.uri(`${folder(view, at)}/a.parquet`)

async function fill(view: string, hours: readonly number[]): Promise<void> {
  for (const at of hours) {
    await rig.write(view, at, 'a', sale(hour(at, 10), 'a', at + 1), sale(hour(at, 11), 'b', at + 2))
    await rig.run(hourOf(view, at))
  }
}

async function pathOf(view: string, at: number): Promise<string> {
  const interval = { start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) }
  const [commit] = await rig.deps.ledger.currentCommits({ view, version: 1 }, interval)
  return commit!.data!.path
}

/** Has the tiles of an hour say ten times as much, of all shops, as if its run had written them so. */
async function corrupt(view: string, at: number): Promise<void> {
  const path = await pathOf(view, at)
  const sum = (await columnsOf(rig.deps, path)).find((name) => /sum/.test(name))!
  await rewriteFile(rig.deps, path, `* REPLACE (("${sum}" * 10) AS "${sum}")`)
  await rig.commitAsIs(path)
}

const compact = (view: string, of: number) =>
  compactInBuckets(rig.deps, { view, version: 1 }, { start: parseInstant(hour(0)), end: parseInstant(hour(4)) }, of)

/** Has a file say ten times as much; what it held. */
async function damage(path: string): Promise<{ readonly file: string; readonly bytes: Uint8Array }> {
  const file = rig.deps.lake.uri(path)
  const bytes = await readFile(file)
  const sum = (await columnsOf(rig.deps, path)).find((name) => /sum/.test(name))!
  await rewriteFile(rig.deps, path, `* REPLACE (("${sum}" * 10) AS "${sum}")`)
  return { file, bytes }
}

async function takeAway(view: string, hours: readonly number[]): Promise<void> {
  for (const at of hours) await rename(sourceOf(view, at), `${sourceOf(view, at)}.away`)
}

async function putWrong(view: string, shop: string): Promise<void> {
  const bundle = await rig.deps.registry.view(view)
  const table = await tableOf(rig.deps, bundle)
  const { features } = bundle.view
  await online.store.putItems(table, [
    {
      ...{
        key: encodeKey(bundle.entity.keys, [shop]),
        sequence: (await online.store.getEnd(table))!.sequence,
        eventAt: null,
      },
      ...{ values: encodeValues(features, ['0', 0n]), schemaHash: valueSchemaHash(features), expiresAtSeconds: null },
    },
  ])
}

/** An hour, by nobody's hand: its runs are the test's. */
async function openBackfill(view: string, backfillId: string): Promise<void> {
  const range = { start: hour(0), end: hour(1) }
  const { definitionHash } = await rig.deps.registry.view(view)
  const sizes = { runs: 1, atOnce: 1, files: 0, fileReads: 0, bytesRead: 0, rows: null, online: null, runMs: null }
  const estimate = estimateBackfill({
    ...{ ...sizes, isLakeInS3: false, prices: defaultPrices, writeUnitsPerSecond: null },
  })
  const options = { order: 'oldest', isForced: true, onFailure: 'continue', atOnce: 1 } as const
  await rig.deps.ledger.openBackfill({
    plan: {
      ...{ view, version: 1, planId: backfillId, definitionHash, range, options },
      ...{ intervals: [], files: [], estimate, services: [] },
    },
    ...{ backfillId, intervals: [], retryOf: null, by: 'ann', reason: 'a test', pretendedNow: null },
    limits: { costMax: null, costMaxOfAll: null },
  })
}

async function shownOf(view: string) {
  const { shown } = (await rig.deps.ledger.shownState({ view, version: 1 }))!
  return await rig.deps.ledger.commitsAt(
    { view, version: 1 },
    { start: parseInstant(hour(0)), end: shown!.endAt },
    shown,
  )
}

/** In the order of their words. */
const told = (check: QualityCheck) => faultsOf(check).map(String).sort()

const startRepair = (view: string) => rig.step(repairView, [{ view, version: 1, by: 'ann', reason: 'a test' }])

test('a file known to be wrong is no truth once its source files are gone: right items are not blamed, and no rebuild publishes it', async () => {
  await fill('lost', [0, 1, 2, 3])
  await corrupt('lost', 2)
  const rows = ['committed-file,a,02:00', 'committed-file,b,02:00']
  expect(told(await recordedCheck(rig.deps, 'lost'))).toEqual(rows)
  await rename(sourceOf('lost', 2), `${sourceOf('lost', 2)}.away`)
  for (const seed of [1, 2]) {
    const found = await recordedCheck(rig.deps, 'lost', { seed })
    expect(told(found)).toEqual(rows)
    expect(found.faults).toMatchObject([{ isRepairable: false }, { isRepairable: false }])
  }
  await rename(`${sourceOf('lost', 2)}.away`, sourceOf('lost', 2))
  await putWrong('lost', 'a')
  const all = [...rows, 'online-item,a,']
  expect(told(await recordedCheck(rig.deps, 'lost'))).toEqual(all)
  await rename(sourceOf('lost', 2), `${sourceOf('lost', 2)}.away`)
  const found = await recordedCheck(rig.deps, 'lost')
  expect(told(found)).toEqual(all)
  const started = await startRepair('lost')
  expect(started).toEqual({ reopened: [], isRebuildAsked: false, left: 3 })
  expect(formatChecks([found], [], [{ view: 'lost', version: 1, ...started, isDone: true }], '')).toContain(
    'next: put the file back from a backup',
  )
  await rename(`${sourceOf('lost', 2)}.away`, sourceOf('lost', 2))
  expect(told(await recordedCheck(rig.deps, 'lost'))).toEqual(all)
  expect(await startRepair('lost')).toMatchObject({ reopened: [{ start: hour(2) }], isRebuildAsked: true, left: 0 })
})

test('a file that no window reaches any more is compared, its fault stands as long as its commit does, and is no reason to judge no item', async () => {
  await fill('older', [0, 1, 2, 3])
  await corrupt('older', 0)
  const rows = ['committed-file,a,00:00', 'committed-file,b,00:00']
  const check = async () => told(await recordedCheck(rig.deps, 'older'))
  const first = await recordedCheck(rig.deps, 'older')
  expect(told(first)).toEqual(rows)
  expect(first.intervals).toEqual({ recomputed: 3, of: 3, older: 1 })
  await rename(sourceOf('older', 0), `${sourceOf('older', 0)}.away`)
  expect(await check()).toEqual(rows)
  await putWrong('older', 'a')
  expect(await check()).toEqual([...rows, 'online-item,a,'])
  expect(await startRepair('older')).toEqual({ reopened: [], isRebuildAsked: true, left: 2 })
  await rename(`${sourceOf('older', 0)}.away`, sourceOf('older', 0))
  expect(await check()).toEqual([...rows, 'online-item,a,'])
  expect(await startRepair('older')).toMatchObject({ reopened: [{ start: hour(0) }], left: 0 })
  await rig.run(hourOf('older', 0, { kind: 'manual' }))
  const file = rig.deps.lake.uri(await pathOf('older', 0))
  expect(await check()).toEqual([])

  const bytes = await readFile(file)
  await writeFile(file, 'not parquet any more')
  for (let times = 0; times < 2; times++) expect(await check()).toEqual(['committed-file,,00:00'])
  await putWrong('older', 'b')
  expect(await check()).toEqual(['committed-file,,00:00', 'online-item,b,'])
  await writeFile(file, bytes)
})

test('a damaged compaction is no truth of any interval in it: those without source files hold the rebuild, and no right item is blamed', async () => {
  await fill('tainted', [0, 1, 2, 3, 4])
  const [{ path }] = (await compact('tainted', 1)) as [CompactedPart]
  await takeAway('tainted', [1])
  const { file, bytes } = await damage(path)
  const found = await recordedCheck(rig.deps, 'tainted')
  expect(found.faults).toMatchObject([
    { file, interval: { start: hour(0), end: hour(1) }, isRepairable: true, found: 'is not what was committed' },
    { file, interval: { start: hour(1), end: hour(2) }, isRepairable: false },
    { file, interval: { start: hour(2), end: hour(4) }, isRepairable: true },
  ])
  await writeFile(file, bytes)
  // What was published while it lay there nobody knows.
  const putBack = 'published-from,,00:00'
  const back = await recordedCheck(rig.deps, 'tainted')
  expect(told(back)).toEqual([putBack])
  expect(back.faults).toMatchObject([
    { file, interval: { start: hour(0), end: hour(4) }, found: 'held something else', isRepairable: true },
  ])

  // Nor is one that was written wrong: what cannot be computed again lies beside rows that are known to be.
  await damage(path)
  await rig.commitAsIs(path)
  const rows = [0, 2, 3].flatMap((at) => ['a', 'b'].map((shop) => `committed-file,${shop},0${at}:00`))
  const all = ['committed-file,,01:00', ...rows, putBack]
  for (let times = 0; times < 2; times++) expect(told(await recordedCheck(rig.deps, 'tainted'))).toEqual(all.sort())
  const { reopened, ...started } = await startRepair('tainted')
  expect(reopened.map(({ start }) => start).sort()).toEqual([0, 2, 3].map((at) => hour(at)))
  expect(started).toEqual({ isRebuildAsked: false, left: 2 })
})

test('each file of a compaction is at fault by itself, and ends by itself, whatever its source', async () => {
  await fill('halves', [0, 1, 2, 3])
  const files = await compact('halves', 2)
  expect(files).toHaveLength(2)
  const uris = files.map(({ path }) => rig.deps.lake.uri(path)).sort()
  const filesOf = async (wanted: FaultCause) => {
    const { faults } = await recordedCheck(rig.deps, 'halves')
    return [...new Set(faults.filter(({ cause }) => cause === wanted).map(({ file }) => file))].sort()
  }
  const ofFiles = () => filesOf('committed-file')
  const [even, odd] = [await damage(files[0]!.path), await damage(files[1]!.path)]
  await takeAway('halves', [0, 1, 2, 3])
  expect(await ofFiles()).toEqual(uris)
  await writeFile(even.file, even.bytes)
  expect(await ofFiles()).toEqual([odd.file])
  expect(await filesOf('published-from')).toEqual([even.file])
  await writeFile(odd.file, odd.bytes)
  expect(await ofFiles()).toEqual([])
  expect(await filesOf('published-from')).toEqual(uris)
  expect(await startRepair('halves')).toEqual({ reopened: [], isRebuildAsked: true, left: 0 })
  expect(await filesOf('published-from')).toEqual(uris)
  await fill('halves', [4])
  expect(await filesOf('published-from')).toEqual([])

  // Where the ledger does not tell, a fault of rows is of its key's file, and ends with what that held.
  for (const at of [0, 1, 2, 3]) await rename(`${sourceOf('halves', at)}.away`, sourceOf('halves', at))
  for (const { path } of files) {
    await damage(path)
    await rig.commitAsIs(path, 'as before digests')
  }
  expect(await ofFiles()).toEqual(uris)
  await takeAway('halves', [0, 1, 2, 3])
  expect(await ofFiles()).toEqual(uris)
  await writeFile(even.file, even.bytes)
  await rig.commitAsIs(files[0]!.path, 'as before digests')
  expect(await ofFiles()).toEqual([odd.file])
  expect(await filesOf('published-from')).toEqual([even.file])
})

test('older files that are gone, or damaged, cost a listing: no source row is read for them, and no pass of its own for each', async () => {
  await fill('years', [0, 1, 2, 3, 4, 5, 6, 7])
  const [{ path }] = (await compact('years', 1)) as [CompactedPart]
  const bundle = await rig.deps.registry.view('years')
  const look = async () => {
    let sessions = 0
    const engine = new Proxy(rig.deps.engine, {
      get: (of, name) => {
        if (name === 'withSession') sessions++
        const own: unknown = Reflect.get(of, name, of)
        return typeof own === 'function' ? own.bind(of) : own
      },
    })
    const drawn = { seed: 1, sample: 30, before: null }
    const found = await checkVersion({ ...rig.deps, engine }, bundle, drawn, new AbortController().signal)
    return { sessions, found }
  }
  const whole = await look()
  expect([told(whole.found), whole.found.intervals.older]).toEqual([[], 5])
  await writeFile(rig.deps.lake.uri(path), 'not parquet any more')
  await rm(rig.deps.lake.uri(await pathOf('years', 4)))
  const { sessions, found } = await look()
  expect(told(found)).toEqual(['committed-file,,00:00', 'committed-file,,04:00'])
  expect(found.faults.every(({ isRepairable }) => isRepairable)).toBe(true)
  expect([sessions, found.intervals.older]).toEqual([whole.sessions, 0])
})

test('rows are compared in the compaction that training reads, though few are, and their own files are there and right', async () => {
  await fill('between', [0, 1, 2, 3])
  const [{ path }] = (await compact('between', 1)) as [CompactedPart]
  await damage(path)
  await rig.commitAsIs(path)
  await takeAway('between', [0, 1, 2])
  const found = await recordedCheck(rig.deps, 'between')
  expect(told(found)).toEqual(['committed-file,,00:00', 'committed-file,a,03:00', 'committed-file,b,03:00'])
  expect(new Set(found.faults.map(({ file }) => file))).toEqual(new Set([rig.deps.lake.uri(path)]))
})

test('a damaged file that a check has no turn to read stays at fault, and holds the rebuild, until it is read or counts no more', async () => {
  await fill('waits', [0, 1, 2, 3])
  const { file, bytes } = await damage(await pathOf('waits', 1))
  await damage(await pathOf('waits', 2))
  await takeAway('waits', [1])
  // As a server above a folder has it: size and etag are what they were.
  await rig.commitAsIs(await pathOf('waits', 1), 'but its digest')
  await rig.commitAsIs(await pathOf('waits', 2), 'but its digest')
  const whole = ['committed-file,,01:00', 'committed-file,,02:00']
  const first = await recordedCheck(rig.deps, 'waits')
  expect(told(first)).toEqual(whole)
  const limit = { files: 0, bytes: 0 }
  for (const seed of [1, 2, 3]) {
    const found = await recordedCheck(rig.deps, 'waits', { seed, limit })
    expect(told(found)).toEqual(whole)
    expect(found.faults.filter(({ judgedAt }) => judgedAt === first.checkedAt)).toHaveLength(2)
    expect(await startRepair('waits')).toMatchObject({ isRebuildAsked: false, left: 1 })
  }
  await rig.run(hourOf('waits', 2, { kind: 'manual' }))
  await writeFile(file, bytes)
  await rig.commitAsIs(await pathOf('waits', 1), 'but its digest')
  // The hour that ran published from the file as it was.
  const published = ['online-item,a,', 'online-item,b,', 'published-from,,01:00']
  expect(told(await recordedCheck(rig.deps, 'waits'))).toEqual(published)
  expect(told(await recordedCheck(rig.deps, 'waits'))).toEqual(published)
  // A key that is not drawn is put right by the rebuild, too, which ends both.
  expect(await startRepair('waits')).toEqual({ reopened: [], isRebuildAsked: true, left: 0 })
  await fill('waits', [4])
  expect(told(await recordedCheck(rig.deps, 'waits'))).toEqual([])
})

test('an own file that is gone beside a sound compaction of its rows is told, and keeps no item from being judged and no rebuild from its turn', async () => {
  await fill('spare', [0, 1, 2, 3])
  const [{ path }] = (await compact('spare', 1)) as [CompactedPart]
  await takeAway('spare', [1, 2])
  await rm(rig.deps.lake.uri(await pathOf('spare', 1)))
  await putWrong('spare', 'a')
  const both = ['committed-file,,01:00', 'online-item,a,']
  for (const seed of [1, 2]) {
    const found = await recordedCheck(rig.deps, 'spare', { seed })
    expect(told(found)).toEqual(both)
    expect(found.faults).toContainEqual(expect.objectContaining({ isRepairable: false, isSpare: true }))
  }
  expect(await startRepair('spare')).toEqual({ reopened: [], isRebuildAsked: true, left: 1 })
  // What is read is the compaction.
  const { file, bytes } = await damage(path)
  expect(told(await recordedCheck(rig.deps, 'spare')).filter((one) => one.startsWith('online'))).toEqual(both.slice(1))
  expect(await startRepair('spare')).toMatchObject({ isRebuildAsked: false })
  await writeFile(file, bytes)
})

test.each(['filled', 'summed', 'ended'])(
  'a damaged file of a version that an open backfill has replaced is told, and can be repaired: publishes read it until that has ended (%s)',
  async (view) => {
    await refill(view)
    const [shown] = await shownOf(view)
    expect(shown!.data!.path).not.toBe(await pathOf(view, 0))
    expect(told(await recordedCheck(rig.deps, view))).toEqual([])
    await writeFile(rig.deps.lake.uri(shown!.data!.path), 'not parquet any more')
    expect(told(await recordedCheck(rig.deps, view))).toEqual(['committed-file,,00:00'])
    expect(await startRepair(view)).toMatchObject({ reopened: [{ start: hour(0) }], isRebuildAsked: true })
    // What it commits is no backfill's: it is shown.
    if (view === 'ended') await rig.deps.ledger.endBackfill(`again-${view}`, 'done', null)
    else expect((await rig.run(hourOf(view, 0, { kind: 'manual' }))).outcome).toBe('done')
    expect(told(await recordedCheck(rig.deps, view))).toEqual([])
  },
)

test('so is a coarse tile of what it has replaced', async () => {
  await refill('coarse')
  const { shown } = (await rig.deps.ledger.shownState({ view: 'coarse', version: 1 }))!
  const span = { start: parseInstant(hour(0)), end: parseInstant(hour(2)) }
  const [tile] = await rig.deps.ledger.coarseTiles({ view: 'coarse', version: 1 }, span, shown)
  await rm(rig.deps.lake.uri(tile!.data!.path))
  expect(told(await recordedCheck(rig.deps, 'coarse'))).toEqual(['coarse-tile,,00:00'])
})

/** Two hours, the first of which an open backfill has run again. */
async function refill(view: string): Promise<void> {
  await fill(view, [0, 1])
  const backfillId = `again-${view}`
  await openBackfill(view, backfillId)
  await rig.run(hourOf(view, 0, { kind: 'backfill', backfill: { backfillId, isForced: true } }))
}
