/** Views on views are computed again from what the views below have committed: what is wrong of their own files is found, and nothing else. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { publishView } from '../../activities/publish-view.js'
import {
  asOf,
  entity,
  type FeatureRepo,
  featureView,
  fromView,
  lookup,
  parquet,
  query,
  t,
  window,
} from '../../core/define/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { askedExplanation } from '../support/asked-explanation.js'
import { compactInBuckets } from '../support/compact-in-buckets.js'
import { startTestOnline, type TestOnline } from '../support/dynalite.js'
import { columnsOf, rewriteFile } from '../support/lake-files.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf } from '../support/sales-views.js'
import { type StepRig, startStepRig } from '../support/step-rig.js'

const owner = 'ops'
const shop = entity('shop', { keys: { shop: t.string() }, owner })
const common = { entity: shop, version: 1, since: hour(0), every: '1h', owner } as const
const above = { ...common, online: true }
const sales = parquet('sales', {
  path: 'sales/h={yyyy-MM-dd}T{HH}/*.parquet',
  schema: { at: t.timestamp(), shop: t.string(), amount: t.int64().nullable() },
  ...{ eventTime: 'at', owner },
})
const shops = parquet('shops', {
  path: 'shops/*.parquet',
  schema: { at: t.timestamp(), shop: t.string(), factor: t.int64() },
  ...{ eventTime: 'at', owner },
})
const sums = featureView('sums', {
  ...{ ...common, source: sales, online: false, lookback: '24h' },
  features: { n: window.count({ over: '2h' }), mean: window.avg('amount', { over: '2h' }) },
})
const newest = featureView('newest', {
  ...{ ...common, source: sales, online: false, lookback: '24h', features: { amount: lookup() } },
})
const ends = fromView('ends', {
  ...{ view: sums, eventTime: 'end', owner },
  schema: { end: t.timestamp(), shop: t.string(), n: t.int64(), mean: t.float64().nullable() },
})
const rows = fromView('rows', {
  ...{ view: newest, eventTime: 'at', owner },
  schema: { at: t.timestamp(), shop: t.string(), amount: t.int64().nullable() },
})
const weighed = query('weighed', {
  from: ends,
  sql: `SELECT "end", shop, n * details.factor AS weight FROM ends WHERE n > 1`,
  with: { details: asOf(shops, { shop: 'shop' }) },
  ...{ schema: { end: t.timestamp(), shop: t.string(), weight: t.int64().nullable() }, owner },
})
const views = [
  featureView('last', { ...above, source: ends, features: { n: lookup(), mean: lookup() } }),
  featureView('peaks', { ...above, source: ends, features: { peak: window.max('n', { over: '4h' }) } }),
  featureView('copies', { ...above, source: rows, features: { amount: lookup() } }),
  featureView('totals', { ...above, source: rows, features: { total: window.sum('amount', { over: '4h' }) } }),
  featureView('weights', { ...above, source: weighed, features: { weight: lookup() } }),
]
const names = views.map(({ definition: { name } }) => name)
const repo: FeatureRepo = {
  ...{ project: 'test', entities: [shop.definition], services: [] },
  sources: [sales, shops, ends, rows, weighed].map((one) => one.definition),
  views: [sums, newest, ...views].map((one) => one.definition),
}

let rig: StepRig
let online: TestOnline
beforeAll(async () => {
  online = await startTestOnline()
  rig = await startStepRig(repo, null, online.store)
})
afterAll(async () => {
  await rig?.stop()
  await online?.stop()
})

const write = (hours: number, file: string, amount: number) =>
  rig.writeFile(
    `sales/h=2001-01-01T0${hours}/${file}.parquet`,
    ['a', 'b', 'c']
      .flatMap((name, index) =>
        [10, 20].map(
          (minute) =>
            `SELECT TIMESTAMP '2001-01-01 0${hours}:${minute}:00' AS at, '${name}' AS shop, ${amount + index + minute}::BIGINT AS amount`,
        ),
      )
      .join(' UNION ALL '),
  )
const commitOf = async (view: string, at: number) => {
  const range = { start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) }
  return (await rig.deps.ledger.currentCommits({ view, version: 1 }, range))[0]!
}
/** Has the ledger take it for what a run has written. */
async function corrupt(view: string, at: number, column: RegExp): Promise<void> {
  const { path } = (await commitOf(view, at)).data!
  const name = (await columnsOf(rig.deps, path)).find((one) => column.test(one))!
  await rewriteFile(rig.deps, path, `* REPLACE (CASE shop WHEN 'b' THEN "${name}" + 1 ELSE "${name}" END AS "${name}")`)
  await rig.commitAsIs(path)
}

/** What is committed and what the view below gives; online stands at the newest end. */
async function explained(view: string, at: string) {
  const { features, causes } = await askedExplanation(rig.deps, { view, key: 'shop=b', at, now: hour(5) })
  return { features, causes: causes.filter(({ between }) => between === 'committed and source') }
}

async function checked(view: string) {
  const check = await recordedCheck(rig.deps, view)
  const { intervals, lostInputs, lags, unreadable, unsettled, keys } = check
  expect([unreadable, unsettled, keys]).toMatchObject([null, 0, { committed: 3 }])
  return {
    faults: faultsOf(check),
    recomputed: intervals.recomputed + (intervals.older ?? 0),
    lostInputs,
    lags: lags.length,
  }
}

test('what is healthy is computed again, and nothing is at fault', async () => {
  await rig.writeFile(
    'shops/a.parquet',
    `SELECT TIMESTAMP '2001-01-01 00:00:00' AS at, shop, 7::BIGINT AS factor FROM (VALUES ('a'), ('b'), ('c')) AS known(shop)`,
  )
  for (const at of [0, 1, 2, 3, 4]) await write(at, 'a', at * 100)
  for (const view of ['sums', 'newest']) await rig.settle(view, hour(5))
  for (const view of names) {
    expect(await rig.settle(view, hour(5))).toHaveLength(5)
    await rig.step(publishView, [{ view, version: 1, now: null }])
  }
  for (const view of names) {
    expect([view, await checked(view)]).toEqual([view, { faults: [], recomputed: 5, lostInputs: 0, lags: 0 }])
    const { features, causes } = await explained(view, hour(4, 59))
    expect([view, features[0]!.recomputed, causes]).toEqual([view, features[0]!.value, []])
  }
})

test('a committed row that is not what the view below gives is found, in its interval', async () => {
  for (const [view, at, column] of [
    ['last', 2, /^n$/],
    ['peaks', 3, /max/],
    ['copies', 1, /^amount$/],
    ['totals', 2, /sum/],
    ['weights', 4, /^weight$/],
  ] as const) {
    await corrupt(view, at, column)
    expect([view, (await checked(view)).faults]).toEqual([view, [['committed-file', 'b', `0${at}:00`]]])
    const isWindow = view === 'peaks' || view === 'totals'
    const codes = (await explained(view, isWindow ? hour(at + 1) : hour(at, 59))).causes.map(({ code }) => code)
    expect([view, codes]).toEqual([view, expect.arrayContaining(['committed-file'])])
    expect((await rig.run(hourOf(view, at, { kind: 'rerun', now: hour(5) }))).outcome).toBe('done')
    expect([view, (await checked(view)).faults]).toEqual([view, []])
  }
})

test('what was committed anew below since is no fault: not computed again until the view has run on it', async () => {
  await write(2, 'b', 5_000)
  for (const view of ['sums', 'newest']) expect(await rig.settle(view, hour(5))).toEqual(['02:00 done'])
  // Windows of two hours that end at 3 and 4 o'clock.
  for (const [view, moved] of [
    ['last', [3, 4]],
    ['peaks', [3, 4]],
    ['copies', [2]],
    ['totals', [2]],
    ['weights', [3, 4]],
  ] as const) {
    const { lags, ...found } = await checked(view)
    expect([view, found]).toEqual([view, { faults: [], recomputed: 5 - moved.length, lostInputs: moved.length }])
    // A lookup’s newest row is of the last hour.
    expect([view, lags > 0]).toEqual([view, view !== 'copies'])
    for (const at of moved) await rig.run(hourOf(view, at, { kind: 'manual', now: hour(5) }))
    await rig.step(publishView, [{ view, version: 1, now: null }])
    expect([view, await checked(view)]).toEqual([view, { faults: [], recomputed: 5, lostInputs: 0, lags: 0 }])
  }
})

test('what is made of more than a check reads is told', async () => {
  const { path } = (await commitOf('sums', 1)).data!
  await rig.commitAsIs(path, 'as large')
  const toldOf = async (view: string) => {
    const { faults, intervals, lostInputs, tooLarge } = await recordedCheck(rig.deps, view)
    return { faults, recomputed: intervals.recomputed, lostInputs, tooLarge }
  }
  expect(await toldOf('last')).toEqual({ faults: [], recomputed: 3, lostInputs: 0, tooLarge: 2 })
  await rig.commitAsIs(path)
  expect(await toldOf('last')).toEqual({ faults: [], recomputed: 5, lostInputs: 0, tooLarge: undefined })
})

test('what is at fault below is told there alone', async () => {
  const { path } = (await commitOf('sums', 1)).data!
  await rewriteFile(rig.deps, path, '*')
  for (const view of ['last', 'peaks', 'weights']) {
    const { faults, recomputed, lostInputs } = await checked(view)
    expect([view, faults, recomputed, lostInputs]).toEqual([view, [], 3, 2])
  }
  expect(faultsOf(await recordedCheck(rig.deps, 'sums'))).toEqual([['committed-file', null, '01:00']])
  for (const view of ['last', 'peaks', 'weights'])
    expect([view, await checked(view)]).toMatchObject([view, { faults: [], recomputed: 3, lostInputs: 0 }])
})

test('whether a compaction has been there below makes no difference', async () => {
  await rig.run(hourOf('sums', 1, { kind: 'rerun', now: hour(5) }))
  for (const view of ['last', 'peaks', 'weights']) {
    for (const at of [2, 3]) await rig.run(hourOf(view, at, { kind: 'manual', now: hour(5) }))
    await rig.step(publishView, [{ view, version: 1, now: null }])
  }
  const span = { start: parseInstant(hour(0)), end: parseInstant(hour(5)) }
  for (const view of ['sums', 'newest']) {
    await compactInBuckets(rig.deps, { view, version: 1 }, span, 4)
    expect(faultsOf(await recordedCheck(rig.deps, view))).toEqual([])
  }
  for (const view of names)
    expect([view, await checked(view)]).toEqual([view, { faults: [], recomputed: 5, lostInputs: 0, lags: 0 }])
})
