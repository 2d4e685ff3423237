import type { Interval } from '../time/interval.js'

/** An input file as a run saw it when it was planned; what later turns out different is `PLAN_INPUTS_MOVED`. */
export interface PinnedFile {
  /** Full URI, as the query engine reads it. */
  readonly uri: string
  readonly etag: string
  readonly sizeBytes: number
  /** `own`: rows of the interval; `within`: looked at only for redelivered event ids (R19); `dimension`: of a query's dimension, `alias`. */
  readonly role: 'own' | 'within' | 'dimension'
  readonly alias?: string
}

/** What a run ended as; `running` while it has not. */
export type RunOutcome =
  | 'running'
  | 'done' // committed, and its commit is covered by a finished publish (or the view is offline)
  | 'committed' // committed; another publish will carry it online (R33)
  | 'skipped' // inputs unchanged, interval done
  | 'held' // judged bad; awaits a decision (R37)
  | 'rejected'
  | 'accepted' // the held candidate was committed by a decision
  | 'failed'
  | 'not-ready'
  | 'superseded'

export type RunKind = 'scheduled' | 'manual' | 'backfill' | 'rerun'

/** What the ledger knows of one interval of a view version: the input of planning. */
export interface IntervalState {
  readonly interval: Interval
  readonly committed: {
    readonly commitId: bigint
    readonly runId: string
    readonly number: number
    readonly isEmpty: boolean
    readonly isPublished: boolean
    /** Of a backfill that is still open, and not online: publishes read the version that it has replaced (R33). */
    readonly isOfOpenBackfill?: true
    /** R35: features that are left out of it and await a decision. Absent: none. */
    readonly heldFeatures?: readonly string[]
  } | null
  readonly latestRun: {
    readonly runId: string
    readonly number: number | null
    readonly outcome: RunOutcome
    readonly errorCode: string | null
    /** The source that it waited for in vain, or that its error names. Absent: none. */
    readonly source?: string
    /** Hash of the pinned inputs; null when it failed before pinning. */
    readonly inputsHash: string | null
    readonly definitionHash: string
  } | null
  /** While the latest run is under way, the newest that has ended; absent: it has ended itself, or none has. */
  readonly endedRun?: {
    readonly runId: string
    readonly outcome: RunOutcome
    readonly errorCode: string | null
    readonly source?: string
  }
  /** Why the interval has to run again although it has a finished run (R19, R27, rerun); null: it does not. */
  readonly reopenedBecause: string | null
  /** How often it was re-opened so far: a run clears only what it had seen before it listed its files. */
  readonly reopens: bigint
}
