/**
 * The ledger: what ran, from what, with what result; which file counts for an interval since when; who may publish.
 * The state of a view version is what its ledger has committed; everything else is a function of that state. Planners and
 * lists get `LedgerReader`, only the activities that record get `LedgerWriter`. Methods take effect once, however often they
 * are repeated, unless their comment says otherwise.
 *
 * @throws MillcourseError LEDGER_UNREACHABLE, LEDGER_CONFLICT (serialization failure that outlived the adapter's own retries)
 */
import type { Candidate, LakePart } from '../compute/candidate.js'
import type { HeldFeatures, HeldWindow } from '../compute/feature-groups.js'
import type { Profile, ProfileSketches, Verdict } from '../judge/verdict.js'
import type { IntervalState, PinnedFile, RunKind, RunOutcome } from '../plan/interval-state.js'
import type { DeltaFile, KeyCounts, PublishedFile } from '../publish/delta.js'
import type { WindowReach } from '../publish/publish-end.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import type { PublishHistory } from '../training/set-state.js'
import type { LedgerReaders, LedgerWriters } from './ledger-ports.js'
import type { AskedPublish, ShownPublish } from './ledger-quality.js'
import type { PinnedTrainingSet, TrainingSetPin } from './training-set-pin.js'
import type { WaitedFor } from './waited-for.js'

export interface ViewKey {
  readonly view: string
  readonly version: number
}

// ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface RunStart extends ViewKey {
  readonly runId: string
  readonly interval: Interval
  readonly kind: RunKind
  readonly definitionHash: string
  readonly workflowId: string
  readonly temporalRunId: string
  /** Of the backfill that started it. Absent: none did. */
  readonly backfillId?: string
}

export interface RunPins {
  readonly files: readonly PinnedFile[]
  /** sha256, hex, over the own files' uri, etag and size in byte order. */
  readonly inputsHash: string
}

/** The error as a person and the watcher need it: the first cause, not the last retry. */
export interface RunError {
  readonly code: string
  readonly message: string
  readonly hint: string | null
  readonly facts: Readonly<Record<string, string | number>>
  /** The step that failed: plan, read, compute, judge, publish or record. */
  readonly step: string
  readonly attempts: number
  /** From when the step was first asked for to the beginning of its last attempt; absent: not known. */
  readonly triedForMs?: number
}

export interface RunMeasures {
  readonly durationMs: number
  readonly bytesRead: number
  readonly peakMemoryBytes: number
  readonly itemsWritten: number
}

/** Fields accumulate over the steps; of each, the first one recorded counts (a step that is repeated reads it back with `run`). */
export interface RunProgress {
  readonly candidate?: Candidate
  readonly profile?: Profile
  readonly sketches?: ProfileSketches
  readonly verdict?: Verdict
  /** Until its inputs are pinned, and of `not-ready`. Absent: not known. The last one counts. */
  readonly waitedFor?: WaitedFor
}

export interface RunEnd extends Pick<RunProgress, 'waitedFor'> {
  readonly outcome: Exclude<RunOutcome, 'running'>
  readonly error: RunError | null
  readonly keyCounts: KeyCounts | null
  readonly measures: RunMeasures | null
}

export interface RunRecord extends RunStart {
  /** Given when the inputs are pinned; rises within the interval (R37). Null: ended before. */
  readonly number: number | null
  readonly outcome: RunOutcome
  readonly startedAt: Instant
  readonly endedAt: Instant | null
  readonly error: RunError | null
  /** Of one that waits, or ended as `not-ready`. Absent: neither, or a worker of an older release did not say. */
  readonly waitedFor?: WaitedFor
  readonly pins: RunPins | null
  readonly candidate: Candidate | null
  readonly profile: Profile | null
  readonly verdict: Verdict | null
  readonly keyCounts: KeyCounts | null
  readonly measures: RunMeasures | null
  /** When its profile, sketches and spends were removed; null: they were not. */
  readonly detailsRemovedAt: Instant | null
}

export interface NamedRun extends Pick<RunStart, 'runId' | 'view' | 'interval'> {}

export interface RunFilter {
  readonly view?: string
  readonly outcomes?: readonly RunOutcome[]
  /** Those that overlap it. */
  readonly interval?: Interval
  /** Only runs of exactly this interval, however long the history is that lies before it. */
  readonly of?: ViewKey & { readonly interval: Interval }
  /** Newest first, at most so many, older than the run named by `before`. */
  readonly limit: number
  readonly before?: string
}

// ── commits ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The accepted version of an interval. The current one is that of the run with the highest number. */
export interface Commit {
  readonly commitId: bigint
  readonly interval: Interval
  /** The decision's id where an operator rejected an interval that no run had. */
  readonly runId: string
  readonly number: number
  /** Null: committed as empty (no rows, or a rejected interval without an earlier version). */
  readonly data: LakePart | null
  /** Set when an operator's `reject` made it (R37): an empty interval that is not the truth of the source. */
  readonly isRejected: boolean
  /** R35: features that are left out of it, whatever its file holds of them. Absent: none. */
  readonly held?: HeldFeatures
  /** The finished publish that covered it; null: unmarked (R33). */
  readonly publishedSequence: bigint | null
  readonly committedAt: Instant
}

export interface CommitRequest {
  readonly runId: string
  /** Path, rows and size at the final place in the lake; null: empty. */
  readonly data: LakePart | null
  /** The commit this run was planned against; null: the interval had none. */
  readonly supersedes: bigint | null
  /** R35. Absent: none. */
  readonly heldFeatures?: readonly string[]
}

export type CommitResult =
  | { readonly kind: 'committed' | 'already-committed'; readonly commitId: bigint }
  /** A run with a higher number is committed (R37). */
  | { readonly kind: 'superseded'; readonly byRunId: string }
  /** The version it was planned against is no longer the current one: plan again. */
  | { readonly kind: 'moved'; readonly currentCommitId: bigint }

/** Partial aggregates of a coarser span, merged from the fine tiles of exactly these commits: valid while they are the current ones. */
export interface CoarseTile {
  readonly span: Interval
  readonly data: LakePart | null
  readonly commitIds: readonly bigint[]
}

// ── decisions ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface DecisionRequest extends ViewKey {
  readonly action: 'accept' | 'reject' | 'rerun'
  readonly interval: Interval
  /** The run decided on; null: a reject of an overdue interval that has none. */
  readonly runId: string | null
  readonly reason: string
  readonly by: string
}

export interface Decision extends DecisionRequest {
  readonly decisionId: string
  readonly requestedAt: Instant
  /** Null: not carried out yet; the next tick picks it up. */
  readonly appliedAt: Instant | null
  /** Null as long as `appliedAt` is. */
  readonly outcome: DecisionOutcome['kind'] | null
}

export type DecisionOutcome =
  | { readonly kind: 'committed'; readonly commitId: bigint }
  /** Reject of an interval that keeps its accepted version, or rerun: nothing was committed. */
  | { readonly kind: 'kept' }
  | { readonly kind: 'superseded'; readonly byRunId: string }
  /** Accept of a run whose judged candidate is nowhere any more: nothing was committed, and the run is still held. */
  | { readonly kind: 'candidate-gone' }

// ── publishing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What a publish is of, fixed in the transaction that took the lease and drew the sequence (R33). */
export interface Publish extends ViewKey, AskedPublish {
  readonly sequence: bigint
  readonly owner: string
  readonly table: string
  /** The table is this publish's alone, nobody reads it before it is finished, and it is never resumed: its items need no condition. */
  readonly isFirstLoad: boolean
  /** Tables of earlier first loads that were not finished: nobody reads them, the one that finishes drops them. */
  readonly abandonedTables: readonly string[]
  /** Window view: the newest unblocked interval end. Lookup view: the newest committed end. Never lower than the last one (R29). */
  readonly endAt: Instant
  /** R32, `mark`: uncommitted intervals that the windows reach, oldest first. */
  readonly missing: readonly Interval[]
  /** R35, window view: features that are shown otherwise, because of commits that they are left out of. Absent: none. */
  readonly held?: readonly HeldWindow[]
  /** Unmarked commits that this publish covers, superseded ones among them included. */
  readonly covered: readonly Commit[]
  /** Of each covered interval the version shown by the last finished publish that covered it: its rows may have to be taken back (R31). */
  readonly replaced: readonly Commit[]
  /** All current commits that values are merged from, oldest first; of a resumed publish those that were current when it opened. */
  readonly current: readonly Commit[]
  readonly coarse: readonly CoarseTile[]
  /** Key -> digest of what is online; null: no cache, rebuild it by a scan. */
  readonly published: { readonly files: readonly PublishedFile[]; readonly tableIdentity: string } | null
  /** Delta files of unfinished publishes into this table since the last finished one: their keys are rewritten, and every key when a file is lost (R36). */
  readonly unfinished: readonly DeltaFile[]
  /** Set when this is the continuation of a recorded delta. */
  readonly recorded: DeltaFile | null
}

export type OpenPublishResult =
  | { readonly kind: 'opened' | 'resumed'; readonly publish: Publish }
  /** Another publish holds the lease; it expires, unless renewed, in so many ms. */
  | { readonly kind: 'busy'; readonly owner: string; readonly expiresInMs: number }
  /** No unmarked commit that may be covered, and no unfinished predecessor. */
  | { readonly kind: 'nothing' }

export interface OpenPublishRequest extends ViewKey {
  /** One activity attempt: `<workflow run id>/<attempt>`. The same owner's open publish with a recorded delta is resumed. */
  readonly owner: string
  /** Set to continue the recorded delta of an open publish whose earlier attempt is this workflow's own. */
  readonly workflowRunId: string
  /** The version's plain name: its table, unless a first load into another was finished. */
  readonly table: string
  /**
   * A version that no publish has finished is first loaded, into a table of the attempt's own, until so many first loads have recorded
   * their delta without finishing, or one under conditions has: then under conditions, into the plain one, where it can be resumed. 0: at
   * once. As a table is made after that record only, no more tables than that are ever made.
   */
  readonly firstLoadsMax: number
  readonly leaseMs: number
  /** For the choice of E (R29, R32). */
  readonly window: WindowReach | null
  readonly since: Instant
  readonly everyNs: bigint
  /** R34: commits of this open backfill are covered, too: of a lookup view the newest, those of so many rows; of a window view all. */
  readonly backfill?: { readonly backfillId: string; readonly rowsMax: number }
}

/** `overtaken`: another publish took the lease; nothing was recorded. */
export type LeaseResult = 'ok' | 'overtaken'

export interface PublishFinish {
  readonly keyCounts: KeyCounts
  readonly itemsWritten: number
  readonly tableIdentity: string
  /** Set after a rebuild or compaction: replaces base and deltas. */
  readonly newBase: PublishedFile | null
}

export interface VersionTables extends ViewKey {
  /** As `LedgerReader.onlineTable`. */
  readonly named: string | null
  /** By this ledger. Before that, a table of which it knows nothing may be one that the ledger before it has published. */
  readonly isPublished: boolean
  /** Of first loads that began and are not finished: one may be under way, the others are dropped by the next publish that finishes. */
  readonly ofAttempts: readonly string[]
}

// ── what the planner has seen of sources ────────────────────────────────────────────────────────────────────────────────

/** A source file's footer, read once per (uri, etag). */
export interface IndexedFile {
  readonly uri: string
  readonly etag: string
  readonly sizeBytes: number
  /** Null: the footer has no statistics; the partition's span counts. */
  readonly eventMin: Instant | null
  readonly eventMax: Instant | null
  readonly rows: number
}

// ── training sets ───────────────────────────────────────────────────────────────────────────────────────────────────────

export type { PinnedTrainingSet, TrainingSetPin } from './training-set-pin.js'

// ── the port ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface LedgerReader extends LedgerReaders<Commit> {
  /** One entry per interval that overlaps `range` and the ledger knows of, oldest first; intervals that never ran have no entry. Skipped runs do not count as the latest. */
  intervalStates(key: ViewKey, range: Interval): Promise<IntervalState[]>
  /** The parts of `range` that no known interval covers, oldest first: what never ran, however long ago. */
  intervalGaps(key: ViewKey, range: Interval): Promise<Interval[]>
  /** As `intervalStates`, only those not committed, re-opened, or whose latest run is open, failed or was not ready. */
  unsettledIntervals(key: ViewKey, range: Interval): Promise<IntervalState[]>
  run(runId: string): Promise<RunRecord | null>
  runs(filter: RunFilter): Promise<RunRecord[]>
  /** Of the newest `among` runs those whose ids begin so, newest first. */
  runsNamed(prefix: string, among: number): Promise<NamedRun[]>
  /**
   * What a run is compared with: of the intervals up to the given one, the newest that has a run that ended `done`, `committed` or
   * `accepted`, and of it the newest such run; of the interval itself only runs that started before `runId` (null: any).
   */
  lastGoodRun(
    key: ViewKey,
    before: { readonly interval: Interval; readonly runId: string | null },
  ): Promise<RunRecord | null>
  /** Current commits whose interval overlaps `range`, oldest first. */
  currentCommits(key: ViewKey, range: Interval): Promise<Commit[]>
  /** Those whose span overlaps `range` and that stand for the commits of this state, as `commitsAt` has it; absent: of now. Oldest first. */
  coarseTiles(key: ViewKey, range: Interval, shown?: ShownPublish | null): Promise<CoarseTile[]>
  /** Without those of backfills still open, which their own publish carries (R33). */
  unmarkedCommits(key: ViewKey): Promise<number>
  /** The table that counts, named by a finished first load; null: the plain name. */
  onlineTable(key: ViewKey): Promise<string | null>
  /** Of every version that the ledger has heard of, retired ones included. */
  onlineTables(): Promise<VersionTables[]>
  lastPublish(
    key: ViewKey,
  ): Promise<{ readonly sequence: bigint; readonly endAt: Instant; readonly finishedAt: Instant } | null>
  /** Whether a live lease is held. */
  isPublishOpen(key: ViewKey): Promise<boolean>
  /** Whether `giveUpPublish` was said, and nothing has been committed since. */
  isPublishGivenUp(key: ViewKey): Promise<boolean>
  pendingDecisions(of: { readonly view: string; readonly version?: number }): Promise<Decision[]>
  decision(decisionId: string): Promise<Decision | null>
  indexedFiles(source: string, range: Interval): Promise<IndexedFile[]>
  /** Whatever their event times; of a file that was changed every version. */
  indexedFilesByUri(source: string, uris: readonly string[]): Promise<IndexedFile[]>
  /** Publishes whose end was recorded at or before `until`, and all commits that they may have shown (R30). */
  publishHistory(key: ViewKey, until: Instant): Promise<PublishHistory>
  trainingSet(setId: string): Promise<PinnedTrainingSet | null>
  /** Those of these lake paths that a training set still pins: what removes superseded files leaves them. By this server's clock. */
  pinnedPaths(paths: readonly string[]): Promise<string[]>
}

export interface LedgerWriter extends LedgerReader, LedgerWriters {
  /** As it is now: the first start counts, and what the run has come to since. */
  startRun(run: RunStart): Promise<RunRecord>
  /**
   * Numbers the run and clears the interval's reopen mark, unless it was set again after `reopensSeen` (IntervalState.reopens, read
   * before the files were listed): what re-opened it may be a file that is not among the pins. The first pins count: planning again is
   * a new run.
   */
  pinRun(
    runId: string,
    pins: RunPins,
    reopensSeen: bigint,
  ): Promise<{ readonly number: number; readonly supersedes: bigint | null }>
  recordProgress(runId: string, progress: RunProgress): Promise<void>
  /**
   * The first end counts, except that `committed` may still become `done`, and `held` may become `accepted`, `rejected` or `superseded`.
   * Returns what was recorded if this was the run's first end, else null. `committed` is recorded as `done` where a publish has covered it.
   */
  endRun(runId: string, end: RunEnd): Promise<RunEnd['outcome'] | null>
  /** One transaction: the candidate becomes the interval's committed file, or nothing happens. */
  commitRun(request: CommitRequest): Promise<CommitResult>
  /** Coarse tiles are a cache: the newest for a span wins. */
  recordCoarseTile(key: ViewKey, tile: CoarseTile): Promise<void>
  /** R19, R27: finished intervals that have to run again. */
  reopenIntervals(key: ViewKey, intervals: readonly Interval[], because: string): Promise<void>
  indexFiles(source: string, files: readonly IndexedFile[]): Promise<void>

  /** @throws MillcourseError DECIDE_NOT_APPLICABLE (nothing held there), RUN_SUPERSEDED (a newer run counts) */
  recordDecision(request: DecisionRequest): Promise<Decision>
  /** In one transaction, once. `accepted`: the judged candidate at its final place. `seen`: hash of files that a rejected run has not pinned. */
  applyDecision(decisionId: string, accepted: LakePart | null | 'gone', seen?: string | null): Promise<DecisionOutcome>

  /** Takes the lease, draws a sequence and fixes what is covered, in one transaction; or resumes. Not idempotent: a new owner draws anew. */
  openPublish(request: OpenPublishRequest): Promise<OpenPublishResult>
  /** Before the first online write (R36); a first load's table is remembered from then on, and not made before. */
  recordDelta(key: ViewKey, sequence: bigint, owner: string, delta: DeltaFile): Promise<LeaseResult>
  renewLease(key: ViewKey, sequence: bigint, owner: string, leaseMs: number): Promise<LeaseResult>
  /**
   * Marks the covered commits, keeps E, appends the delta to the published state (compare-and-set), names a first load's table as the
   * version's, gives the lease back. `wanted`: so it is, and another publish, of no backfill, had met the lease.
   */
  finishPublish(key: ViewKey, sequence: bigint, owner: string, finish: PublishFinish): Promise<LeaseResult | 'wanted'>
  /** A publish of what is committed now has cost too many workers: no tick is to begin it again by itself. */
  giveUpPublish(key: ViewKey): Promise<void>
  /** Gives the lease back unfinished; the publish stays unfinished and its keys are rewritten by its successor. */
  releaseLease(key: ViewKey, sequence: bigint, owner: string): Promise<void>
  /**
   * Whether this ledger knows the table as that of a first load that will never finish: neither the table that counts nor one under way.
   * Of what it has not heard of (a restored ledger, of what came after its backup) it does not say so. Asked right before a drop.
   */
  isTableGivenUp(key: ViewKey, table: string): Promise<boolean>
  /** An abandoned table has been dropped, or was never made. */
  forgetTable(key: ViewKey, table: string): Promise<void>

  /** Pins its files until at least `keepMs` from now, never for less than before; until when. Sets that have expired are forgotten. */
  pinTrainingSet(set: TrainingSetPin): Promise<Instant>

  audit(entry: {
    readonly by: string
    readonly action: string
    readonly subject: string
    readonly reason: string | null
  }): Promise<void>
}
