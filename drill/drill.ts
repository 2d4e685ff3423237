/**
 * What a drill states: what it injects, which alarm has to come, how it is undone, what must hold after. The names are those of chaos
 * experiments: a steady state, a fault from outside, its rollback (always), checks against a reference. One file of `drills/` each.
 */
import type { Alarm } from './alarm.js'
import type { DrillWorld } from './world/drill-world.js'
import type { Pace } from './world/pace.js'
import type { WorldOptions } from './world/world-options.js'

export interface Expectation {
  readonly alarm: Alarm
  /** Part of the incident's key, where several causes have one rule: `SOURCE_FILE_CORRUPT`. Absent: any. */
  readonly keyHas?: string
  /** From the fault to the time at which the rule says so, by the times of this world. */
  afterMs(world: DrillWorld): number
}

export interface Drill {
  readonly name: string
  /** One sentence each, for the list and the report. */
  readonly injects: string
  readonly undoneBy: string
  /** What this drill alone checks, beside what each does (checks/check-world.ts). Absent: nothing more. */
  readonly alsoHolds?: string
  readonly expects: Expectation
  /** Absent: the plain world. */
  readonly world?: (pace: Pace) => WorldOptions
  /** From outside of the product's processes. What it returns undoes it, and is called also where the alarm did not come. */
  inject(world: DrillWorld): Promise<() => Promise<void>>
  /** The fault stays so long once its alarm came; absent: until the next tick has tried again. */
  staysMs?(pace: Pace): number
  check?(world: DrillWorld): Promise<Check[]>
}

export interface Check {
  readonly what: string
  /** Empty: it holds. */
  readonly differences: readonly string[]
}
