/** Backfills as the ledger keeps them: what was planned, who asked, what is to run, what came of it (core/ports/backfill-ledger.ts). */
import { type Selectable, sql } from 'kysely'
import { MillcourseError } from '../../core/errors.js'
import { type CostAwaits, costAwaits } from '../../core/plan/cost-limits.js'
import type {
  Backfill,
  BackfillChange,
  BackfillReader,
  BackfillRequest,
  BackfillState,
  BackfillWriter,
  OpenBackfillResult,
} from '../../core/ports/backfill-ledger.js'
import type { ViewKey } from '../../core/ports/ledger.js'
import { parseInstant } from '../../core/time/instant.js'
import { overlaps } from '../../core/time/interval.js'
import { writeAudit } from './audit.js'
import { createBackfillLists, stateOf, toBackfill } from './backfill-lists.js'
import { type Database, type OpenTransaction, type PostgresClient, toJson } from './client.js'
import { lockAddedVersion } from './locks.js'
import type { BackfillsTable } from './schema.js'

export type Backfills = BackfillReader & BackfillWriter

const plansKeptFor = sql`interval '7 days'`
const intervalsPerStatement = 5_000

export function createBackfills(client: PostgresClient): Backfills {
  return {
    ...createBackfillLists(client),

    keepBackfillPlan: (plan) =>
      client.query(async (db) => {
        const { planId, view, version } = plan
        await db
          .deleteFrom('backfill_plans')
          .where('made_at', '<', sql<bigint>`clock_timestamp() - ${plansKeptFor}`)
          .where('plan_id', 'not in', db.selectFrom('backfills').select('plan_id'))
          .execute()
        const body = toJson(plan)
        await db
          .insertInto('backfill_plans')
          .values({ plan_id: planId, view, version, body })
          // What was measured may be other by now; what would be done is the same.
          .onConflict((conflict) => conflict.column('plan_id').doUpdateSet({ body, made_at: sql`clock_timestamp()` }))
          .execute()
      }),

    openBackfill: (request) => client.transact((trx) => openBackfill(trx, request, client.project)),

    beginBackfill: (backfillId, atOnceMax) =>
      client.transact(async (trx) => {
        await lockQueue(trx, client.project)
        return await beginInTurn(trx, backfillId, atOnceMax)
      }),

    changeBackfill: (backfillId, { to, by, reason }) =>
      client.transact(async (trx) => {
        const row = await findBackfill(trx, backfillId, 'locked')
        const [change, state] = [changes[to], stateOf(row)]
        if (change.into.includes(state)) return toBackfill(row)
        if (!change.from.includes(state)) throw notApplicable(row, to)
        const [into] = change.into
        const changed = into === 'queued' ? queued : { state: into, is_queued: false }
        await trx.updateTable('backfills').set(changed).where('backfill_id', '=', backfillId).execute()
        await writeAudit(trx, { by, action: `backfill ${to}`, subject: subjectOf(row), reason })
        return toBackfill({ ...row, ...changed })
      }),

    endBackfill: (backfillId, state, error) =>
      client.transact(async (trx) => {
        const row = await findBackfill(trx, backfillId, 'locked')
        if (row.ended_at !== null) return toBackfill(row)
        const ended = await trx
          .updateTable('backfills')
          .set({ state, ended_at: sql`clock_timestamp()`, error: error === null ? null : toJson(error) })
          .where('backfill_id', '=', backfillId)
          .returningAll()
          .executeTakeFirstOrThrow()
        return toBackfill(ended)
      }),
  }
}

const queued = { state: 'running', is_queued: true } as const

interface Change {
  readonly from: readonly BackfillState[]
  /** What it becomes; the others are what that may be by the time the word is said again. */
  readonly into: readonly [Extract<BackfillState, 'paused' | 'queued' | 'cancelling'>, ...BackfillState[]]
}

/** What each word makes of which state. Who goes on queues again, at the place of when it was asked for. */
const changes: Readonly<Record<BackfillChange, Change>> = {
  pause: { from: ['running', 'queued'], into: ['paused'] },
  resume: { from: ['paused'], into: ['queued', 'running'] },
  approve: { from: ['awaiting-approval'], into: ['queued', 'running'] },
  cancel: { from: ['running', 'queued', 'paused', 'awaiting-approval'], into: ['cancelling'] },
}

/** Of the project's backfills one is added or begun at a time: each counts those before it. */
async function lockQueue(trx: OpenTransaction, project: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`millcourse backfills ${project}`}, 0))`.execute(trx)
}

async function beginInTurn(trx: OpenTransaction, backfillId: string, atOnceMax: number): Promise<Backfill> {
  const row = await findBackfill(trx, backfillId, 'locked')
  if (stateOf(row) !== 'queued') return toBackfill(row)
  const { before } = await trx
    .selectFrom('backfills')
    .select(sql<bigint>`count(*)`.as('before'))
    .where('ended_at', 'is', null)
    .where('state', 'in', ['running', 'cancelling'])
    .where((one) => one.or([one('is_queued', '=', false), one('ordinal', '<', row.ordinal)]))
    .executeTakeFirstOrThrow()
  if (before >= BigInt(atOnceMax)) return toBackfill(row)
  await trx.updateTable('backfills').set({ is_queued: false }).where('backfill_id', '=', backfillId).execute()
  return toBackfill({ ...row, is_queued: false })
}

/** Null: it may begin when its turn has come. */
async function awaitedFor(trx: OpenTransaction, { plan, limits }: BackfillRequest): Promise<CostAwaits | null> {
  const { openDollars } = await trx
    .selectFrom('backfills')
    .select(sql<number>`coalesce(sum(dollars), 0)::float8`.as('openDollars'))
    .where('ended_at', 'is', null)
    .where('state', '!=', 'awaiting-approval')
    .executeTakeFirstOrThrow()
  return costAwaits(plan.estimate, limits, openDollars)
}

/** The lock of the view version's row makes two of them take turns: the second one sees the first. */
async function openBackfill(
  trx: OpenTransaction,
  request: BackfillRequest,
  project: string,
): Promise<OpenBackfillResult> {
  const { backfillId, plan, intervals } = request
  const key: ViewKey = { view: plan.view, version: plan.version }
  await lockAddedVersion(trx, key)
  const open = await openBackfillsOf(trx, key)
  const same = open.find(
    (one) => one.backfillId === backfillId || (one.planId === plan.planId && one.retryOf === request.retryOf),
  )
  if (same) return { kind: 'joined', backfill: same }
  const range = { start: parseInstant(plan.range.start), end: parseInstant(plan.range.end) }
  const other = open.find((one) => overlaps(one.range, range))
  if (other) return { kind: 'overlaps', with: other }
  await lockQueue(trx, project)
  const awaits = await awaitedFor(trx, request)
  const row = await trx
    .insertInto('backfills')
    .values({
      ...{ backfill_id: backfillId, plan_id: plan.planId, ...key, start_at: range.start, end_at: range.end },
      ...(awaits === null ? queued : { state: 'awaiting-approval' as const }),
      ...{ dollars: plan.estimate.dollars.total, cost_max: request.limits.costMax },
      awaits: awaits === null ? null : toJson(awaits),
      ...{ options: toJson(plan.options), retry_of: request.retryOf },
      ...{ asked_by: request.by, reason: request.reason },
      pretended_now: request.pretendedNow === null ? null : parseInstant(request.pretendedNow),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  for (let at = 0; at < intervals.length; at += intervalsPerStatement)
    await trx
      .insertInto('backfill_intervals')
      .values(
        intervals.slice(at, at + intervalsPerStatement).map(({ interval, need }, index) => ({
          ...{ backfill_id: backfillId, position: at + index, start_at: interval.start, end_at: interval.end, need },
        })),
      )
      .execute()
  await writeAudit(trx, { by: request.by, action: 'backfill start', subject: subjectOf(row), reason: request.reason })
  return { kind: 'opened', backfill: toBackfill(row) }
}

export async function openBackfillsOf(db: Database, key: ViewKey): Promise<Backfill[]> {
  const rows = await db
    .selectFrom('backfills')
    .selectAll()
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('ended_at', 'is', null)
    .orderBy('ordinal')
    .execute()
  return rows.map(toBackfill)
}

type BackfillRow = Selectable<BackfillsTable>

/** @throws MillcourseError BACKFILL_UNKNOWN */
async function findBackfill(db: Database, backfillId: string, mode: 'plain' | 'locked'): Promise<BackfillRow> {
  const query = db.selectFrom('backfills').selectAll().where('backfill_id', '=', backfillId)
  const row = await (mode === 'locked' ? query.forUpdate() : query).executeTakeFirst()
  if (row !== undefined) return row
  throw new MillcourseError('BACKFILL_UNKNOWN', `the ledger has no backfill "${backfillId}"`, {
    hint: 'millcourse backfill status lists them',
    facts: { backfill: backfillId },
  })
}

const subjectOf = (row: BackfillRow): string => `${row.view}@v${row.version}/backfill/${row.backfill_id}`

function notApplicable(row: BackfillRow, to: BackfillChange): MillcourseError {
  const ended = row.ended_at === null ? '' : ', and over'
  return new MillcourseError(
    'BACKFILL_NOT_APPLICABLE',
    `backfill ${row.backfill_id} of ${row.view}@v${row.version} is ${stateOf(row)}${ended}: ${to} is for one that is ${changes[to].from.join(' or ')}`,
    {
      hint: `millcourse backfill status ${row.backfill_id}`,
      facts: { backfill: row.backfill_id, view: row.view, state: stateOf(row) },
    },
  )
}
