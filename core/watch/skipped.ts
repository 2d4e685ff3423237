/** Why nothing was started for an interval that was due, where the scheduler itself can say so. */
import { formatInstant, type Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

/** What Temporal says of a view's Schedule. */
export type ScheduleSeen =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'present'
      readonly isPaused: boolean
      /** What who paused it wrote there; empty: nothing. */
      readonly note: string
      /** Starts that fell into a time when the scheduler was away for longer than the catch-up window. */
      readonly missedCatchups: number
      /** When the newest start had been due; null: it has never started anything. */
      readonly lastDueAt: Instant | null
      /** What it started last has not ended: nothing more is started beside it. */
      readonly isTicking: boolean
    }

/** Null: the scheduler did what it should; nobody else took the run. */
export function skippedBecause(schedule: ScheduleSeen | null, first: Interval): string | null {
  if (schedule === null) return null
  if (schedule.kind === 'absent') return 'it has no Schedule'
  if (schedule.isPaused) return `its Schedule is paused${schedule.note === '' ? '' : ` ("${schedule.note}")`}`
  const { missedCatchups, lastDueAt, isTicking } = schedule
  if (isTicking) return null
  // A start since then would have taken the interval with it.
  if (missedCatchups > 0 && (lastDueAt === null || lastDueAt < first.end))
    return `the scheduler was away for longer than its catch-up window${lastDueAt === null ? '' : ` after ${formatInstant(lastDueAt)}`}`
  return null
}
