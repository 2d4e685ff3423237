/** Runs and what they were given: numbers, pins, progress, ends. */
import { type Selectable, sql } from 'kysely'
import { assert, MillcourseError } from '../../core/errors.js'
import { goodOutcomes } from '../../core/judge/index.js'
import type { RunOutcome } from '../../core/plan/interval-state.js'
import type { LedgerWriter, RunEnd, RunFilter, RunPins, RunStart, ViewKey } from '../../core/ports/ledger.js'
import { type Database, type OpenTransaction, type PostgresClient, toJson } from './client.js'
import { toRunRecord } from './rows.js'
import { keepingSketches } from './run-profiles.js'
import type { RunsTable } from './schema.js'

type RunRow = Selectable<RunsTable>

export type RunRecords = Pick<
  LedgerWriter,
  'startRun' | 'pinRun' | 'recordProgress' | 'endRun' | 'reopenIntervals' | 'run' | 'runs' | 'runsNamed' | 'lastGoodRun'
>

export function createRunRecords(client: PostgresClient): RunRecords {
  return {
    startRun: (run) =>
      client.query(async (db) => toRunRecord((await insertRun(db, run)) ?? (await findRun(db, run.runId)))),

    pinRun: (runId, pins, reopensSeen) =>
      client.query(async (db) => {
        const pinned = await pinOnce(db, runId, pins, reopensSeen)
        if (pinned !== undefined) return { number: pinned.number!, supersedes: pinned.supersedes }
        // The first pins count, whichever attempt brought them.
        const { number, supersedes } = await findRun(db, runId)
        assert(number !== null, `run ${runId} was pinned by whoever was first`)
        return { number, supersedes }
      }),

    recordProgress: (runId, progress) =>
      client.query(async (db) => {
        const { sketches } = progress
        const { numUpdatedRows } = await (sketches ? keepingSketches(db, runId, sketches) : db)
          .updateTable('runs')
          // The first one counts: what has been judged is not replaced by an attempt that wakes up later.
          .set({
            candidate: keepOr('candidate', progress.candidate),
            profile: keepOr('profile', progress.profile),
            verdict: keepOr('verdict', progress.verdict),
            ...(progress.waitedFor ? { waited_for: toJson(progress.waitedFor) } : {}),
          })
          .where('run_id', '=', runId)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) throw unknownRun(runId)
      }),

    endRun: async (runId, end) => {
      const isOfPublish = end.outcome === 'failed' && end.error?.step === 'publish'
      if (end.outcome !== 'committed' && !isOfPublish) return await client.query((db) => endOnce(db, runId, end))
      return await client.transact(async (trx) => {
        // Of a run that has ended the commit is left alone: a publish that marks it may be waiting for the run.
        if ((await findRun(trx, runId, 'locked')).outcome !== 'running') return null
        // A publish may have covered the run's commit before the run itself ended.
        return await endOnce(trx, runId, end, (await isCommitPublished(trx, runId)) ? 'done' : end.outcome)
      })
    },

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

    runsNamed: (prefix, among) =>
      client.query(async (db) => {
        const newest = db
          .selectFrom('runs')
          .select(['run_id', 'view', 'start_at', 'end_at', 'ordinal'])
          .orderBy('ordinal', 'desc')
          .limit(among)
        const rows = await db
          .selectFrom(newest.as('newest'))
          .selectAll()
          .where(sql<boolean>`starts_with(run_id, ${prefix})`)
          .orderBy('ordinal', 'desc')
          .execute()
        return rows.map((row) => ({
          runId: row.run_id,
          view: row.view,
          interval: { start: row.start_at, end: row.end_at },
        }))
      }),

    lastGoodRun: (key, before) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('runs')
          .selectAll()
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('outcome', 'in', goodOutcomes)
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

/**
 * One statement: it is asked for once a run. What it stands on is added first, in the order of locks.ts. Undefined: the run is there
 * already.
 */
async function insertRun(db: Database, run: RunStart): Promise<RunRow | undefined> {
  const { view, version, interval } = run
  const after = (added: string) => sql<string>`coalesce((select view from ${sql.id(added)}), ${view})`
  return await db
    .with('added_version', (query) =>
      query
        .insertInto('view_versions')
        .values({ view, version })
        .onConflict((conflict) => conflict.doNothing())
        .returning('view'),
    )
    .with('added_interval', (query) =>
      query
        .insertInto('intervals')
        .values({ view: after('added_version'), version, start_at: interval.start, end_at: interval.end })
        .onConflict((conflict) => conflict.doNothing())
        .returning('view'),
    )
    .insertInto('runs')
    .values({
      run_id: run.runId,
      view: after('added_interval'),
      version,
      start_at: interval.start,
      end_at: interval.end,
      kind: run.kind,
      definition_hash: run.definitionHash,
      workflow_id: run.workflowId,
      temporal_run_id: run.temporalRunId,
      backfill_id: run.backfillId ?? null,
    })
    .onConflict((conflict) => conflict.column('run_id').doNothing())
    .returningAll()
    .executeTakeFirst()
}

/**
 * One statement, which holds the interval before it looks at the run: an update that had to wait looks again at the row it changes,
 * not at those it is joined with. Undefined: the run is pinned already, or unknown.
 */
async function pinOnce(db: Database, runId: string, pins: RunPins, reopensSeen: bigint) {
  return await db
    .with('held', (query) =>
      query
        .selectFrom('intervals')
        .innerJoin('runs', (join) =>
          join
            .onRef('runs.view', '=', 'intervals.view')
            .onRef('runs.version', '=', 'intervals.version')
            .onRef('runs.start_at', '=', 'intervals.start_at')
            .onRef('runs.end_at', '=', 'intervals.end_at'),
        )
        .select(['intervals.view', 'intervals.version', 'intervals.start_at', 'intervals.end_at'])
        .select(['intervals.last_number', 'intervals.commit_id'])
        .where('runs.run_id', '=', runId)
        .forUpdate('intervals'),
    )
    .with('pinned', (query) =>
      query
        .updateTable('runs')
        .from('held')
        .set({
          number: sql<number>`held.last_number + 1`,
          supersedes: sql<bigint | null>`held.commit_id`,
          pinned_files: toJson(pins.files),
          inputs_hash: pins.inputsHash,
          pinned_at: sql`clock_timestamp()`,
          waited_for: null,
        })
        .where('run_id', '=', runId)
        .where('number', 'is', null)
        .returning(['runs.view', 'runs.version', 'runs.start_at', 'runs.end_at', 'runs.number', 'runs.supersedes']),
    )
    .updateTable('intervals')
    .from('pinned')
    .set({
      last_number: sql<number>`pinned.number`,
      reopened_because: sql<
        string | null
      >`case when intervals.reopens > ${reopensSeen} then intervals.reopened_because end`,
    })
    .whereRef('intervals.view', '=', 'pinned.view')
    .whereRef('intervals.version', '=', 'pinned.version')
    .whereRef('intervals.start_at', '=', 'pinned.start_at')
    .whereRef('intervals.end_at', '=', 'pinned.end_at')
    .returning(['pinned.number', 'pinned.supersedes'])
    .executeTakeFirst()
}

/**
 * Null: the run has ended before, in a way that stays or that this end makes whole.
 * @param recorded in place of the end's own outcome
 * @throws MillcourseError LEDGER_UNKNOWN_RUN
 */
async function endOnce(
  db: Database,
  runId: string,
  end: RunEnd,
  recorded: RunEnd['outcome'] = end.outcome,
): Promise<RunEnd['outcome'] | null> {
  const before: RunOutcome[] = ['running']
  if (end.outcome === 'done') before.push('committed')
  if (['accepted', 'rejected', 'superseded'].includes(end.outcome)) before.push('held')
  const ended = await db
    .with('former', (query) =>
      query.selectFrom('runs').select(['run_id', 'outcome']).where('run_id', '=', runId).forUpdate(),
    )
    .updateTable('runs')
    .from('former')
    .set({
      outcome: recorded,
      ended_at: sql`coalesce(runs.ended_at, clock_timestamp())`,
      error: keepOr('runs.error', end.error),
      error_code: sql`coalesce(runs.error_code, ${end.error?.code ?? null})`,
      waited_for: end.waitedFor ? toJson(end.waitedFor) : null,
      named_source: sql`coalesce(runs.named_source, ${end.waitedFor?.source ?? end.error?.facts.source ?? null})`,
      key_counts: keepOr('runs.key_counts', end.keyCounts),
      measures: keepOr('runs.measures', end.measures),
    })
    .whereRef('runs.run_id', '=', 'former.run_id')
    .where('former.outcome', 'in', before)
    .returning('former.outcome')
    .executeTakeFirst()
  if (ended === undefined) await findRun(db, runId)
  return ended?.outcome === 'running' ? recorded : null
}

/** Of each outcome its newest, by the index of outcomes: together they would be looked for in all runs that ever were. */
async function listRuns(db: Database, filter: RunFilter) {
  const { outcomes } = filter
  if (outcomes === undefined) return (await runsOf(db, filter).execute()).map(toRunRecord)
  const [first, ...others] = [...new Set(outcomes)].map((outcome) =>
    db.selectFrom(runsOf(db, filter).where('outcome', '=', outcome).as('of_outcome')).selectAll(),
  )
  if (first === undefined) return []
  const all = others.reduce((union, one) => union.unionAll(one), first)
  const rows = await db.selectFrom(all.as('runs')).selectAll().orderBy('ordinal', 'desc').limit(filter.limit).execute()
  return rows.map(toRunRecord)
}

function runsOf(db: Database, filter: RunFilter) {
  let query = db.selectFrom('runs').selectAll().orderBy('ordinal', 'desc').limit(filter.limit)
  if (filter.view !== undefined) query = query.where('view', '=', filter.view)
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
  return query
}

/** What is recorded stays; absent or null adds nothing. */
function keepOr(column: string, value: unknown) {
  return sql<string>`coalesce(${sql.ref(column)}, ${value == null ? null : toJson(value)}::json)`
}

/** @throws MillcourseError LEDGER_UNKNOWN_RUN */
export async function findRun(trx: Database, runId: string, mode: 'plain' | 'locked' = 'plain') {
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
