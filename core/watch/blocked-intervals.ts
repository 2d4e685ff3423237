import type { IntervalState } from '../plan/interval-state.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

export interface Blocked {
  /** Later intervals that are committed and cannot be shown, oldest first. */
  readonly intervals: readonly Interval[]
  /** The first published end that does not reach the gap any more; null: every later one does (lifetime). */
  readonly until: Instant | null
}

/**
 * What an interval without an accepted version keeps from being published (R32, `block`): the later ones whose windows reach it.
 *
 *     reach 3:  committed 0 1 . 3 4 5     the gap at 2 blocks the ends of 3 and 4; the end of 5 reaches 3, 4, 5 and is free
 */
export function blockedBy(gap: Interval, states: readonly IntervalState[], reachNs: bigint | 'lifetime'): Blocked {
  const until = reachNs === 'lifetime' ? null : gap.end + reachNs
  const intervals = states
    .filter(
      ({ interval, committed }) =>
        committed !== null &&
        !committed.isPublished &&
        interval.start >= gap.end &&
        (until === null || interval.end < until),
    )
    .map(({ interval }) => interval)
  return { intervals, until }
}
