/**
 * The tables of one project (migrations/). Event-time instants are `numeric`, nanoseconds since 1970: exact, and wider than
 * 64 bits, so that end-of-time markers fit (R11). Postgres's own moments (started, committed, leases) are `timestamptz`, read as
 * instants too. `json`, not `jsonb`: it gives back what it was given, key order and NUL characters included.
 */
import type { ColumnType, Generated } from 'kysely'
import type { Candidate } from '../../core/compute/candidate.js'
import type { Definition } from '../../core/define/definitions.js'
import type { Profile, ProfileSketches, Verdict } from '../../core/judge/verdict.js'
import type { BackfillNeed, BackfillOptions, BackfillPlan } from '../../core/plan/backfill-plan.js'
import type { CostAwaits } from '../../core/plan/cost-limits.js'
import type { PinnedFile, RunKind, RunOutcome } from '../../core/plan/interval-state.js'
import type { Backfill, BackfillState } from '../../core/ports/backfill-ledger.js'
import type { CompactedPart } from '../../core/ports/compaction-ledger.js'
import type { RunError, RunMeasures } from '../../core/ports/ledger.js'
import type { RunFiles } from '../../core/ports/run-files-ledger.js'
import type { WaitedFor } from '../../core/ports/waited-for.js'
import type { DeltaFile, KeyCounts } from '../../core/publish/delta.js'
import type { QualityCheck } from '../../core/quality/quality-check.js'
import type { Instant, IsoInstant } from '../../core/time/instant.js'
import type { IsoInterval } from '../../core/time/interval.js'
import type { TrainingMode } from '../../core/training/set-state.js'
import type { Incident, IncidentEvent } from '../../core/watch/incident.js'
import type { HeldWindowColumns, HoldingColumns } from './held-columns.js'
import type { SpendColumns, SpendsTable } from './spend-tables.js'
import type { WriteBudgetTable } from './write-budget-table.js'

/** Written as text by `toJson` (client.ts). */
type Json<T> = ColumnType<T, string, string>
type OptionalJson<T> = ColumnType<T | null, string | null, string | null>
/** Set by the server's clock only. */
type ServerTime<T> = ColumnType<T, never, never>

export interface ViewColumns {
  view: string
  version: number
}

export interface IntervalColumns extends ViewColumns {
  start_at: Instant
  end_at: Instant
}

/** One row per view version: the sequence counter, the publish lease and the floor of E; locked by what must be one at a time. */
export interface ViewVersionsTable extends ViewColumns {
  last_sequence: Generated<bigint>
  finished_sequence: Generated<bigint>
  /** The newest E that a publish may have shown online (R29). */
  end_floor_at: Instant | null
  published_generation: Generated<bigint>
  table_identity: string | null
  /** Named by the first load that finished; null: the plain name. */
  online_table: string | null
  /** Of first loads that have recorded their delta and are not finished: to be dropped, but for the open one's. */
  attempt_tables: Generated<string[]>
  lease_sequence: bigint | null
  lease_owner: string | null
  lease_workflow_run_id: string | null
  lease_ms: number | null
  lease_renewed_at: Instant | null
  /** A scheduled publish has met the lease of a backfill's; null: none has, since it was taken. */
  lease_wanted_at: Instant | null
  /** The newest commit when a publish had cost too many workers. */
  given_up_commit: bigint | null
  /** A publish with a higher sequence is to trust no cache, and begins although nothing was committed; null: none is asked for. */
  rebuild_after: bigint | null
  /** Commits whose files are at fault: who shows one is no such publish. */
  awaited: Generated<bigint[]>
  /** Of the last such publish that finished; 0: none is known of. */
  last_rebuild: Generated<bigint>
}

export interface IntervalsTable extends IntervalColumns {
  last_number: Generated<number>
  commit_id: bigint | null
  reopened_because: string | null
  /** Rises with each re-opening: `reopened_because` keeps the first reason only. */
  reopens: Generated<bigint>
}

export interface RunsTable extends IntervalColumns {
  /** The order of starting. */
  ordinal: Generated<bigint>
  run_id: string
  kind: RunKind
  definition_hash: string
  workflow_id: string
  temporal_run_id: string
  number: number | null
  supersedes: bigint | null
  outcome: Generated<RunOutcome>
  started_at: ServerTime<Instant>
  /** When it was numbered: its source was ready. Null: not yet, or a release planned it that did not say. */
  pinned_at: Instant | null
  ended_at: Instant | null
  pinned_files: OptionalJson<PinnedFile[]>
  inputs_hash: string | null
  candidate: OptionalJson<Candidate>
  profile: OptionalJson<Profile>
  verdict: OptionalJson<Verdict>
  error: OptionalJson<RunError>
  error_code: string | null
  /** Of one that ended as not ready. */
  waited_for: OptionalJson<WaitedFor>
  /** Whose files it waited for, or that its error names. */
  named_source: string | null
  key_counts: OptionalJson<KeyCounts>
  measures: OptionalJson<RunMeasures>
  /** That started it. */
  backfill_id: Generated<string | null>
  /** Its profile, sketches and spends; null: they are there, if it had any. */
  details_removed_at: Instant | null
}

/** Apart from the runs, so that lists of these do not read them. */
export interface RunSketchesTable {
  run_id: string
  body: Json<ProfileSketches>
}

export interface CommitsTable extends IntervalColumns, HoldingColumns {
  commit_id: Generated<bigint>
  run_id: string
  number: number
  path: string | null
  rows: bigint | null
  size_bytes: bigint | null
  /** Of its own file when it was committed; null: of a release before. */
  sha256: Generated<string | null>
  etag: Generated<string | null>
  is_rejected: boolean
  supersedes: bigint | null
  superseded_by: bigint | null
  published_sequence: bigint | null
  committed_at: ServerTime<Instant>
  /** Its own file is read no longer, and goes; null: it is there. */
  removing_at: Instant | null
  removed_at: Instant | null
  /** Of a run of this backfill. */
  backfill_id: Generated<string | null>
}

export interface CoarseTilesTable extends IntervalColumns {
  path: string | null
  rows: bigint | null
  size_bytes: bigint | null
  commit_ids: bigint[]
}

export interface DecisionsTable extends IntervalColumns {
  decision_id: string
  ordinal: Generated<bigint>
  action: 'accept' | 'reject' | 'rerun'
  run_id: string | null
  reason: string
  decided_by: string
  requested_at: ServerTime<Instant>
  applied_at: Instant | null
  outcome: 'committed' | 'kept' | 'superseded' | 'candidate-gone' | null
  outcome_commit_id: bigint | null
  outcome_by_run_id: string | null
}

export interface PublishesTable extends ViewColumns, HeldWindowColumns {
  sequence: bigint
  state: 'open' | 'finished' | 'unfinished'
  owner: string
  workflow_run_id: string
  table_name: string
  is_first_load: Generated<boolean>
  end_at: Instant
  missing: Json<IsoInterval[]>
  /** From when on its windows need committed intervals; null: a lookup view, which needs all. */
  reached_from: Instant | null
  covered: bigint[]
  /** The newest commit when it opened: what is newer is not part of it. */
  commit_horizon: bigint
  published_generation: bigint
  delta: OptionalJson<DeltaFile>
  key_counts: OptionalJson<KeyCounts>
  items_written: number | null
  opened_at: ServerTime<Instant>
  finished_at: Instant | null
  /** Those whose commits it left out, but for what it covered and what was online before. */
  backfills: Generated<string[]>
}

export interface PublishedFilesTable extends ViewColumns {
  sequence: bigint
  kind: 'base' | 'delta'
  path: string
  digest: string
}

export interface IndexedFilesTable {
  source: string
  uri: string
  etag: string
  size_bytes: bigint
  event_min: Instant | null
  event_max: Instant | null
  rows: bigint
}

export interface IncidentsTable {
  incident_id: Generated<bigint>
  key: string
  is_open: boolean
  body: Json<Incident>
  /** What the rules said last; null: a release wrote it that kept none. */
  news: string | null
}

/** The life of an incident: what happened, who did it, and whether it was told. */
export interface IncidentEventsTable {
  event_id: Generated<bigint>
  incident_id: bigint
  event: IncidentEvent
  /** By the clock of whoever made it. */
  at: IsoInstant
  acted_by: string | null
  note: string | null
  body: Json<Incident>
  /** It was silenced: nobody is told. */
  is_quiet: boolean
  /** Null: some channel has not taken it yet. */
  told_at: Instant | null
}

/** One row: the watcher that speaks, for as long as it renews. */
export interface WatchDutyTable {
  duty: number
  owner: string
  lease_ms: number
  renewed_at: Instant
}

export interface AuditTable {
  audit_id: Generated<bigint>
  at: ServerTime<Instant>
  acted_by: string
  action: string
  subject: string
  reason: string | null
}

export interface RevisionsTable {
  revision: number
  applied_at: ServerTime<Instant>
  applied_by: string
}

/** A definition's content from one revision until another; null: still applied. */
export interface DefinitionsTable {
  kind: Definition['kind']
  name: string
  version: number
  since_revision: number
  until_revision: number | null
  hash: string
  body: Json<Definition>
}

export interface CompactionsTable extends IntervalColumns {
  compaction_id: Generated<bigint>
  state: 'writing' | 'current' | 'superseded' | 'given-up'
  commit_ids: Generated<bigint[]>
  files: OptionalJson<CompactedPart[]>
  started_at: ServerTime<Instant>
  recorded_at: Instant | null
  superseded_at: Instant | null
  /** Read no longer; null: it may be. */
  removing_at: Instant | null
}

export interface TrainingSetsTable {
  set_id: string
  mode: TrainingMode
  spine_digest: string
  pinned_by: string
  /** Below the lake's root. */
  paths: string[]
  created_at: ServerTime<Instant>
  expires_at: Instant
}

/** Of the published-state cache, and coarse tiles: removed a grace after they were marked. */
export interface UnnamedFilesTable extends ViewColumns {
  path: string
  size_bytes: bigint
  marked_at: ServerTime<Instant>
}

/** What a run has written below a folder of its own: marked first, then removed. */
export interface RunFilesTable extends ViewColumns {
  room: RunFiles['room']
  run_id: string
  marked_at: ServerTime<Instant>
  removed_at: Instant | null
}

export interface QualityChecksTable extends ViewColumns {
  body: Json<QualityCheck>
}

/** A digest of what a Schedule was last brought to, and on which server. */
export interface ScheduleMarksTable {
  schedule_id: string
  mark: string
}

/** What was shown to whoever asked. */
export interface BackfillPlansTable extends ViewColumns {
  plan_id: string
  body: Json<BackfillPlan>
  /** Last shown. */
  made_at: ColumnType<Instant, never, Instant>
}

export interface BackfillsTable extends IntervalColumns {
  backfill_id: string
  ordinal: Generated<bigint>
  plan_id: string
  /** What is queued is `running`, and waits for its turn: a worker of the release before begins it at once. */
  state: Exclude<BackfillState, 'queued'>
  is_queued: Generated<boolean>
  /** As its plan estimates it; null: a release asked for it that did not keep that. */
  dollars: number | null
  /** Its own limit; null: none, or a release asked for it that did not keep it. */
  cost_max: number | null
  awaits: OptionalJson<CostAwaits>
  options: Json<BackfillOptions>
  retry_of: string | null
  asked_by: string
  reason: string
  asked_at: ServerTime<Instant>
  pretended_now: Instant | null
  /** Null: open. */
  ended_at: ColumnType<Instant | null, never, Instant>
  error: ColumnType<Backfill['error'], never, string | null>
}

export interface BackfillIntervalsTable {
  backfill_id: string
  position: number
  start_at: Instant
  end_at: Instant
  need: BackfillNeed
}

export interface Tables {
  write_budget: WriteBudgetTable
  backfill_plans: BackfillPlansTable
  backfills: BackfillsTable
  backfill_intervals: BackfillIntervalsTable
  view_versions: ViewVersionsTable
  intervals: IntervalsTable
  runs: RunsTable
  run_sketches: RunSketchesTable
  commits: CommitsTable
  coarse_tiles: CoarseTilesTable
  decisions: DecisionsTable
  publishes: PublishesTable
  published_files: PublishedFilesTable
  indexed_files: IndexedFilesTable
  incidents: IncidentsTable
  incident_events: IncidentEventsTable
  watch_duty: WatchDutyTable
  audit: AuditTable
  revisions: RevisionsTable
  definitions: DefinitionsTable
  training_sets: TrainingSetsTable
  compactions: CompactionsTable
  quality_checks: QualityChecksTable
  unnamed_files: UnnamedFilesTable
  run_files: RunFilesTable
  schedule_marks: ScheduleMarksTable
  spends: SpendsTable
  daily_spends: SpendColumns
}
