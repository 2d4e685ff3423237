import type { FeatureViewDefinition } from '../define/definitions.js'
import type { BackfillOptions } from '../plan/backfill-plan.js'
import type { RunKind } from '../plan/interval-state.js'
import type { IsoInstant } from '../time/instant.js'
import type { IsoInterval } from '../time/interval.js'
import type { ScheduleSeen } from '../watch/skipped.js'
import type { Backfill } from './backfill-ledger.js'
import type { ScheduleMarks } from './schedule-marks.js'

/** What Temporal's lists are searched by, with the types it knows them by; `MillcourseInterval` is the interval's start. */
export const searchAttributes = {
  MillcourseView: 'KEYWORD',
  MillcourseInterval: 'DATETIME',
  MillcourseKind: 'KEYWORD',
  MillcourseOutcome: 'KEYWORD',
  MillcourseOwner: 'KEYWORD',
} as const

/** Given where the server knows the search attributes; without them nothing is set, because an unknown one would stop a workflow. */
export interface SearchLabels {
  readonly view: string
  readonly owner: string | null
}

/** Inputs of the workflows: JSON-safe, frozen by recorded histories; add optional fields only. */
export interface TickInput {
  readonly view: string
  /** One that another took the place of: only what was re-opened runs, nothing new. Absent: the newest. */
  readonly version?: number
  /** Of a repair: of what was re-opened these run, and nothing else, however old what else is due may be. Absent: all that is due. */
  readonly only?: readonly IsoInterval[]
  /** Replaces the clock of planning (R21, readiness); null: the real one. */
  readonly now: IsoInstant | null
  readonly kind: Exclude<RunKind, 'rerun'>
  /** Manual ticks: only intervals in this range. */
  readonly range: { readonly from: IsoInstant | null; readonly to: IsoInstant | null } | null
  /** At most so many runs are started, oldest first; the rest with the next tick. */
  readonly runsMax: number
  /** A step silent for so long counts as dead and is tried again elsewhere; absent: 20 seconds. */
  readonly heartbeatMs?: number
}

export interface TickResult {
  /** Intervals whose run this tick started, oldest first, with the run's workflow id. */
  readonly started: readonly { readonly interval: IsoInterval; readonly workflowId: string }[]
  /** Intervals whose run was already open. */
  readonly joined: readonly IsoInterval[]
  /** Intervals left for the next tick. */
  readonly left: number
  readonly decisionsStarted: number
  readonly publishStarted: boolean
}

export interface RunInput {
  readonly view: string
  readonly version: number
  readonly interval: IsoInterval
  readonly kind: RunKind
  readonly now: IsoInstant | null
  /** Planning rounds before this one in the same workflow: the inputs moved under them. Absent: none. */
  readonly replans?: number
  readonly labels?: SearchLabels
  readonly heartbeatMs?: number
  /** Set by the backfill that starts it; `isForced`: also with unchanged inputs. */
  readonly backfill?: { readonly backfillId: string; readonly isForced: boolean }
}

export interface PlanBackfillInput {
  readonly view: string
  readonly range: { readonly from: IsoInstant; readonly to: IsoInstant }
  readonly options: BackfillOptions
  /** Of the range what failed in this backfill. Absent: all of it. */
  readonly retryOf?: string
  readonly now: IsoInstant | null
  readonly heartbeatMs?: number
}

export interface StartBackfillInput {
  readonly planId: string
  /** Of what the plan holds, what failed in this backfill. Absent: what the plan says of itself. */
  readonly retryOf?: string
  readonly by: string
  readonly reason: string
  /** US dollars: dearer than this it waits for approval. Null: it never does, but for the limit of the one that it retries. */
  readonly costMax: number | null
  readonly now: IsoInstant | null
  readonly heartbeatMs?: number
}

export type StartBackfillResult =
  | {
      readonly kind: 'started' | 'queued' | 'joined' | 'awaiting-approval'
      readonly backfillId: string
      readonly intervals: number
    }
  | { readonly kind: 'nothing-to-run' }

/** The parent of a backfill's runs; all else that it needs is in the ledger. */
export interface BackfillInput {
  readonly project: string
  readonly view: string
  readonly version: number
  readonly backfillId: string
  readonly atOnce: number
  readonly isStopping: boolean
  /** An execution before this one was cancelled by Temporal's own means. Absent: none was. */
  readonly isCancelled?: boolean
  readonly now: IsoInstant | null
  readonly labels?: SearchLabels
  readonly heartbeatMs?: number
}

/** What a query of the workflow answers. */
export interface BackfillCounts {
  readonly total: number
  readonly done: number
  readonly failed: number
  readonly held: number
  readonly running: number
  readonly left: number
  /** Of its runs, from the measured rate; null: nothing has ended yet, or nothing is left to run. */
  readonly etaMs: number | null
}

export interface CompactInput {
  readonly view: string
  readonly heartbeatMs?: number
}

/** What became of one view: spans that were written anew, and what was removed. */
export interface CompactResult {
  readonly view: string
  readonly version: number
  readonly compacted: number
  readonly filesBefore: number
  readonly filesAfter: number
  readonly rows: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly filesRemoved: number
  readonly bytesRemoved: number
  /** Read no longer, and removed by a later compaction. */
  readonly filesMarked: number
  /** Runs that lost their details in the ledger (run-details-ledger.ts). Absent: a worker of a release that removed none. */
  readonly detailsRemoved?: number
}

export interface DecideInput {
  readonly decisionId: string
  readonly now: IsoInstant | null
  readonly heartbeatMs?: number
}

export interface CheckQualityInput {
  /** Null: all that are applied. */
  readonly views: readonly string[] | null
  /** Keys of each view. */
  readonly sample: number
  /** Null: another one each time. */
  readonly seed: number | null
  /** Of the tick that a repair starts; absent: the real clock. */
  readonly now?: IsoInstant | null
  /** What is at fault is put right. */
  readonly repair: { readonly by: string; readonly reason: string } | null
  readonly heartbeatMs?: number
}

export interface CheckQualityResult {
  /** The checks themselves are in the ledger. */
  readonly checked: readonly {
    readonly view: string
    readonly version: number
    readonly faults: number
    readonly repair: RepairStarted | null
  }[]
  readonly failed: readonly {
    readonly view: string
    readonly version: number
    readonly code: string
    readonly message: string
  }[]
}

export interface RepairStarted {
  readonly reopened: readonly IsoInterval[]
  readonly isRebuildAsked: boolean
  /** Faults that nothing here can put right. */
  readonly left: number
  /** Of views built on this one, and on these: so many intervals run again, once what they are made of has. Absent: none. */
  readonly above?: readonly { readonly view: string; readonly version: number; readonly intervals: number }[]
}

/** What the workflow of a run is at. */
export type WorkSeen =
  | {
      readonly kind: 'step'
      /** As activities/steps.ts names it: `computeInterval`. */
      readonly activity: string
      /** Counted from 1; of `pausing` the one to come. */
      readonly attempt: number
      /** `unclaimed`: no worker has taken it yet. `pausing`: the last attempt failed, the next one is due later. */
      readonly state: 'at-work' | 'unclaimed' | 'pausing'
      /** Process and host; null: none works on it. */
      readonly worker: string | null
      /** Of the attempt before this one; `code` is null where it timed out, or made way for others. Null: none has failed. */
      readonly lastFailure: { readonly code: string | null; readonly message: string } | null
    }
  /** No step is asked for: it sleeps until it looks at its source again, or plans anew; or no worker has taken it up. */
  | { readonly kind: 'asleep' | 'unclaimed' }
  /** It is not open, or Temporal does not know it. */
  | { readonly kind: 'over' }

/**
 * What the command line and the workers ask of Temporal. Every method may be repeated: workflow ids are names, a second start joins.
 * @throws MillcourseError TEMPORAL_UNREACHABLE
 */
export interface RunControl {
  /** Starts a tick and waits for its result. */
  tick(input: TickInput): Promise<TickResult>
  /** Starts or joins the compaction of a view, and waits for its result. */
  compact(input: CompactInput): Promise<CompactResult>
  /** Starts or joins the workflow of a decision; does not wait. */
  decide(input: DecideInput): Promise<{ readonly workflowId: string }>
  /** Checks views and waits for the end; what it found is in the ledger. */
  checkQuality(input: CheckQualityInput): Promise<CheckQualityResult>
  /** Has a worker make the plan of a backfill; it lies in the ledger by its id. */
  planBackfill(input: PlanBackfillInput): Promise<{ readonly planId: string }>
  /**
   * Starts what was planned, or joins it. @throws MillcourseError BACKFILL_PLAN_MOVED, BACKFILL_OVERLAPS, BACKFILL_UNKNOWN
   */
  startBackfill(input: StartBackfillInput): Promise<StartBackfillResult>
  /** Has an open backfill look at what the ledger says of it; a workflow that was lost is started anew, and does. */
  wakeBackfill(input: BackfillInput): Promise<void>
  /** As its workflow counts; null: no such workflow answers. */
  backfillCounts(named: NamedView & { readonly backfillId: string }): Promise<BackfillCounts | null>
  /**
   * Creates, updates and deletes Schedules so that there is exactly one for each of `views`; returns what was done. Those that compact are
   * also for `retired`, the names of views that the registry knows and the repo does not: their files are still there.
   */
  syncSchedules(views: readonly FeatureViewDefinition[], options: SyncOptions): Promise<ScheduleChanges>
  /**
   * Begins to list the Schedules that are there, for the next `syncSchedules`: of hundreds that takes the server a second or two. What
   * another apply changes meanwhile is told by its marks; without `marks` none is to be expected.
   */
  expectSync(): void
  /** Of the view, by its name. */
  schedule(view: string): Promise<ScheduleSeen>
  /** Of the workflow of a run, by the ids that the ledger keeps of it. */
  workOf(run: { readonly workflowId: string; readonly temporalRunId: string }): Promise<WorkSeen>
  /** Of the server; null: it does not say. */
  serverVersion(): Promise<string | null>
  /** True when the server answers. Never throws. */
  isReachable(timeoutMs: number): Promise<boolean>
  /** Workers that have asked for work within the last minutes (one that was killed is listed for a while), the latest first. */
  workers(): Promise<readonly WorkerSeen[]>
  close(): Promise<void>
}

export interface SyncOptions {
  readonly isPaused: boolean
  readonly retired?: readonly string[]
  /** What was left by whoever synced before; absent: each Schedule is asked for. */
  readonly marks?: ScheduleMarks
}

export interface WorkerSeen {
  /** Process and host. */
  readonly identity: string
  /** Since it last asked for work; one at rest asks each minute. */
  readonly silentMs: number
}

export interface ScheduleChanges {
  readonly created: readonly string[]
  readonly updated: readonly string[]
  readonly deleted: readonly string[]
  readonly unchanged: readonly string[]
  /** Of the Schedule that checks quality; none: there is none, nor was there one. Absent: whether there is to be one was not said. */
  readonly checks?: 'created' | 'updated' | 'deleted' | 'unchanged' | 'none'
  /** Why Temporal's lists cannot be searched by view and outcome, and what to run; null: they can. Nothing else depends on it. */
  readonly notSearchable: NotSearchable | null
}

export interface NotSearchable {
  readonly because: string
  /** For a server of one's own, and for Temporal Cloud. */
  readonly commands: readonly string[]
}

/** A view version of a project. */
export interface NamedView {
  readonly project: string
  readonly view: string
  readonly version: number
}

/** Two open runs of one interval are impossible by name; two projects of one namespace never join each other's. */
export function runWorkflowId(named: NamedView, start: IsoInstant): string {
  return `materialize/${viewPath(named)}/${start}`
}

/** What `runWorkflowId` was told; null: another workflow's id. */
export function runOfWorkflowId(id: string): (NamedView & { readonly start: IsoInstant }) | null {
  const [, project, view, version, start] = /^materialize\/([^/]+)\/([^/@]+)@v(\d+)\/(.+)$/.exec(id) ?? []
  return start === undefined ? null : { project: project!, view: view!, version: Number(version), start }
}

export function decideWorkflowId(decisionId: string): string {
  return `decide/${decisionId}`
}

/** Of the newest version: it is asked for when the workflow begins. */
export function compactWorkflowId({ project, view }: Pick<NamedView, 'project' | 'view'>): string {
  return `compact/${project}/${view}`
}

export function backfillWorkflowId(named: NamedView & { readonly backfillId: string }): string {
  return `backfill/${viewPath(named)}/${named.backfillId}`
}

/** What the workflow of a backfill is started with, whoever starts it, but for its labels. */
export function backfillInput(
  project: string,
  { backfillId, view, version, options, pretendedNow }: Backfill,
): BackfillInput {
  return {
    ...{ project, view, version, backfillId, atOnce: options.atOnce, isStopping: options.onFailure === 'stop' },
    now: pretendedNow,
  }
}

/**
 * Where runs queue for workers: what the clock asks for goes before what a person asks for, and that before a backfill's long tail.
 * Scheduled runs keep Temporal's own middle, so that nothing is set where nothing differs.
 */
export const runPriority: Readonly<Record<RunKind, number | undefined>> = {
  scheduled: undefined,
  manual: 4,
  rerun: 4,
  backfill: 5,
}

/** The signal and the query of a backfill's workflow. */
export const backfillMessages = { wake: 'wake', counts: 'counts' } as const

export function publishWorkflowId(named: NamedView): string {
  return `publish/${viewPath(named)}`
}

/** Of scheduled checks: the server appends the time of each start. */
export function qualityWorkflowId(project: string): string {
  return `check-quality/${project}`
}

function viewPath({ project, view, version }: NamedView): string {
  return `${project}/${view}@v${version}`
}
