/** Worker and watcher as production runs them: what their probes say, and that a worker which is told to stop loses nothing. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import getPort from 'get-port'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { startTcpProxy } from '../../drill/faults/tcp-proxy.js'
import { startTestDynalite } from '../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'
import { type ProductProcess, startProduct } from '../support/product-process.js'
import { parseScrape, sumOf } from '../support/scraped.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../support/shop-repo.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { deliver, openWorld } from '../support/world.js'

const hours = 8
let dir: string
let postgres: TestPostgres
let temporal: TestTemporal
let dynalite: Awaited<ReturnType<typeof startTestDynalite>>
const processes: ProductProcess[] = []

beforeAll(async () => {
  dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'drain-'))
  ;[postgres, temporal, dynalite] = await Promise.all([startTestPostgres(), startTestTemporal(), startTestDynalite()])
})
afterEach(async () => {
  for (const process of processes.splice(0)) await process.end()
})
afterAll(() => Promise.all([postgres?.stop(), temporal?.stop(), dynalite?.stop()]))

function start(command: 'worker' | 'watcher', environment: Record<string, string>): ProductProcess {
  const started = startProduct([command], { MILLCOURSE_HTTP_PORT: '0', ...environment }, dir)
  processes.push(started)
  return started
}

async function readiness(url: string) {
  const answer = await fetch(`${url}/readyz`)
  const { parts } = (await answer.json()) as { parts: { part: string; ok: boolean; why: string | null }[] }
  return { status: answer.status, parts: Object.fromEntries(parts.map(({ part, ok }) => [part, ok])) }
}

test('while its servers are away a worker lives, and says which of them it waits for; a watcher watches', async () => {
  const nowhere = `127.0.0.1:${await getPort()}`
  const away = {
    MILLCOURSE_POSTGRES_URL: `postgresql://me:a-password@${nowhere}/x`,
    MILLCOURSE_LAKE: dir,
    TEMPORAL_ADDRESS: nowhere,
  }
  const [worker, watcher] = [start('worker', away), start('watcher', { ...away, MILLCOURSE_WATCH_POLL: '200ms' })]
  const [workerUrl, watcherUrl] = await Promise.all([worker.url(), watcher.url()])
  expect(await readiness(workerUrl)).toEqual({ status: 503, parts: { Temporal: false, Postgres: false, lake: true } })
  expect((await fetch(`${workerUrl}/healthz`)).status).toBe(200)
  const looked = { status: 200, parts: { 'last look': true, 'state folder': true } }
  await vi.waitFor(async () => expect(await readiness(watcherUrl)).toEqual(looked), { timeout: 30_000, interval: 100 })
  expect(await (await fetch(`${watcherUrl}/healthz`)).json()).toMatchObject({
    alive: true,
    progress: expect.stringMatching(/^looked at \d{4}-/),
  })
  const scraped = async (url: string, part: string) =>
    parseScrape(await (await fetch(`${url}/metrics`)).text()).find(
      ({ name, labels }) => name === 'millcourse_part_ready' && labels.part === part,
    )?.value
  expect(await scraped(workerUrl, 'Postgres')).toBe(0)
  expect(await scraped(watcherUrl, 'last look')).toBe(1)
  for (const one of [worker, watcher]) {
    one.kill('SIGTERM')
    expect(await one.exited).toEqual([0, null])
    expect(one.said()).not.toContain('a-password')
  }
})

test('what the SDK says of a Temporal that goes away is a line of our log, and its own metrics are where a name says', async () => {
  const proxy = await startTcpProxy(temporal.server.address)
  try {
    const metrics = `localhost:${await getPort()}`
    const worker = start('worker', {
      MILLCOURSE_PROJECT: 'talkative',
      MILLCOURSE_POSTGRES_URL: postgres.url,
      MILLCOURSE_LAKE: dir,
      MILLCOURSE_SPILL_DIR: join(dir, 'spill'),
      TEMPORAL_ADDRESS: proxy.address,
      MILLCOURSE_TEMPORAL_METRICS: metrics,
    })
    await worker.hears('worker takes work')
    expect(await (await fetch(`http://${metrics}/metrics`)).text()).toContain('temporal_')
    await proxy.become('refuse')
    await worker.hears('gRPC call poll')
    const lines = worker.said().trim().split('\n')
    const said = lines.map((line) => JSON.parse(line) as { level: string; process: string; msg: string })
    expect(said.find(({ msg }) => msg.startsWith('temporal: gRPC call poll'))).toMatchObject({
      level: 'warn',
      process: 'worker',
    })
  } finally {
    await proxy.stop()
  }
})

test('runs under way when a worker is told to stop are handed back, and end elsewhere as if nothing had been', async () => {
  const name = 'drained'
  const world = await openWorld(
    { postgresUrl: postgres.url, temporalAddress: temporal.server.address, dynamodbEndpoint: dynalite.endpoint },
    name,
    join(dir, name),
    shopRepo,
  )
  try {
    const engine = await world.ports.engine()
    for (let hour = 0; hour < hours; hour++)
      await deliver(engine, join(world.dir, 'sources', orderFile(hour)), orderRows(hour, 40))
    const environment = {
      MILLCOURSE_PROJECT: name,
      MILLCOURSE_POSTGRES_URL: postgres.url,
      MILLCOURSE_LAKE: join(world.dir, 'lake'),
      MILLCOURSE_SOURCES: join(world.dir, 'sources'),
      MILLCOURSE_DYNAMODB_ENDPOINT: dynalite.endpoint,
      TEMPORAL_ADDRESS: temporal.server.address,
      MILLCOURSE_SPILL_DIR: join(world.dir, 'spill'),
      MILLCOURSE_HEARTBEAT: '2s',
      MILLCOURSE_LEASE: '3s',
      // Too short for what is under way: it has to be handed back.
      MILLCOURSE_SHUTDOWN_GRACE: '1ms',
    }
    const first = start('worker', environment)
    const url = await first.url()
    const ready = { status: 200, parts: { Temporal: true, Postgres: true, lake: true } }
    await vi.waitFor(async () => expect(await readiness(url)).toEqual(ready), { timeout: 30_000, interval: 100 })
    const series = parseScrape(await (await fetch(`${url}/metrics`)).text())
    for (const part of ['Temporal', 'Postgres', 'lake'])
      expect(sumOf(series, 'millcourse_part_ready', { project: name, process: 'worker', part }), part).toBe(1)

    const ledger = await world.ports.ledger()
    const running = async () => (await ledger.runs({ outcomes: ['running'], limit: 100 })).length
    const ticked = world.tick(hourStart(hours))
    await vi.waitFor(async () => expect(await running()).toBeGreaterThan(0), { timeout: 30_000, interval: 10 })
    first.kill('SIGTERM')
    expect(await first.exited).toEqual([0, null])
    // Otherwise nothing was handed back, and the test proves nothing.
    expect(await running()).toBeGreaterThan(0)

    start('worker', { ...environment, MILLCOURSE_SHUTDOWN_GRACE: '30s' })
    await ticked
    await world.settle(hourStart(hours))
    const { intervals, publishedEnds, items } = await world.snapshot()
    expect(intervals).toHaveLength(2 * hours)
    expect(intervals.filter((line) => line.includes('unpublished'))).toEqual([])
    expect(publishedEnds).toEqual([`spending ${hourStart(hours)} []`, `last_order ${hourStart(hours)} []`])
    expect(items.length).toBeGreaterThan(40)
  } finally {
    await world.close()
  }
})
