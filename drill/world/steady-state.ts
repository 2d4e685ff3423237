/** When a world is as it should be: before the fault, after it, and at rest for the checks. */
import { publishedEndMs } from '../checks/observe.js'
import { DrillStopped, until } from '../until.js'
import type { DrillWorld } from './drill-world.js'

/** A busy machine takes its time to start processes, and to run what is due. */
const steadyWithinMs = 240_000
const settledWithinMs = 240_000
const behindMax = 1

/** Something is published of every view, and it keeps up. @throws DrillStopped */
export async function untilSteady(world: DrillWorld): Promise<void> {
  const { everyMs } = world.pace
  const keptUpMs = () => Math.floor(Date.now() / everyMs) * everyMs - behindMax * everyMs
  await demand(world, 'steady', steadyWithinMs, () => Math.max(world.sinceMs + everyMs, keptUpMs()))
}

/** @throws DrillStopped */
export async function untilSettled(world: DrillWorld, dueMs: number): Promise<void> {
  await demand(world, 'settled', settledWithinMs, () => dueMs)
}

async function demand(world: DrillWorld, what: string, withinMs: number, endMs: () => number): Promise<void> {
  let why = 'nobody answers'
  const isSo = async () => {
    why = await unsettled(world, endMs()).catch((error: Error) => error.message)
    return why === '' ? true : null
  }
  if (!(await until(world.signal, isSo, Date.now() + withinMs)))
    throw new DrillStopped(`not ${what} after ${withinMs / 1_000} s: ${why}`)
}

async function unsettled(world: DrillWorld, endMs: number): Promise<string> {
  if (!world.isWatched()) return 'the watcher has not looked yet'
  for (const view of world.views) {
    const isMs = await publishedEndMs(world, view)
    if (isMs === null || isMs < endMs)
      return `${view} is published up to ${isMs === null ? 'nothing' : new Date(isMs).toISOString()}, not ${new Date(endMs).toISOString()}`
  }
  const open = await (await world.ports.ledger()).openIncidents()
  const causeOf = (facts: Readonly<Record<string, unknown>>) => (facts.firstCause ? ` (${facts.firstCause})` : '')
  return open.map(({ key, summary, facts }) => `${key} is open: ${summary}${causeOf(facts)}`).join('; ')
}

/** Nothing is started any more, and what was under way has ended. @throws DrillStopped */
export async function untilRest(world: DrillWorld): Promise<void> {
  // It would tell that nothing is started.
  world.receiver.disarmDeadManSwitch()
  await world.stopProcess('watcher')
  await pauseSchedules(world)
  await untilQuiet(world)
}

export async function pauseSchedules(world: Pick<DrillWorld, 'ports'>): Promise<void> {
  await syncSchedules(world, true)
}

export async function resumeSchedules(world: DrillWorld): Promise<void> {
  await syncSchedules(world, false)
}

async function syncSchedules({ ports }: Pick<DrillWorld, 'ports'>, isPaused: boolean): Promise<void> {
  const applied = await (await ports.registry()).current()
  await (await ports.runControl()).syncSchedules(applied!.repo.views, { isPaused })
}

/** With the Schedules paused. @throws DrillStopped */
export async function untilQuiet({
  ports,
  views,
  signal,
}: Pick<DrillWorld, 'ports' | 'views' | 'signal'>): Promise<void> {
  const ledger = await ports.ledger()
  let calm = 0
  const isQuiet = async () => {
    const running = await ledger.runs({ outcomes: ['running'], limit: 1 })
    const open = await Promise.all(views.map((view) => ledger.isPublishOpen({ view, version: 1 })))
    const unmarked = await Promise.all(views.map((view) => ledger.unmarkedCommits({ view, version: 1 })))
    const isCalm = running.length === 0 && !open.includes(true) && unmarked.every((count) => count === 0)
    // A tick that has fired before may still plan.
    calm = isCalm ? calm + 1 : 0
    return calm >= 8 ? true : null
  }
  if (!(await until(signal, isQuiet, Date.now() + settledWithinMs, 250)))
    throw new DrillStopped('the runs did not come to an end')
}
