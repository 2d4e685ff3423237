/** Rows of the tables as the port's values. */
import type { Selectable } from 'kysely'
import type { LakePart } from '../../core/compute/candidate.js'
import type { HeldFeatures } from '../../core/compute/feature-groups.js'
import type { CoarseTile, Commit, Decision, RunMeasures, RunRecord } from '../../core/ports/ledger.js'
import type { CoarseTilesTable, CommitsTable, DecisionsTable, RunsTable } from './schema.js'

interface PartColumns {
  readonly path: string | null
  readonly rows: bigint | null
  readonly size_bytes: bigint | null
}

export function toLakePart(row: PartColumns): LakePart | null {
  return row.path === null ? null : { path: row.path, rows: Number(row.rows), sizeBytes: Number(row.size_bytes) }
}

function toCommittedPart({ sha256, etag, ...row }: Selectable<CommitsTable>): LakePart | null {
  const part = toLakePart(row)
  return part && { ...part, ...(sha256 === null ? {} : { sha256 }), ...(etag === null ? {} : { etag }) }
}

export function fromLakePart(data: LakePart | null): PartColumns {
  if (data === null) return { path: null, rows: null, size_bytes: null }
  return { path: data.path, rows: BigInt(data.rows), size_bytes: BigInt(data.sizeBytes) }
}

export function toCommit(row: Selectable<CommitsTable>): Commit {
  return {
    commitId: row.commit_id,
    interval: { start: row.start_at, end: row.end_at },
    runId: row.of_run ?? row.run_id,
    number: row.number,
    data: toCommittedPart(row),
    isRejected: row.is_rejected,
    publishedSequence: row.published_sequence,
    committedAt: row.committed_at,
    ...toHeld(row),
  }
}

/** R35. */
export function toHeld(row: Pick<Selectable<CommitsTable>, 'held_features' | 'held_rejected'>): {
  readonly held?: HeldFeatures
} {
  return row.held_features === null ? {} : { held: { features: row.held_features, isRejected: row.held_rejected } }
}

export function toCoarseTile(row: Selectable<CoarseTilesTable>): CoarseTile {
  return {
    span: { start: row.start_at, end: row.end_at },
    data: toLakePart(row),
    commitIds: row.commit_ids,
  }
}

/** Both times are the server's: what a worker told went by its own clock, too. */
function measured(
  measures: RunMeasures,
  { started_at: startedAt, ended_at: endedAt }: Pick<Selectable<RunsTable>, 'started_at' | 'ended_at'>,
): RunMeasures {
  return endedAt === null ? measures : { ...measures, durationMs: Number((endedAt - startedAt) / 1_000_000n) }
}

export function toDecision(row: Selectable<DecisionsTable>): Decision {
  return {
    decisionId: row.decision_id,
    view: row.view,
    version: row.version,
    interval: { start: row.start_at, end: row.end_at },
    action: row.action,
    runId: row.run_id,
    reason: row.reason,
    by: row.decided_by,
    requestedAt: row.requested_at,
    appliedAt: row.applied_at,
    outcome: row.outcome,
  }
}

export function toRunRecord(row: Selectable<RunsTable>): RunRecord {
  const { pinned_files: files, inputs_hash: inputsHash } = row
  return {
    runId: row.run_id,
    view: row.view,
    version: row.version,
    interval: { start: row.start_at, end: row.end_at },
    kind: row.kind,
    definitionHash: row.definition_hash,
    workflowId: row.workflow_id,
    temporalRunId: row.temporal_run_id,
    number: row.number,
    outcome: row.outcome,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    error: row.error,
    ...(row.waited_for === null ? {} : { waitedFor: row.waited_for }),
    pins: files !== null && inputsHash !== null ? { files, inputsHash } : null,
    candidate: row.candidate,
    profile: row.profile,
    verdict: row.verdict,
    keyCounts: row.key_counts,
    measures: row.measures && measured(row.measures, row),
    detailsRemovedAt: row.details_removed_at,
  }
}
