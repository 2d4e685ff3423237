import type { OnlineItem } from '../../core/publish/index.js'
import { observeViews, tableOf } from '../checks/observe.js'
import type { Drill } from '../drill.js'
import type { DrillWorld } from '../world/drill-world.js'
import { pauseSchedules, resumeSchedules, untilQuiet } from '../world/steady-state.js'

const view = 'totals'
const differences = new WeakMap<DrillWorld, string[]>()

export const drill: Drill = {
  name: 'restore-online',
  injects: 'with the Schedules paused the online table of a view is dropped, and the view is checked',
  undoneBy: '`check-quality --repair` has the table made and filled anew from the lake; the Schedules go on',
  alsoHolds: 'item by item the table is what it was',
  expects: { alarm: 'quality', keyHas: view, afterMs: () => 0 },
  async inject(world) {
    await pauseSchedules(world)
    await untilQuiet(world)
    const before = (await observeViews(world)).get(view)!.items
    const online = await world.ports.online()
    await online.dropTable(await tableOf(world, view))
    world.note('the table is gone')
    await world.command('check-quality', view).catch((error: Error) => world.note(`check-quality: ${error.message}`))
    return async () => {
      await world.command('check-quality', view, '--repair', '--reason', 'a drill dropped the table')
      await untilQuiet(world)
      await world.command('check-quality', view)
      const after = (await observeViews(world)).get(view)!.items
      differences.set(world, itemDifferences(before, after))
      await resumeSchedules(world)
    }
  },
  check: async (world) => [
    { what: 'item by item the table is what it was', differences: differences.get(world) ?? ['it was not compared'] },
  ],
}

/** But for sequences: it was written anew. */
function itemDifferences(before: ReadonlyMap<string, OnlineItem>, after: ReadonlyMap<string, OnlineItem>): string[] {
  const textOf = (item: OnlineItem | undefined) =>
    item && `${item.eventAt} ${item.schemaHash} ${item.values && Buffer.from(item.values).toString('hex')}`
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => textOf(before.get(key)) !== textOf(after.get(key)))
    .map((key) => `item ${key} was ${textOf(before.get(key))}, is ${textOf(after.get(key))}`)
}
