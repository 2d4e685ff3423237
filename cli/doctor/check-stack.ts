/** The parts that run somewhere: is each reachable, and does it hold what it should? */
import { isMillcourseError } from '../../core/errors.js'
import type { CliContext } from '../context.js'
import { formatMs, plural } from '../output/words.js'
import type { Check } from './check.js'
import { checkAlerts } from './check-alerts.js'
import { checkTables } from './check-tables.js'
import { lakeProbe, tableProbe } from './probes.js'

const reachableWithinMs = 3_000
/** One at rest asks for work each minute; the rest is for clocks that differ. */
const workerSilentMaxMs = 120_000

export function stackChecks(context: CliContext): Check[] {
  return [
    { part: 'addresses', look: async () => (await context.addresses()).from },
    { part: 'Postgres', look: whereRunning(() => checkRegistry(context)) },
    { part: 'Temporal', look: whereRunning(() => checkTemporal(context)) },
    { part: 'workers', look: whereRunning(() => checkWorkers(context)) },
    { part: 'processes', look: whereRunning(() => checkProcesses(context)) },
    { part: 'DynamoDB', look: whereRunning(() => checkOnline(context)) },
    { part: 'online tables', look: whereRunning(() => checkTables(context)) },
    { part: 'lake', look: whereRunning(() => checkLake(context)) },
    { part: 'alerts', look: () => checkAlerts(context) },
    { part: 'incidents', look: whereRunning(() => checkIncidents(context)) },
  ]
}

/** Without a stack, one line says so; the others need not repeat it. */
function whereRunning<T>(look: () => Promise<T>) {
  return async () => {
    try {
      return await look()
    } catch (error) {
      if (isMillcourseError(error) && error.code === 'STACK_NOT_RUNNING')
        return { state: 'absent' as const, found: 'not running', advice: null }
      throw error
    }
  }
}

async function checkRegistry(context: CliContext) {
  const registry = await context.registry()
  const [version, applied] = [await registry.serverVersion(), await registry.current()]
  if (!applied)
    return {
      state: 'absent' as const,
      found: `${version} answers; nothing has been applied`,
      advice: 'millcourse apply',
    }
  return `${version} answers; revision ${applied.revision} is applied, ${plural(applied.repo.views.length, 'view')}`
}

async function checkTemporal(context: CliContext) {
  const { temporal, temporalUi } = await context.addresses()
  const where = `${temporal}${temporalUi ? `, UI ${temporalUi}` : ''}`
  const control = await context.runControl()
  const version = (await control.serverVersion()) ?? 'it'
  if (await control.isReachable(reachableWithinMs)) return `${version} answers at ${where}`
  return {
    state: 'wrong' as const,
    found: `${version} answers at ${where}, but not about the namespace`,
    advice: 'the line of the workers says why',
  }
}

async function checkWorkers(context: CliContext) {
  const [latest, ...others] = await (await context.runControl()).workers()
  const advice =
    'no run starts or goes on without one: `millcourse worker`, or see why it stands (its log, its machine)'
  if (!latest) return { state: 'wrong' as const, found: 'none asks for work', advice }
  if (latest.silentMs > workerSilentMaxMs)
    return {
      state: 'wrong' as const,
      found: `${latest.identity} last asked for work ${formatMs(latest.silentMs)} ago`,
      advice,
    }
  return `${plural(others.length + 1, 'worker')}, the latest ${latest.identity}`
}

/** Each says itself what it lacks. */
async function checkProcesses(context: CliContext) {
  const { processes } = await context.addresses()
  const names = Object.keys(processes)
  if (names.length === 0)
    return { state: 'absent' as const, found: 'not of a local stack: ask their /readyz yourself', advice: null }
  const lacks = (await Promise.all(names.map((name) => whatLacks(name, processes[name]!)))).flat()
  if (lacks.length === 0) return `${names.join(', ')} ready`
  return { state: 'wrong' as const, found: lacks.join('; '), advice: 'see the log of the process in .millcourse/logs' }
}

async function whatLacks(name: string, url: string): Promise<string[]> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(reachableWithinMs) })
    const { parts } = (await answer.json()) as { parts: { part: string; ok: boolean; why: string | null }[] }
    return parts.filter(({ ok }) => !ok).map(({ part, why }) => `${name}: ${part} ${why ?? 'is not well'}`)
  } catch {
    return [`${name}: no answer at ${url}`]
  }
}

async function checkOnline(context: CliContext) {
  await (await context.online()).describeTable(tableProbe(context.project))
  return 'answers'
}

/** Written twice: a store that takes the second for the first would lose commits. */
async function checkLake(context: CliContext) {
  const lake = await context.lake()
  const probe = lakeProbe(process.pid, context.clock.now())
  const root = lake.uri(probe).slice(0, -probe.length - 1)
  await lake.head(probe)
  const outcomes = [
    await lake.writeIfAbsent(probe, new Uint8Array()),
    await lake.writeIfAbsent(probe, new Uint8Array([1])),
  ]
  await lake.remove(probe)
  if (outcomes[1] === 'exists') return root
  return {
    state: 'wrong' as const,
    found: `${root}: the store writes over what is there though it is told not to`,
    advice: 'use a store that honours If-None-Match: *, as S3 does: commits rely on it',
  }
}

async function checkIncidents(context: CliContext) {
  const open = await (await context.ledger()).openIncidents()
  if (open.length === 0) return 'none open'
  return { state: 'wrong' as const, found: `${open.length} open`, advice: 'millcourse incidents' }
}
