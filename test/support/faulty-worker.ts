/** The product's worker with its ports wrapped (fault-injection.ts): a process of its own, so that it can really die. */
import pino from 'pino'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { readConfig } from '../../workers/config.js'
import { runMaterializationWorker } from '../../workers/materialization-worker.js'
import { openStepDeps } from '../../workers/open-step-deps.js'
import { openStackPorts } from '../../workers/stack-ports.js'
import { type FaultPlan, withFaults, withTrace } from './fault-injection.js'
import { loseNamesOf } from './lost-names.js'

if (process.env.MILLCOURSE_TEST_LOST_NAMES) loseNamesOf(process.env.MILLCOURSE_TEST_LOST_NAMES)
const read = readConfig(process.env)
/** So that an outage outlasts it after one attempt of a step, not after half a minute. */
const patienceMs = process.env.MILLCOURSE_TEST_ONLINE_PATIENCE
const config = patienceMs ? { ...read, online: { ...read.online, patienceMs: Number(patienceMs) } } : read
const ports = openStackPorts(() => config)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
process.once('disconnect', () => stop.abort())
const log = pino({ level: config.logLevel })
const opened = await openStepDeps(config, ports, { clock: new SystemClock(null), log })
/** So that a compaction of a few intervals is worth it, where the product waits for 32. */
const fanIn = process.env.MILLCOURSE_TEST_FAN_IN
const worthwhile = fanIn ? { fanIn: BigInt(fanIn), piecesMin: { shortest: 2, longer: 2 } } : undefined
const deps = worthwhile ? { ...opened, settings: { ...opened.settings, worthwhile } } : opened
const { MILLCOURSE_TEST_FAULT: fault, MILLCOURSE_TEST_TRACE: trace, MILLCOURSE_TEST_BUNDLE: bundle } = process.env
const observed = fault ? withFaults(deps, JSON.parse(fault) as FaultPlan) : trace ? withTrace(deps, trace) : deps
await runMaterializationWorker({
  ...(bundle ? { bundle: { codePath: bundle } } : {}),
  config,
  deps: observed,
  signal: stop.signal,
  onReady: () => process.send?.('ready'),
})
await ports.close()
if (process.connected) process.disconnect()
