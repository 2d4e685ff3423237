/** What `millcourse worker`, `millcourse watcher` and `millcourse server` run. */
import type { Logger } from 'pino'
import { createLogAlertChannel } from '../adapters/alerts/log/log-alert-channel.js'
import { SystemClock } from '../adapters/clock/system-clock.js'
import type { ProcessTelemetry } from '../adapters/telemetry/process-telemetry.js'
import { isMillcourseError } from '../core/errors.js'
import type { ProcessName } from '../core/measure/index.js'
import { parseInstant } from '../core/time/instant.js'
import type { Config } from './config.js'
import { makeFoldersOf } from './configured-folder.js'
import { leaveParent, signalOfParent, tellParentReady } from './dev-child.js'
import { openStepDeps } from './open-step-deps.js'
import { patiently } from './patiently.js'
import { createProcessLog } from './process-log.js'
import type { WorkerProbes } from './process-probes.js'
import { SpendBook } from './spend-book.js'
import { openStackPorts, type StackPorts } from './stack-ports.js'
import { openTelemetry } from './telemetry.js'
import type { WatcherDeps } from './watcher.js'

/** Works until `signal`, or until the process that started this one is gone. */
export async function runProcess(name: ProcessName, config: Config, signal: AbortSignal): Promise<void> {
  const log = createProcessLog(name, config.logLevel)
  const telemetry = openTelemetry(name, config, log)
  // What a server reads is for whoever asks it, and a watcher spends nothing.
  const spending = name === 'worker' ? new SpendBook() : undefined
  const ports = openStackPorts(() => config, telemetry, spending && { spending, rank: await stepRank() })
  const clock = new SystemClock(config.now === null ? null : parseInstant(config.now))
  const parts = { config, ports, clock, log, telemetry, spending, signal: signalOfParent(signal) }
  try {
    await makeFoldersOf(name, config)
    await run(name, parts)
  } finally {
    await ports.close()
    await telemetry.close()
    leaveParent()
  }
}

/** Temporal's SDK is for the worker alone. */
async function stepRank(): Promise<() => number> {
  const { currentRank } = await import('../activities/make-way.js')
  return currentRank
}

async function run(name: ProcessName, parts: Parts): Promise<void> {
  switch (name) {
    case 'worker':
      return await work(parts)
    case 'watcher':
      return await watch(parts)
    case 'server': {
      const { runServer } = await import('./run-server.js')
      return await runServer({ ...parts, onListening: tellParentReady })
    }
  }
}

/** What each process is made of. */
interface Parts {
  readonly config: Config
  readonly ports: StackPorts
  readonly clock: SystemClock
  readonly log: Logger
  readonly telemetry: ProcessTelemetry
  readonly spending: SpendBook | undefined
  readonly signal: AbortSignal
}

async function work(parts: Parts) {
  const { ports } = parts
  const { openProbes, workerProbes } = await import('./process-probes.js')
  const probes = workerProbes(ports)
  const http = await openProbes('worker', parts, probes.questions, probes.liveness)
  try {
    if (await migratePatiently(ports, parts.log, parts.signal)) await takeWork(parts, probes)
  } finally {
    await http?.close()
  }
}

async function takeWork({ config, ports, clock, log, telemetry, spending, signal }: Parts, probes: WorkerProbes) {
  // The watcher must not need what the worker needs, nor load it.
  const { runMaterializationWorker } = await import('./materialization-worker.js')
  await runMaterializationWorker({
    config,
    deps: await openStepDeps(config, ports, { clock, log, telemetry, ...(spending ? { spending } : {}) }),
    ...(spending ? { spending } : {}),
    signal,
    onAway: probes.onAway,
    onReady: (worker) => {
      probes.onRunning(worker)
      tellParentReady()
    },
    telemetry,
  })
}

/** Like Temporal, the ledger may come up later than the worker. False: told to stop before. */
async function migratePatiently(ports: StackPorts, log: Logger, signal: AbortSignal): Promise<boolean> {
  const migrated = await patiently(async () => ports.migrate().then(() => true), {
    signal,
    onAway: (error, nextTryMs) => {
      // A wrong password or a newer schema is not waited for: a person has to act, and the exit says so.
      if (!isMillcourseError(error) || error.policy.retry !== 'backoff' || error.code === 'LEDGER_ACCESS_DENIED')
        throw error
      log.warn({ code: error.code, ...error.detail.facts, nextTryMs }, `${error.message}; it is tried again`)
    },
  })
  return migrated ?? false
}

/** No migration: it must start, and alert, while the ledger is away. */
async function watch(parts: Parts) {
  const { config, ports, clock, log, telemetry, signal } = parts
  const { runWatcher, watcherDefaults } = await import('./watcher.js')
  const { openProbes, watcherProbes } = await import('./process-probes.js')
  const { openAlertChannels, readAlerts } = await import('./open-alert-channels.js')
  const settings = config.watcher
  // Before anything is begun: routes that cannot be read are said while a person looks.
  const alerts = await readAlerts(config)
  const channels = [createLogAlertChannel(log), ...(await openAlertChannels(alerts))]
  log.info({ channels: channels.map(({ name }) => name) }, `alerts go by ${alerts.from ?? 'the log alone'}`)
  const probes = watcherProbes(clock, settings.pollMs)
  const http = await openProbes('watcher', parts, probes.questions, probes.liveness)
  try {
    const deps = {
      clock,
      log,
      telemetry,
      ledger: await ports.ledger(),
      registry: await ports.registry(),
      scheduler: await ports.runControl(),
      ...{ channels, channelsFor: alerts.channelsFor },
      ...(await heartbeatOf(parts)),
      onLook: probes.onLook,
    }
    tellParentReady()
    await runWatcher(deps, { ...watcherDefaults, ...settings }, signal)
  } finally {
    await http?.close()
  }
}

async function heartbeatOf({ config, clock, log, telemetry }: Parts): Promise<Pick<WatcherDeps, 'heartbeat'>> {
  const { heartbeatUrl: url, heartbeatEveryMs } = config.alerts
  if (url === null) return {}
  const { sendHeartbeat } = await import('../adapters/alerts/heartbeat/http-heartbeat.js')
  const { startHeartbeat } = await import('./outward-heartbeat.js')
  const send = () => sendHeartbeat(url, heartbeatTimeoutMs)
  return { heartbeat: startHeartbeat({ clock, log, telemetry, send }, heartbeatEveryMs) }
}

const heartbeatTimeoutMs = 10_000
