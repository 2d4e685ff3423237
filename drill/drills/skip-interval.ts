import { rm } from 'node:fs/promises'
import { publishedEndMs } from '../checks/observe.js'
import type { Drill } from '../drill.js'
import { until } from '../until.js'
import type { DrillWorld } from '../world/drill-world.js'
import { untilQuiet } from '../world/steady-state.js'

const view = 'totals'
const differences = new WeakMap<DrillWorld, string[]>()

export const drill: Drill = {
  name: 'skip-interval',
  injects:
    'with the Schedules paused an operator runs an interval and not the one before it; the watcher comes from a machine that has never seen the views',
  undoneBy: '`apply`, which has the Schedules go on: ticks run what the ledger lacks',
  alsoHolds: 'nothing was published beyond the gap while it was there',
  // It is told when the gap's time of grace is over, which then is nobody's missing run: it had ended before this watcher saw the view.
  expects: {
    ...{ alarm: 'blocked', keyHas: view },
    afterMs: ({ pace }) => Math.max(0, pace.graceMs - pace.everyMs) + 2 * pace.pollMs,
  },
  // Soon intervals miss their runs for the pause, and that explains the gap: then it is `skipped`.
  staysMs: ({ pollMs }) => 2 * pollMs,
  async inject(world) {
    const { everyMs } = world.pace
    await world.command('apply', '--paused')
    // Before it can tell of the gap as one that the pause has made.
    await world.stopProcess('watcher')
    await rm(world.environment.MILLCOURSE_WATCH_STATE_DIR!, { recursive: true, force: true })
    await untilQuiet(world)
    const gapMs = (await publishedEndMs(world, view))!
    const [fromMs, toMs] = [gapMs + everyMs, gapMs + 2 * everyMs]
    await until(world.signal, () => (Date.now() > toMs ? true : null), toMs + everyMs)
    await world.command('materialize', view, '--from', iso(fromMs), '--to', iso(toMs))
    world.note(`${view} has run for ${iso(fromMs)}, and not for ${iso(gapMs)}`)
    await world.startProcess('watcher')
    return async () => {
      const endMs = await publishedEndMs(world, view)
      differences.set(world, endMs === gapMs ? [] : [`${view} was published up to ${endMs && iso(endMs)}`])
      await world.command('apply')
    }
  },
  check: async (world) => [
    {
      what: 'nothing was published beyond the gap while it was there',
      differences: differences.get(world) ?? ['nobody looked'],
    },
  ],
}

const iso = (ms: number) => new Date(ms).toISOString()
