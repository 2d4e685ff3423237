/** The process that works: workflows in their sandbox, activities with the ports of stack-ports.ts. Stateless; run as many as needed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type NativeConnection, Worker, type WorkerOptions, type WorkflowBundleOption } from '@temporalio/worker'
import type { ActivityDeps, Log } from '../activities/activity-deps.js'
import { createActivities } from '../activities/create-activities.js'
import { ensureSearchAttributes } from '../adapters/temporal/search-attributes.js'
import type { Config } from './config.js'
import type { DeploymentConfig } from './deployment-config.js'
import type { SpendBook } from './spend-book.js'
import { spendInterceptor } from './spend-interceptor.js'
import { noStepTelemetry, type StepTelemetry, stepInterceptors, traceSinks } from './telemetry-interceptors.js'
import { installTemporalRuntime } from './temporal-runtime.js'
import { watchTemporal } from './temporal-watch.js'
import { type AwayListener, connectWorker } from './worker-connection.js'
import { workflowBundle } from './workflow-bundle.js'

/** A worker that takes work, for its probes. */
export interface RunningWorker {
  /** The SDK's word: RUNNING, DRAINING, FAILED, … */
  state(): string
  /** Resolves when the Temporal server answers us. @throws MillcourseError why it does not */
  askServer(): Promise<void>
}

export interface MaterializationWorkerOptions {
  readonly config: Pick<Config, 'temporal' | 'worker'> & Partial<Pick<Config, 'telemetry'>>
  readonly deps: ActivityDeps
  /** Aborted: no new work is taken, what is under way is finished within the grace time, then the promise settles. */
  readonly signal: AbortSignal
  /** Absent: the one built with the package, or bundled from the sources. */
  readonly bundle?: WorkflowBundleOption
  /** Called once, when the worker takes work. */
  readonly onReady?: (worker: RunningWorker) => void
  /** Called each time that Temporal did not answer, or refused, before the worker took work. */
  readonly onAway?: AwayListener
  /** Absent: nobody measures. */
  readonly telemetry?: StepTelemetry
  /** The meter that the ports were given; absent: nobody counts what steps spend. */
  readonly spending?: SpendBook
  /** How often it looks whether Temporal answers it; absent: every 10 seconds. */
  readonly lookEveryMs?: number
}

/** After the grace time, activities have been told to stop; one that does not listen is left behind. */
const afterGraceMs = 15_000
/** The SDK's own default. Longer than it, a busy worker gains nothing; shorter, it would read its histories again. */
const stickyMsMax = 10_000

/**
 * Works until `signal`; a server that is away, at the start or later, is waited for. One that refuses a worker at work for a minute is
 * given up by the SDK, and then by us: started again, the worker waits to be let in.
 * @throws MillcourseError CONFIG_INVALID that, and what this process's own files hold
 */
export async function runMaterializationWorker(options: MaterializationWorkerOptions): Promise<void> {
  const { config, deps, signal, onReady, telemetry = noStepTelemetry } = options
  const { address, namespace, taskQueue } = config.temporal
  await installTemporalRuntime(deps.log, config.telemetry?.temporalMetrics ?? null)
  const connected = await connectWorker(config.temporal, {
    ...{ log: deps.log, signal },
    ...(options.onAway ? { onAway: options.onAway } : {}),
  })
  if (!connected) return
  const book = options.spending ? { book: options.spending, ...options.spending.tellTo(deps) } : null
  try {
    const isSearchable = await knowsSearchAttributes(connected.connection, namespace, deps.log)
    const worker = await Worker.create({
      connection: connected.connection,
      namespace,
      taskQueue,
      identity: config.worker.identity,
      workflowBundle: options.bundle ?? (await workflowBundle()),
      activities: createActivities({ ...deps, settings: { ...deps.settings, isSearchable } }),
      ...deploymentOptions(config.worker.deployment),
      interceptors: {
        activity: [...stepInterceptors(telemetry), ...(book ? [spendInterceptor(book)] : [])],
      },
      sinks: traceSinks(telemetry),
      // The engine has one heavy slot: more activities at once only wait inside their own time limits.
      maxConcurrentActivityTaskExecutions: config.worker.activitiesMax,
      // What a heartbeat says is known soon after: a dead worker tells nothing more (activities/spare-workers.ts).
      maxHeartbeatThrottleInterval: '1s',
      // A dead worker's queue of its own is waited for before another one gets its workflows: not longer than for its steps.
      stickyQueueScheduleToStartTimeout: Math.min(config.worker.heartbeatMs, stickyMsMax),
      shutdownGraceTime: config.worker.shutdownGraceMs,
      shutdownForceTime: config.worker.shutdownGraceMs + afterGraceMs,
    })
    const stop = () => {
      if (worker.getState() === 'RUNNING') worker.shutdown()
    }
    const working = worker.run()
    const watch = watchTemporal(connected.connection, config.temporal, deps.log, options.lookEveryMs)
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    deps.log.info({ address, namespace, taskQueue }, 'worker takes work')
    onReady?.({
      state: () => worker.getState(),
      askServer: watch.ask,
    })
    const over = new AbortController()
    try {
      await Promise.race([working, failureOf(worker, over.signal)])
    } catch (error) {
      throw watch.failure() ?? error
    } finally {
      over.abort()
      watch.stop()
      signal.removeEventListener('abort', stop)
    }
    deps.log.info({ taskQueue }, 'worker has finished what was under way')
  } finally {
    await book?.close()
    // A worker that has failed holds on to it, and the error is then the worker's.
    await connected.close().catch((error: unknown) => deps.log.warn({ error }, 'the connection to Temporal stays open'))
  }
}

const failedLookEveryMs = 1_000
const failedLooksMax = 10

/** The SDK's own promise may never settle once its worker has failed: its state is looked at, too. */
async function failureOf(worker: Worker, signal: AbortSignal): Promise<never> {
  for (let failedLooks = 0; ; ) {
    await sleep(failedLookEveryMs, undefined, { signal })
    if (worker.getState() === 'FAILED' && ++failedLooks >= failedLooksMax)
      throw new Error("Temporal's SDK has given up this worker")
  }
}

/** Runs go on without them; the log says how to have them. */
async function knowsSearchAttributes(connection: NativeConnection, namespace: string, log: Log): Promise<boolean> {
  const missing = await ensureSearchAttributes(connection, namespace)
  if (missing)
    log.warn({ namespace, ...missing }, 'Temporal lacks our search attributes: its lists show runs by id only')
  return missing === null
}

function deploymentOptions(deployment: DeploymentConfig | null): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (deployment === null) return {}
  return {
    workerDeploymentOptions: {
      version: { deploymentName: deployment.name, buildId: deployment.buildId },
      useWorkerVersioning: true,
      defaultVersioningBehavior: deployment.versioning === 'pinned' ? 'PINNED' : 'AUTO_UPGRADE',
    },
  }
}
