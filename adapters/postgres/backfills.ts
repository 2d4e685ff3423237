/** Backfills as the ledger keeps them: what was planned, who asked, what is to run, what came of it (core/ports/backfill-ledger.ts). */
import { type Selectable, sql } from 'kysely'
import { MillcourseError } from '../../core/errors.js'
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
import { createBackfillLists, toBackfill } from './backfill-lists.js'
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
          .onConflict((conflict) => conflict.column('plan_id').doUpdateSet({ body }))
          .execute()
      }),

    openBackfill: (request) => client.transact((trx) => openBackfill(trx, request)),

    changeBackfill: (backfillId, { to, by, reason }) =>
      client.transact(async (trx) => {
        const row = await findBackfill(trx, backfillId, 'locked')
        const change = changes[to]
        if (row.state === change.into) return toBackfill(row)
        if (!change.from.includes(row.state)) throw notApplicable(row, to)
        await trx.updateTable('backfills').set({ state: change.into }).where('backfill_id', '=', backfillId).execute()
        await writeAudit(trx, { by, action: `backfill ${to}`, subject: subjectOf(row), reason })
        return toBackfill({ ...row, state: change.into })
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

/** What each word makes of which state. */
const changes: Readonly<
  Record<BackfillChange, { readonly from: readonly BackfillState[]; readonly into: BackfillState }>
> = {
  pause: { from: ['running'], into: 'paused' },
  resume: { from: ['paused'], into: 'running' },
  approve: { from: ['awaiting-approval'], into: 'running' },
  cancel: { from: ['running', 'paused', 'awaiting-approval'], into: 'cancelling' },
}

/** The lock of the view version's row makes two of them take turns: the second one sees the first. */
async function openBackfill(trx: OpenTransaction, request: BackfillRequest): Promise<OpenBackfillResult> {
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
  const row = await trx
    .insertInto('backfills')
    .values({
      ...{ backfill_id: backfillId, plan_id: plan.planId, ...key, start_at: range.start, end_at: range.end },
      ...{ state: request.state, options: toJson(plan.options), retry_of: request.retryOf },
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
    `backfill ${row.backfill_id} of ${row.view}@v${row.version} is ${row.state}${ended}: ${to} is for one that is ${changes[to].from.join(' or ')}`,
    {
      hint: `millcourse backfill status ${row.backfill_id}`,
      facts: { backfill: row.backfill_id, view: row.view, state: row.state },
    },
  )
}
