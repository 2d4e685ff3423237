/** The bucket of the write budget, one row, made when it is first asked for; its arithmetic is core/publish/write-budget.ts. */
import { sql } from 'kysely'
import type { WriteBudgetWriter } from '../../core/ports/write-budget-ledger.js'
import { fullBudget, takeWriteUnits, type WriteBudget } from '../../core/publish/index.js'
import type { Instant } from '../../core/time/instant.js'
import type { OpenTransaction, PostgresClient } from './client.js'

const bucket = 1

export function createWriteBudget(client: PostgresClient): WriteBudgetWriter {
  return {
    takeWriteUnits: (request) =>
      client.transact(async (trx) => {
        const known = await lockBudget(trx)
        // Asked for once the row is ours: who waited for it is later than who had it.
        const { now } = await trx.selectNoFrom(sql<Instant>`clock_timestamp()`.as('now')).executeTakeFirstOrThrow()
        const taken = takeWriteUnits(known ?? fullBudget(request.unitsPerSecond, now), request, now)
        const { level, filledAt, scheduledUntil } = taken.budget
        const row = {
          ...{ level, filled_at: filledAt, scheduled_until: scheduledUntil },
          // A worker of the release before slows the whole bucket by these.
          ...{ slowed_to: 1, slowed_at: filledAt },
        }
        await trx
          .insertInto('write_budget')
          .values({ bucket, ...row })
          .onConflict((conflict) => conflict.column('bucket').doUpdateSet(row))
          .execute()
        return taken.answer
      }),

    isLeaseWanted: ({ view, version }, sequence) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('view_versions')
          .select('view')
          .where('view', '=', view)
          .where('version', '=', version)
          .where('lease_sequence', '=', sequence)
          .where('lease_wanted_at', 'is not', null)
          .executeTakeFirst()
        return row !== undefined
      }),
  }
}

/** Null: nobody has asked yet; two that are the first at once may both find it full. */
async function lockBudget(trx: OpenTransaction): Promise<WriteBudget | null> {
  const row = await trx
    .selectFrom('write_budget')
    .selectAll()
    .where('bucket', '=', bucket)
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined) return null
  return { level: row.level, filledAt: row.filled_at, scheduledUntil: row.scheduled_until }
}
