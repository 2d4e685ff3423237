/**
 * Credentials are given and never repeated: a product whose every part has a marked one lives through good hours and bad ones, among
 * them refusals that quote what was sent, and then all that it has said, sent and kept is searched.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { RunRecord } from '../../../core/ports/ledger.js'
import { type S3Proxy, startS3Proxy } from '../../../drill/faults/s3-proxy.js'
import { startTcpProxy, type TcpProxy } from '../../../drill/faults/tcp-proxy.js'
import { startTestDynalite } from '../../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../../support/postgres.js'
import { type ProductProcess, startProduct } from '../../support/product-process.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../../support/shop-repo.js'
import { startTestTemporal, type TestTemporal } from '../../support/temporal.js'
import {
  createTestAuthority,
  startTemporalTlsProxy,
  type TemporalTlsProxy,
  type TestAuthority,
} from '../../support/temporal-tls-proxy.js'
import { startTraceCollector, type TraceCollector } from '../../support/trace-collector.js'
import { startTestS3, type TestS3 } from '../../support/versitygw.js'
import { deliver, openWorld, type World } from '../../support/world.js'
import { echoingRefusal } from './echoing-refusal.js'
import { findLeaks, textsIn } from './find-leaks.js'

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const project = 'secretive'
const secrets: Record<string, string> = {
  'Postgres password': 'marked/pg password&7',
  'AWS session token': 'MarkedSession//Token+0123456789==',
  'Temporal API key': 'marked.temporal-api-key.01',
  'webhook secret': `whsec_${Buffer.from('marked webhook secret of 32 byte').toString('base64')}`,
  "webhook URL's token": 'marked-token-of-the-path',
  "webhook URL's signature": 'marked0signature0of0the0url',
  'API token': 'marked-api-token-of-callers',
  "another caller's token": 'marked-token-that-nobody-knows',
  'OTLP header': 'marked-otlp-header',
}
const [view, hours] = ['spending', 3]

let dir: string
let [postgres, temporal, dynalite, s3]: [
  TestPostgres,
  TestTemporal,
  Awaited<ReturnType<typeof startTestDynalite>>,
  TestS3,
] = [] as never
let authority: TestAuthority
let [ledgerProxy, temporalProxy, onlineProxy, lakeProxy]: [TcpProxy, TemporalTlsProxy, S3Proxy, S3Proxy] = [] as never
let collector: TraceCollector
let receiver: Server
let world: World
let runs: readonly RunRecord[]
const environmentBefore = { ...process.env }
const processes: ProductProcess[] = []
/** All that was said, sent or kept. */
const places: Record<string, string> = {}

/** Refusals that quoted what they were sent. */
const echoes = { json: 0, xml: 0 }

beforeAll(async () => {
  dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'credentials-'))
  authority = createTestAuthority()
  ;[postgres, temporal, dynalite, s3, collector] = await Promise.all([
    startTestPostgres(),
    startTestTemporal(),
    startTestDynalite(),
    startTestS3(),
    startTraceCollector(),
  ])
  secrets['AWS secret key'] = s3.credentials.secretAccessKey
  ledgerProxy = await startTcpProxy(new URL(postgres.url).host)
  const apiKeys = [secrets['Temporal API key']!]
  temporalProxy = await startTemporalTlsProxy({ authority, target: temporal.server.address, apiKeys })
  onlineProxy = await startS3Proxy(dynalite.endpoint)
  lakeProxy = await startS3Proxy(s3.endpoint)
  receiver = createServer(receiveAlert)
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  await sql(`CREATE ROLE marked LOGIN SUPERUSER PASSWORD '${secrets['Postgres password']}'`)
  await live()
  await collect()
})

afterAll(async () => {
  for (const process of processes) await process.end()
  await world?.close()
  for (const name of Object.keys(process.env)) if (!(name in environmentBefore)) delete process.env[name]
  await Promise.all([ledgerProxy?.stop(), temporalProxy?.stop(), onlineProxy?.stop(), lakeProxy?.stop()])
  receiver?.close()
  receiver?.closeAllConnections()
  await Promise.all([postgres?.stop(), temporal?.stop(), dynalite?.stop(), s3?.stop(), collector?.close()])
  authority?.remove()
})

function receiveAlert(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) {
  request.setEncoding('utf8').on('data', (part: string) => say('alerts', part))
  say('alerts', JSON.stringify({ ...request.headers, 'webhook-signature': '' }))
  // The first one is refused.
  request.on('end', () => response.writeHead(places.alerts?.includes('"type"') ? 204 : 500).end())
}

function say(place: string, text: string): void {
  places[place] = `${places[place] ?? ''}${text}\n`
}

async function sql(text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

function environmentOf(): Record<string, string> {
  const url = new URL(postgres.url)
  Object.assign(url, { username: 'marked', password: encodeURIComponent(secrets['Postgres password']!) })
  url.host = ledgerProxy.address
  const { port } = receiver.address() as AddressInfo
  return {
    MILLCOURSE_PROJECT: project,
    MILLCOURSE_POSTGRES_URL: url.href,
    MILLCOURSE_LAKE: 's3://lake/root',
    MILLCOURSE_SOURCES: 's3://sources/root',
    MILLCOURSE_S3_ENDPOINT: lakeProxy.endpoint,
    MILLCOURSE_DYNAMODB_ENDPOINT: onlineProxy.endpoint,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    TEMPORAL_ADDRESS: temporalProxy.address,
    TEMPORAL_TLS_CA: authority.ca,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.test',
    TEMPORAL_API_KEY: secrets['Temporal API key']!,
    MILLCOURSE_WEBHOOK_URL: `http://127.0.0.1:${port}/${secrets["webhook URL's token"]}?X-Amz-Signature=${secrets["webhook URL's signature"]}`,
    MILLCOURSE_WEBHOOK_SECRET: secrets['webhook secret']!,
    MILLCOURSE_API_TOKENS: secrets['API token']!,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${secrets['OTLP header']}`,
    OTEL_BSP_SCHEDULE_DELAY: '200',
    MILLCOURSE_SPILL_DIR: join(dir, 'spill'),
    MILLCOURSE_WATCH_STATE_DIR: join(dir, 'watcher'),
    MILLCOURSE_SERVER_STATE_DIR: join(dir, 'server'),
    MILLCOURSE_WATCH_POLL: '300ms',
    MILLCOURSE_WATCH_UNREACHABLE: '500ms',
    MILLCOURSE_DEFINITIONS_REFRESH: '300ms',
    MILLCOURSE_HTTP_PORT: '0',
    MILLCOURSE_DRAIN_DELAY: '0s',
    MILLCOURSE_NOW: hourStart(hours),
    MILLCOURSE_LOG_LEVEL: 'debug',
    ...Object.fromEntries(
      ['HOME', 'XDG_CACHE_HOME', 'MILLCOURSE_HTTPFS'].flatMap((name) =>
        process.env[name] ? [[name, process.env[name]]] : [],
      ),
    ),
  }
}

/** Not the worker's: the S3 server knows no sessions, and refuses them. */
function session() {
  return { AWS_SESSION_TOKEN: secrets['AWS session token']! }
}

/** One good hour; then each part refuses in turn. */
async function live(): Promise<void> {
  const environment = environmentOf()
  // The SDKs of this process read them too.
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) process.env[name] = environment[name]!
  await Promise.all([s3.newBucket('lake'), s3.newBucket('sources')])
  world = await openWorld(
    { postgresUrl: postgres.url, temporalAddress: temporal.server.address, dynamodbEndpoint: dynalite.endpoint },
    project,
    dir,
    shopRepo,
    environment,
  )
  const engine = await world.ports.engine()
  for (let hour = 0; hour < hours; hour++)
    await deliver(engine, `s3://sources/root/${orderFile(hour)}`, orderRows(hour, 10))
  const [worker, watcher, server] = (['worker', 'watcher', 'server'] as const).map((name) => {
    const started = startProduct([name], name === 'worker' ? environment : { ...environment, ...session() }, dir)
    processes.push(started)
    return started
  }) as [ProductProcess, ProductProcess, ProductProcess]
  await worker.hears('worker takes work')
  await world.tick(hourStart(1))
  await ended(2)
  await ask(server, 'MILLCOURSE served', secrets['API token']!)

  echo(onlineProxy, 'json')
  await world.tick(hourStart(2))
  await ended(4)
  await ask(server, 'online store refuses', secrets['API token']!)
  await ask(server, 'unknown caller', secrets["another caller's token"]!)
  await command('get', view, 'user_id=1')
  await command('doctor')
  onlineProxy.choose = () => 'none'

  echo(lakeProxy, 'xml')
  // A tick lists the sources itself.
  say('a tick, at its caller', inspect(await world.tick(hourStart(3)).catch((error: unknown) => error), { depth: 20 }))
  await command('doctor')
  lakeProxy.choose = () => 'none'

  temporalProxy.accept([])
  await command('materialize', view, '--from', hourStart(1), '--to', hourStart(2), '--no-wait')
  await vi.waitFor(() => expect(places.alerts).toContain('scheduler_unreachable'), { timeout: 20_000, interval: 100 })
  temporalProxy.accept([secrets['Temporal API key']!])

  await ledgerProxy.become('refuse')
  await command('runs', '--json')
  await vi.waitFor(() => expect(places.alerts).toContain('ledger_unreachable'), { timeout: 20_000, interval: 100 })
  await ledgerProxy.become('pass')
  await sql(`ALTER ROLE marked PASSWORD 'another'`)
  await command('runs')
  await command('incidents', '--json')
  await sql(`ALTER ROLE marked PASSWORD '${secrets['Postgres password']}'`)
  const failed = runs.find(({ outcome }) => outcome === 'failed')!
  await Promise.all([command('runs', 'show', failed.runId), command('runs', '--json'), command('incidents', '--all')])
  for (const process of processes) process.kill('SIGTERM')
  await Promise.all(processes.map((process) => process.exited))
  say('worker', worker.said())
  say('watcher', watcher.said())
  say('server', server.said())
}

async function ended(count: number): Promise<void> {
  const ledger = await world.ports.ledger()
  await vi.waitFor(
    async () => {
      runs = await ledger.runs({ limit: 50 })
      expect(runs.filter(({ outcome }) => outcome !== 'running').length).toBe(count)
    },
    { timeout: 60_000, interval: 200 },
  )
}

async function ask(server: ProductProcess, what: string, token: string): Promise<void> {
  const url = await server.url()
  const headers = { authorization: `Bearer ${token}`, 'x-request-id': 'asked' }
  const body = JSON.stringify({ keys: [{ user_id: 1 }] })
  const answer = await fetch(`${url}/v1/online/${view}`, { method: 'POST', headers, body })
  say(`answers: ${what}`, `${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`)
  for (const path of ['/readyz', '/metrics']) say(`server ${path}`, await (await fetch(url + path)).text())
}

/** What a person sees of it. */
async function command(...words: string[]): Promise<void> {
  const env = { PATH: process.env.PATH, ...environmentOf(), ...session() }
  const ended = promisify(execFile)(process.execPath, [program, ...words], { cwd: dir, env, timeout: 60_000 })
  const { stdout, stderr } = await ended.catch((error: { stdout: string; stderr: string }) => error)
  say(`millcourse ${words[0]}`, `${stdout}${stderr}`)
}

async function collect(): Promise<void> {
  const { rows } = await sql(
    `SELECT format('SELECT %L AS place, t::text AS row FROM %I.%I AS t', table_name, table_schema, table_name) AS query
     FROM information_schema.tables WHERE table_schema = 'millcourse_${project}' AND table_type = 'BASE TABLE'`,
  )
  for (const { query } of rows) for (const { place, row } of (await sql(query)).rows) say(`Postgres: ${place}`, row)
  for await (const { workflowId, runId } of temporal.client.workflow.list())
    say('Temporal: histories', textsIn(await temporal.client.workflow.getHandle(workflowId, runId).fetchHistory()))
  say('traces', textsIn(collector.spans))
  for (const folder of ['watcher', 'server'])
    for (const file of readdirSync(join(dir, folder), { recursive: true, withFileTypes: true }))
      if (file.isFile())
        say(`files of the ${folder}`, readFileSync(join(file.parentPath ?? file.path, file.name), 'utf8'))
}

function echo(proxy: S3Proxy, speaks: keyof typeof echoes): void {
  const refusal = echoingRefusal(speaks, secrets['AWS session token']!)
  proxy.choose = () => {
    echoes[speaks] += 1
    return refusal
  }
}

test('no credential is repeated, whatever happened', () => {
  expect(findLeaks(places, secrets)).toEqual([])
})

test('what a vendor quoted was there to be repeated, and the rest of its words is', () => {
  expect(echoes.json).toBeGreaterThan(3)
  expect(echoes.xml).toBeGreaterThan(1)
  const quoting = ['worker', 'Postgres: runs', 'Temporal: histories', 'server /readyz', 'millcourse get']
  for (const place of [...quoting, 'millcourse doctor', 'answers: online store refuses', 'a tick, at its caller'])
    expect(places[place], place).toMatch(/x-amz-security-token:\[redacted\]/i)
  expect(places['millcourse runs']).toContain('LEDGER_UNREACHABLE')
  expect(places['millcourse runs']).toContain('password authentication failed for user "marked"')
  expect(places['millcourse materialize']).toContain('it does not know these credentials')
  expect(places['answers: unknown caller']).toContain('SERVE_UNAUTHORIZED')
})

test('canary: a credential is found as it is, in a URL, in JSON and in base64', () => {
  const secret = secrets['AWS session token']!
  const written = [secret, encodeURIComponent(secret), JSON.stringify({ a: secret }), btoa(`{"a":"${secret}"}`)]
  for (const text of written) expect(findLeaks({ log: `before ${text} after` }, { secret })).toHaveLength(1)
  expect(findLeaks({ log: 'nothing' }, { secret })).toEqual([])
})
