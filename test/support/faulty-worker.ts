/** The product's worker with its ports wrapped (fault-injection.ts): a process of its own, so that it can really die. */
import pino from 'pino'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { readConfig } from '../../workers/config.js'
import { runMaterializationWorker } from '../../workers/materialization-worker.js'
import { openStackPorts } from '../../workers/stack-ports.js'
import { type FaultPlan, withFaults, withTrace } from './fault-injection.js'

const config = readConfig(process.env)
const ports = openStackPorts(() => config)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
process.once('disconnect', () => stop.abort())
const deps: ActivityDeps = {
  ledger: await ports.ledger(),
  registry: await ports.registry(),
  lake: await ports.lake(),
  sources: await ports.sources(),
  engine: await ports.engine(),
  online: await ports.online(),
  clock: new SystemClock(null),
  log: pino({ level: config.logLevel }),
  settings: {
    project: config.project,
    leaseMs: config.publish.leaseMs,
    publishWaitMs: config.publish.waitMs,
    publishPartItems: config.publish.partItems,
  },
}
const { MILLCOURSE_TEST_FAULT: fault, MILLCOURSE_TEST_TRACE: trace } = process.env
const observed = fault ? withFaults(deps, JSON.parse(fault) as FaultPlan) : trace ? withTrace(deps, trace) : deps
await runMaterializationWorker({ config, deps: observed, signal: stop.signal, onReady: () => process.send?.('ready') })
await ports.close()
if (process.connected) process.disconnect()
