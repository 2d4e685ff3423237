/** All views ticked at the end of an hour, as their Schedules would; how late each shows it online. */
import { setTimeout as sleep } from 'node:timers/promises'
import { formatInstant } from '../core/time/instant.js'
import type { BenchProject } from './bench-stack.js'
import { hourStart, tableOf, tickedViews } from './interference-world.js'

const lookEveryMs = 100
const patienceMs = 300_000
/** The hour itself, and one of what a backfill leaves to ticks at its end: no backfill of theirs. */
const runsMax = 2

/** Milliseconds, one for each view: in the order of `tickedViews`. */
export async function tickHour(project: BenchProject, hour: number): Promise<number[]> {
  const control = await project.ports.runControl()
  const end = hourStart(hour + 1)
  const startedMs = performance.now()
  return await Promise.all(
    tickedViews.map(async (view) => {
      await control.tick({ view, now: formatInstant(end), kind: 'scheduled', range: null, runsMax })
      while (!(await isShown(project, view, end))) {
        if (performance.now() - startedMs > patienceMs) throw new Error(`${view} does not show hour ${hour}`)
        await sleep(lookEveryMs)
      }
      return performance.now() - startedMs
    }),
  )
}

async function isShown(project: BenchProject, view: string, end: bigint): Promise<boolean> {
  // Before its first load is finished it has no table.
  if ((await (await project.ports.ledger()).lastPublish({ view, version: 1 })) === null) return false
  const shown = await (await project.ports.online()).getEnd(await tableOf(project, view))
  return shown !== null && shown.endAt >= end
}
