/** Views that are built on views, over real runs in Postgres, DuckDB and folders: order, values, and what a new commit re-opens. */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endBackfill, takeBackfillTurn } from '../../activities/backfill-turn.js'
import { applyDecision } from '../../activities/decide.js'
import { openBackfill } from '../../activities/open-backfill.js'
import { planBackfill } from '../../activities/plan-backfill.js'
import { planQuality } from '../../activities/plan-quality.js'
import { repairView } from '../../activities/repair-view.js'
import { oneReport } from '../../cli/commands/backfill-status.js'
import type { CliContext } from '../../cli/context.js'
import {
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
import { rewriteFile } from '../support/lake-files.js'
import { faultsOf, recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf } from '../support/sales-views.js'
import { type StepRig, startStepRig } from '../support/step-rig.js'

const owner = 'ops'
const shop = entity('shop', { keys: { shop: t.string() }, owner })
const region = entity('region', { keys: { region: t.string() }, owner })
const since = '2001-01-01T00:00:00Z'
const common = { version: 1, since, every: '1h', owner, online: false, lookback: '24h' } as const

/** @param checked the amount may be held alone (R35) */
function definitions(name: string, checked = name === 'held') {
  const limit = { max: 100, severity: 'hold-feature' } as const
  const sales = parquet(`${name}_sales`, {
    path: `${name}/h={yyyy-MM-dd}T{HH}/*.parquet`,
    eventTime: 'at',
    schema: {
      at: t.timestamp(),
      shop: t.string(),
      region: t.string(),
      amount: t.int64().nullable(),
      gone: t.boolean().nullable(),
    },
    tombstone: 'gone',
    owner,
  })
  const sums = featureView(`${name}_sums`, {
    ...common,
    ...{ entity: shop, source: sales },
    features: { n: window.count({ over: '2h' }), most: window.max('amount', { over: '2h' }) },
    ...(checked ? { checks: { features: { most: limit } } } : {}),
  })
  const last = featureView(`${name}_last`, {
    ...common,
    ...{ entity: shop, source: sales },
    features: { region: lookup(), amount: lookup() },
    ...(checked ? { checks: { features: { amount: limit } } } : {}),
  })
  const hourly = fromView(`${name}_hourly`, {
    view: sums,
    eventTime: 'end',
    schema: { end: t.timestamp(), shop: t.string(), n: t.int64(), most: t.int64().nullable() },
    owner,
  })
  const rows = fromView(`${name}_rows`, {
    view: last,
    ...{ eventTime: 'at', tombstone: 'gone' },
    schema: { at: t.timestamp(), region: t.string(), amount: t.int64().nullable(), gone: t.boolean() },
    owner,
  })
  const busy = query(`${name}_busy`, {
    from: hourly,
    sql: `SELECT "end", shop, most * 10 AS most FROM ${name}_hourly WHERE n > 1`,
    schema: { end: t.timestamp(), shop: t.string(), most: t.int64().nullable() },
    owner,
  })
  const peaks = featureView(`${name}_peaks`, {
    ...common,
    ...{ entity: shop, source: hourly },
    features: { peak: window.max('n', { over: '4h' }), ends: window.count({ over: '4h' }) },
  })
  const high = fromView(`${name}_high`, {
    view: peaks,
    eventTime: 'end',
    schema: { end: t.timestamp(), shop: t.string(), peak: t.int64().nullable() },
    owner,
  })
  const views = [
    sums,
    last,
    peaks,
    featureView(`${name}_top`, { ...common, ...{ entity: shop, source: high }, features: { peak: lookup() } }),
    featureView(`${name}_regions`, { ...common, ...{ entity: region, source: rows }, features: { amount: lookup() } }),
    featureView(`${name}_busiest`, { ...common, ...{ entity: shop, source: busy }, features: { most: lookup() } }),
  ]
  return {
    sources: [sales, hourly, high, rows, busy].map((one) => one.definition),
    views: views.map((one) => one.definition),
  }
}

let rig: StepRig
beforeAll(async () => {
  const all = ['order', 'again', 'mended', 'filled', 'above', 'tied', 'held'].map((name) => definitions(name))
  const repo: FeatureRepo = {
    project: 'test',
    entities: [shop.definition, region.definition],
    sources: all.flatMap((one) => one.sources),
    views: all.flatMap((one) => one.views),
    services: [],
  }
  rig = await startStepRig(repo)
})
afterAll(() => rig?.stop())

const sale = (at: string, amount: number, where = 'east', gone = false) =>
  `SELECT TIMESTAMP '${at.slice(0, -1)}' AS at, 'x' AS shop, '${where}' AS region, ${amount}::BIGINT AS amount, ${gone} AS gone`
const write = (name: string, hours: number, file: string, ...rows: string[]) =>
  rig.writeFile(`${name}/h=2001-01-01T${String(hours).padStart(2, '0')}/${file}.parquet`, rows.join(' UNION ALL '))

const asked = (view: string, at: string, key = 'shop=x') => askedExplanation(rig.deps, { view, key, at, now: hour(9) })
/** As they are committed; computed once more from what the view below has committed they are the same. */
async function valuesOf(view: string, at: string, key?: string) {
  const { features, causes } = await asked(view, at, key)
  const values = features.map(({ value }) => value)
  expect([features.map((one) => one.recomputed), features.map((one) => one.sourceNow), causes]).toEqual([
    values,
    values,
    [],
  ])
  return values
}

describe('a view on a view', () => {
  test('waits for the intervals that it is made of, and says for which', async () => {
    await write('order', 0, 'a', sale(hour(0, 10), 5), sale(hour(0, 20), 7))
    await write('order', 1, 'a', sale(hour(1, 10), 3, 'west'), sale(hour(1, 30), 3, 'west', true))
    const planned = await rig.plan(hourOf('order_peaks', 1))
    expect(planned).toMatchObject({
      kind: 'not-ready',
      because: 'view order_sums@v1 has not committed [2001-01-01T00:00:00Z, 2001-01-01T01:00:00Z)',
      isPastDeadline: false,
    })
    const late = await rig.plan(hourOf('order_peaks', 1, { now: hour(3) }), { id: 'late' })
    const because = 'view order_sums@v1 has not committed [2001-01-01T00:00:00Z, 2001-01-01T01:00:00Z)'
    const waitedFor = { because, source: 'order_hourly', view: 'order_sums' }
    expect(late).toMatchObject({ kind: 'not-ready', isPastDeadline: true, waitedFor })
    const inVain = await rig.run(hourOf('order_peaks', 1, { now: hour(3) }))
    expect(await rig.deps.ledger.run(inVain.runId)).toMatchObject({ outcome: 'not-ready', waitedFor })
    // Nothing of it ends before one o'clock.
    expect((await rig.run(hourOf('order_peaks', 0))).outcome).toBe('done')
    expect(await rig.settle('order_sums', hour(3))).toEqual(['00:00 done', '01:00 done', '02:00 done'])
    expect((await rig.run(hourOf('order_peaks', 1), { id: 'second' })).outcome).toBe('done')
    const { pins, candidate } = (await rig.deps.ledger.run('second'))!
    expect(pins!.files.map(({ uri, role }) => [uri, role])).toEqual([
      ['commit:order_sums@v1/2001-01-01T00:00:00Z', 'own'],
    ])
    expect(candidate!.counts).toMatchObject({ read: 1, kept: 1 })
  })

  test('R9, R21: has what a window view answers at each end of its intervals, once', async () => {
    await rig.settle('order_peaks', hour(4))
    const upstream = async (at: string) => (await asked('order_sums', at)).features[0]!.value
    expect([await upstream(hour(1)), await upstream(hour(2)), await upstream(hour(3))]).toEqual(['2', '3', '1'])
    // Rows at 1, 2 and 3 o'clock; a row at the asked time itself is not in the window (R7).
    expect(await valuesOf('order_peaks', hour(2))).toEqual(['2', '1'])
    expect(await valuesOf('order_peaks', hour(3))).toEqual(['3', '2'])
    const told = await asked('order_peaks', hour(3))
    expect(told.upstream).toEqual({ view: 'order_sums', version: 1 })
    expect([told.causes, told.text.includes('millcourse explain order_sums')]).toEqual([[], true])
    expect(told.rows.map(({ file, row, role, eventAt }) => [file, row, role, eventAt])).toEqual([
      [`commit:order_sums@v1/${hour(1)}`, 1, 'counted', hour(2)],
      [`commit:order_sums@v1/${hour(0)}`, 1, 'counted', hour(1)],
      [`commit:order_sums@v1/${hour(2)}`, 1, 'window-edge', hour(3)],
    ])
    expect(told.rows[0]!.columns).toEqual({ end: hour(2), shop: 'x', n: '3', most: '7' })
  })

  test('R1, R18: has the rows of a lookup view, their deletions among them', async () => {
    expect(await rig.settle('order_last', hour(2))).toEqual(['00:00 done', '01:00 done'])
    expect(await rig.settle('order_regions', hour(2))).toEqual(['00:00 done', '01:00 done'])
    expect(await valuesOf('order_regions', hour(1), 'region=east')).toEqual(['7'])
    expect(await valuesOf('order_regions', hour(1, 29), 'region=west')).toEqual(['3'])
    expect(await valuesOf('order_regions', hour(1, 30), 'region=west')).toEqual([null])
    const told = await asked('order_regions', hour(1, 30), 'region=west')
    const file = `commit:order_last@v1/${hour(1)}`
    expect(told.rows.map((one) => [one.file, one.row, one.role, one.eventAt])).toEqual([
      [file, 2, 'tombstone', hour(1, 30)],
      [file, 1, 'older', hour(1, 10)],
    ])
  })

  test('may have a query in between', async () => {
    expect((await rig.settle('order_busiest', hour(3))).every((line) => line.endsWith('done'))).toBe(true)
    expect(await valuesOf('order_busiest', hour(1))).toEqual(['70'])
    expect(await valuesOf('order_busiest', hour(3))).toEqual(['70'])
  })
})

test('R27: a new commit of the view below re-opens what is made of it, and nothing else', async () => {
  for (const hours of [0, 1, 2, 3, 4]) await write('again', hours, 'a', sale(hour(hours, 10), hours))
  await rig.settle('again_sums', hour(6))
  const hours = ['00:00', '01:00', '02:00', '03:00', '04:00', '05:00'].map((start) => `${start} done`)
  expect(await rig.settle('again_peaks', hour(6))).toEqual(hours)
  expect(await rig.settle('again_peaks', hour(6))).toEqual([])
  await write('again', 1, 'b', sale(hour(1, 50), 100), sale(hour(1, 55), 100))
  expect(await rig.settle('again_sums', hour(6))).toEqual(['01:00 done'])
  const moved = await asked('again_peaks', hour(4))
  const { n, ...named } = { n: moved.features[0]!, file: `commit:again_sums@v1/${hour(1)}` }
  // What was made of another commit is not told as what the runs gave.
  expect([n.value, n.recomputed, n.sourceNow]).toEqual(['2', '1', '4'])
  const changed = moved.rows.filter(({ notCommitted }) => notCommitted === 'file-changed')
  expect(changed.map(({ eventAt }) => eventAt)).toEqual([hour(3), hour(2)])
  expect(moved.causes).toMatchObject(
    [2, 3].map((at) => ({ code: 'file-changed', interval: { start: hour(at) }, ...named })),
  )
  expect(moved.text).toContain(`what the run of ${hour(2)} was made of was committed anew since: ${named.file}`)
  // Windows of two hours that end at 2 and 3 o'clock.
  expect(await rig.settle('again_peaks', hour(6))).toEqual(['02:00 done', '03:00 done'])
  expect(await valuesOf('again_peaks', hour(5))).toEqual(['4', '4'])
})

test('R35: where the view below holds a feature it waits for the decision; rejected, that is null in a lookup’s rows and missing from a window', async () => {
  await write('held', 0, 'a', sale(hour(0, 10), 5), sale(hour(0, 20), 7))
  await write('held', 1, 'a', sale(hour(1, 10), 500))
  const ofHour = { start: parseInstant(hour(1)), end: parseInstant(hour(2)) }
  for (const [below, feature, above, at] of [
    ['held_last', 'amount', 'held_regions', 1],
    ['held_sums', 'most', 'held_busiest', 2],
  ] as const) {
    expect(await rig.settle(below, hour(3))).toEqual(['00:00 done', '01:00 done', '02:00 done'])
    expect(await rig.plan(hourOf(above, at), { id: `waits-${above}` })).toMatchObject({
      kind: 'not-ready',
      because: `view ${below}@v1 holds ${feature} of [${hour(1)}, ${hour(2)})`,
    })
    const key = { view: below, version: 1 }
    const [commit] = await rig.deps.ledger.currentCommits(key, ofHour)
    const runId = commit!.runId
    const asked = { ...key, action: 'reject', interval: ofHour, runId, reason: 'no sale', by: 'ann' } as const
    const { decisionId } = await rig.deps.ledger.recordDecision(asked)
    expect(await rig.step(applyDecision, [{ decisionId, now: null }])).toMatchObject({ kind: 'committed' })
    expect(await rig.settle(above, hour(3))).toEqual(['00:00 done', '01:00 done', '02:00 done'])
  }
  expect(await valuesOf('held_regions', hour(1), 'region=east')).toEqual(['7'])
  expect(await valuesOf('held_regions', hour(2), 'region=east')).toEqual([null])
  // Of three sales below, none of more than seven that counts.
  expect(await valuesOf('held_busiest', hour(2, 30))).toEqual(['70'])
})

test('a repair of the view below re-opens what was made of a file at fault, beyond any lookback, and each runs once the one below has', async () => {
  const [sums, peaks, top] = ['mended_sums', 'mended_peaks', 'mended_top']
  for (const hours of [0, 1, 2, 3, 4]) await write('mended', hours, 'a', sale(hour(hours, 10), hours))
  for (const view of [sums, peaks, top]) await rig.settle(view!, hour(5))
  const ofHour = { start: parseInstant(hour(1)), end: parseInstant(hour(2)) }
  const [commit] = await rig.deps.ledger.currentCommits({ view: sums!, version: 1 }, ofHour)
  await rewriteFile(rig.deps, commit!.data!.path, '*')
  expect(faultsOf(await recordedCheck(rig.deps, sums!))).toEqual([['committed-file', null, '01:00']])
  expect(await rig.step(repairView, [{ view: sums!, version: 1, by: 'ann', reason: 'a test' }])).toMatchObject({
    reopened: [{ start: hour(1) }],
    above: [
      { view: peaks, version: 1, intervals: 2 },
      { view: top, version: 1, intervals: 2 },
    ],
  })
  // Days later: no lookback comes to them.
  const due = async (view: string) =>
    (await rig.tick(view, hour(72))).due.flatMap(({ start }) => (start < hour(5) ? [start.slice(11, 16)] : []))
  expect([await due(peaks!), await due(top!)]).toEqual([[], []])
  // In order: the newest would wait for as long as the view below catches up.
  const first = await rig.tick(top!, hour(72), { runsMax: 2 })
  expect(first.due.map(({ start }) => start)).toEqual([hour(5), hour(6)])
  // A repair of the view above names them, too.
  const only = [{ start: hour(2), end: hour(3) }]
  expect((await rig.tick(peaks!, hour(72), { version: 1, only })).due).toEqual([])
  await rig.run(hourOf(sums!, 1, { kind: 'manual', now: hour(5) }))
  expect([await due(peaks!), await due(top!)]).toEqual([['02:00', '03:00'], []])
  // What a run in the middle makes of it is held: what is committed there is what it was, until somebody decides.
  const held = await rig.plan(hourOf(peaks!, 2, { now: hour(5) }), { id: 'held in the middle' })
  expect(held.kind).toBe('ready')
  const ended = { outcome: 'held', error: null, keyCounts: null, measures: null } as const
  await rig.deps.ledger.endRun('held in the middle', ended)
  await rig.run(hourOf(peaks!, 3, { now: hour(5) }))
  expect([await due(peaks!), await due(top!)]).toEqual([[], []])
  const because = `what it is made of in view ${peaks}@v1 is at fault, and not mended yet`
  expect(await rig.plan(hourOf(top!, 3, { now: hour(5) }))).toMatchObject({ kind: 'not-ready', because })
  await rig.run(hourOf(peaks!, 2, { kind: 'rerun', now: hour(5) }))
  expect([await due(peaks!), await due(top!)]).toEqual([[], ['03:00', '04:00']])
})

test('a backfill of a view above runs what is made of a file at fault last, once the repair of the view below has committed', async () => {
  const [sums, peaks] = ['filled_sums', 'filled_peaks']
  for (const hours of [0, 1, 2, 3, 4]) await write('filled', hours, 'a', sale(hour(hours, 10), hours))
  for (const view of [sums, peaks]) await rig.settle(view, hour(5))
  // That it waits is no failure, at which it would stop.
  const options = { order: 'oldest', isForced: true, onFailure: 'stop', atOnce: 2 } as const
  const range = { from: hour(0), to: hour(5) }
  const { planId } = await rig.step(planBackfill, [{ view: peaks, range, options, now: hour(5) }])
  await rig.step(openBackfill, [{ planId, by: 'ann', reason: 'a test', costMax: null, now: hour(5) }])
  const next = async () => {
    const turn = await rig.step(takeBackfillTurn, [{ backfillId: planId, max: 3, isCancelled: false }])
    return turn.kind === 'run' ? turn.intervals.map(({ start }) => start.slice(11, 16)) : turn.kind
  }
  const filled = async (at: number) => {
    const backfill = { backfillId: planId, isForced: true }
    const { outcome, runId } = await rig.run(hourOf(peaks, at, { kind: 'backfill', backfill, now: hour(5) }))
    return [outcome, (await rig.deps.ledger.run(runId))?.waitedFor?.because ?? null]
  }
  expect(await next()).toEqual(['00:00', '01:00', '02:00'])
  const ofHour = { start: parseInstant(hour(1)), end: parseInstant(hour(2)) }
  const [commit] = await rig.deps.ledger.currentCommits({ view: sums, version: 1 }, ofHour)
  await rewriteFile(rig.deps, commit!.data!.path, '*')
  await recordedCheck(rig.deps, sums)
  await rig.step(repairView, [{ view: sums, version: 1, by: 'ann', reason: 'a test' }])
  // Two and three o'clock are made of it; the first of them was handed out before.
  expect(await next()).toEqual(['00:00', '01:00', '04:00'])
  for (const at of [0, 1, 4]) expect(await filled(at)).toEqual(['done', null])
  expect(await next()).toBe('wait')
  // One of the view below that is paused, or queued behind this one, has what is to be run before: nobody waits for it.
  const below = { view: sums, range: { from: hour(1), to: hour(2) }, options, now: hour(5) }
  const { planId: claiming } = await rig.step(planBackfill, [below])
  await rig.step(openBackfill, [{ planId: claiming, by: 'ann', reason: 'a test', costMax: null, now: hour(5) }])
  await rig.deps.ledger.changeBackfill(claiming, { to: 'pause', by: 'ann', reason: 'a test' })
  expect(await next()).toEqual(['02:00', '03:00'])
  await rig.deps.ledger.changeBackfill(claiming, { to: 'cancel', by: 'ann', reason: 'a test' })
  await rig.step(endBackfill, [{ backfillId: claiming, error: null }])
  expect(await next()).toBe('wait')
  const because = 'what it is made of in view filled_sums@v1 is at fault, and not mended yet'
  expect(await filled(2)).toEqual(['not-ready', because])
  const progress = () => rig.deps.ledger.backfillProgress(planId)
  expect([await next(), await progress()]).toMatchObject(['wait', { done: 3, failed: 0, left: 2 }])
  const { ledger, registry } = rig.deps
  const context = { ledger: async () => ledger, registry: async () => registry, givenOptions: '' } as CliContext
  const { data, text } = await oneReport(context, planId)
  expect(data).toMatchObject({ awaitsRepair: { view: sums, version: 1, intervals: 1, range: { start: hour(1) } } })
  expect(text).toContain(`waits for a repair of ${sums}@v1, of which 1 interval is to run first`)
  expect(text).toContain(`millcourse materialize ${sums} --from ${hour(1)} --to ${hour(2)}`)
  // A repair that gets no further keeps no backfill open.
  await rig.writeBytes('filled/h=2001-01-01T01/a.parquet', 'no Parquet')
  await rig.run(hourOf(sums, 1, { kind: 'manual', now: hour(5) }))
  expect(await next()).toEqual(['03:00'])
  await write('filled', 1, 'a', sale(hour(1, 10), 1))
  expect((await rig.run(hourOf(sums, 1, { kind: 'manual', now: hour(5) }))).outcome).toBe('done')
  expect(await next()).toEqual(['02:00', '03:00'])
  for (const at of [2, 3]) expect(await filled(at)).toEqual(['done', null])
  expect([await next(), await progress()]).toMatchObject(['finish', { done: 5, failed: 0, left: 0 }])
})

test('a file at fault of a view on a view runs again, once the view below is whole', async () => {
  const [top, peaks, sums] = ['above_top', 'above_peaks', 'above_sums']
  const planned = await rig.step(planQuality, [{ views: [top!, peaks!, sums!], sample: 1, seed: 1, repair: null }])
  expect(planned.views.map(({ view }) => view)).toEqual([sums, peaks, top])
  for (const hours of [0, 1]) await write('above', hours, 'a', sale(hour(hours, 10), hours))
  for (const view of [sums, peaks]) await rig.settle(view!, hour(3))
  const fileAt = async (view: string, at: number) => {
    const range = { start: parseInstant(hour(at)), end: parseInstant(hour(at + 1)) }
    return (await rig.deps.ledger.currentCommits({ view, version: 1 }, range))[0]!.data!.path
  }
  const [lower, upper] = [await fileAt(sums!, 1), await fileAt(peaks!, 2)]
  const rows = await rig.rowsOf(upper)
  const before = await readFile(rig.deps.lake.uri(lower))
  const repaired = () => rig.step(repairView, [{ view: peaks!, version: 1, by: 'ann', reason: 'a test' }])
  for (const file of [lower, upper]) await rewriteFile(rig.deps, file, '*')
  await recordedCheck(rig.deps, sums!)
  const both = await recordedCheck(rig.deps, peaks!)
  expect(both).toMatchObject({ faults: [{ cause: 'committed-file', isRepairable: false }], repairFirst: sums })
  expect(await repaired()).toMatchObject({ reopened: [], left: 1 })

  await writeFile(rig.deps.lake.uri(lower), before)
  expect(faultsOf(await recordedCheck(rig.deps, sums!))).toEqual([])
  const alone = await recordedCheck(rig.deps, peaks!)
  expect(alone).toMatchObject({ faults: [{ isRepairable: true }], intervals: { recomputed: 3 }, lostInputs: 0 })
  expect(alone.repairFirst).toBeUndefined()
  expect(await repaired()).toMatchObject({ reopened: [{ start: hour(2) }], left: 0 })
  expect(await rig.settle(peaks!, hour(3))).toEqual(['02:00 done'])
  const anew = await fileAt(peaks!, 2)
  expect([anew === upper, await rig.rowsOf(anew)]).toEqual([false, rows])
  expect(faultsOf(await recordedCheck(rig.deps, peaks!))).toEqual([])
})

test('R3: of tied rows of a lookup view it has the one that wins, as after a compaction', async () => {
  await write('tied', 0, 'a', sale(hour(0, 10), 5), sale(hour(0, 10), 6), sale(hour(0, 10), 4), sale(hour(0, 20), 1))
  await rig.settle('tied_last', hour(1))
  const { outcome } = await rig.run(hourOf('tied_regions', 0), { id: 'tied' })
  expect([outcome, (await rig.deps.ledger.run('tied'))!.candidate!.counts.read]).toEqual(['done', 2])
  expect(await valuesOf('tied_regions', hour(0, 15), 'region=east')).toEqual(['6'])
})
