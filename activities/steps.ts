/**
 * What the six steps of a run hand to each other through Temporal: references and counts, never rows. Pinned files, candidate,
 * profile and verdict lie in the ledger under the run id. Frozen by recorded histories: add optional fields only.
 */
import type { RowCounts } from '../core/compute/candidate.js'
import type { Finding } from '../core/judge/verdict.js'
import type { RunError } from '../core/ports/ledger.js'
import type {
  BackfillInput,
  CheckQualityInput,
  DecideInput,
  RepairStarted,
  RunInput,
  SearchLabels,
  TickInput,
} from '../core/ports/run-control.js'
import type { WaitedFor } from '../core/ports/waited-for.js'
import type { KeyCounts } from '../core/publish/delta.js'
import type { IsoInstant } from '../core/time/instant.js'
import type { IsoInterval } from '../core/time/interval.js'
import type { BackfillActivities } from './backfill-steps.js'
import type { CompactionActivities } from './compaction-steps.js'

/** The run in all later steps. */
export interface RunRef extends RunInput {
  readonly runId: string
  /** Of the definition it was planned with; a step that finds another one applied throws PLAN_DEFINITION_MOVED. */
  readonly definitionHash: string
}

export type PlanStepResult =
  | {
      readonly kind: 'ready'
      readonly run: RunRef
      readonly number: number
      readonly supersedes: string | null
      readonly files: number
      readonly bytes: number
    }
  /** R21, R27: done, with the same inputs and definition. */
  | { readonly kind: 'unchanged'; readonly run: RunRef }
  /** A wait, not an error; past the deadline the run ends as `not-ready`. */
  | {
      readonly kind: 'not-ready'
      readonly run: RunRef
      readonly because: string
      readonly isPastDeadline: boolean
      readonly retryAfterMs: number
      /** Absent: a worker of an older release does not say. */
      readonly waitedFor?: WaitedFor
    }

export interface ReadStepResult {
  /** Sentences about columns added and the like; a difference that forbids reading is thrown as SOURCE_SCHEMA_CHANGED. */
  readonly warnings: readonly string[]
}

export interface ComputeStepResult {
  readonly counts: RowCounts
  readonly peakMemoryBytes?: number
}

export interface JudgeStepResult {
  readonly decision: 'publish' | 'hold' | 'stop'
  readonly findings: readonly Finding[]
}

export type PublishStepResult =
  /** Covered by a finished publish, this run's own or another's. */
  | {
      readonly kind: 'published'
      readonly keyCounts: KeyCounts | null
      readonly itemsWritten: number
      readonly endAt: IsoInstant
    }
  /** Committed; the lease was not to be had in time, the end is blocked (R32, R33), or other intervals are to be repaired first. */
  | { readonly kind: 'committed'; readonly because: 'lease' | 'blocked' | 'repair' | 'offline' | 'backfill' }
  | { readonly kind: 'superseded'; readonly byRunId: string }
  /** The version it was planned against is no longer the current one: plan again. */
  | { readonly kind: 'moved' }

export interface RecordStepInput {
  readonly outcome: 'done' | 'committed' | 'held' | 'skipped' | 'not-ready' | 'superseded'
  readonly keyCounts: KeyCounts | null
  readonly itemsWritten: number
  readonly peakMemoryBytes?: number
  /** Of `not-ready`. */
  readonly waitedFor?: WaitedFor
}

/** The run may have failed before planning could name it: its id follows from the workflow (run-id.ts). */
export interface RecordFailureInput {
  readonly input: RunInput
  readonly error: RunError
  /** The ground moved and the workflow plans anew: this round ends as `superseded`, not as `failed`. */
  readonly isReplanned: boolean
}

/** What a tick has to start; the ledger is the truth, there is no watermark. */
export interface PlanTickResult {
  /** Part of the names of what is started. */
  readonly project: string
  readonly view: string
  readonly version: number
  /** Intervals to run now, oldest first, at most `runsMax`. */
  readonly due: readonly IsoInterval[]
  /** Intervals left for the next tick. */
  readonly left: number
  /** Decisions not carried out yet, of this view (R37). */
  readonly decisionIds: readonly string[]
  /** Unmarked commits, or an unfinished publish, and no publish open (R33). */
  readonly isPublishDue: boolean
  readonly labels?: SearchLabels
  /** Open ones: each has a workflow, or is given one. Absent: none. */
  readonly backfills?: readonly BackfillInput[]
  /** Versions that this one took the place of, that are served, and of which a repair has re-opened something: nobody else has it run. Absent: none. */
  readonly repairedVersions?: readonly number[]
}

export interface PublishViewInput {
  readonly view: string
  readonly version: number
  readonly now: IsoInstant | null
  readonly heartbeatMs?: number
  readonly labels?: SearchLabels
}

/** What a decision came to (R37); online values follow from committed state. */
export type ApplyDecisionResult = AppliedDecision & { readonly labels?: SearchLabels }

type AppliedDecision =
  | { readonly kind: 'committed' | 'kept'; readonly view: string; readonly version: number }
  | { readonly kind: 'superseded'; readonly byRunId: string }
  | { readonly kind: 'candidate-gone' }
  | { readonly kind: 'rerun'; readonly run: RunInput; readonly project: string }

export interface PlanQualityResult {
  /** Part of the names of what is started. */
  readonly project: string
  readonly views: readonly PlannedCheck[]
  /** As it was given, or drawn. */
  readonly seed: number
}

export interface PlannedCheck {
  readonly view: string
  readonly version: number
  /** Another version took its place, or its view is gone from the repo: nothing new of it runs by itself. */
  readonly isSuperseded?: true
  readonly labels?: SearchLabels
}

export interface CheckViewInput {
  readonly view: string
  readonly version: number
  readonly sample: number
  readonly seed: number
}

export interface CheckViewResult {
  readonly view: string
  readonly version: number
  /** The check itself is in the ledger. */
  readonly faults: number
}

export interface RepairViewInput {
  readonly view: string
  readonly version: number
  readonly by: string
  readonly reason: string
}

/** What workflows may call; made by create-activities.ts. Names and arguments are frozen by recorded histories. */
export interface Activities extends CompactionActivities, BackfillActivities {
  planTick(input: TickInput): Promise<PlanTickResult>
  planRun(input: RunInput): Promise<PlanStepResult>
  readSource(run: RunRef): Promise<ReadStepResult>
  computeInterval(run: RunRef): Promise<ComputeStepResult>
  judgeInterval(run: RunRef): Promise<JudgeStepResult>
  publishInterval(run: RunRef & { readonly supersedes: string | null }): Promise<PublishStepResult>
  recordRun(run: RunRef, end: RecordStepInput): Promise<void>
  recordFailure(input: RecordFailureInput): Promise<void>
  applyDecision(input: DecideInput): Promise<ApplyDecisionResult>
  publishView(input: PublishViewInput): Promise<PublishStepResult>
  planQuality(input: CheckQualityInput): Promise<PlanQualityResult>
  checkView(input: CheckViewInput): Promise<CheckViewResult>
  repairView(input: RepairViewInput): Promise<RepairStarted>
}
