/** What the watcher has seen of one view, and the limits it judges by. */
import type { Finding } from '../judge/verdict.js'
import type { ClaimedInterval } from '../plan/claimed-interval.js'
import type { IntervalState } from '../plan/interval-state.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import type { RunPace } from './run-length.js'
import type { ScheduleSeen } from './skipped.js'

export interface ViewObservation {
  /** Intervals the ledger knows of that have ended lately (`WatchRules.horizonNs`), and older ones of which something is still to be done; oldest first. */
  readonly states: readonly IntervalState[]
  /** Where those lie, oldest first, that are not among `states` because all is well with them (settled-spans.ts). Absent: nowhere. */
  readonly settled?: readonly Interval[]
  /** End of what is published online; null: nothing yet. */
  readonly publishedEndAt: Instant | null
  /** When that was published; absent: not known. */
  readonly publishedAt?: Instant | null
  /** `check-quality --repair` asked for a publish that has not finished. Absent: not known. */
  readonly isRebuildAsked?: boolean
  /** Its runs that have not ended, and held ones; absent: not known, as what follows. */
  readonly open?: readonly {
    readonly runId: string
    readonly interval: Interval
    readonly outcome: 'running' | 'held'
    readonly ageMs: number
  }[]
  readonly pace?: RunPace | null
  /** The good run of the newest interval that has one; null: none has. */
  readonly good?: {
    readonly runId: string
    readonly interval: Interval
    readonly findings: readonly Finding[]
  } | null
  readonly schedule?: ScheduleSeen | null
  /** Whether any worker has asked for work lately. */
  readonly hasWorker?: boolean
  /** Of the intervals that miss a run, those that ticks leave to an open backfill. */
  readonly claims?: readonly ClaimedInterval[]
  /** Open backfills of the view version that keep its published end back. */
  readonly backfills?: readonly OpenBackfill[]
}

export interface OpenBackfill {
  readonly backfillId: string
  readonly state: string
  /** Start of the oldest interval beyond the end that it has committed. */
  readonly from: Instant
}

export interface WatchRules {
  /** A run counts as missing when it has not started so long after its interval was due. */
  readonly graceNs: bigint
  /** `states` has all that ended within so long; before that nothing counts as missing. */
  readonly horizonNs: bigint
  /** A hold that nobody decides on for longer is critical; absent or null: none is. */
  readonly heldMaxNs?: bigint | null
}
