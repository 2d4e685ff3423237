/** check-quality over real runs in Postgres, DuckDB, a DynamoDB endpoint and folders: what is corrupted on purpose is found, and repaired. */
import { rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkVersion } from '../../activities/check-view.js'
import { applyDecision } from '../../activities/decide.js'
import { planCompaction } from '../../activities/plan-compaction.js'
import { planQuality } from '../../activities/plan-quality.js'
import { removeFiles } from '../../activities/remove-files.js'
import { repairView } from '../../activities/repair-view.js'
import type { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { lookup, window } from '../../core/define/index.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { decodeValues, encodeKey } from '../../core/publish/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { toIsoInterval } from '../../core/time/interval.js'
import { columnsOf } from '../support/lake-files.js'
import { tableOf } from '../support/publish-rig.js'
import { type QualityRig, startQualityRig } from '../support/quality-rig.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf, type SalesRig, sale } from '../support/sales-views.js'

const sums = {
  tile: '1h',
  features: { total: window.sum('amount', { over: '3h' }), sales: window.count({ over: '3h' }) },
}
const views = [
  'item',
  'missing',
  'extra',
  'ahead',
  'bytes',
  'rows',
  'gone',
  'late',
  'cache',
  'restless',
  'former',
] as const
const windows = ['sums', 'tile', 'torn', 'coarse', 'lacking'] as const

let quality: QualityRig
let rig: SalesRig
let online: DynamoDbOnlineStore
let bundleOf: QualityRig['bundleOf']
let fill: QualityRig['fill']
let commitOf: QualityRig['commitOf']
let rewrite: QualityRig['rewrite']
let put: QualityRig['put']
let repair: QualityRig['repair']
let publishNow: QualityRig['publishNow']
let expectRepaired: QualityRig['expectRepaired']
beforeAll(async () => {
  const lookups = views.map((name) => [name, { view: { online: true } }])
  const tiled = windows.map((name) => [
    name,
    { view: { ...sums, online: true, ...(name === 'coarse' || name === 'lacking' ? { coarseTile: '2h' } : {}) } },
  ])
  const judged = ['judged', { view: { online: true, checks: { features: { amount: { max: 100 } } } } }]
  const older = ['older', { view: { features: { amount: lookup() } } }]
  quality = await startQualityRig(Object.fromEntries([...lookups, ...tiled, older, judged]))
  ;({ rig, online, bundleOf, fill, commitOf, rewrite, put, repair, publishNow, expectRepaired } = quality)
})
afterAll(() => quality?.stop())

const check = (view: string, seed = 1) => recordedCheck(rig.deps, view, { seed })
const signal = new AbortController().signal
const all = { start: parseInstant(hour(0)), end: parseInstant(hour(4)) }
const sumColumn = async (path: string) => (await columnsOf(rig.deps, path)).find((name) => /sum/.test(name))!

describe('where all is well', () => {
  test('nothing is found, of lookups and of windows, whatever the seed', async () => {
    for (const view of ['item', 'sums']) {
      await fill(view)
      for (const seed of [1, 2, 3]) {
        const found = await check(view, seed)
        expect(found).toMatchObject({ faults: [], lags: [], unsettled: 0, lostInputs: 0, unreadable: null })
        expect(found.intervals.recomputed).toBe(view === 'item' ? 4 : 3)
        expect(found.keys).toEqual({ committed: 5, published: 5, online: expect.any(Number) })
      }
    }
  })
})

describe('an item', () => {
  test('that is corrupt is found, and a publish under the fence puts it right', async () => {
    await fill('item')
    await put('item', 'c', [777n, 'n'])
    const found = await check('item')
    expect(faultsOf(found)).toEqual([['online-item', 'c', null]])
    expect(found.faults[0]).toMatchObject({
      features: ['amount'],
      expected: '{"amount":"32"}',
      found: '{"amount":"777"}',
    })
    expect(await repair('item')).toEqual({ reopened: [], isRebuildAsked: true, left: 0 })
    await expectRepaired('item')
  })

  test('that is missing, and one that should not be, are found', async () => {
    for (const view of ['missing', 'extra']) await fill(view)
    await put('missing', 'b', null)
    await put('extra', 'nobody', [1n, 'n'])
    expect(faultsOf(await check('missing'))).toEqual([['online-item', 'b', null]])
    expect(faultsOf(await check('extra'))).toEqual([['online-item', 'nobody', null]])
    for (const view of ['missing', 'extra']) {
      await repair(view)
      await expectRepaired(view)
    }
  })

  test('whose bytes are no values, or whose sequence no publish has drawn, is found and written anew', async () => {
    for (const view of ['bytes', 'ahead']) await fill(view)
    await put('bytes', 'a', new Uint8Array([0xc1, 0xff]))
    await put('ahead', 'd', [33n, 'n'], 1_000n)
    const [bytes] = (await check('bytes')).faults
    expect(bytes).toMatchObject({ cause: 'online-item', key: { shop: 'a' }, found: 'no values that can be read' })
    const [ahead] = (await check('ahead')).faults
    expect(ahead).toMatchObject({ key: { shop: 'd' }, found: expect.stringContaining('which no publish has drawn') })
    for (const view of ['bytes', 'ahead']) {
      await repair(view)
      await expectRepaired(view)
    }
  })

  test('of a window view is found, too, and looked at again by the next check whatever its sample', async () => {
    await fill('sums')
    await put('sums', 'e', ['0', 0n])
    expect(faultsOf(await check('sums'))).toEqual([['online-item', 'e', null]])
    const again = await recordedCheck(rig.deps, 'sums', { seed: 5, sample: 1 })
    expect(faultsOf(again)).toEqual([['online-item', 'e', null]])
    await repair('sums')
    await expectRepaired('sums')
  })
})

describe('a file in the lake', () => {
  test('of rows that does not hold what its source gives is found by interval, though what is online is right', async () => {
    // Hour 0 never ran.
    await fill('rows', [1, 2, 3])
    const { data } = await commitOf('rows', 2)
    await rewrite(data!.path, `* REPLACE (CASE shop WHEN 'b' THEN 99 ELSE amount END::BIGINT AS amount)`)
    const found = await check('rows')
    expect(faultsOf(found)).toEqual([['committed-file', 'b', '02:00']])
    expect(found.faults[0]).toMatchObject({
      features: ['amount'],
      file: rig.deps.lake.uri(data!.path),
      expected: '"21"',
      found: '"99"',
    })
    const { interval: older } = await commitOf('rows', 1)
    await rig.deps.ledger.reopenIntervals({ view: 'rows', version: 1 }, [older], 'a late file')
    const done = await repair('rows')
    expect(done.reopened).toEqual([{ start: hour(2), end: hour(3) }])
    expect((await commitOf('rows', 2)).data!.path).not.toBe(data!.path)
    // What is older is not in its way, and left to the next tick.
    expect(await rig.starts('rows', hour(4))).toEqual(['00:00', '01:00'])
    await expectRepaired('rows')
  })

  test('R3: that lacks a column declared since, of which no value is made, is no fault though its source files have it', async () => {
    await fill('older')
    const { data } = await commitOf('older', 1)
    await rewrite(data!.path, '* EXCLUDE (note)')
    expect(faultsOf(await check('older'))).toEqual([])
    await rewrite(data!.path, '* EXCLUDE (amount)')
    expect(faultsOf(await check('older'))).toContainEqual(['committed-file', 'a', '01:00'])
  })

  test('of tiles is found, and neither the right item nor what a publish wrote from it is blamed', async () => {
    await fill('tile')
    const { data } = await commitOf('tile', 2)
    const sum = await sumColumn(data!.path)
    await rewrite(data!.path, `* REPLACE (("${sum}" + CASE shop WHEN 'a' THEN 1000 ELSE 0 END) AS "${sum}")`)
    expect(faultsOf(await check('tile'))).toEqual([['committed-file', 'a', '02:00']])
    // What the next hour's publish carries online is wrong by the tile's fault alone.
    await rig.write('tile', 4, 'a', sale(hour(4, 10), 'a', 1))
    await rig.run(hourOf('tile', 4))
    expect(faultsOf(await check('tile'))).toEqual([['committed-file', 'a', '02:00']])
    await repair('tile')
    await expectRepaired('tile')
  })

  test('that cannot be read is found and its interval committed anew', async () => {
    await fill('torn')
    await fill('gone')
    for (const view of ['torn', 'gone']) {
      const { data } = await commitOf(view, 3)
      await writeFile(rig.deps.lake.uri(data!.path), 'not parquet any more')
      const found = await check(view)
      expect(faultsOf(found)).toEqual([['committed-file', null, '03:00']])
      expect(found.faults[0]).toMatchObject({ found: 'is not what was committed', isRepairable: true })
      await repair(view)
      await expectRepaired(view)
    }
  })

  test('that is gone is no fault while publishes come and go, and that is not what was committed is', async () => {
    await fill('restless')
    const file = rig.deps.lake.uri((await commitOf('restless', 3)).data!.path)
    await rm(file)
    let marks = 0
    const restless = new Proxy(rig.deps.ledger, {
      get: (ledger, name, self) =>
        name !== 'shownState'
          ? Reflect.get(ledger, name, self)
          : async (key: ViewKey) => ({ ...(await ledger.shownState(key))!, mark: String(marks++) }),
    })
    const drawn = { seed: 1, sample: 30, before: null }
    const look = async () =>
      faultsOf(await checkVersion({ ...rig.deps, ledger: restless }, await bundleOf('restless'), drawn, signal))
    expect(await look()).toEqual([])
    await writeFile(file, 'not parquet any more')
    expect(await look()).toEqual([['committed-file', null, '03:00']])
  })

  test('of a coarse tile is found, and forgotten by the repair', async () => {
    await fill('coarse')
    const key = { view: 'coarse', version: 1 }
    const tile = (await rig.deps.ledger.coarseTiles(key, all)).findLast(({ data }) => data)
    const sum = await sumColumn(tile!.data!.path)
    await rewrite(tile!.data!.path, `* REPLACE (("${sum}" + 5) AS "${sum}")`)
    const found = await check('coarse')
    expect(new Set(found.faults.map(({ cause }) => cause))).toEqual(new Set(['coarse-tile']))
    await repair('coarse')
    await expectRepaired('coarse')
    // Another took its place; it stays, a grace long, for whoever was told of it before.
    const kept = { compactedKeptMs: 0, supersededKeptMs: 86_400_000, graceMs: 3_600_000 }
    const remove = (graceMs: number) => {
      const settings = { ...rig.deps.settings, retention: { ...kept, graceMs } }
      return rig.step(removeFiles, [key], {}, { ...rig.deps, settings })
    }
    expect((await remove(kept.graceMs)).filesMarked).toBeGreaterThan(0)
    expect(await remove(kept.graceMs)).toMatchObject({ filesRemoved: 0, filesMarked: 0 })
    expect(await rig.deps.lake.head(tile!.data!.path)).not.toBeNull()
    expect((await remove(0)).filesRemoved).toBeGreaterThan(0)
    expect(await rig.deps.lake.head(tile!.data!.path)).toBeNull()
    await expectRepaired('coarse')
  })

  test('of a coarse tile that is gone, or no Parquet, is found as such, whatever the sample, and made anew', async () => {
    await fill('lacking')
    const key = { view: 'lacking', version: 1 }
    for (const ruin of [rm, (file: string) => writeFile(file, 'not parquet any more')]) {
      const tiles = (await rig.deps.ledger.coarseTiles(key, all)).filter(({ data }) => data)
      const { data, span } = tiles.at(-1)!
      const file = rig.deps.lake.uri(data!.path)
      await ruin(file)
      const { faults, intervals } = await check('lacking')
      expect(faults).toMatchObject([{ cause: 'coarse-tile', key: null, interval: toIsoInterval(span), file }])
      expect(intervals.recomputed).toBe(3)
      expect(await repair('lacking')).toEqual({ reopened: [], isRebuildAsked: true, left: 0 })
      await expectRepaired('lacking')
    }
  })

  test('of the cache of what is online is found', async () => {
    await fill('cache')
    const state = await rig.deps.ledger.shownState({ view: 'cache', version: 1 })
    for (const { path } of state!.published!.files)
      await rewrite(path, `* REPLACE (CASE k0 WHEN 'c' THEN md5('x')::BLOB ELSE digest END AS digest)`)
    expect(faultsOf(await check('cache'))).toEqual([['published-state', 'c', null]])
    await repair('cache')
    await expectRepaired('cache')
  })
})

test('R37: a rebuild shows the accepted version of an interval whose rerun is held, and what is decided then', async () => {
  await fill('judged')
  const amounts = async () => {
    const bundle = await bundleOf('judged')
    const keys = ['c', 'd'].map((shop) => encodeKey(bundle.entity.keys, [shop]))
    const items = await online.getItems(await tableOf(rig.deps, bundle), keys)
    return items.map((item) => decodeValues(bundle.view.features, item!.values!, item!.schemaHash)[0])
  }
  await put('judged', 'c', [77n, 'n'])
  await put('judged', 'd', [78n, 'n'])
  expect(faultsOf(await check('judged'))).toHaveLength(2)
  await rig.step(repairView, [{ view: 'judged', version: 1, by: 'ann', reason: 'a test' }])
  // A late file, whose run is held, is no reason to serve on what is wrong.
  await rig.write('judged', 3, 'late', sale(hour(3, 40), 'd', 500))
  const interval = { start: parseInstant(hour(3)), end: parseInstant(hour(4)) }
  await rig.deps.ledger.reopenIntervals({ view: 'judged', version: 1 }, [interval], 'a late file')
  expect((await rig.tick('judged', hour(4))).isPublishDue).toBe(false)
  const { outcome, runId } = await rig.run(hourOf('judged', 3))
  expect(outcome).toBe('held')
  expect((await rig.tick('judged', hour(4))).isPublishDue).toBe(true)
  await publishNow('judged', 'rebuild')
  expect(await amounts()).toEqual([32n, 33n])
  expect(faultsOf(await check('judged'))).toEqual([])
  const { decisionId } = await rig.deps.ledger.recordDecision({
    ...{ view: 'judged', version: 1, action: 'accept', interval, runId, reason: 'a sale', by: 'ann' },
  })
  await rig.step(applyDecision, [{ decisionId, now: null }])
  await publishNow('judged', 'accepted')
  expect(await amounts()).toEqual([32n, 500n])
})

test('a version that another took the place of is checked, mended by a tick of its own, and kept tidy until its table is dropped', async () => {
  await fill('former')
  const { repo } = (await rig.deps.registry.current())!
  const views = repo.views.map((one) => (one.name === 'former' ? { ...one, version: 2 } : one))
  await (rig.deps.registry as RegistryWriter).apply({ ...repo, views }, { by: 'test' })
  const former = await rig.deps.registry.view('former', 1)
  const planned = async () => {
    const { views: of } = await rig.step(planQuality, [{ views: ['former'], sample: 1, seed: 1, repair: null }])
    return of.map(({ version, isSuperseded = false }) => `${version} ${isSuperseded}`)
  }
  expect(await planned()).toEqual(['2 false', '1 true'])
  await rewrite((await commitOf('former', 1)).data!.path, `* REPLACE (99::BIGINT AS amount)`)
  const find = async () => {
    const found = await recordedCheck(rig.deps, 'former', { version: 1 })
    return new Set(faultsOf(found).map(([cause, , interval]) => `${cause} ${interval}`))
  }
  expect(await find()).toEqual(new Set(['committed-file 01:00']))
  await rig.step(repairView, [{ view: 'former', version: 1, by: 'ann', reason: 'a test' }])
  // Hours that it has never seen are the newest version's to run.
  await rig.write('former', 4, 'a', sale(hour(4, 10), 'a', 1))
  const { version, due } = await rig.tick('former', hour(5), { version: 1 })
  expect([version, due.map(({ start }) => start)]).toEqual([1, [hour(1)]])
  expect((await rig.tick('former', hour(5))).due).toHaveLength(5)
  await rig.run({ ...hourOf('former', 1), now: hour(5) })
  expect(await find()).toEqual(new Set())

  const { version: newest, others } = await rig.step(planCompaction, [{ view: 'former' }])
  expect([newest, others]).toEqual([2, [{ version: 1, spans: [] }]])
  await online.dropTable(await tableOf(rig.deps, former))
  expect(await planned()).toEqual(['2 false'])
})

test('what the source has by now, and what is not published yet, is told with its cause and is no fault', async () => {
  await fill('late')
  await rig.write('late', 3, 'b', sale(hour(3, 50), 'c', 5))
  const found = await check('late')
  expect(found.faults).toEqual([])
  expect(found.lags).toEqual([{ cause: 'late-file', keys: 1, firstInterval: { start: hour(3), end: hour(4) } }])
})
