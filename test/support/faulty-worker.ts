/** The product's worker with its ports wrapped (fault-injection.ts): a process of its own, so that it can really die. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { readConfig } from '../../workers/config.js'
import { runMaterializationWorker } from '../../workers/materialization-worker.js'
import { openStepDeps } from '../../workers/open-step-deps.js'
import { openStackPorts } from '../../workers/stack-ports.js'
import { type FaultPlan, withFaults, withTrace } from './fault-injection.js'

const config = readConfig(process.env)
const ports = openStackPorts(() => config)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
process.once('disconnect', () => stop.abort())
const log = pino({ level: config.logLevel })
const deps = await openStepDeps(config, ports, { clock: new SystemClock(null), log })
const { MILLCOURSE_TEST_FAULT: fault, MILLCOURSE_TEST_TRACE: trace } = process.env
const observed = fault ? withFaults(deps, JSON.parse(fault) as FaultPlan) : trace ? withTrace(deps, trace) : deps
// Bundling takes seconds, and this process is made to die: the suite has built the bundle from the same sources.
const built = fileURLToPath(new URL('../../dist/workflows/bundle.cjs', import.meta.url))
await runMaterializationWorker({
  ...(existsSync(built) ? { bundle: { codePath: built } } : {}),
  config,
  deps: observed,
  signal: stop.signal,
  onReady: () => process.send?.('ready'),
})
await ports.close()
if (process.connected) process.disconnect()
