/** A small world, lived through with everything measured: the trace is whole, and the numbers are the ledger's. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createActivities } from '../../activities/create-activities.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { cost } from '../../cli/commands/cost.js'
import type { Report } from '../../cli/context.js'
import type { CostRow } from '../../cli/cost-screen/cost-rows.js'
import { entity, type FeatureRepo, featureView, parquet, t, window } from '../../core/define/index.js'
import { addSpend, metrics, nothingSpent, type Spend } from '../../core/measure/index.js'
import type { RunRecord } from '../../core/ports/ledger.js'
import { parseInstant } from '../../core/time/instant.js'
import { readConfig } from '../../workers/config.js'
import { openStepDeps } from '../../workers/open-step-deps.js'
import { startProcessHttp } from '../../workers/process-http.js'
import { SpendBook } from '../../workers/spend-book.js'
import { spendInterceptor } from '../../workers/spend-interceptor.js'
import { openStackPorts } from '../../workers/stack-ports.js'
import { openTelemetry } from '../../workers/telemetry.js'
import { stepInterceptors, traceSinks } from '../../workers/telemetry-interceptors.js'
import { createWatcher, watcherDefaults } from '../../workers/watcher.js'
import { commandContext } from '../support/command-context.js'
import { startTestDynalite } from '../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'
import { parseScrape, type Series, sumOf } from '../support/scraped.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { type SentSpan, startTraceCollector, type TraceCollector } from '../support/trace-collector.js'

const view = 'measured_sales'
const of = { view, version: '1' }
const now = '2001-01-01T04:00:00Z'
const hours = 3

const item = entity('item', { keys: { id: t.string() }, owner: 'shop' })
const sales = parquet('sales', {
  path: 'sales/h={yyyy-MM-dd}T{HH}/*.parquet',
  eventTime: 'at',
  schema: { at: t.timestamp(), id: t.string().nullable(), amount: t.float64().nullable() },
  owner: 'shop',
})
const definition = featureView(view, {
  ...{ version: 1, entity: item, source: sales, since: '2001-01-01T00:00:00Z', every: '1h', tile: '1h' },
  features: { total: window.sum('amount', { over: '3h' }) },
  checks: { features: { total: { nullRateMax: 0.9 } } },
  ...{ sla: { freshness: '2h' }, owner: 'shop' },
})
/** The fourth hour has no amounts at all, and is held. */
const nullsFrom = 3

let temporal: TestTemporal
let postgres: TestPostgres
let dynalite: Awaited<ReturnType<typeof startTestDynalite>>
let collector: TraceCollector
let dir: string
let spans: readonly SentSpan[]
let worker: readonly Series[]
let watcher: readonly Series[]
let runs: readonly RunRecord[]
interface CostData {
  readonly rows: readonly CostRow[]
  readonly total: { readonly spend: Spend; readonly dollars: number; readonly savedDollars: number }
}
let spentByRuns: readonly (Spend | null)[]
let costs: Report & { readonly data: CostData }
let ofView: Report & { readonly data: CostData }

beforeAll(async () => {
  dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT!, 'telemetry-'))
  ;[temporal, postgres, dynalite, collector] = await Promise.all([
    startTestTemporal(),
    startTestPostgres(),
    startTestDynalite(),
    startTraceCollector(),
  ])
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.endpoint
  await live()
})
afterAll(async () => {
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT
  await Promise.all([temporal?.stop(), postgres?.stop(), dynalite?.stop(), collector?.close()])
  rmSync(dir, { recursive: true, force: true })
})

/** One tick, four runs, one watcher's look; then everything is scraped over HTTP and the processes' telemetry is closed. */
async function live(): Promise<void> {
  const config = readConfig({
    MILLCOURSE_PROJECT: 'measured',
    MILLCOURSE_POSTGRES_URL: postgres.url,
    MILLCOURSE_LAKE: join(dir, 'lake'),
    MILLCOURSE_SOURCES: join(dir, 'sources'),
    MILLCOURSE_DYNAMODB_ENDPOINT: dynalite.endpoint,
    MILLCOURSE_SPILL_DIR: join(dir, 'spill'),
    MILLCOURSE_PUBLISH_PART_ITEMS: '7',
    TEMPORAL_ADDRESS: temporal.server.address,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
  })
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const measured = openTelemetry('worker', config, log)
  const watched = openTelemetry('watcher', config, log)
  const spending = new SpendBook()
  const ports = openStackPorts(() => config, measured, { spending })
  await ports.migrate()
  const repo: FeatureRepo = {
    ...{ project: 'measured', entities: [item.definition], sources: [sales.definition] },
    ...{ views: [definition.definition], services: [] },
  }
  await (await ports.registry()).apply(repo, { by: 'test' })
  await writeSales(await ports.engine(), await ports.sources())
  const clock = new SystemClock(parseInstant(now))
  const deps = await openStepDeps(config, ports, { clock, log, telemetry: measured, spending })
  const { ledger, registry } = deps
  const told = spending.tellTo(deps)
  // Nothing is cached: each workflow task replays its workflow from the start.
  const handle = await temporal.startWorker(config.temporal.taskQueue, createActivities(deps), {
    interceptors: {
      activity: [...stepInterceptors(measured), spendInterceptor({ book: spending, tell: told.tell })],
    },
    sinks: traceSinks(measured),
    maxCachedWorkflows: 0,
  })
  const scheduler = await ports.runControl()
  await scheduler.tick({ view, now, kind: 'scheduled', range: null, runsMax: 24 })
  for (;;) {
    runs = await ledger.runs({ view, limit: 50 })
    if (runs.length === hours + 1 && runs.every(({ outcome }) => outcome !== 'running')) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  // A question to a workflow that has ended replays it to its end.
  for (const { workflowId } of runs) await temporal.client.workflow.getHandle(workflowId).query('__stack_trace')
  const watching = { clock, log, ledger, registry, scheduler, channels: [], telemetry: watched }
  await (await createWatcher(watching, { ...watcherDefaults, stateDir: join(dir, 'watcher') })).look()
  await handle.stop()
  spentByRuns = await Promise.all(runs.map(({ runId }) => ledger.spendOf(runId)))
  await told.close()
  const context = { ...commandContext(ports), prices: async () => null }
  costs = (await cost(context, undefined, {})) as Report & { readonly data: CostData }
  ofView = (await cost(context, view, {})) as Report & { readonly data: CostData }
  worker = await scrape('worker', measured.scrape)
  watcher = await scrape('watcher', watched.scrape)
  await Promise.all([measured.close(), watched.close()])
  await ports.close()
  spans = collector.spans
}

async function scrape(process: string, metricsText: () => Promise<string>): Promise<Series[]> {
  const http = await startProcessHttp({
    ...{ process, host: '127.0.0.1', port: 0, metrics: metricsText },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    readiness: async () => ({ isReady: true, parts: [] }),
  })
  const answer = await fetch(`${http.url}/metrics`)
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  const text = await answer.text()
  await http.close()
  return parseScrape(text)
}

/** Hour h has 10 items with one sale each, and one row without a key. */
async function writeSales(
  engine: Awaited<ReturnType<ReturnType<typeof openStackPorts>['engine']>>,
  sources: Awaited<ReturnType<ReturnType<typeof openStackPorts>['sources']>>,
): Promise<void> {
  for (let hour = 0; hour <= hours; hour++) {
    const path = `sales/h=2001-01-01T0${hour}/part.parquet`
    await sources.prepareWrite(path)
    const amount = hour >= nullsFrom ? 'NULL::DOUBLE' : '(i + 1)::DOUBLE'
    const select = `SELECT TIMESTAMP '2001-01-01 0${hour}:00:00' + to_minutes(i) AS at,
      CASE WHEN i = 10 THEN NULL ELSE 'item-' || i END AS id, ${amount} AS amount FROM range(11) r(i)`
    await engine.withSession((session) =>
      session.execute({ sql: `COPY (${select}) TO '${sources.uri(path).replaceAll("'", "''")}' (FORMAT parquet)` }),
    )
  }
}

const named = (name: string) => spans.filter((span) => span.name === name)

describe('the trace', () => {
  test('is one, from the tick to the last item written', () => {
    const roots = spans.filter(({ parentSpanId }) => parentSpanId === '')
    expect(roots.map(({ name }) => name)).toEqual(['workflow tick'])
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([roots[0]!.traceId]))
    const known = new Set(spans.map(({ spanId }) => spanId))
    const orphans = spans.filter(({ parentSpanId }) => parentSpanId !== '' && !known.has(parentSpanId))
    expect(orphans.map(({ name }) => name)).toEqual([])
    const written = named('publish part').map(({ attributes }) => Number(attributes['millcourse.items.written']))
    expect(written.reduce((sum, items) => sum + items, 0)).toBe(ledgerItems())
    expect(Math.max(...written)).toBe(7)
  })

  test('has the id of the tick’s run in Temporal, so that one leads to the other', () => {
    const [tick] = named('workflow tick')
    expect(tick!.traceId).toBe(tick!.attributes['temporal.run.id']!.replaceAll('-', ''))
  })

  test('hangs together as the work did: tick, run, step, query, transaction, part', () => {
    const byId = new Map(spans.map((span) => [span.spanId, span]))
    const above = (span: SentSpan): string[] => {
      const parent = byId.get(span.parentSpanId)
      return parent ? [...above(parent), parent.name] : []
    }
    for (const part of named('publish part'))
      expect(above(part)).toEqual(['workflow tick', 'workflow run', 'step publish'])
    for (const copy of named('duckdb COPY').filter((span) => above(span).includes('step compute')))
      expect(above(copy)).toEqual(['workflow tick', 'workflow run', 'step compute', 'duckdb session'])
    expect(above(named('ledger commitRun')[0]!)).toEqual(['workflow tick', 'workflow run', 'step publish'])
    for (const step of ['plan', 'read', 'compute', 'judge', 'record'])
      expect(named(`step ${step}`).length).toBe(hours + 1)
    expect(named('ledger finishPublish').length).toBeGreaterThan(0)
  })

  test('says of each step the view, the interval and the run', () => {
    const starts = runs.map(({ runId }) => runId).sort()
    for (const step of ['plan', 'read', 'compute', 'judge', 'record']) {
      const attributes = named(`step ${step}`).map((span) => span.attributes)
      expect(new Set(attributes.map((one) => one['millcourse.view']))).toEqual(new Set([view]))
      expect(attributes.map((one) => one['millcourse.run']).sort(), step).toEqual(starts)
      expect(new Set(attributes.map((one) => one['millcourse.interval.start'])).size).toBe(hours + 1)
    }
    expect(named('step compute')[0]!.resource).toMatchObject({
      'service.name': 'millcourse-worker',
      'service.namespace': 'measured',
    })
  })

  test('replays tell no span twice', () => {
    expect(spans.length).toBe(new Set(spans.map(({ spanId }) => spanId)).size)
    expect(named('workflow run').length).toBe(hours + 1)
    expect(named('workflow tick').length).toBe(1)
  })
})

describe('the metrics of a worker', () => {
  test('are what the ledger says', () => {
    const counted = (...outcomes: string[]) =>
      outcomes.reduce((sum, outcome) => sum + sumOf(worker, 'millcourse_runs_total', { ...of, outcome }), 0)
    const ended = (...outcomes: string[]) => runs.filter(({ outcome }) => outcomes.includes(outcome)).length
    // Counted as it ended: a run that did not get the lease was `committed` then, and is `done` once another publish covered it.
    expect(counted('done', 'committed')).toBe(ended('done', 'committed'))
    expect(counted('held')).toBe(ended('held'))
    expect(sumOf(worker, 'millcourse_runs_total', of)).toBe(hours + 1)
    const counts = runs.map(({ candidate }) => candidate!.counts)
    const sum = (pick: (count: (typeof counts)[number]) => number) => counts.reduce((all, one) => all + pick(one), 0)
    expect(sumOf(worker, 'millcourse_rows_read_total', of)).toBe(sum(({ read }) => read))
    expect(sumOf(worker, 'millcourse_rows_read_total', of)).toBe(44)
    expect(sumOf(worker, 'millcourse_rows_kept_total', of)).toBe(sum(({ kept }) => kept))
    expect(sumOf(worker, 'millcourse_rows_rejected_total', { ...of, reason: 'null_key' })).toBe(
      sum(({ rejected }) => rejected.null_key),
    )
    const files = runs.flatMap(({ pins }) => pins!.files)
    expect(sumOf(worker, 'millcourse_input_files_total', of)).toBe(files.length)
    expect(sumOf(worker, 'millcourse_input_bytes_total', of)).toBe(files.reduce((all, file) => all + file.sizeBytes, 0))
    expect(sumOf(worker, 'millcourse_items_written_total', of)).toBe(ledgerItems())
    expect(sumOf(worker, 'millcourse_run_duration_seconds_count', of)).toBe(hours + 1)
    expect(sumOf(worker, 'millcourse_step_duration_seconds_count', { view, step: 'compute' })).toBe(hours + 1)
    expect(sumOf(worker, 'millcourse_ticks_total', { view })).toBe(1)
  })

  test('know what the online store consumed, the engine held and the process is', () => {
    expect(sumOf(worker, 'millcourse_online_write_units_total')).toBeGreaterThanOrEqual(ledgerItems())
    expect(sumOf(worker, 'millcourse_engine_peak_memory_bytes')).toBeGreaterThan(0)
    expect(sumOf(worker, 'millcourse_engine_slot_wait_seconds_count')).toBeGreaterThan(0)
    expect(sumOf(worker, 'process_resident_memory_bytes')).toBeGreaterThan(1e6)
    expect(sumOf(worker, 'millcourse_build_info', { process: 'worker' })).toBe(1)
  })
})

describe('the metrics of the watcher', () => {
  test('are the state of the view', () => {
    const state = (word: string) => sumOf(watcher, 'millcourse_intervals', { ...of, state: word })
    expect(state('held')).toBe(1)
    expect(state('failed')).toBe(0)
    expect(sumOf(watcher, 'millcourse_freshness_seconds', of)).toBe(3_600)
    expect(sumOf(watcher, 'millcourse_freshness_limit_seconds', of)).toBe(7_200)
    expect(sumOf(watcher, 'millcourse_incidents_open', { rule: 'held' })).toBe(1)
    expect(sumOf(watcher, 'millcourse_ledger_up')).toBe(1)
    expect(sumOf(watcher, 'millcourse_scheduler_up')).toBe(1)
  })

  test('tell the drift of the newest judged run, held as it is', () => {
    const { profile } = runs.find(({ outcome }) => outcome === 'held')!
    const [column] = profile!.columns
    expect(sumOf(watcher, 'millcourse_feature_null_rate', { ...of, feature: 'total' })).toBe(
      column!.nulls / (column!.nulls + column!.values),
    )
    expect(watcher.filter(({ name }) => name === 'millcourse_feature_mean')).toEqual([])
  })
})

describe('what it costs', () => {
  test('is in the ledger when a run has ended, and by day and view; a day’s sum is that of its records', () => {
    const runsSpent = spentByRuns.reduce<Spend>((sum, one) => addSpend(sum, one ?? nothingSpent), nothingSpent)
    expect(spentByRuns).not.toContain(null)
    expect(runsSpent.itemsWritten).toBe(ledgerItems())
    // An item is a unit here, and each publish writes its end.
    expect(runsSpent.writeUnits).toBeGreaterThan(ledgerItems())
    expect(runsSpent.writeUnits).toBe(sumOf(worker, 'millcourse_online_write_units_total') + runsSpent.estimatedUnits)
    // What is online is known without reading it.
    expect(runsSpent.readUnits).toBe(0)
    expect(runsSpent.engineSeconds).toBeGreaterThan(0)
    expect(runsSpent.s3Reads + runsSpent.s3Writes).toBe(0)
    expect(runsSpent.keysUnchanged).toBe(sumOf(worker, 'millcourse_items_unchanged_total', of))
    const ofRuns = ofView.data.rows.filter(({ work }) => work === 'run')
    const daily = ofRuns.reduce<Spend>((sum, { spend }) => addSpend(sum, spend), nothingSpent)
    expect(daily.writeUnits).toBe(runsSpent.writeUnits)
    expect(daily.engineSeconds).toBeCloseTo(runsSpent.engineSeconds)
    expect(new Set(costs.data.rows.map((row) => row.view))).toEqual(new Set([view]))
    expect(costs.data.total.spend.writeUnits).toBe(runsSpent.writeUnits)
  })

  test('is told with its price, and what unchanged values spared', () => {
    const { spend, dollars, savedDollars } = costs.data.total
    const units = (spend.writeUnits * 0.625 + spend.readUnits * 0.125) / 1e6
    expect(dollars).toBeCloseTo(units + (spend.engineSeconds / 3_600) * 0.11652, 12)
    expect(savedDollars).toBeCloseTo((spend.keysUnchanged * 0.625) / 1e6, 12)
    expect(costs.text).toContain(view)
    expect(costs.text).toMatch(/skipping [\d,]+ unchanged values saved/)
    expect(costs.text).toContain('list prices')
  })
})

test('each series is in the table, with its labels and no others', () => {
  const strangers = [...worker, ...watcher].filter(({ name, labels }) => {
    const metric = metrics[name.replace(/_(bucket|sum|count)$/, '') as keyof typeof metrics] ?? metrics[name as never]
    const allowed = ['project', ...(metric?.labels ?? []), ...(name.endsWith('_bucket') ? ['le'] : [])]
    return metric === undefined || Object.keys(labels).sort().join() !== allowed.sort().join()
  })
  expect(strangers).toEqual([])
  expect(new Set([...worker, ...watcher].map(({ labels }) => labels.project))).toEqual(new Set(['measured']))
})

function ledgerItems(): number {
  return runs.reduce((sum, { measures }) => sum + (measures?.itemsWritten ?? 0), 0)
}
