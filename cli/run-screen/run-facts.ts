/**
 * What the screen of a run says, as data: `runs show --json` is this, the text is made of it. Instants are ISO text; a fact that is
 * not known is null, never guessed.
 */

import type { ProfileShift } from '../../core/judge/index.js'
import type { Spend } from '../../core/measure/index.js'
import type { ClaimedInterval } from '../../core/plan/index.js'
import type { PinnedFile, RunOutcome } from '../../core/plan/interval-state.js'
import type { RunError, RunRecord } from '../../core/ports/ledger.js'
import type { Layer } from '../../core/runbook/index.js'
import type { ColumnChange, FileChanges } from '../../core/source/index.js'
import type { DurationText } from '../../core/time/duration.js'
import type { IsoInstant } from '../../core/time/instant.js'
import type { IsoInterval } from '../../core/time/interval.js'
import type { RunSummary } from '../commands/run-summary.js'
import type { RejectedRows } from './rejected-rows.js'
import type { RunWork } from './work-text.js'

export interface RunFacts {
  readonly view: string
  readonly version: number
  readonly start: IsoInstant
  readonly end: IsoInstant
  /** Its id; null: the interval never ran. */
  readonly run: string | null
  /** What broke; null: nothing, or a code of another release. */
  readonly layer: Layer | null
  /** The page that says what to do, a URL or a path of the repository; null: nobody has to act. */
  readonly runbook: string | null
  readonly details: RunDetails | null
  readonly interval: IntervalFacts
  readonly lastGoodRun: RunSummary | null
  /** Against the last good run; null: there is none, or one of the two never pinned its inputs. */
  readonly differences: Differences | null
  readonly hits: Hits
  readonly sla: SlaFacts
  readonly blocks: BlockFacts
  /** In the order of what to try; a step without a command is something that happens by itself or outside. */
  readonly nextSteps: readonly NextStep[]
}

export interface RunDetails extends Omit<RunSummary, 'run' | 'view' | 'version' | 'start' | 'end'> {
  /** Milliseconds from start to end, or until now. */
  readonly tookMs: number
  readonly counts: NonNullable<RunRecord['candidate']>['counts'] | null
  /** Absent: none, or its rows are not computed. */
  readonly rejectedRows?: RejectedRows
  readonly keyCounts: RunRecord['keyCounts']
  readonly measures: RunRecord['measures']
  /** What it has cost so far, all its attempts together; null: not counted, or removed with its other details. */
  readonly spend: Spend | null
  readonly files: readonly PinnedFile[]
  readonly error: RunError | null
  /** What it is at now. Absent: it has ended. */
  readonly work?: RunWork
  readonly temporal: { readonly workflowId: string; readonly runId: string; readonly ui: string | null }
}

/** Where the interval stands now, which may be beyond the run that is shown. */
export interface IntervalFacts {
  /** Ended, by the clock of plan. */
  readonly isOver: boolean
  /** The interval's newest run, skipped ones passed over. */
  readonly latestRun: { readonly run: string; readonly outcome: RunOutcome } | null
  /** Of the accepted version; null: there is none. */
  readonly committedRun: string | null
  /** The accepted version has no rows, as after a reject (R37). Absent: it has, or there is none. */
  readonly isEmpty?: true
  readonly isPublished: boolean
  /** R35: features that the accepted version leaves out and that await a decision. Absent: none. */
  readonly heldFeatures?: readonly string[]
  readonly reopenedBecause: string | null
  /** A backfill that is still open has committed it, and publishes it at its end. */
  readonly isOfOpenBackfill?: true
  /** The open backfill that has yet to run it: ticks leave it to that. Absent: none. */
  readonly claimedBy?: { readonly backfill: string; readonly state: ClaimedInterval['state'] }
  readonly pendingDecision: {
    readonly action: string
    /** Null: on the interval, which had none. */
    readonly run: string | null
    readonly by: string
    readonly requestedAt: IsoInstant
  } | null
}

export interface Differences {
  readonly comparedWith: string
  /** The last good run was of this very interval. */
  readonly isSameInterval: boolean
  readonly isDefinitionChanged: boolean
  readonly files: FileChanges
  readonly rows: { readonly was: number; readonly is: number } | null
  readonly schema: SchemaDifference | null
  /** Of columns that both profiles have, the largest shift first; null: one of the runs has no profile, or none any more. */
  readonly profile: readonly ProfileShift[] | null
}

export interface SchemaDifference {
  /** `declaration`: no file of the last good run is left as it was. */
  readonly comparedWith: 'last-good-run' | 'declaration'
  readonly changes: readonly ColumnChange[]
  /** Files looked at: those that are still there with the content that the runs read. */
  readonly read: { readonly was: number; readonly is: number }
  /** That the two runs read: of many only some are looked at. */
  readonly files: { readonly was: number; readonly is: number }
  /** Files that could not be looked at, and why. */
  readonly unread: readonly { readonly file: string; readonly why: string }[]
}

export interface Hits {
  readonly services: readonly HitService[]
  /** Views whose rows are this view's commits, or those of such a view. */
  readonly builtOn: readonly BuiltView[]
  /** Other views on the same source, and those that failed by the same cause. */
  readonly views: readonly HitView[]
  /** Whom to call, and for what of theirs. */
  readonly owners: readonly OwnerFacts[]
}

export interface HitService {
  readonly service: string
  readonly owner: string | null
  /** Of this view. */
  readonly features: readonly string[]
  /** Views built on it whose features the service takes. */
  readonly through: readonly string[]
}

export interface BuiltView {
  readonly view: string
  readonly version: number
  readonly owner: string | null
}

export interface OwnerFacts {
  readonly owner: string
  readonly of: readonly string[]
}

export interface HitView extends BuiltView {
  readonly isSameSource: boolean
  readonly isSameCause: boolean
  /** Of its newest run in the same time; null: none. */
  readonly outcome: RunOutcome | null
  readonly error: string | null
}

export interface SlaFacts {
  readonly kind: 'none' | 'nothing-yet' | 'holds' | 'broken'
  readonly freshness: DurationText | null
  /** End of what is published (of an offline view: committed). */
  readonly reachedAt: IsoInstant | null
  readonly until: IsoInstant | null
  /** To `until`, or since it, as the clock of plan says now. */
  readonly distance: DurationText | null
}

export interface BlockFacts {
  /**
   * `blocks`: later intervals wait for this one. `marks`: they are published as partial. `accepted`: an accepted version stands in.
   * `never`: a lookup or offline view. `not-yet`: the interval is not over.
   */
  readonly kind: 'blocks' | 'marks' | 'accepted' | 'never' | 'not-yet'
  /** Computed and waiting, oldest first. */
  readonly waiting: readonly IsoInterval[]
  /** Published ends before it are blocked; null: all later ones (lifetime windows), or none. */
  readonly until: IsoInstant | null
}

export interface NextStep {
  readonly why: string
  readonly command: string | null
}
