/** The watcher against real parts: with Temporal stopped its alert arrives, with Postgres stopped too, another does. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterEach, expect, test, vi } from 'vitest'
import { createWebhookAlertChannel } from '../../adapters/alerts/webhook/webhook-alert-channel.js'
import { startEmbeddedPostgres } from '../../adapters/embedded/embedded-postgres.js'
import { startEmbeddedTemporal } from '../../adapters/embedded/embedded-temporal.js'
import { connectPostgres } from '../../adapters/postgres/index.js'
import { createScrapedMetrics } from '../../adapters/telemetry/scraped-metrics.js'
import { TemporalRunControl } from '../../adapters/temporal/temporal-run-control.js'
import { entity, featureView, parquet, t, window } from '../../core/define/index.js'
import { nothingSpent } from '../../core/measure/index.js'
import type { Clock } from '../../core/ports/clock.js'
import { noTelemetry } from '../../core/ports/telemetry.js'
import { addDays, dayOf } from '../../core/time/day.js'
import { formatInstant, instantFromMs } from '../../core/time/instant.js'
import { deliveryDefaults } from '../../workers/alert-delivery.js'
import { runWatcher, type WatcherDeps } from '../../workers/watcher.js'
import { startProduct } from '../support/product-process.js'
import { parseScrape } from '../support/scraped.js'

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ....').toString('base64')}`
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Received {
  readonly id: string
  readonly key: string
  readonly type: string
  readonly rule: string
  readonly summary: string
  readonly facts: Readonly<Record<string, string | number>>
}

/** A receiver that believes only what is signed. */
async function startReceiver() {
  const received: Received[] = []
  let isDown = false
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      if (isDown) return response.writeHead(503).end()
      const headers = request.headers as Record<string, string>
      const { type, data } = new Webhook(secret).verify(Buffer.concat(parts).toString(), headers) as {
        type: string
        data: Omit<Received, 'type' | 'id'>
      }
      // A watcher that dies, or loses its duty, before it is said that a message is told leaves it to be told again.
      const id = headers['webhook-id']!
      if (!received.some((one) => one.id === id)) received.push({ ...data, type, id })
      return response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`,
    received,
    setDown(value: boolean) {
      isDown = value
    },
    of: (rule: string) => received.filter((message) => message.rule === rule).map((message) => message.type),
  }
}

/** A view whose one interval has just fallen due, in real time. */
function freshRepo(nowMs: number) {
  const item = entity('item', { keys: { id: t.string() }, owner: 'shop' })
  const source = parquet('sales', {
    path: 'sales/*.parquet',
    eventTime: 'ts',
    schema: { ts: t.timestamp(), id: t.string(), amount: t.float64() },
    owner: 'shop',
  })
  const sales = featureView('sales_1h', {
    version: 1,
    entity: item,
    source,
    since: formatInstant(instantFromMs(nowMs - 3_600_000)),
    every: '1h',
    tile: '1m',
    features: { total: window.sum('amount', { over: '1h' }) },
    sla: { freshness: '3h', duration: '2s' },
    owner: 'shop',
  })
  return {
    project: 'watched',
    entities: [item.definition],
    sources: [source.definition],
    views: [sales.definition],
    services: [],
  }
}

async function startWatched({ isWatching = true } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'millcourse-watcher-'))
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
  const receiver = await startReceiver()
  async function startPostgres(port?: number) {
    const server = await startEmbeddedPostgres({
      dir: join(dir, 'postgres'),
      settings: { fsync: 'off' },
      ...(port ? { port } : {}),
    })
    cleanups.push(() => server.stop())
    return server
  }
  async function startTemporal(port?: number) {
    const server = await startEmbeddedTemporal({
      env: process.env,
      dbFile: null,
      logFile: join(dir, 'temporal.log'),
      withUi: false,
      ...(port ? { port } : {}),
    })
    cleanups.push(() => server.stop())
    return server
  }
  const postgres = await startPostgres()
  const temporal = await startTemporal()
  const stores = connectPostgres({ url: postgres.url, project: 'watched' })
  cleanups.push(() => stores.close())
  await stores.migrate()
  const scheduler = new TemporalRunControl({
    address: temporal.address,
    namespace: 'default',
    isTls: false,
    tls: { ca: null, cert: null, key: null, serverName: null },
    ...{ apiKey: null, apiKeyFile: null },
    project: 'watched',
    taskQueue: 'watched',
    runsPerTick: 1,
    heartbeatMs: 5_000,
  })
  cleanups.push(() => scheduler.close())
  // The view's first interval ends at `startedMs`; what falls due after the first look is watched.
  const startedMs = Date.now() - (Date.now() % 60_000)
  await stores.registry.apply(freshRepo(startedMs), { by: 'test' })
  let offsetMs = 0
  const clock: Clock = {
    now: () => instantFromMs(startedMs - 60_000 + offsetMs),
    realNow: () => instantFromMs(Date.now()),
    monotonicMs: () => performance.now(),
  }
  const quiet = { info() {}, warn() {}, error() {} }
  const metrics = createScrapedMetrics('watcher', 'watched')
  const deps: WatcherDeps = {
    telemetry: { ...noTelemetry, ...metrics },
    clock,
    log: quiet,
    ledger: stores.ledger,
    registry: stores.registry,
    scheduler,
    channels: [
      createWebhookAlertChannel({
        ...{ name: 'webhook', url: receiver.url, secret, timeoutMs: 2_000 },
        ...{ project: 'watched', runbooksUrl: null },
      }),
    ],
  }
  const settings = {
    stateDir: join(dir, 'state'),
    pollMs: 200,
    graceMs: 60_000,
    unreachableAfterMs: 1_000,
    horizonMs: 86_400_000,
    // Time is made to pass.
    escalateAfterMs: null,
    heldMaxMs: 3_600_000,
    delivery: { ...deliveryDefaults, firstMs: 100, maxMs: 200 },
  }
  let stop = () => Promise.resolve()
  function start(): void {
    const controller = new AbortController()
    const running = runWatcher(deps, settings, controller.signal)
    stop = async () => {
      controller.abort()
      await running
    }
  }
  if (isWatching) start()
  cleanups.push(() => stop())
  /** As production starts it. */
  function startProcess(name: string) {
    const product = startProduct(
      ['watcher'],
      {
        ...{ MILLCOURSE_PROJECT: 'watched', MILLCOURSE_POSTGRES_URL: postgres.url, MILLCOURSE_LAKE: dir },
        ...{ TEMPORAL_ADDRESS: temporal.address, MILLCOURSE_WATCH_STATE_DIR: join(dir, name) },
        ...{ MILLCOURSE_WEBHOOK_URL: receiver.url, MILLCOURSE_WEBHOOK_SECRET: secret },
        ...{ MILLCOURSE_WATCH_POLL: '200ms', MILLCOURSE_WATCH_UNREACHABLE: '500ms', MILLCOURSE_WATCH_GRACE: '10m' },
      },
      dir,
    )
    cleanups.push(() => product.end())
    return product
  }
  return {
    startProcess,
    scheduler,
    receiver,
    postgres,
    temporal,
    stores,
    startPostgres,
    startTemporal,
    /** The one series that the gauge has. */
    gauge: async (name: string) => parseScrape(await metrics.scrape()).find((series) => series.name === name)?.value,
    passTime(ms: number) {
      offsetMs += ms
    },
    async restart() {
      await stop()
      start()
    },
  }
}

const soon = { timeout: 20_000, interval: 100 }

test('with Temporal stopped the alert arrives, with Postgres stopped too another does, and both resolve', async () => {
  const { receiver, postgres, temporal, stores, restart, startPostgres, startTemporal, gauge, passTime } =
    await startWatched()
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(receiver.received).toEqual([])

  await temporal.stop()
  await vi.waitFor(() => expect(receiver.of('scheduler_unreachable')).toEqual(['incident.opened']), soon)
  expect(await stores.ledger.openIncidents()).toMatchObject([{ rule: 'scheduler_unreachable' }])

  await postgres.stop()
  await vi.waitFor(() => expect(receiver.of('ledger_unreachable')).toEqual(['incident.opened']), soon)
  const [message] = receiver.received.filter(({ rule }) => rule === 'ledger_unreachable')
  expect(message?.facts).toMatchObject({ views: 'sales_1h@v1', shortestFreshness: '3h' })

  // Started again without a ledger, it still knows the calendar and does not alarm twice.
  await restart()
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  expect(receiver.received).toHaveLength(2)
  // Nor do the views stay as young as they were when the ledger last answered.
  passTime(4 * 3_600_000)
  await vi.waitFor(
    async () => expect(await gauge('millcourse_freshness_seconds')).toBeGreaterThanOrEqual(4 * 3_600),
    soon,
  )
  expect(await gauge('millcourse_freshness_limit_seconds')).toBe(3 * 3_600)
  passTime(-4 * 3_600_000)

  await startPostgres(postgres.port)
  await vi.waitFor(
    () => expect(receiver.of('ledger_unreachable')).toEqual(['incident.opened', 'incident.resolved']),
    soon,
  )
  await startTemporal(Number(temporal.address.split(':')[1]))
  await vi.waitFor(
    () => expect(receiver.of('scheduler_unreachable')).toEqual(['incident.opened', 'incident.resolved']),
    soon,
  )
  // The ledger is told afterwards what happened while it was away.
  await vi.waitFor(async () => expect(await stores.ledger.openIncidents()).toEqual([]), soon)
  const rules = (await stores.ledger.incidentPage({ limit: 10 })).incidents.map(({ rule }) => rule)
  expect(rules.toSorted()).toEqual(['ledger_unreachable', 'scheduler_unreachable'])
})

test('a run is skipped by a paused Schedule, then missing, slow, and good with a warning: each told once, kept while the receiver is down', async () => {
  const { receiver, stores, scheduler, passTime, gauge } = await startWatched()
  const { view } = await stores.registry.view('sales_1h')
  await scheduler.syncSchedules([view], { isPaused: true })
  receiver.setDown(true)
  // What falls due after the first look is watched.
  await vi.waitFor(
    async () => expect(await gauge('millcourse_watcher_last_look_timestamp_seconds')).toBeGreaterThan(0),
    soon,
  )
  passTime(60_000 + 60_000 + 1_000)
  await vi.waitFor(async () => expect(await stores.ledger.openIncidents()).toMatchObject([{ rule: 'skipped' }]), soon)
  expect(receiver.received).toEqual([])
  receiver.setDown(false)
  await vi.waitFor(() => expect(receiver.of('skipped')).toEqual(['incident.opened']), soon)
  expect(receiver.received[0]?.summary).toContain('its Schedule is paused ("paused by millcourse")')

  // Started again by hand, and nobody works.
  await scheduler.syncSchedules([view], { isPaused: false })
  await vi.waitFor(() => expect(receiver.of('missing_run')).toEqual(['incident.opened']), soon)
  await vi.waitFor(() => expect(receiver.of('skipped')).toEqual(['incident.opened', 'incident.resolved']), soon)
  expect(await stores.ledger.openIncidents()).toMatchObject([{ key: 'missing_run/worker' }])

  const [start] = [BigInt(Date.parse(view.since)) * 1_000_000n]
  await stores.ledger.startRun({
    runId: 'r1',
    view: view.name,
    version: 1,
    interval: { start, end: start + 3_600_000_000_000n },
    kind: 'scheduled',
    definitionHash: 'x',
    workflowId: 'w',
    temporalRunId: 't',
  })
  await vi.waitFor(() => expect(receiver.of('missing_run')).toEqual(['incident.opened', 'incident.resolved']), soon)
  // What it waits for its source is not its own time.
  expect(receiver.of('slow_run')).toEqual([])
  await stores.ledger.pinRun('r1', { files: [], inputsHash: 'x' }, 0n)
  await vi.waitFor(() => expect(receiver.of('slow_run')).toEqual(['incident.opened']), soon)

  const finding = { code: 'null_rate_above', severity: 'warn', feature: 'total', observed: 0.5, limit: 0.2 } as const
  await stores.ledger.recordProgress('r1', { verdict: { decision: 'publish', findings: [finding] } })
  await stores.ledger.endRun('r1', { outcome: 'done', error: null, keyCounts: null, measures: null })
  await vi.waitFor(() => expect(receiver.of('slow_run')).toEqual(['incident.opened', 'incident.resolved']), soon)
  await vi.waitFor(() => expect(receiver.of('warned')).toEqual(['incident.opened']), soon)
  expect(await stores.ledger.openIncidents()).toMatchObject([{ key: 'warned/sales_1h@v1' }])

  const again = { runId: 'r2', view: view.name, version: 1, interval: { start, end: start + 3_600_000_000_000n } }
  const ids = { definitionHash: 'x', workflowId: 'w', temporalRunId: 't' }
  await stores.ledger.startRun({ ...again, ...ids, kind: 'rerun' })
  const error = {
    code: 'COMPUTE_FAILED',
    message: 'the query says no',
    hint: null,
    facts: {},
    step: 'compute',
    attempts: 3,
  }
  await stores.ledger.endRun('r2', { outcome: 'failed', error, keyCounts: null, measures: null })
  await vi.waitFor(() => expect(receiver.of('failed')).toEqual(['incident.opened']), soon)
  expect(receiver.received.find(({ rule }) => rule === 'failed')).toMatchObject({
    firstCause: 'COMPUTE_FAILED in compute: the query says no',
    runbook: 'docs/runbooks/compute_failed.md',
  })

  // A backfill of another version has spent what a day may cost. Also of the next day: this may be its last second.
  const today = dayOf(instantFromMs(Date.now()))
  const spend = { ...nothingSpent, writeUnits: 1_500 }
  const of = { view: view.name, version: 2, work: 'backfill', subject: 'run-1', backfillId: 'b-1', spend } as const
  await stores.ledger.recordSpend([today, addDays(today, 1)].map((day) => ({ ...of, day, spendId: `w/${day}` })))
  const applied = (await stores.registry.current())!.repo
  const withBudget = (writeUnitsPerDay: number) =>
    stores.registry.apply(
      { ...applied, views: applied.views.map((one) => ({ ...one, budget: { writeUnitsPerDay } })) },
      { by: 'test' },
    )
  await withBudget(1_000)
  await vi.waitFor(() => expect(receiver.of('over_budget')).toEqual(['incident.opened']), soon)
  expect(receiver.received.find(({ rule }) => rule === 'over_budget')).toMatchObject({
    runbook: 'docs/runbooks/over_budget.md',
    nextStep: 'millcourse backfill status b-1',
    facts: { budget: 1_000, overBy: 500, cause: 'backfill b-1' },
  })
  await withBudget(2_000)
  await vi.waitFor(() => expect(receiver.of('over_budget')).toEqual(['incident.opened', 'incident.resolved']), soon)
})

test('of two watchers one speaks; what it had to tell when it was killed the other tells, and only blindness comes from both', async () => {
  const world = await startWatched({ isWatching: false })
  const { receiver, stores, temporal, postgres } = world
  const watchers = [world.startProcess('one'), world.startProcess('two')]
  for (const watcher of watchers) await watcher.hears('0 incident(s) open')
  receiver.setDown(true)
  await temporal.stop()
  const isOpen = async () =>
    expect(await stores.ledger.openIncidents()).toMatchObject([{ rule: 'scheduler_unreachable' }])
  await vi.waitFor(isOpen, soon)

  // The one on duty has it in its outbox, and the receiver has refused it: it dies.
  const speaker = await vi.waitFor(() => {
    const found = watchers.find((watcher) => watcher.said().includes('"waiting":1'))
    expect(found).toBeDefined()
    return found!
  }, soon)
  speaker.kill('SIGKILL')
  receiver.setDown(false)
  await vi.waitFor(() => expect(receiver.of('scheduler_unreachable')).toEqual(['incident.opened']), soon)
  await vi.waitFor(async () => expect(await stores.ledger.untoldChanges()).toEqual([]), soon)

  // What a person says is told, too.
  const word = { at: formatInstant(instantFromMs(Date.now())), by: 'ann', note: null }
  await stores.ledger.acknowledgeIncident('scheduler_unreachable', word)
  const said = ['incident.opened', 'incident.acknowledged']
  await vi.waitFor(() => expect(receiver.of('scheduler_unreachable')).toEqual(said), soon)

  const third = world.startProcess('three')
  await third.hears('1 incident(s) open')
  await postgres.stop()
  const twice = ['incident.opened', 'incident.opened']
  await vi.waitFor(() => expect(receiver.of('ledger_unreachable')).toEqual(twice), soon)
  await world.startPostgres(postgres.port)
  await vi.waitFor(() => expect(receiver.of('ledger_unreachable')).toHaveLength(4), soon)
  await world.startTemporal(Number(temporal.address.split(':')[1]))
  await vi.waitFor(async () => expect(await stores.ledger.openIncidents()).toEqual([]), soon)
  await vi.waitFor(() => expect(receiver.of('scheduler_unreachable')).toEqual([...said, 'incident.resolved']), soon)
  const keys = (await stores.ledger.incidentPage({ limit: 10 })).incidents.map(({ key }) => key)
  expect(keys.toSorted()).toEqual(['ledger_unreachable', 'scheduler_unreachable'])
})
