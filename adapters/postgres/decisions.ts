/** An operator's word on a run or an interval (R37): recorded first, carried out in one transaction, once. */
import { randomUUID } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import type { LakePart } from '../../core/compute/candidate.js'
import { assert, MillcourseError } from '../../core/errors.js'
import type { RunOutcome } from '../../core/plan/interval-state.js'
import type {
  Commit,
  Decision,
  DecisionOutcome,
  DecisionRequest,
  LedgerWriter,
  ViewKey,
} from '../../core/ports/ledger.js'
import { formatInstant } from '../../core/time/instant.js'
import { formatInterval, type Interval } from '../../core/time/interval.js'
import { writeAudit } from './audit.js'
import type { OpenTransaction, PostgresClient } from './client.js'
import { insertCommit, readCommit } from './commits.js'
import { addInterval, addViewVersion, lockInterval, shareViewVersion } from './locks.js'
import { toDecision } from './rows.js'
import { findRun, numberOf } from './runs.js'
import type { DecisionsTable, RunsTable } from './schema.js'

export type DecisionRecords = Pick<LedgerWriter, 'recordDecision' | 'applyDecision' | 'pendingDecisions' | 'decision'>

type DecisionRow = Selectable<DecisionsTable>
type RunRow = Selectable<RunsTable>

export function createDecisionRecords(client: PostgresClient): DecisionRecords {
  return {
    recordDecision: (request) =>
      client.transact(async (trx) => {
        await addViewVersion(trx, request)
        await addInterval(trx, request, request.interval)
        const interval = await lockInterval(trx, request, request.interval)
        const pending = await findPending(trx, request)
        if (pending !== null) return samePending(request, pending)
        await checkApplicable(trx, request, interval.commit_id)
        if (request.action === 'reject' && request.runId !== null) await settleReopening(trx, request, request.runId)
        return await insertDecision(trx, request)
      }),

    applyDecision: (decisionId, acceptedData, seen = null) =>
      client.transact(async (trx) => {
        const row = await trx
          .selectFrom('decisions')
          .selectAll()
          .where('decision_id', '=', decisionId)
          .executeTakeFirst()
        if (row === undefined)
          throw new MillcourseError('DECIDE_NOT_APPLICABLE', `the ledger has no decision "${decisionId}"`, {
            facts: { decisionId },
          })
        const interval = { start: row.start_at, end: row.end_at }
        await shareViewVersion(trx, row)
        const { commit_id: currentId } = await lockInterval(trx, row, interval)
        // Read again under the lock: another attempt may have carried it out.
        const decision = await trx
          .selectFrom('decisions')
          .selectAll()
          .where('decision_id', '=', decisionId)
          .executeTakeFirstOrThrow()
        if (decision.applied_at !== null) return outcomeOf(decision)
        const outcome = await carryOut(trx, decision, currentId, acceptedData, seen)
        await markApplied(trx, decisionId, outcome)
        return outcome
      }),

    pendingDecisions: ({ view, version }) =>
      client.query(async (db) => {
        const pending = db.selectFrom('decisions').selectAll().where('view', '=', view).where('applied_at', 'is', null)
        const rows = await (version === undefined ? pending : pending.where('version', '=', version))
          .orderBy('ordinal')
          .execute()
        return rows.map(toDecision)
      }),

    decision: (decisionId) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('decisions')
          .selectAll()
          .where('decision_id', '=', decisionId)
          .executeTakeFirst()
        return row === undefined ? null : toDecision(row)
      }),
  }
}

// ── recording ───────────────────────────────────────────────────────────────────────────────────────────────────────────

async function findPending(trx: OpenTransaction, request: DecisionRequest): Promise<DecisionRow | null> {
  const row = await trx
    .selectFrom('decisions')
    .selectAll()
    .where('view', '=', request.view)
    .where('version', '=', request.version)
    .where('start_at', '=', request.interval.start)
    .where('end_at', '=', request.interval.end)
    .where('applied_at', 'is', null)
    .executeTakeFirst()
  return row ?? null
}

/** The same decision said twice is one. */
function samePending(request: DecisionRequest, pending: DecisionRow): Decision {
  if (pending.action === request.action && pending.run_id === request.runId) return toDecision(pending)
  throw notApplicable(
    request,
    `was decided already: ${pending.action} by ${pending.decided_by}, which is being carried out`,
    'wait until it is carried out; millcourse runs shows the outcome',
  )
}

/** @throws MillcourseError DECIDE_NOT_APPLICABLE, RUN_SUPERSEDED, LEDGER_UNKNOWN_RUN */
async function checkApplicable(trx: OpenTransaction, request: DecisionRequest, currentId: bigint | null) {
  if (request.runId === null) return await checkOverdue(trx, request, currentId)
  const run = await findRun(trx, request.runId)
  const isOfInterval =
    run.view === request.view &&
    run.version === request.version &&
    run.start_at === request.interval.start &&
    run.end_at === request.interval.end
  if (!isOfInterval)
    throw notApplicable(request, `is not the interval of run ${request.runId}`, 'millcourse runs shows its interval')
  const newer = await findNewerCommitted(trx, run, currentId)
  if (newer !== null)
    throw new MillcourseError('RUN_SUPERSEDED', `run ${run.run_id} is older than the committed run ${newer}`, {
      hint: `decide on the newest run of ${formatInterval(request.interval)}: millcourse runs`,
      facts: { runId: run.run_id, committedRunId: newer },
    })
  const find = request.action === 'rerun' ? findLeavingOut : findHolding
  if (run.outcome !== 'running' && (await find(trx, run, currentId)) !== null) return
  const allowed = decidable[request.action]
  if (!allowed.includes(run.outcome))
    throw notApplicable(
      request,
      `has run ${run.run_id}, which is ${run.outcome}: ${request.action} is for runs that are ${allowed.join(' or ')}`,
      `millcourse runs show ${run.run_id}`,
    )
}

const decidable: Readonly<Record<DecisionRequest['action'], readonly RunOutcome[]>> = {
  accept: ['held'],
  reject: ['held', 'failed', 'not-ready'],
  // Also one that was rejected, as a whole or in some features: whoever did may have been wrong.
  rerun: ['held', 'failed', 'not-ready', 'rejected'],
}

/** R35: what counts for the interval is this run's, without features that await a decision. */
async function findHolding(trx: OpenTransaction, run: RunRow, currentId: bigint | null): Promise<HoldingCommit | null> {
  const commit = await findLeavingOut(trx, run, currentId)
  return commit?.held.isRejected ? null : commit
}

/** The same, also without features that were rejected. */
async function findLeavingOut(
  trx: OpenTransaction,
  run: RunRow,
  currentId: bigint | null,
): Promise<HoldingCommit | null> {
  const current = await readCommit(trx, currentId)
  if (current?.runId !== run.run_id || current.held === undefined) return null
  return { ...current, held: current.held }
}

type HoldingCommit = Commit & { readonly held: NonNullable<Commit['held']> }

/**
 * R27: a run clears what has re-opened its interval when it pins its files. Whoever rejects one that did not come so far rejects what it was
 * re-opened for; what re-opens the interval from now on counts.
 */
async function settleReopening(trx: OpenTransaction, request: DecisionRequest, runId: string): Promise<void> {
  const newest = await newestRun(trx, request)
    .select(['run_id', 'number'])
    .where('outcome', '!=', 'skipped')
    .executeTakeFirst()
  if (newest?.run_id !== runId || newest.number !== null) return
  await trx
    .updateTable('intervals')
    .set({ reopened_because: null })
    .where('view', '=', request.view)
    .where('version', '=', request.version)
    .where('start_at', '=', request.interval.start)
    .where('end_at', '=', request.interval.end)
    .execute()
}

/** Without a run: an interval that has no version, or one that is empty by a word like this, and nothing held (R37). */
async function checkOverdue(trx: OpenTransaction, request: DecisionRequest, currentId: bigint | null): Promise<void> {
  if (request.action === 'accept')
    throw notApplicable(request, 'has no judged candidate', 'accept names the held run: millcourse runs')
  const isEmptied = request.action === 'rerun' && (await readCommit(trx, currentId))?.isRejected === true
  if (currentId !== null && !isEmptied)
    throw notApplicable(request, 'has an accepted version', 'name a held or failed run of it: millcourse runs')
  const held = await newestRun(trx, request).select('run_id').where('outcome', '=', 'held').executeTakeFirst()
  if (held !== undefined)
    throw notApplicable(
      request,
      `has the held run ${held.run_id}`,
      `millcourse decide ${held.run_id} ${request.action} --reason …`,
    )
}

/** Of the interval that is decided on. */
function newestRun(trx: OpenTransaction, { view, version, interval }: DecisionRequest) {
  return trx
    .selectFrom('runs')
    .where('view', '=', view)
    .where('version', '=', version)
    .where('start_at', '=', interval.start)
    .where('end_at', '=', interval.end)
    .orderBy('ordinal', 'desc')
    .limit(1)
}

/** The committed run, when it was pinned after this one; a run that never got a number goes by its start. */
async function findNewerCommitted(trx: OpenTransaction, run: RunRow, currentId: bigint | null): Promise<string | null> {
  const current = await readCommit(trx, currentId)
  if (current === null || current.runId === run.run_id) return null
  if (run.number !== null) return current.number > run.number ? current.runId : null
  const committed = await trx
    .selectFrom('runs')
    .select('ordinal')
    .where('run_id', '=', current.runId)
    .executeTakeFirst()
  return committed !== undefined && committed.ordinal > run.ordinal ? current.runId : null
}

async function insertDecision(trx: OpenTransaction, request: DecisionRequest): Promise<Decision> {
  const row = await trx
    .insertInto('decisions')
    .values({
      decision_id: randomUUID(),
      view: request.view,
      version: request.version,
      start_at: request.interval.start,
      end_at: request.interval.end,
      action: request.action,
      run_id: request.runId,
      reason: request.reason,
      decided_by: request.by,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await writeAudit(trx, {
    by: request.by,
    action: `decide ${request.action}`,
    subject: `${request.view}@v${request.version}/${formatInstant(request.interval.start)}`,
    reason: request.reason,
  })
  return toDecision(row)
}

// ── carrying out ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function carryOut(
  trx: OpenTransaction,
  decision: DecisionRow,
  currentId: bigint | null,
  acceptedData: LakePart | null | 'gone',
  seen: string | null,
): Promise<DecisionOutcome> {
  const run = decision.run_id === null ? null : await findRun(trx, decision.run_id, 'locked')
  const newer = run === null ? null : await findNewerCommitted(trx, run, currentId)
  if (newer !== null) return { kind: 'superseded', byRunId: newer }
  switch (decision.action) {
    case 'accept':
      assert(run !== null, 'accept names a run')
      if (acceptedData === 'gone') return { kind: 'candidate-gone' }
      return await accept(trx, decision, run, currentId, acceptedData)
    case 'reject': {
      const holding = run === null ? null : await findHolding(trx, run, currentId)
      return holding ? await rejectFeatures(trx, decision, holding) : await reject(trx, decision, run, currentId, seen)
    }
    case 'rerun':
      await reopen(trx, decision, intervalOf(decision), `rerun asked for by ${decision.decided_by}: ${decision.reason}`)
      return { kind: 'kept' }
  }
}

/** Exactly what was judged: another file of another size is our mistake. */
async function accept(
  trx: OpenTransaction,
  decision: DecisionRow,
  run: RunRow,
  currentId: bigint | null,
  data: LakePart | null,
): Promise<DecisionOutcome> {
  const judged = run.candidate?.data ?? null
  assert(
    judged?.rows === data?.rows && judged?.sizeBytes === data?.sizeBytes,
    `what is committed for run ${run.run_id} is its judged candidate`,
  )
  const replaces = await readCommit(trx, currentId)
  const commitId = await insertCommit(trx, decision, {
    interval: intervalOf(decision),
    runId: run.run_id,
    number: numberOf(run),
    data,
    isRejected: false,
    replaces,
    ...(replaces?.runId === run.run_id ? { decisionId: decision.decision_id } : {}),
  })
  await setOutcome(trx, run.run_id, 'accepted')
  return { kind: 'committed', commitId }
}

/** R35: they stay left out for good; a commit, so that windows that waited for them are published, and the past stays explainable. */
async function rejectFeatures(
  trx: OpenTransaction,
  decision: DecisionRow,
  holding: HoldingCommit,
): Promise<DecisionOutcome> {
  const { interval, runId, number, data, held } = holding
  const commitId = await insertCommit(trx, decision, {
    ...{ interval, runId, number, data, isRejected: false, replaces: holding, decisionId: decision.decision_id },
    held: { ...held, isRejected: true },
  })
  return { kind: 'committed', commitId }
}

/**
 * Keeps the accepted version; only where there is none, the interval is committed as empty and marked so.
 * @param seen what ticks compare a run with that has pinned nothing (R27); null: nobody could look
 */
async function reject(
  trx: OpenTransaction,
  decision: DecisionRow,
  run: RunRow | null,
  currentId: bigint | null,
  seen: string | null,
): Promise<DecisionOutcome> {
  if (run !== null) await setOutcome(trx, run.run_id, 'rejected', seen)
  if (currentId !== null) return { kind: 'kept' }
  const { last_number: lastNumber } = await lockInterval(trx, decision, intervalOf(decision))
  const commitId = await insertCommit(trx, decision, {
    interval: intervalOf(decision),
    runId: run?.run_id ?? decision.decision_id,
    number: run?.number ?? lastNumber,
    data: null,
    isRejected: true,
    replaces: null,
  })
  return { kind: 'committed', commitId }
}

async function reopen(trx: OpenTransaction, key: ViewKey, interval: Interval, because: string): Promise<void> {
  await trx
    .updateTable('intervals')
    .set((row) => ({ reopened_because: because, reopens: row('reopens', '+', 1n) }))
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('start_at', '=', interval.start)
    .where('end_at', '=', interval.end)
    .execute()
}

async function setOutcome(
  trx: OpenTransaction,
  runId: string,
  outcome: 'accepted' | 'rejected',
  seen: string | null = null,
): Promise<void> {
  const inputs = sql<string | null>`coalesce(inputs_hash, ${seen})`
  await trx.updateTable('runs').set({ outcome, inputs_hash: inputs }).where('run_id', '=', runId).execute()
}

async function markApplied(trx: OpenTransaction, decisionId: string, outcome: DecisionOutcome): Promise<void> {
  await trx
    .updateTable('decisions')
    .set({
      applied_at: sql`clock_timestamp()`,
      outcome: outcome.kind,
      outcome_commit_id: outcome.kind === 'committed' ? outcome.commitId : null,
      outcome_by_run_id: outcome.kind === 'superseded' ? outcome.byRunId : null,
    })
    .where('decision_id', '=', decisionId)
    .execute()
}

function outcomeOf(decision: DecisionRow): DecisionOutcome {
  if (decision.outcome === 'committed') return { kind: 'committed', commitId: decision.outcome_commit_id! }
  if (decision.outcome === 'superseded') return { kind: 'superseded', byRunId: decision.outcome_by_run_id! }
  return { kind: decision.outcome === 'candidate-gone' ? 'candidate-gone' : 'kept' }
}

function intervalOf(row: DecisionRow): Interval {
  return { start: row.start_at, end: row.end_at }
}

function notApplicable(request: DecisionRequest, why: string, hint: string): MillcourseError {
  const subject = `${request.view}@v${request.version} ${formatInterval(request.interval)}`
  return new MillcourseError('DECIDE_NOT_APPLICABLE', `${subject} ${why}`, {
    hint,
    facts: { view: request.view, action: request.action },
  })
}
