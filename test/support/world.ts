/**
 * A small product of its own on shared servers: project, lake, sources, task queue and tables that no other test has, workers as
 * processes, and a snapshot of everything that must not depend on what happened on the way.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FeatureRepo } from '../../core/define/definitions.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import { versionTableName } from '../../core/publish/index.js'
import { formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import { type Config, readConfig } from '../../workers/config.js'
import { openStackPorts, type StackPorts } from '../../workers/stack-ports.js'
import { startTestDynalite } from './dynalite.js'
import type { FaultPlan } from './fault-injection.js'
import { startTestPostgres, type TestPostgres } from './postgres.js'
import { startTestTemporal, type TestTemporal, testBundle } from './temporal.js'
import { startTestS3, type TestS3 } from './versitygw.js'
import { workerProgram } from './worker-program.js'

export interface Servers {
  readonly postgresUrl: string
  readonly temporalAddress: string
  readonly dynamodbEndpoint: string
}

/** Of a test file, which stops them. */
export interface TestServers extends Servers {
  readonly postgres: TestPostgres
  readonly temporal: TestTemporal
  stop(): Promise<void>
}

export interface TestServersWithS3 extends TestServers {
  readonly s3: TestS3
}

export async function startServers(): Promise<TestServers> {
  const [postgres, temporal, dynalite] = await Promise.all([
    startTestPostgres(),
    startTestTemporal(),
    startTestDynalite(),
  ])
  return {
    ...{ postgres, temporal },
    postgresUrl: postgres.url,
    temporalAddress: temporal.server.address,
    dynamodbEndpoint: dynalite.endpoint,
    async stop() {
      await Promise.all([temporal.stop(), postgres.stop(), dynalite.stop()])
    },
  }
}

/** From now on this process's S3 is that one: the world's own engine writes there, too. */
export async function startServersWithS3(): Promise<TestServersWithS3> {
  const [servers, s3] = await Promise.all([startServers(), startTestS3()])
  Object.assign(process.env, s3.environment)
  return {
    ...{ ...servers, s3 },
    async stop() {
      await Promise.all([servers.stop(), s3.stop()])
    },
  }
}

export interface World {
  readonly dir: string
  readonly ports: StackPorts
  /** Of its processes, beside the test's own. */
  readonly environment: Readonly<Record<string, string>>
  startWorker(options?: {
    /** Null: it is told later, by `arm`. */
    readonly fault?: FaultPlan | null
    readonly traceFile?: string
    /** Other addresses than the world's: proxies of its own. */
    readonly given?: Readonly<Record<string, string>>
  }): Promise<WorldWorker>
  /** Ticks every view at `now` until nothing is due, no run is under way and nothing waits to be published. */
  settle(now: string): Promise<void>
  /** How many runs were started or joined. */
  tick(now: string): Promise<number>
  snapshot(): Promise<Snapshot>
  close(): Promise<void>
}

export interface WorldWorker {
  readonly process: ChildProcess
  /** The signal that ended it, when it has ended. */
  readonly ended: Promise<NodeJS.Signals | null>
  /** From now on; of a worker that was started with a fault, or with null. */
  arm(fault: FaultPlan): Promise<void>
  stop(): Promise<void>
}

/** What two histories of the same data must agree on: not ids, sequences or times of writing (an expiry goes by real time, R36). */
export interface Snapshot {
  readonly intervals: readonly string[]
  readonly publishedEnds: readonly string[]
  readonly items: readonly string[]
}

/** Several worlds may share two cores. */
const settleMs = 180_000

export async function openWorld(
  servers: Servers,
  name: string,
  dir: string,
  repo: (project: string) => FeatureRepo,
  /** Instead of what a world has by itself: a lake or sources elsewhere. */
  given: Readonly<Record<string, string>> = {},
): Promise<World> {
  await mkdir(join(dir, 'lake'), { recursive: true })
  await mkdir(join(dir, 'sources'), { recursive: true })
  const environment: Record<string, string> = {
    MILLCOURSE_PROJECT: name,
    MILLCOURSE_POSTGRES_URL: servers.postgresUrl,
    MILLCOURSE_LAKE: join(dir, 'lake'),
    MILLCOURSE_SOURCES: join(dir, 'sources'),
    MILLCOURSE_DYNAMODB_ENDPOINT: servers.dynamodbEndpoint,
    TEMPORAL_ADDRESS: servers.temporalAddress,
    MILLCOURSE_SPILL_DIR: join(dir, 'spill'),
    MILLCOURSE_HEARTBEAT: '2s',
    MILLCOURSE_LEASE: '3s',
    MILLCOURSE_PUBLISH_WAIT: '6s',
    MILLCOURSE_PUBLISH_PART_ITEMS: '7',
    MILLCOURSE_LOG_LEVEL: 'silent',
    ...given,
  }
  const config = readConfig(environment)
  const ports = openStackPorts(() => config)
  await ports.migrate()
  const definitions = repo(name)
  await (await ports.registry()).apply(definitions, { by: 'test' })
  const workers = new Set<WorldWorker>()
  const views = definitions.views.map(({ name: view, version }) => ({ view, version }))

  const world: World = {
    dir,
    ports,
    environment,
    async startWorker({ fault, traceFile, given: ownGiven } = {}) {
      const worker = await startWorker({
        ...environment,
        ...ownGiven,
        ...(fault !== undefined ? { MILLCOURSE_TEST_FAULT: JSON.stringify(fault) } : {}),
        ...(traceFile ? { MILLCOURSE_TEST_TRACE: traceFile } : {}),
      })
      workers.add(worker)
      void worker.ended.then(() => workers.delete(worker))
      return worker
    },
    async tick(now) {
      const control = await ports.runControl()
      const ticks = await Promise.all(
        views.map(({ view }) => control.tick({ view, now, kind: 'scheduled', range: null, runsMax: 50 })),
      )
      return ticks.reduce((sum, { started, joined, left }) => sum + started.length + joined.length + left, 0)
    },
    async settle(now) {
      const untilMs = performance.now() + settleMs
      // A tick joins what is open: one that finds nothing to start or join, with nothing unpublished, means that all is done.
      for (let found = 1; found > 0; ) {
        found = await world.tick(now)
        for (let waiting = await unsettled(ports, views); ; waiting = await unsettled(ports, views)) {
          if (waiting.under === 0) {
            found += waiting.unpublished
            break
          }
          if (performance.now() > untilMs) throw new Error(`${name} did not settle: ${JSON.stringify(waiting)}`)
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
        if (performance.now() > untilMs)
          throw new Error(`${name} did not settle: ${JSON.stringify(await unsettled(ports, views))}`)
      }
    },
    snapshot: () => takeSnapshot(ports, config, views),
    async close() {
      await Promise.all([...workers].map((worker) => worker.stop()))
      await ports.close()
    },
  }
  return world
}

async function startWorker(environment: Record<string, string>): Promise<WorldWorker> {
  const { codePath } = await testBundle()
  const child = fork(await workerProgram(), {
    env: { ...process.env, ...environment, MILLCOURSE_TEST_BUNDLE: codePath },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  const says = (word: 'ready' | 'armed') =>
    Promise.race([
      new Promise<void>((resolve) => child.once('message', () => resolve())),
      ended.then((signal) =>
        Promise.reject(new Error(`the worker ended before it was ${word}: ${signal ?? child.exitCode}`)),
      ),
    ])
  await says('ready')
  return {
    process: child,
    ended,
    async arm(fault) {
      const armed = says('armed')
      child.send(fault)
      await armed
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM')
        child.kill('SIGCONT')
        const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
        await ended
        clearTimeout(timer)
      }
    },
  }
}

type Views = readonly { readonly view: string; readonly version: number }[]

async function unsettled(ports: StackPorts, views: Views): Promise<{ under: number; unpublished: number }> {
  const ledger = await ports.ledger()
  let under = (await ledger.runs({ outcomes: ['running'], limit: 100 })).length
  let unpublished = 0
  for (const key of views) {
    under += (await ledger.isPublishOpen(key)) ? 1 : 0
    unpublished += await ledger.unmarkedCommits(key)
  }
  return { under, unpublished }
}

async function takeSnapshot(ports: StackPorts, { project }: Config, views: Views): Promise<Snapshot> {
  const [ledger, lake, online, engine] = [
    await ports.ledger(),
    await ports.lake(),
    await ports.online(),
    await ports.engine(),
  ]
  const intervals: string[] = []
  const publishedEnds: string[] = []
  const items: string[] = []
  for (const key of views) {
    for (const commit of await ledger.currentCommits(key, { start: 0n, end: farFuture })) {
      const rows = commit.data ? await contentDigest(engine, lake.uri(commit.data.path)) : 'empty'
      intervals.push(
        `${key.view} ${formatInstant(commit.interval.start)} ${commit.isRejected ? 'rejected ' : ''}${commit.publishedSequence === null ? 'unpublished' : 'published'} ${rows}`,
      )
    }
    const table = versionTableName(project, { name: key.view, version: key.version }, await ledger.onlineTable(key))
    const end = await online.getEnd(table)
    publishedEnds.push(`${key.view} ${end ? formatInstant(end.endAt) : 'none'} ${JSON.stringify(end?.missing ?? [])}`)
    for await (const part of online.scan(table))
      for (const item of part)
        items.push(
          `${key.view} ${hex(item.key)} ${item.eventAt} ${item.schemaHash} ${item.values ? hex(item.values) : 'empty'} ${item.expiresAtSeconds === null ? '' : 'expires'}`,
        )
  }
  return { intervals, publishedEnds, items: items.toSorted() }
}

const farFuture: Instant = parseInstant('9999-01-01T00:00:00Z')

/** Of the rows, not of the bytes: the order of rows in a file is the engine's. */
async function contentDigest(engine: QueryEngine, uri: string): Promise<string> {
  const rows = await engine.withSession((session) =>
    session.all({
      sql: `SELECT CAST(row AS VARCHAR) AS text FROM read_parquet('${uri.replaceAll("'", "''")}') AS row ORDER BY 1`,
    }),
  )
  return createHash('sha256')
    .update(rows.map((row) => row.text).join('\n'))
    .digest('hex')
    .slice(0, 16)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** Delivers a file of rows the way a producer does: complete, or not there. In S3 an object is never seen by halves. */
export async function deliver(engine: QueryEngine, file: string, rowsSql: string): Promise<void> {
  if (file.startsWith('s3://'))
    return await engine.withSession((session) =>
      session.execute({ sql: `COPY (${rowsSql}) TO '${file}' (FORMAT parquet)` }),
    )
  await mkdir(dirname(file), { recursive: true })
  await engine.withSession((session) =>
    session.execute({ sql: `COPY (${rowsSql}) TO '${file}.draft' (FORMAT parquet)` }),
  )
  await rename(`${file}.draft`, file)
}

/** `<activity> <call>` of every port call, from withTrace. */
export function readTrace(file: string): { readonly activity: string; readonly call: string }[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => ({ activity: line.split(' ')[0]!, call: line.split(' ')[1]! }))
}
