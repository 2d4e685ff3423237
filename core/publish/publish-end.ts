/**
 * Which interval end a publish of a view version shows (R29, R32). A publish at E needs every interval that overlaps
 * `[E - reach, E)`, from `since` on. With a reach of three intervals:
 *
 *     committed 0 1 2 . 4 5 6   block: E = end of 6, whose windows reach 4, 5, 6
 *     committed 0 1 2 . 4 5     block: E = end of 2; at 4 and 5 the windows reach the hole at 3
 *                               mark:  E = end of 5, with 3 named as missing
 */
import type { Instant } from '../time/instant.js'
import { type Interval, intervalsBetween } from '../time/interval.js'

export interface WindowReach {
  /** The longest window; `lifetime` reaches back to `since`. */
  readonly reachNs: bigint | 'lifetime'
  readonly onGap: 'block' | 'mark'
  /** Of each feature, for those held alone (held-windows.ts). */
  readonly features?: Readonly<Record<string, bigint | 'lifetime'>>
}

export interface PublishEndInput {
  /** Null: a lookup view, which older intervals do not block (R32). */
  readonly window: WindowReach | null
  readonly since: Instant
  readonly everyNs: bigint
  /** Those that windows can reach from `floorAt` on; older ones may be left out. In any order. */
  readonly committed: readonly Interval[]
  /** The newest end that an earlier publish may have shown: E never moves back. Null: there was none. */
  readonly floorAt: Instant | null
}

export interface ChosenEnd {
  readonly endAt: Instant
  /** `mark`: intervals that the windows reach and that are not committed, oldest first. */
  readonly missing: readonly Interval[]
}

/**
 * Null: nothing can be published yet. That is so, too, where what is committed does not reach the floor, which happens to a ledger
 * that was restored from a backup: E would move back (R29), or its windows undercount (R32); its missing intervals run first.
 */
export function choosePublishEnd(input: PublishEndInput): ChosenEnd | null {
  const { window, floorAt } = input
  const committed = input.committed
    .filter((interval) => interval.end > input.since)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  const chosen = window?.onGap === 'block' ? newestWhole(committed, window, input.since) : newestOf(committed)
  if (chosen === null || (floorAt !== null && chosen < floorAt)) return null
  return { endAt: chosen, missing: window?.onGap === 'mark' ? missingAt(chosen, window, committed, input) : [] }
}

/** `[E - reach, E)`, from `since` on: the span whose committed intervals decide the values at E. */
export function reachedSpan(endAt: Instant, window: WindowReach, since: Instant): Interval {
  const start = window.reachNs === 'lifetime' ? since : endAt - window.reachNs
  return { start: start < since ? since : start, end: endAt }
}

function newestOf(committed: readonly Interval[]): Instant | null {
  return committed.at(-1)?.end ?? null
}

/** The newest end before which, as far as the windows reach, no interval is missing. */
function newestWhole(committed: readonly Interval[], window: WindowReach, since: Instant): Instant | null {
  let newest: Instant | null = null
  let wholeFrom: Instant | null = null
  let previousEnd: Instant | null = null
  for (const interval of committed) {
    if (wholeFrom === null || interval.start !== previousEnd) wholeFrom = interval.start
    previousEnd = interval.end
    if (wholeFrom <= reachedSpan(interval.end, window, since).start) newest = interval.end
  }
  return newest
}

function missingAt(
  endAt: Instant,
  window: WindowReach,
  committed: readonly Interval[],
  grid: { readonly since: Instant; readonly everyNs: bigint },
): Interval[] {
  const present = new Set(committed.map((interval) => interval.start))
  const reached = reachedSpan(endAt, window, grid.since)
  return [...intervalsBetween(reached.start, endAt, grid.everyNs, grid.since)].filter(
    (interval) => !present.has(interval.start),
  )
}
