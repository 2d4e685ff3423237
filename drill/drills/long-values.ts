import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Drill } from '../drill.js'
import type { DrillWorld } from '../world/drill-world.js'

const view = 'latest'
/** More than calm intervals write in minutes, less than the values of one interval that are this long: four or five, each of 240 KiB. */
const unitsToSpare = 700
const timesAsLong = 40_000
const unitsOfNobody = 1_000_000_000

export const drill: Drill = {
  name: 'long-values',
  injects:
    'a view gets a budget a little above what its day has cost; from a coming interval on its values are forty thousand times as long',
  undoneBy: 'the producer delivers the files again as they were; the owner raises the budget, and applies',
  // One interval is published, and the worker has told what that has cost.
  expects: { alarm: 'over_budget', keyHas: view, afterMs: ({ pace }) => 2 * pace.everyMs + 5_000 },
  world: () => ({ latest: { budget: { writeUnitsPerDay: unitsOfNobody } } }),
  async inject(world) {
    const { total } = (await world.command('cost', view)) as { total: { spend: { writeUnits: number } } }
    await applyBudget(world, Math.ceil(total.spend.writeUnits) + unitsToSpare)
    await world.producer.alter(world.comingStartMs(), `* REPLACE (repeat(item, ${timesAsLong}) AS item)`)
    return async () => {
      await world.producer.restore()
      await applyBudget(world, unitsOfNobody)
    }
  },
}

/** As an owner does it: in the file, and applied. */
async function applyBudget({ repoDir, command, note }: DrillWorld, writeUnitsPerDay: number): Promise<void> {
  const file = join(repoDir, 'views', 'events.ts')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace(/"writeUnitsPerDay":\d+/, `"writeUnitsPerDay":${writeUnitsPerDay}`))
  await command('apply')
  note(`the budget of ${view} is ${writeUnitsPerDay} units a day`)
}
