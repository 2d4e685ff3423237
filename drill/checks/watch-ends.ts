/** Looks all the time at how far each view is published: an end that goes back and rises again would be seen by no comparison afterwards. */
import type { DrillWorld } from '../world/drill-world.js'
import { onlineEndMs } from './observe.js'

const lookEveryMs = 1_000

export interface WatchedEnds {
  /** What went back, in sentences. May be repeated. */
  stop(): string[]
}

export function watchEnds(world: DrillWorld): WatchedEnds {
  const highest = new Map<string, number>()
  const differences: string[] = []
  let isOver = false
  void look()
  return {
    stop() {
      isOver = true
      return differences
    },
  }

  async function look(): Promise<void> {
    while (!isOver) {
      for (const view of world.views) {
        // While a store is away nobody reads an end, and none is shown.
        const endMs = await onlineEndMs(world, view).catch(() => null)
        if (isOver || endMs === null) continue
        const before = highest.get(view) ?? 0
        if (endMs < before)
          differences.push(
            `${view} was published up to ${new Date(before).toISOString()}, then ${new Date(endMs).toISOString()}`,
          )
        highest.set(view, Math.max(before, endMs))
      }
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
    }
  }
}
