/** What `millcourse worker` and `millcourse watcher` run. */
import pino from 'pino'
import { createLogAlertChannel } from '../adapters/alerts/log/log-alert-channel.js'
import { createWebhookAlertChannel } from '../adapters/alerts/webhook/webhook-alert-channel.js'
import { SystemClock } from '../adapters/clock/system-clock.js'
import { isMillcourseError } from '../core/errors.js'
import { parseInstant } from '../core/time/instant.js'
import type { Config } from './config.js'
import { leaveParent, signalOfParent, tellParentReady } from './dev-child.js'
import { patiently } from './patiently.js'
import { openStackPorts, type StackPorts } from './stack-ports.js'

/** Works until `signal`, or until the process that started this one is gone. */
export async function runProcess(name: 'worker' | 'watcher', config: Config, signal: AbortSignal): Promise<void> {
  const log = pino({ name, level: config.logLevel })
  const ports = openStackPorts(() => config)
  const clock = new SystemClock(config.now === null ? null : parseInstant(config.now))
  const stop = signalOfParent(signal)
  try {
    await (name === 'worker' ? work(config, ports, clock, log, stop) : watch(config, ports, clock, log, stop))
  } finally {
    await ports.close()
    leaveParent()
  }
}

async function work(config: Config, ports: StackPorts, clock: SystemClock, log: pino.Logger, signal: AbortSignal) {
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
      settings: { project: config.project, leaseMs, publishWaitMs: waitMs, publishPartItems: partItems },
    },
    signal,
    onReady: tellParentReady,
  })
}

/** Like Temporal, the ledger may come up later than the worker. False: told to stop before. */
async function migratePatiently(ports: StackPorts, log: pino.Logger, signal: AbortSignal): Promise<boolean> {
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
async function watch(config: Config, ports: StackPorts, clock: SystemClock, log: pino.Logger, signal: AbortSignal) {
  const { runWatcher, watcherDefaults } = await import('./watcher.js')
  const { webhook, ...settings } = config.watcher
  const deps = {
    clock,
    log,
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
