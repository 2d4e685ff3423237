/**
 * The ledger's part on backfills (docs/backfill.md): plans that were shown, and what was made of them. A backfill is open until its end
 * is recorded; while it is, ticks leave the intervals that it has not run yet to it, and its commits wait for its own publish (R33, R34).
 */
import type { BackfillNeed, BackfillOptions, BackfillPlan } from '../plan/backfill-plan.js'
import type { ClaimedInterval } from '../plan/claimed-interval.js'
import type { CostAwaits, CostLimits } from '../plan/cost-limits.js'
import type { Instant, IsoInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

interface ViewKey {
  readonly view: string
  readonly version: number
}

/** The first five are open, the others ends. */
export type BackfillState =
  | 'awaiting-approval'
  /** As many as may run at once do, or others were asked for before it. */
  | 'queued'
  | 'running'
  | 'paused'
  | 'cancelling'
  | 'done'
  /** Some intervals failed, were held or are left. */
  | 'partly'
  /** No interval was committed. */
  | 'failed'
  | 'cancelled'

export type BackfillEnd = Extract<BackfillState, 'done' | 'partly' | 'failed' | 'cancelled'>

export interface Backfill extends ViewKey {
  readonly backfillId: string
  readonly planId: string
  /** From the first interval's start to the last one's end. */
  readonly range: Interval
  readonly state: BackfillState
  readonly options: BackfillOptions
  /** The backfill whose failed intervals this one runs again; null: none. */
  readonly retryOf: string | null
  readonly by: string
  readonly reason: string
  readonly askedAt: Instant
  /** `--now` of whoever started it; null: the real clock. */
  readonly pretendedNow: IsoInstant | null
  readonly endedAt: Instant | null
  /** US dollars, as its plan estimates it; null: a release asked for it that did not keep that. */
  readonly dollars: number | null
  /** US dollars that it may cost without approval; null: no limit, or a release asked for it that did not keep it. */
  readonly costMax: number | null
  /** What it costs more than, as it was when it was asked for; null: it never had to await approval. */
  readonly awaits: CostAwaits | null
  /** Why its publish failed; null: it did not. */
  readonly error: { readonly code: string; readonly message: string } | null
}

/** What has become of its intervals, by their last run of this backfill. */
export interface BackfillProgress {
  readonly total: number
  /** Committed, or found unchanged. */
  readonly done: number
  readonly failed: number
  readonly held: number
  readonly running: number
  /** Not begun, or, while it is open, last not ready because of a repair of the view below: that is waited for. */
  readonly left: number
  /** Milliseconds an interval has lately taken, runs at once counted together and pauses left out; null: nothing has ended yet. */
  readonly msPerInterval: number | null
  /** Its commits that are not online yet. */
  readonly unpublished: number
}

export interface BackfillInterval {
  readonly interval: Interval
  readonly need: BackfillNeed
  /** Null: not begun. */
  readonly runId: string | null
  readonly outcome: string | null
}

export interface NextBackfillInterval extends Pick<BackfillInterval, 'interval' | 'need'> {
  /** It has run, and was not ready because of a repair of the view below. Absent: it has not. */
  readonly hasWaited?: true
}

export interface BackfillRequest {
  /** A name that was not used yet, or that of the open backfill which is then joined. */
  readonly backfillId: string
  readonly plan: BackfillPlan
  readonly intervals: readonly { readonly interval: Interval; readonly need: BackfillNeed }[]
  readonly limits: CostLimits
  readonly retryOf: string | null
  readonly by: string
  readonly reason: string
  readonly pretendedNow: IsoInstant | null
}

export type OpenBackfillResult =
  /** `joined`: the same plan was started before, and is still open. */
  | { readonly kind: 'opened' | 'joined'; readonly backfill: Backfill }
  /** Another one of the view version is open, and their ranges overlap. */
  | { readonly kind: 'overlaps'; readonly with: Backfill }

export type BackfillChange = 'pause' | 'resume' | 'cancel' | 'approve'

export interface BackfillReader {
  /** By its id. */
  backfill(backfillId: string): Promise<Backfill | null>
  /** Newest first. */
  backfills(filter: {
    readonly view?: string
    readonly idPrefix?: string
    readonly isOpen?: boolean
    readonly limit: number
  }): Promise<Backfill[]>
  backfillProgress(backfillId: string): Promise<BackfillProgress>
  /** Those that hold a turn: they run, or end as cancelled. */
  runningBackfills(): Promise<Backfill[]>
  /** Those that are queued, in the order in which they begin: that in which they were asked for. */
  queuedBackfills(): Promise<Backfill[]>
  /** In the order in which they run. */
  backfillIntervals(backfillId: string): Promise<BackfillInterval[]>
  backfillPlan(planId: string): Promise<BackfillPlan | null>
  /** Those of open backfills that these have not run yet, as `left` counts them, but for what awaits approval: a tick leaves them alone. Oldest first. */
  claimedIntervals(key: ViewKey, range: Interval): Promise<ClaimedInterval[]>
  /** Of the view version's last finished publishes, items a second; null: none has written anything. */
  publishRate(key: ViewKey): Promise<number | null>
}

export interface BackfillWriter {
  /** Plans that nobody has started for a week are forgotten. */
  keepBackfillPlan(plan: BackfillPlan): Promise<void>
  /**
   * One at a time over a range, under the lock of the view version's row, so that two that overlap never both begin. It is queued, or awaits
   * approval where it costs too much, or nobody knows what.
   */
  openBackfill(request: BackfillRequest): Promise<OpenBackfillResult>
  /** One that is queued runs from now on, if with it at most so many of the project do, those queued before it included. */
  beginBackfill(backfillId: string, atOnceMax: number): Promise<Backfill>
  /** With an entry in the audit. Said twice it is said once. @throws MillcourseError BACKFILL_NOT_APPLICABLE, BACKFILL_UNKNOWN */
  changeBackfill(
    backfillId: string,
    change: { readonly to: BackfillChange; readonly by: string; readonly reason: string | null },
  ): Promise<Backfill>
  /** The first of those that have no ended run of this backfill, but for one that `left` counts, at most so many, in its order. */
  nextBackfillIntervals(backfillId: string, max: number): Promise<NextBackfillInterval[]>
  /** The first end counts. Its commits are as all others from now on, its intervals the ticks' again. */
  endBackfill(backfillId: string, state: BackfillEnd, error: Backfill['error']): Promise<Backfill>
}
