/** Views that are built on views, over real runs in Postgres, DuckDB and folders: order, values, and what a new commit re-opens. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { explain } from '../../cli/commands/explain.js'
import type { CliContext } from '../../cli/context.js'
import type { ExplainFacts } from '../../cli/explain-screen/explain-facts.js'
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
import { hour, hourOf } from '../support/sales-views.js'
import { type StepRig, startStepRig } from '../support/step-rig.js'

const owner = 'ops'
const shop = entity('shop', { keys: { shop: t.string() }, owner })
const region = entity('region', { keys: { region: t.string() }, owner })
const since = '2001-01-01T00:00:00Z'
const common = { version: 1, since, every: '1h', owner, online: false, lookback: '24h' } as const

function definitions(name: string) {
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
  })
  const last = featureView(`${name}_last`, {
    ...common,
    ...{ entity: shop, source: sales },
    features: { region: lookup(), amount: lookup() },
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
  const views = [
    sums,
    last,
    featureView(`${name}_peaks`, {
      ...common,
      ...{ entity: shop, source: hourly },
      features: { peak: window.max('n', { over: '4h' }), ends: window.count({ over: '4h' }) },
    }),
    featureView(`${name}_regions`, { ...common, ...{ entity: region, source: rows }, features: { amount: lookup() } }),
    featureView(`${name}_busiest`, { ...common, ...{ entity: shop, source: busy }, features: { most: lookup() } }),
  ]
  return {
    sources: [sales, hourly, rows, busy].map((one) => one.definition),
    views: views.map((one) => one.definition),
  }
}

let rig: StepRig
beforeAll(async () => {
  const all = ['order', 'again', 'tied'].map(definitions)
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

async function asked(view: string, at: string, key = 'shop=x'): Promise<ExplainFacts & { readonly text: string }> {
  const { ledger, registry, lake, sources, engine, settings } = rig.deps
  const context = {
    ...{ ledger: async () => ledger, registry: async () => registry, lake: async () => lake },
    ...{ sources: async () => sources, engine: async () => engine, online: () => Promise.reject(new Error('offline')) },
    ...{ project: settings.project, clock: new SystemClock(parseInstant(hour(9))), givenOptions: '' },
    ...{ progress: { update() {}, line() {}, end() {} }, signal: new AbortController().signal },
  } as unknown as CliContext
  const { data, text } = await explain(context, view, [key], { at })
  return { ...(data as ExplainFacts), text }
}
const valuesOf = async (view: string, at: string, key?: string) =>
  (await asked(view, at, key)).features.map(({ value }) => value)

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
    expect(late).toMatchObject({ kind: 'not-ready', isPastDeadline: true })
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
  })

  test('R1, R18: has the rows of a lookup view, their deletions among them', async () => {
    expect(await rig.settle('order_last', hour(2))).toEqual(['00:00 done', '01:00 done'])
    expect(await rig.settle('order_regions', hour(2))).toEqual(['00:00 done', '01:00 done'])
    expect(await valuesOf('order_regions', hour(1), 'region=east')).toEqual(['7'])
    expect(await valuesOf('order_regions', hour(1, 29), 'region=west')).toEqual(['3'])
    expect(await valuesOf('order_regions', hour(1, 30), 'region=west')).toEqual([null])
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
  // Windows of two hours that end at 2 and 3 o'clock.
  expect(await rig.settle('again_peaks', hour(6))).toEqual(['02:00 done', '03:00 done'])
  expect(await valuesOf('again_peaks', hour(5))).toEqual(['4', '4'])
})

test('R3: of tied rows of a lookup view it has the one that wins, as after a compaction', async () => {
  await write('tied', 0, 'a', sale(hour(0, 10), 5), sale(hour(0, 10), 6), sale(hour(0, 10), 4), sale(hour(0, 20), 1))
  await rig.settle('tied_last', hour(1))
  const { outcome } = await rig.run(hourOf('tied_regions', 0), { id: 'tied' })
  expect([outcome, (await rig.deps.ledger.run('tied'))!.candidate!.counts.read]).toEqual(['done', 2])
  expect(await valuesOf('tied_regions', hour(0, 15), 'region=east')).toEqual(['6'])
})
