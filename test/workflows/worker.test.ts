/** The worker process's life: before the server is there, while it is away, and told to stop. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import getPort from 'get-port'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../adapters/embedded/embedded-temporal.js'
import { TemporalRunControl } from '../../adapters/temporal/temporal-run-control.js'
import { MillcourseError } from '../../core/errors.js'
import { readConfig } from '../../workers/config.js'
import { runMaterializationWorker } from '../../workers/materialization-worker.js'
import { quietRuntime } from '../support/temporal.js'

let dir: string
let port: number
const cleanups: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  quietRuntime()
  dir = mkdtempSync(join(tmpdir(), 'millcourse-worker-'))
  port = await getPort()
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  rmSync(dir, { recursive: true, force: true })
})

async function startServer(): Promise<EmbeddedTemporal> {
  const server = await startEmbeddedTemporal({
    env: process.env,
    dbFile: join(dir, 'temporal.db'),
    logFile: join(dir, 'temporal.log'),
    port,
    withUi: false,
  })
  cleanups.push(() => server.stop())
  return server
}

/** The registry answers that it knows no view, after `answerAfterMs`: the shortest way through a tick. */
function startWorker({ answerAfterMs = 0, name = 'the worker', env = {} } = {}) {
  const config = readConfig({
    MILLCOURSE_POSTGRES_URL: 'postgresql://nowhere/none',
    MILLCOURSE_LAKE: dir,
    TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
    MILLCOURSE_SHUTDOWN_GRACE: '10s',
    ...env,
  })
  const log: string[] = []
  const asked = withResolvers()
  const note = (_: object, message: string) => log.push(message)
  const registry = {
    current: async () => null,
    service: async () => null,
    serving: async () => ({ project: 'p', revision: 0, views: [], services: [] }),
    view: async (): Promise<never> => {
      asked.resolve()
      await sleep(answerAfterMs)
      throw new MillcourseError('REGISTRY_UNKNOWN_VIEW', `${name} knows no view`)
    },
  }
  const unused = {} as never
  const deps: ActivityDeps = {
    ledger: unused,
    registry,
    lake: unused,
    sources: unused,
    engine: unused,
    online: unused,
    clock: new SystemClock(),
    log: { info: note, warn: note, error: note },
    settings: { project: 'p', leaseMs: 1_000, publishWaitMs: 1_000, publishPartItems: 1 },
  }
  const stop = new AbortController()
  const ready = withResolvers()
  const ended = runMaterializationWorker({ config, deps, signal: stop.signal, onReady: ready.resolve })
  cleanups.push(async () => {
    stop.abort()
    await ended
  })
  const control = new TemporalRunControl({ ...config.temporal, project: 'p', runsPerTick: 1, heartbeatMs: 20_000 })
  cleanups.push(() => control.close())
  const tick = () => control.tick({ view: 'v', now: null, kind: 'manual', range: null, runsMax: 1 })
  return { log, asked: asked.promise, ready: ready.promise, stop: () => stop.abort(), ended, tick }
}

test('waits for a server that is not there yet, and says so', async () => {
  const worker = startWorker()
  await expect.poll(() => worker.log.length, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(worker.log[0]).toBe(`Temporal at 127.0.0.1:${port} does not answer; it is tried again`)
  await startServer()
  await worker.ready
  await expect(worker.tick()).rejects.toMatchObject({ code: 'REGISTRY_UNKNOWN_VIEW' })
})

test('told to stop before the server is there, it ends', async () => {
  const worker = startWorker()
  await sleep(300)
  worker.stop()
  await worker.ended
})

test('goes on when the server comes back', async () => {
  const first = await startServer()
  const worker = startWorker()
  await worker.ready
  await expect(worker.tick()).rejects.toMatchObject({ code: 'REGISTRY_UNKNOWN_VIEW' })
  await first.stop()
  await startServer()
  await expect(worker.tick()).rejects.toMatchObject({ code: 'REGISTRY_UNKNOWN_VIEW' })
})

test('told to stop, it finishes what is under way before it ends', async () => {
  await startServer()
  const worker = startWorker({ answerAfterMs: 1_500, name: 'the first' })
  await worker.ready
  const ticked = worker.tick().catch((error) => error)
  await worker.asked
  worker.stop()
  await worker.ended
  expect(worker.log.at(-1)).toBe('worker has finished what was under way')
  // The step's answer reached the server: the next worker only has to end the workflow.
  const next = startWorker({ name: 'the next' })
  expect(await ticked).toMatchObject({ message: 'the first knows no view' })
  await next.ready
})

test('as a build of a deployment it takes runs once that build is current', async () => {
  await startServer()
  const version = { deploymentName: 'flights-worker', buildId: '0.2.0' }
  const worker = startWorker({ env: { MILLCOURSE_DEPLOYMENT: 'flights-worker', MILLCOURSE_BUILD_ID: '0.2.0' } })
  await worker.ready
  const connection = await Connection.connect({ address: `127.0.0.1:${port}` })
  cleanups.push(() => connection.close())
  const { workflowService } = connection
  // The server learns of a build by its first poll.
  const makeCurrent = () =>
    workflowService.setWorkerDeploymentCurrentVersion({ namespace: 'default', ...version }).then(
      () => 'current',
      (error) => error.details,
    )
  await expect.poll(makeCurrent, { timeout: 30_000 }).toBe('current')
  await expect(worker.tick()).rejects.toMatchObject({ code: 'REGISTRY_UNKNOWN_VIEW' })
  const { executions } = await workflowService.listWorkflowExecutions({
    namespace: 'default',
    query: "WorkflowType = 'tick'",
  })
  const { workflowExecutionInfo } = await workflowService.describeWorkflowExecution({
    ...{ namespace: 'default', execution: executions[0]!.execution! },
  })
  expect(workflowExecutionInfo?.versioningInfo?.deploymentVersion).toMatchObject(version)
})

function withResolvers() {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
