/** What is read of backfills: what has become of their intervals is what their runs have come to, nothing is counted twice. */
import { type Selectable, sql } from 'kysely'
import type { ClaimedInterval } from '../../core/plan/claimed-interval.js'
import type { RunOutcome } from '../../core/plan/interval-state.js'
import type {
  Backfill,
  BackfillProgress,
  BackfillReader,
  BackfillState,
  BackfillWriter,
} from '../../core/ports/backfill-ledger.js'
import { formatInstant } from '../../core/time/instant.js'
import type { Database, PostgresClient } from './client.js'
import type { BackfillsTable } from './schema.js'

export type BackfillLists = BackfillReader & Pick<BackfillWriter, 'nextBackfillIntervals'>

/** The rate is that of the runs that ended last. */
const runsMeasured = 50
const publishesMeasured = 20

const doneOutcomes: readonly RunOutcome[] = ['done', 'committed', 'skipped', 'accepted', 'superseded']
const heldOutcomes: readonly RunOutcome[] = ['held', 'rejected']

export function createBackfillLists(client: PostgresClient): BackfillLists {
  return {
    backfill: (backfillId) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('backfills')
          .selectAll()
          .where('backfill_id', '=', backfillId)
          .executeTakeFirst()
        return row === undefined ? null : toBackfill(row)
      }),

    backfills: ({ view, idPrefix, isOpen, limit }) =>
      client.query(async (db) => {
        let query = db.selectFrom('backfills').selectAll().orderBy('ordinal', 'desc').limit(limit)
        if (view !== undefined) query = query.where('view', '=', view)
        if (idPrefix !== undefined) query = query.where(sql<boolean>`starts_with(backfill_id, ${idPrefix})`)
        if (isOpen) query = query.where('ended_at', 'is', null)
        return (await query.execute()).map(toBackfill)
      }),

    queuedBackfills: () => client.query((db) => readWhere(db, isQueued)),
    runningBackfills: () => client.query((db) => readWhere(db, hasTurn)),

    backfillProgress: (backfillId) => client.query((db) => readProgress(db, backfillId)),

    backfillIntervals: (backfillId) =>
      client.query(async (db) => {
        const rows = await withLatestRun(db, backfillId)
          .select(['planned.start_at', 'planned.end_at', 'planned.need', 'latest.run_id', 'latest.outcome'])
          .orderBy('planned.position')
          .execute()
        return rows.map((row) => ({
          interval: { start: row.start_at, end: row.end_at },
          ...{ need: row.need, runId: row.run_id, outcome: row.outcome },
        }))
      }),

    backfillPlan: (planId) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('backfill_plans')
          .select('body')
          .where('plan_id', '=', planId)
          .executeTakeFirst()
        return row?.body ?? null
      }),

    claimedIntervals: (key, range) =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('backfill_intervals as planned')
          .innerJoin('backfills', 'backfills.backfill_id', 'planned.backfill_id')
          .select(['planned.start_at', 'planned.end_at', 'backfills.backfill_id', 'backfills.state', 'is_queued'])
          .where('backfills.view', '=', key.view)
          .where('backfills.version', '=', key.version)
          .where('backfills.ended_at', 'is', null)
          .where('backfills.state', '!=', 'awaiting-approval')
          .where('planned.start_at', '<', range.end)
          .where('planned.end_at', '>', range.start)
          .where((row) => row.not(row.exists(endedRun(db))))
          .orderBy('planned.start_at')
          .execute()
        return rows.map(({ start_at: start, end_at: end, backfill_id: backfillId, state, is_queued }) => ({
          ...{ start, end, backfillId },
          state: (state === 'running' && is_queued ? 'queued' : state) as ClaimedInterval['state'],
        }))
      }),

    nextBackfillIntervals: (backfillId, max) =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('backfill_intervals as planned')
          .select(['planned.start_at', 'planned.end_at', 'planned.need'])
          .select((row) => row.exists(runOfPlanned(db).where(isAwaitingRepair)).as('has_waited'))
          .where('planned.backfill_id', '=', backfillId)
          .where((row) => row.not(row.exists(endedRun(db))))
          .orderBy('planned.position')
          .limit(max)
          .execute()
        return rows.map((row) => ({
          ...{ interval: { start: row.start_at, end: row.end_at }, need: row.need },
          ...(row.has_waited ? { hasWaited: true } : {}),
        }))
      }),

    publishRate: (key) =>
      client.query(async (db) => {
        const last = db
          .selectFrom('publishes')
          .select(['items_written', 'opened_at', 'finished_at'])
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .where('state', '=', 'finished')
          .where('items_written', '>', 0)
          .orderBy('sequence', 'desc')
          .limit(publishesMeasured)
          .as('last')
        const row = await db
          .selectFrom(last)
          .select(
            sql<
              number | null
            >`(sum(items_written) / nullif(sum(extract(epoch from finished_at - opened_at)), 0))::float8`.as('rate'),
          )
          .executeTakeFirstOrThrow()
        return row.rate
      }),
  }
}

/** It is tried again once the view below is mended: nothing of it has failed. */
const isAwaitingRepair = sql<boolean>`coalesce(outcome = 'not-ready' and (waited_for ->> 'isRepair')::boolean, false)`

/** Of the planned interval, by this backfill. */
function runOfPlanned(db: Database) {
  return db
    .selectFrom('runs')
    .select('runs.run_id')
    .whereRef('runs.backfill_id', '=', 'planned.backfill_id' as never)
    .whereRef('runs.start_at', '=', 'planned.start_at' as never)
}

function endedRun(db: Database) {
  return runOfPlanned(db).where('runs.outcome', '!=', 'running').where(sql<boolean>`not ${isAwaitingRepair}`)
}

function withLatestRun(db: Database, backfillId: string) {
  return db
    .selectFrom('backfill_intervals as planned')
    .leftJoinLateral(
      (query) =>
        query
          .selectFrom('runs')
          .select(['runs.run_id', 'runs.outcome'])
          .select(isAwaitingRepair.as('awaits_repair'))
          .whereRef('runs.backfill_id', '=', 'planned.backfill_id')
          .whereRef('runs.start_at', '=', 'planned.start_at')
          .orderBy('runs.ordinal', 'desc')
          .limit(1)
          .as('latest'),
      (join) => join.onTrue(),
    )
    .where('planned.backfill_id', '=', backfillId)
}

async function readProgress(db: Database, backfillId: string): Promise<BackfillProgress> {
  const rows = await withLatestRun(db, backfillId)
    .innerJoin('backfills', 'backfills.backfill_id', 'planned.backfill_id')
    .select(
      sql<RunOutcome | null>`case when latest.awaits_repair and backfills.ended_at is null then null else latest.outcome end`.as(
        'outcome',
      ),
    )
    .select(sql<bigint>`count(*)`.as('intervals'))
    .groupBy(sql`1`)
    .execute()
  const countOf = (matches: (outcome: RunOutcome | null) => boolean): number =>
    rows.filter(({ outcome }) => matches(outcome)).reduce((sum, { intervals }) => sum + Number(intervals), 0)
  const [total, done] = [countOf(() => true), countOf((outcome) => outcome !== null && doneOutcomes.includes(outcome))]
  const held = countOf((outcome) => outcome !== null && heldOutcomes.includes(outcome))
  const [running, left] = [countOf((outcome) => outcome === 'running'), countOf((outcome) => outcome === null)]
  const { unpublished } = await db
    .selectFrom('commits')
    .select(sql<bigint>`count(*)`.as('unpublished'))
    .where('backfill_id', '=', backfillId)
    .where('published_sequence', 'is', null)
    .executeTakeFirstOrThrow()
  return {
    ...{ total, done, held, running, left, failed: total - done - held - running - left },
    msPerInterval: await msPerInterval(db, backfillId),
    unpublished: Number(unpublished),
  }
}

/**
 * From the first of the last runs to the end of the last one, by their number, less the times in which none was under way for longer than a
 * run takes: it was paused, queued again, or without a worker. Shorter ones are the way from run to run.
 */
async function msPerInterval(db: Database, backfillId: string): Promise<number | null> {
  const last = db
    .selectFrom('runs')
    .select(['started_at', 'ended_at'])
    .where('backfill_id', '=', backfillId)
    .where('ended_at', 'is not', null)
    .orderBy('ended_at', 'desc')
    .limit(runsMeasured)
    .as('last')
  const before = sql`order by started_at, ended_at rows between unbounded preceding and 1 preceding`
  const stepped = db
    .selectFrom(last)
    .select([
      'started_at',
      'ended_at',
      sql`extract(epoch from started_at - max(ended_at) over (${before}))`.as('idle'),
      sql`extract(epoch from avg(ended_at - started_at) over ())`.as('mean'),
    ])
    .as('stepped')
  const took = sql`extract(epoch from max(ended_at) - min(started_at)) - coalesce(sum(idle) filter (where idle > mean), 0)`
  const row = await db
    .selectFrom(stepped)
    .select(sql<number | null>`(1000 * (${took}) / nullif(count(*), 0))::float8`.as('ms'))
    .executeTakeFirstOrThrow()
  return row.ms
}

async function readWhere(db: Database, condition: typeof isQueued): Promise<Backfill[]> {
  return (await db.selectFrom('backfills').selectAll().where(condition).orderBy('ordinal').execute()).map(toBackfill)
}

/** One of as many as run at once. */
const hasTurn = sql<boolean>`ended_at is null and state in ('running', 'cancelling') and not is_queued`

/** R34: waits for its turn. */
export const isQueued = sql<boolean>`ended_at is null and state = 'running' and is_queued`

/** What its row stands for. */
export function stateOf({ state, is_queued, ended_at }: Selectable<BackfillsTable>): BackfillState {
  return state === 'running' && is_queued && ended_at === null ? 'queued' : state
}

export function toBackfill(row: Selectable<BackfillsTable>): Backfill {
  return {
    ...{ backfillId: row.backfill_id, planId: row.plan_id, view: row.view, version: row.version },
    range: { start: row.start_at, end: row.end_at },
    ...{ state: stateOf(row), options: row.options, retryOf: row.retry_of, by: row.asked_by, reason: row.reason },
    askedAt: row.asked_at,
    pretendedNow: row.pretended_now === null ? null : formatInstant(row.pretended_now),
    ...{ endedAt: row.ended_at, error: row.error },
    ...{ dollars: row.dollars, costMax: row.cost_max, awaits: row.awaits },
  }
}
