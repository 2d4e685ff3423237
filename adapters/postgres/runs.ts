/** Runs and what they were given: numbers, pins, progress, ends. */
import { sql } from 'kysely'
import { assert, MillcourseError } from '../../core/errors.js'
import type { LedgerWriter, RunFilter, ViewKey } from '../../core/ports/ledger.js'
import { type OpenTransaction, type PostgresClient, toJson } from './client.js'
import { addInterval, addViewVersion, lockInterval } from './locks.js'
import { toRunRecord } from './rows.js'

export type RunRecords = Pick<
  LedgerWriter,
  'startRun' | 'pinRun' | 'recordProgress' | 'endRun' | 'reopenIntervals' | 'run' | 'runs' | 'lastGoodRun'
>

export function createRunRecords(client: PostgresClient): RunRecords {
  return {
    startRun: (run) =>
      client.transact(async (trx) => {
        await addViewVersion(trx, run)
        await addInterval(trx, run, run.interval)
        await trx
          .insertInto('runs')
          .values({
            run_id: run.runId,
            view: run.view,
            version: run.version,
            start_at: run.interval.start,
            end_at: run.interval.end,
            kind: run.kind,
            definition_hash: run.definitionHash,
            workflow_id: run.workflowId,
            temporal_run_id: run.temporalRunId,
          })
          .onConflict((conflict) => conflict.column('run_id').doNothing())
          .execute()
      }),

    pinRun: (runId, pins, reopensSeen) =>
      client.transact(async (trx) => {
        const { view, version, start_at: start, end_at: end } = await findRun(trx, runId)
        const interval = await lockInterval(trx, { view, version }, { start, end })
        // Read again under the lock: the first pins count, whichever attempt brought them.
        const run = await findRun(trx, runId)
        if (run.number !== null) return { number: run.number, supersedes: run.supersedes }
        const number = interval.last_number + 1
        await trx
          .updateTable('runs')
          .set({
            number,
            supersedes: interval.commit_id,
            pinned_files: toJson(pins.files),
            inputs_hash: pins.inputsHash,
          })
          .where('run_id', '=', runId)
          .execute()
        await trx
          .updateTable('intervals')
          .set({ last_number: number, ...(interval.reopens > reopensSeen ? {} : { reopened_because: null }) })
          .where('view', '=', view)
          .where('version', '=', version)
          .where('start_at', '=', start)
          .where('end_at', '=', end)
          .execute()
        return { number, supersedes: interval.commit_id }
      }),

    recordProgress: (runId, progress) =>
      client.query(async (db) => {
        const { numUpdatedRows } = await db
          .updateTable('runs')
          // The first one counts: what has been judged is not replaced by an attempt that wakes up later.
          .set({
            candidate: keepOr('candidate', progress.candidate),
            profile: keepOr('profile', progress.profile),
            verdict: keepOr('verdict', progress.verdict),
          })
          .where('run_id', '=', runId)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) throw unknownRun(runId)
      }),

    endRun: (runId, end) =>
      client.transact(async (trx) => {
        const run = await findRun(trx, runId, 'locked')
        const mayEnd =
          run.outcome === 'running' ||
          (run.outcome === 'committed' && end.outcome === 'done') ||
          (run.outcome === 'held' && ['accepted', 'rejected', 'superseded'].includes(end.outcome))
        if (!mayEnd) return null
        // A publish may have covered the run's commit before the run itself ended.
        const isPublished = end.outcome === 'committed' && (await isCommitPublished(trx, runId))
        const outcome = isPublished ? 'done' : end.outcome
        await trx
          .updateTable('runs')
          .set({
            outcome,
            ended_at: sql`coalesce(ended_at, clock_timestamp())`,
            error: keepOr('error', end.error),
            error_code: sql`coalesce(error_code, ${end.error?.code ?? null})`,
            key_counts: keepOr('key_counts', end.keyCounts),
            measures: keepOr('measures', end.measures),
          })
          .where('run_id', '=', runId)
          .execute()
        return run.outcome === 'running' ? outcome : null
      }),

    reopenIntervals: (key, intervals, because) =>
      client.query(async (db) => {
        if (intervals.length === 0) return
        await db
          .updateTable('intervals')
          .set((row) => ({
            reopened_because: row.fn.coalesce('reopened_because', sql<string>`${because}`),
            reopens: row('reopens', '+', 1n),
          }))
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where(
            sql<boolean>`(start_at, end_at) in (select * from unnest(
              ${intervals.map((interval) => interval.start)}::numeric[], ${intervals.map((interval) => interval.end)}::numeric[]))`,
          )
          .execute()
      }),

    run: (runId) =>
      client.query(async (db) => {
        const row = await db.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirst()
        return row === undefined ? null : toRunRecord(row)
      }),

    runs: (filter) => client.query((db) => listRuns(db, filter)),

    lastGoodRun: (key, before) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('runs')
          .selectAll()
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('outcome', 'in', ['done', 'committed', 'accepted'])
          .where('start_at', '<=', before.interval.start)
          .where((is) => {
            if (before.runId === null) return is.lit(true)
            const own = is.selectFrom('runs').select('ordinal').where('run_id', '=', before.runId)
            return is.or([is('start_at', '<', before.interval.start), is('ordinal', '<', own)])
          })
          .orderBy('start_at', 'desc')
          .orderBy('ordinal', 'desc')
          .limit(1)
          .executeTakeFirst()
        return row === undefined ? null : toRunRecord(row)
      }),
  }
}

async function listRuns(db: Parameters<Parameters<PostgresClient['query']>[0]>[0], filter: RunFilter) {
  let query = db.selectFrom('runs').selectAll().orderBy('ordinal', 'desc').limit(filter.limit)
  if (filter.view !== undefined) query = query.where('view', '=', filter.view)
  if (filter.outcomes !== undefined) query = query.where('outcome', 'in', [...filter.outcomes])
  if (filter.interval !== undefined)
    query = query.where('start_at', '<', filter.interval.end).where('end_at', '>', filter.interval.start)
  if (filter.of !== undefined)
    query = query
      .where('view', '=', filter.of.view)
      .where('version', '=', filter.of.version)
      .where('start_at', '=', filter.of.interval.start)
      .where('end_at', '=', filter.of.interval.end)
  const { before } = filter
  if (before !== undefined)
    query = query.where('ordinal', '<', (runs) =>
      runs.selectFrom('runs').select('ordinal').where('run_id', '=', before),
    )
  return (await query.execute()).map(toRunRecord)
}

/** What is recorded stays; absent or null adds nothing. */
function keepOr(column: string, value: unknown) {
  return sql<string>`coalesce(${sql.ref(column)}, ${value == null ? null : toJson(value)}::json)`
}

/** @throws MillcourseError LEDGER_UNKNOWN_RUN */
export async function findRun(trx: OpenTransaction, runId: string, mode: 'plain' | 'locked' = 'plain') {
  const query = trx.selectFrom('runs').selectAll().where('run_id', '=', runId)
  const row = await (mode === 'locked' ? query.forUpdate() : query).executeTakeFirst()
  if (row === undefined) throw unknownRun(runId)
  return row
}

/** A run that is about to commit has been numbered. */
export function numberOf(run: { readonly run_id: string; readonly number: number | null }): number {
  assert(run.number !== null, `run ${run.run_id} was pinned before it commits`)
  return run.number
}

export function viewKeyOf(row: { readonly view: string; readonly version: number }): ViewKey {
  return { view: row.view, version: row.version }
}

/** Waits for a publish that is marking the commit right now; one that marks it later finds the run's end. */
async function isCommitPublished(trx: OpenTransaction, runId: string): Promise<boolean> {
  const row = await trx
    .selectFrom('commits')
    .select('published_sequence')
    .where('run_id', '=', runId)
    .forShare()
    .executeTakeFirst()
  return row !== undefined && row.published_sequence !== null
}

function unknownRun(runId: string): MillcourseError {
  return new MillcourseError('LEDGER_UNKNOWN_RUN', `the ledger has no run "${runId}"`, {
    hint: 'millcourse runs lists them',
    facts: { runId },
  })
}
