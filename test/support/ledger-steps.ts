/** Short words for what runs and publishers do to a ledger; hourly intervals numbered from 0. */
import type { Candidate, LakePart } from '../../core/compute/candidate.js'
import type { CommitResult, LedgerWriter, OpenPublishRequest, Publish, RunStart } from '../../core/ports/ledger.js'
import type { KeyCounts } from '../../core/publish/delta.js'
import type { Interval } from '../../core/time/interval.js'

export const hourNs = 3_600_000_000_000n
export const since = 978_307_200_000_000_000n
export const view = { view: 'airport_delays', version: 1 }

export function hour(index: number): Interval {
  return { start: since + BigInt(index) * hourNs, end: since + BigInt(index + 1) * hourNs }
}

export const allTime: Interval = { start: since - 1_000_000n * hourNs, end: since + 1_000_000n * hourNs }

export function part(name: string): LakePart {
  return { path: `tiles/${name}.parquet`, rows: name.length, sizeBytes: 100 + name.length }
}

export function startOf(runId: string, index: number, changes: Partial<RunStart> = {}): RunStart {
  return {
    ...view,
    runId,
    interval: hour(index),
    kind: 'scheduled',
    definitionHash: 'definition',
    workflowId: `materialize/${runId}`,
    temporalRunId: `temporal-${runId}`,
    ...changes,
  }
}

export async function pin(ledger: LedgerWriter, runId: string, index: number, changes: Partial<RunStart> = {}) {
  await ledger.startRun(startOf(runId, index, changes))
  return await ledger.pinRun(runId, { files: [], inputsHash: `inputs of ${runId}` }, await reopensOf(ledger, index))
}

/** As a planner reads it before it lists the files. */
export async function reopensOf(ledger: LedgerWriter, index: number): Promise<bigint> {
  return (await ledger.intervalStates(view, hour(index)))[0]?.reopens ?? 0n
}

export async function commit(ledger: LedgerWriter, runId: string, index: number): Promise<CommitResult> {
  const { supersedes } = await pin(ledger, runId, index)
  const result = await ledger.commitRun({ runId, data: part(runId), supersedes })
  await end(ledger, runId, 'committed')
  return result
}

/** Runs `run-0`, `run-1`, …: each commits the hour of its number. */
export async function commitHours(ledger: LedgerWriter, ...hours: readonly number[]): Promise<void> {
  for (const index of hours) await commit(ledger, `run-${index}`, index)
}

export async function hold(ledger: LedgerWriter, runId: string, index: number): Promise<void> {
  await pin(ledger, runId, index)
  await ledger.recordProgress(runId, { candidate: candidateOf(runId), verdict: { decision: 'hold', findings: [] } })
  await end(ledger, runId, 'held')
}

export async function fail(ledger: LedgerWriter, runId: string, index: number): Promise<void> {
  await ledger.startRun(startOf(runId, index))
  await ledger.endRun(runId, {
    outcome: 'failed',
    error: { code: 'SOURCE_FILE_CORRUPT', message: 'broken', hint: null, facts: {}, step: 'read', attempts: 1 },
    keyCounts: null,
    measures: null,
  })
}

export function end(ledger: LedgerWriter, runId: string, outcome: 'committed' | 'done' | 'held' | 'superseded') {
  return ledger.endRun(runId, { outcome, error: null, keyCounts: null, measures: null })
}

export function candidateOf(runId: string): Candidate {
  const rows = { read: 3, kept: 3, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 }
  return { runId, data: part(runId), quarantine: null, counts: rows, reopens: [] }
}

/** A window view that reaches three hours back. */
export function publishRequest(workflow: string, changes: Partial<OpenPublishRequest> = {}): OpenPublishRequest {
  return {
    ...view,
    owner: `${workflow}/1`,
    workflowRunId: workflow,
    table: 'airport_delays_v1',
    firstLoadsMax: 0,
    leaseMs: 60_000,
    window: { reachNs: 3n * hourNs, onGap: 'block' },
    since,
    everyNs: hourNs,
    ...changes,
  }
}

/** Opens, or continues, and says so when it could not. */
export async function open(ledger: LedgerWriter, request: OpenPublishRequest): Promise<Publish> {
  const result = await ledger.openPublish(request)
  if (result.kind !== 'opened' && result.kind !== 'resumed')
    throw new Error(`the publish of ${request.owner} is ${result.kind}`)
  return result.publish
}

export function record(ledger: LedgerWriter, publish: Publish) {
  return ledger.recordDelta(view, publish.sequence, publish.owner, deltaOf(publish.sequence))
}

export function finish(ledger: LedgerWriter, publish: Publish) {
  return ledger.finishPublish(view, publish.sequence, publish.owner, {
    keyCounts: noKeys,
    itemsWritten: 1,
    tableIdentity: 'table-1',
    newBase: null,
  })
}

export async function publishAll(
  ledger: LedgerWriter,
  workflow: string,
  changes: Partial<OpenPublishRequest> = {},
): Promise<Publish> {
  const publish = await open(ledger, publishRequest(workflow, changes))
  await record(ledger, publish)
  await finish(ledger, publish)
  return publish
}

export function deltaOf(sequence: bigint) {
  return { path: `published/${sequence}.parquet`, digest: `digest-${sequence}`, keys: 1 }
}

export const noKeys: KeyCounts = { touched: 0, published: 0, unchanged: 0, superseded: 0, takenBack: 0, rewritten: 0 }
