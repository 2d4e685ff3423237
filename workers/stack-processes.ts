/** What `millcourse worker` and `millcourse watcher` run. */
import type { Logger } from 'pino'
import { createLogAlertChannel } from '../adapters/alerts/log/log-alert-channel.js'
import { createWebhookAlertChannel } from '../adapters/alerts/webhook/webhook-alert-channel.js'
import { SystemClock } from '../adapters/clock/system-clock.js'
import type { ProcessTelemetry } from '../adapters/telemetry/process-telemetry.js'
import { isMillcourseError } from '../core/errors.js'
import { parseInstant } from '../core/time/instant.js'
import type { Config } from './config.js'
import { leaveParent, signalOfParent, tellParentReady } from './dev-child.js'
import { patiently } from './patiently.js'
import { createProcessLog } from './process-log.js'
import { openStackPorts, type StackPorts } from './stack-ports.js'
import { openTelemetry } from './telemetry.js'

/** Works until `signal`, or until the process that started this one is gone. */
export async function runProcess(name: 'worker' | 'watcher', config: Config, signal: AbortSignal): Promise<void> {
  const log = createProcessLog(name, config.logLevel)
  const telemetry = openTelemetry(name, config, log)
  const ports = openStackPorts(() => config, telemetry)
  const clock = new SystemClock(config.now === null ? null : parseInstant(config.now))
  const parts = { config, ports, clock, log, telemetry, signal: signalOfParent(signal) }
  try {
    await (name === 'worker' ? work(parts) : watch(parts))
  } finally {
    await ports.close()
    await telemetry.close()
    leaveParent()
  }
}

/** What both processes are made of. */
interface Parts {
  readonly config: Config
  readonly ports: StackPorts
  readonly clock: SystemClock
  readonly log: Logger
  readonly telemetry: ProcessTelemetry
  readonly signal: AbortSignal
}

async function work({ config, ports, clock, log, telemetry, signal }: Parts) {
  // The watcher must not need what the worker needs, nor load it.
  const { runMaterializationWorker } = await import('./materialization-worker.js')
  if (!(await migratePatiently(ports, log, signal))) return
  const { leaseMs, waitMs, partItems } = config.publish
  await runMaterializationWorker({
    config,
    deps: {
      ledger: await ports.ledger(),
      registry: await ports.registry(),
      lake: await ports.lake(),
      sources: await ports.sources(),
      engine: await ports.engine(),
      online: await ports.online(),
      clock,
      log,
      telemetry,
      settings: { project: config.project, leaseMs, publishWaitMs: waitMs, publishPartItems: partItems },
    },
    signal,
    onReady: tellParentReady,
    telemetry,
  })
}

/** Like Temporal, the ledger may come up later than the worker. False: told to stop before. */
async function migratePatiently(ports: StackPorts, log: Logger, signal: AbortSignal): Promise<boolean> {
  const migrated = await patiently(async () => ports.migrate().then(() => true), {
    signal,
    onAway: (error, nextTryMs) => {
      // A wrong password or a newer schema is not waited for: a person has to act, and the exit says so.
      if (!isMillcourseError(error) || error.policy.retry !== 'backoff') throw error
      log.warn({ code: error.code, ...error.detail.facts, nextTryMs }, `${error.message}; it is tried again`)
    },
  })
  return migrated ?? false
}

/** No migration: it must start, and alert, while the ledger is away. */
async function watch({ config, ports, clock, log, telemetry, signal }: Parts) {
  const { runWatcher, watcherDefaults } = await import('./watcher.js')
  const { webhook, ...settings } = config.watcher
  const deps = {
    clock,
    log,
    telemetry,
    ledger: await ports.ledger(),
    registry: await ports.registry(),
    scheduler: await ports.runControl(),
    channels: [
      createLogAlertChannel(log),
      ...(webhook ? [createWebhookAlertChannel({ ...webhook, timeoutMs: webhookTimeoutMs })] : []),
    ],
  }
  tellParentReady()
  await runWatcher(deps, { ...watcherDefaults, ...settings }, signal)
}

const webhookTimeoutMs = 10_000
