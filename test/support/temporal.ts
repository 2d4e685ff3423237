/** A real Temporal server for a test file, workers on it, and nothing left behind. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker'
import type { Activities } from '../../activities/steps.js'
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../adapters/embedded/embedded-temporal.js'
import { noStepTelemetry, traceSinks } from '../../workers/telemetry-interceptors.js'
import { buildWorkflowBundle } from '../../workers/workflow-bundle.js'
import { builtOnce } from './built-once.js'

export interface TestTemporal {
  readonly server: EmbeddedTemporal
  readonly client: Client
  /** A name that no other test has. */
  newTaskQueue(): string
  /** Works on the queue with these activities until `stop`, or until the test server stops. */
  startWorker(
    taskQueue: string,
    activities: Partial<Activities>,
    options?: Partial<WorkerOptions>,
  ): Promise<{ stop(): Promise<void> }>
  stop(): Promise<void>
}

/** The workflows from their sources, bundled once per run of the suite. */
export async function testBundle(): Promise<{ readonly codePath: string }> {
  return { codePath: await builtOnce('workflows.cjs', buildWorkflowBundle) }
}

/** In memory, on free ports. Ended with this process, however it ends. */
export async function startTestTemporal(): Promise<TestTemporal> {
  quietRuntime()
  const dir = mkdtempSync(join(tmpdir(), 'millcourse-temporal-'))
  const server = await startEmbeddedTemporal({
    env: process.env,
    dbFile: null,
    logFile: join(dir, 'temporal.log'),
    withUi: false,
  })
  const connection = await Connection.connect({ address: server.address })
  const workerConnection = await NativeConnection.connect({ address: server.address })
  const workers = new Set<{ stop(): Promise<void> }>()
  return {
    server,
    client: new Client({ connection, identity: 'test' }),
    newTaskQueue: () => `test-${randomUUID()}`,
    async startWorker(taskQueue, activities, options = {}) {
      const worker = await Worker.create({
        connection: workerConnection,
        taskQueue,
        identity: 'test',
        workflowBundle: await testBundle(),
        activities,
        sinks: traceSinks(noStepTelemetry),
        maxCachedWorkflows: 50,
        shutdownForceTime: '10s',
        ...options,
      })
      const working = worker.run()
      const handle = {
        async stop() {
          workers.delete(handle)
          if (worker.getState() === 'RUNNING') worker.shutdown()
          await working
        },
      }
      workers.add(handle)
      return handle
    },
    async stop() {
      await Promise.allSettled([...workers].map((worker) => worker.stop()))
      await connection.close()
      await workerConnection.close()
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

let isQuiet = false
/** Before the SDK is first used: its runtime is made once per process. */
export function quietRuntime(): void {
  if (isQuiet) return
  isQuiet = true
  Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') })
}
