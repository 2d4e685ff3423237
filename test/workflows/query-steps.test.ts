/** A view over a query, over real runs in Postgres, DuckDB and folders: counts, pins, re-opened intervals, training sets and explanations. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { explain } from '../../cli/commands/explain.js'
import type { CliContext } from '../../cli/context.js'
import type { ExplainFacts } from '../../cli/explain-screen/explain-facts.js'
import { blastRadius } from '../../cli/run-screen/blast-radius.js'
import {
  asOf,
  entity,
  type FeatureRepo,
  featureView,
  lookup,
  parquet,
  query,
  t,
  window,
} from '../../core/define/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { buildCalendar, evaluateView } from '../../core/watch/index.js'
import { recordedCheck } from '../support/recorded-check.js'
import { hour, hourOf } from '../support/sales-views.js'
import { type StepRig, startStepRig } from '../support/step-rig.js'

const owner = 'ops'
const shop = entity('shop', { keys: { shop: t.string() }, owner })
const common = { version: 1, entity: shop, since: '2001-01-01T00:00:00Z', every: '1h', owner, online: false } as const

function definitions(name: string) {
  const sales = parquet(`${name}_sales`, {
    path: `${name}/sales/h={yyyy-MM-dd}T{HH}/*.parquet`,
    eventTime: 'at',
    schema: { at: t.timestamp(), shop: t.string().nullable(), amount: t.int64().nullable() },
    owner,
  })
  const shops = parquet(`${name}_shops`, {
    path: `${name}/shops/*.parquet`,
    eventTime: 'from',
    schema: { from: t.timestamp(), shop: t.string(), region: t.string(), factor: t.int64() },
    owner: 'geo',
  })
  const worth = query(`${name}_worth`, {
    from: sales,
    with: { place: asOf(shops, { shop: 'shop' }) },
    sql: `SELECT "at", shop, amount * place.factor AS worth, place.region AS region FROM ${name}_sales WHERE amount > 0`,
    schema: {
      at: t.timestamp(),
      shop: t.string().nullable(),
      worth: t.int64().nullable(),
      region: t.string().nullable(),
    },
    owner,
  } as never)
  const views = [
    featureView(`${name}_last`, {
      ...common,
      source: worth,
      lookback: '24h',
      features: { worth: lookup(), region: lookup() },
    } as never),
    featureView(`${name}_sums`, {
      ...common,
      source: worth,
      features: { total: window.sum('worth', { over: '2h' }), sales: window.count({ over: '2h' }) },
    } as never),
    featureView(`${name}_amounts`, { ...common, source: sales, features: { amount: lookup() } } as never),
    featureView(`${name}_places`, { ...common, source: shops, features: { region: lookup() } } as never),
  ]
  return { sources: [sales, shops, worth].map((one) => one.definition), views: views.map((one) => one.definition) }
}

let rig: StepRig
beforeAll(async () => {
  const all = ['kept', 'moved', 'bad', 'told', 'great', 'odd'].map(definitions)
  const repo: FeatureRepo = {
    project: 'test',
    entities: [shop.definition],
    sources: all.flatMap((one) => one.sources),
    views: all.flatMap((one) => one.views),
    services: [],
  }
  rig = await startStepRig(repo)
})
afterAll(() => rig?.stop())

const sale = (at: string, name: string | null, amount: number) =>
  `SELECT TIMESTAMP '${at.slice(0, -1)}' AS at, ${name === null ? 'NULL' : `'${name}'`}::VARCHAR AS shop, ${amount}::BIGINT AS amount`
const place = (from: string, name: string, region: string, factor: number) =>
  `SELECT TIMESTAMP '${from.slice(0, -1)}' AS "from", '${name}' AS shop, '${region}' AS region, ${factor}::BIGINT AS factor`
const write = (name: string, hours: number, ...rows: string[]) =>
  rig.writeFile(`${name}/sales/h=2001-01-01T${String(hours).padStart(2, '0')}/a.parquet`, rows.join(' UNION ALL '))
const writeShops = (name: string, file: string, ...rows: string[]) =>
  rig.writeFile(`${name}/shops/${file}.parquet`, rows.join(' UNION ALL '))

async function inputsOf(runId: string) {
  const { candidate, pins } = (await rig.deps.ledger.run(runId))!
  return { counts: candidate!.counts, pins: pins!.files }
}

async function asked(view: string, at: string, key = 'shop=x'): Promise<{ facts: ExplainFacts; text: string }> {
  const { ledger, registry, lake, sources, engine, settings } = rig.deps
  const context = {
    ...{ ledger: async () => ledger, registry: async () => registry, lake: async () => lake },
    ...{ sources: async () => sources, engine: async () => engine, online: () => Promise.reject(new Error('offline')) },
    ...{ project: settings.project, clock: new SystemClock(parseInstant(hour(6))), givenOptions: '' },
    ...{ progress: { update() {}, line() {}, end() {} }, signal: new AbortController().signal },
  } as unknown as CliContext
  const { data, text } = await explain(context, view, [key], { at })
  return { facts: data as ExplainFacts, text }
}
const three = ({ facts }: { facts: ExplainFacts }, name: string) => {
  const { value, recomputed, sourceNow } = facts.features.find((one) => one.name === name)!
  return [value, recomputed, sourceNow]
}

describe('a run over a query', () => {
  test('R28: reads what it keeps, rejects and filters out; R1: its dimension is that of the row’s time', async () => {
    await writeShops('kept', 'a', place(hour(0), 'x', 'east', 2), place(hour(0, 30), 'x', 'west', 3))
    await write(
      'kept',
      0,
      ...[sale(hour(0, 10), 'x', 5), sale(hour(0, 30), 'x', 5), sale(hour(0, 40), 'y', 7)],
      ...[sale(hour(0, 20), 'x', -1), sale(hour(0, 20), null, 1), sale(hour(1, 5), 'x', -1)],
    )
    const { outcome, runId } = await rig.run(hourOf('kept_last', 0))
    expect(outcome).toBe('done')
    const { counts, pins } = await inputsOf(runId)
    expect(counts).toMatchObject({ read: 5, kept: 3, rejected: { null_key: 1 }, filtered: 1, outside: 1 })
    expect(pins.map(({ uri, role, alias }) => [uri.split('/').slice(-3).join('/'), role, alias])).toEqual([
      ['sales/h=2001-01-01T00/a.parquet', 'own', undefined],
      ['kept/shops/a.parquet', 'dimension', 'place'],
    ])
    const at = async (time: string, key?: string) => {
      const found = await asked('kept_last', time, key)
      return [three(found, 'worth')[0], three(found, 'region')[0]]
    }
    expect(await at('2001-01-01T00:29:59.999999999Z')).toEqual(['10', 'east'])
    expect(await at(hour(0, 30))).toEqual(['15', 'west'])
    expect(await at(hour(0, 50), 'shop=y')).toEqual([null, null])
    await rig.run(hourOf('kept_sums', 0))
    const sums = await asked('kept_sums', hour(1))
    expect([three(sums, 'total'), three(sums, 'sales')]).toEqual([
      ['25', '25', '25'],
      ['2', '2', '2'],
    ])
  })

  test('R27: a dimension that changes re-opens the hours that saw it, and what comes later re-opens none', async () => {
    await writeShops('moved', 'a', place(hour(0), 'x', 'east', 2))
    for (const hours of [0, 1, 2]) await write('moved', hours, sale(hour(hours, 30), 'x', 1))
    expect(await rig.settle('moved_last', hour(3))).toEqual(['00:00 done', '01:00 done', '02:00 done'])
    await writeShops('moved', 'b', place(hour(2, 45), 'x', 'far', 9))
    expect(await rig.settle('moved_last', hour(3))).toEqual(['02:00 done'])
    await writeShops('moved', 'c', place(hour(1, 15), 'x', 'west', 3))
    expect(await rig.settle('moved_last', hour(3))).toEqual(['01:00 done', '02:00 done'])
    const found = await asked('moved_last', hour(1, 30))
    expect([three(found, 'region')[0], three(await asked('moved_last', hour(0, 30)), 'region')[0]]).toEqual([
      'west',
      'east',
    ])
    expect(await rig.settle('moved_last', hour(3))).toEqual([])
  })

  test('a dimension that breaks its contract is named, with its source; one that moves is planned again', async () => {
    await writeShops(
      'bad',
      'a',
      `SELECT TIMESTAMP '2001-01-01' AS "from", 'x' AS shop, 1 AS region, 1::BIGINT AS factor`,
    )
    await write('bad', 0, sale(hour(0, 30), 'x', 1))
    const { outcome, runId } = await rig.run(hourOf('bad_last', 0))
    expect(outcome).toBe('SOURCE_SCHEMA_CHANGED')
    const { error } = (await rig.deps.ledger.run(runId))!
    expect(error!.facts).toMatchObject({ source: 'bad_shops', column: 'region', was: 'string', is: 'INTEGER' })
  })

  test('a dimension at fault: its source and owner have the incident, and the screen names the views that read it', async () => {
    const { ledger, registry } = rig.deps
    const key = { view: 'bad_last', version: 1 }
    const interval = { start: parseInstant(hour(0)), end: parseInstant(hour(1)) }
    const states = await ledger.intervalStates(key, interval)
    const { repo } = (await registry.current())!
    const entry = buildCalendar(repo, [], hour(1)).find(({ view }) => view === key.view)!
    const observed = { states, publishedEndAt: null }
    expect(evaluateView(entry, observed, interval.end, { graceNs: 0n, horizonNs: 86_400_000_000_000n })).toMatchObject([
      { key: 'schema_change/source bad_shops', owner: 'geo', facts: { run: states[0]!.latestRun!.runId } },
    ])
    const run = await ledger.run(states[0]!.latestRun!.runId)
    const bundle = await registry.view(key.view)
    const { views, owners } = await blastRadius(ledger, repo, key, bundle, interval, run)
    expect(views.map(({ view }) => view).sort()).toEqual(['bad_places', 'bad_sums'])
    expect(owners).toEqual([
      { owner: 'ops', of: ['this view', 'query bad_worth'] },
      { owner: 'geo', of: ['source bad_shops'] },
    ])
  })
})

test('explain tells the rows of a query, recomputed with its dimension', async () => {
  await writeShops('told', 'a', place(hour(0), 'x', 'east', 2))
  await write('told', 0, sale(hour(0, 10), 'x', 5), sale(hour(0, 20), 'x', -3), sale(hour(0, 30), 'x', 4))
  await rig.run(hourOf('told_last', 0))
  const found = await asked('told_last', hour(1))
  expect(three(found, 'worth')).toEqual(['8', '8', '8'])
  expect(found.facts.rows.map(({ row, role, columns }) => [row, role, columns.worth])).toEqual([
    [3, 'counted', '8'],
    [1, 'older', '10'],
  ])
  await writeShops('told', 'a', place(hour(0), 'x', 'east', 7))
  const changed = await asked('told_last', hour(1))
  expect(three(changed, 'worth')).toEqual(['8', '28', '28'])
  expect(changed.facts.causes.map(({ code }) => code)).toEqual(['file-changed'])
})

test('a value that the SQL cannot take keeps nobody from explaining and checking what is committed', async () => {
  await writeShops('great', 'a', place(hour(0), 'x', 'east', 2))
  const beyond64Bits = 9_000_000_000_000_000_000
  for (const [hours, amount] of [5, beyond64Bits, 7].entries())
    await write('great', hours, sale(hour(hours, 10), 'x', amount))
  const outcomes = []
  for (const hours of [0, 1, 2]) outcomes.push((await rig.run(hourOf('great_last', hours))).outcome)
  expect(outcomes).toEqual(['done', 'COMPUTE_VALUE_OUT_OF_RANGE', 'done'])
  const found = await asked('great_last', hour(2))
  expect(three(found, 'worth')).toEqual(['10', undefined, undefined])
  expect(found.facts.unreadable).toMatchObject({ code: 'COMPUTE_VALUE_OUT_OF_RANGE' })
  expect(found.facts.state.missing[0]).toMatchObject({ interval: { start: hour(1) }, outcome: 'failed' })
  const check = await recordedCheck(rig.deps, 'great_last')
  expect([check.faults, check.unreadable, check.intervals]).toMatchObject([[], null, { recomputed: 2, of: 2 }])
})

test('R12, R23: a key with quotes and a NUL in it is checked, and explained, as any other', async () => {
  await write('odd', 0, sale(hour(0, 10), "it''s' || chr(0) || '", 5))
  expect((await rig.run(hourOf('odd_amounts', 0))).outcome).toBe('done')
  const check = await recordedCheck(rig.deps, 'odd_amounts')
  expect([check.faults, check.keys, check.intervals]).toMatchObject([[], { committed: 1 }, { recomputed: 1 }])
  expect(three(await asked('odd_amounts', hour(1), "shop=it's\0"), 'amount')).toEqual(['5', '5', '5'])
})
