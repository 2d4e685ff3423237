/** Of one view version, what the ledger knew and a training set is made of: all that decides its values beside definitions and spine. */
import type { LakePart } from '../compute/candidate.js'
import type { HeldFeatures, HeldWindow } from '../compute/feature-groups.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

/**
 * `knowable`: what was knowable at each row's time (R1, R9). `as-served`: the newest interval end at least the view's lag before it, from
 * what is committed now. `as-published`: what the publishes of the past showed (R30).
 */
export type TrainingMode = 'knowable' | 'as-served' | 'as-published'

/** The version of an interval that counted, or counted once. */
export interface StateCommit {
  readonly commitId: bigint
  readonly interval: Interval
  /** Null: committed as empty. */
  readonly data: LakePart | null
  /** The commit that took its place, as far as the publishes of this state know; null: it counts still. */
  readonly supersededBy: bigint | null
  /** Its own file is gone, or about to go: it is read from a compaction, or not at all. */
  readonly isRemoved?: true
  /** R35. Absent: it has all features. */
  readonly held?: HeldFeatures
}

/** A finished publish: what it showed is what was committed when it opened, up to its end. */
export interface StatePublish {
  readonly sequence: bigint
  readonly endAt: Instant
  /** When the ledger recorded its end: from then on it counts as shown. */
  readonly recordedAt: Instant
  readonly newestCommitId: bigint
  /** Older commits that it did not show: of a backfill that was still under way (R33). Absent: none. */
  readonly leftOut?: readonly bigint[]
  /** R35: windows that it showed otherwise. Absent: none. */
  readonly held?: readonly HeldWindow[]
}

export interface PublishHistory {
  /** Oldest first. */
  readonly publishes: readonly StatePublish[]
  /** All that any of them may have shown, oldest interval first. */
  readonly commits: readonly StateCommit[]
}

/** Of a spine's rows, the earliest and the latest time; null: it has no rows. */
export interface SpineTimes {
  readonly min: Instant
  readonly max: Instant
}
