/** What work has cost: told as running totals, kept with the sums by day, so that nobody who asks for a day has to scan. */
import { sql } from 'kysely'
import { type Spend, spendFields } from '../../core/measure/index.js'
import type { DailySpend, SpendReader, SpendRecord, SpendWriter } from '../../core/ports/spend-ledger.js'
import type { OverBudget, SpendCause } from '../../core/watch/index.js'
import type { Database, OpenTransaction, PostgresClient } from './client.js'
import type { SpendColumns, SpendsTable } from './spend-tables.js'

type Amount = Exclude<keyof SpendColumns, 'day' | 'view' | 'version' | 'work'>
type Given = Omit<SpendsTable, 'told_at'>

const columnOf: Readonly<Record<keyof Spend, Amount>> = {
  writeUnits: 'write_units',
  readUnits: 'read_units',
  estimatedUnits: 'estimated_units',
  s3Writes: 's3_writes',
  s3Reads: 's3_reads',
  s3BytesWritten: 's3_bytes_written',
  s3BytesRead: 's3_bytes_read',
  engineSeconds: 'engine_seconds',
  itemsWritten: 'items_written',
  keysUnchanged: 'keys_unchanged',
}
const amounts = Object.values(columnOf)
const dayColumns = ['day', 'view', 'version', 'work'] as const
const names = ['spend_id', ...dayColumns, 'subject', 'backfill_id'] as const
const causesMax = 5

export function createSpendRecords(client: PostgresClient): SpendReader & SpendWriter {
  return {
    recordSpend: (records) =>
      records.length === 0 ? Promise.resolve() : client.transact((trx) => record(trx, records)),

    dailySpend: ({ from, to, view }) =>
      client.query(async (db) => {
        let query = db.selectFrom('daily_spends').selectAll().where('day', '>=', from).where('day', '<=', to)
        if (view !== null) query = query.where('view', '=', view)
        const rows = await query.orderBy('day').orderBy('view').orderBy('version').orderBy('work').execute()
        return rows.map(
          (row): DailySpend => ({
            ...{ day: row.day, view: row.view, version: row.version, work: row.work },
            spend: toSpend(row),
          }),
        )
      }),

    spendOf: (subject) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('spends')
          .select((is) => [
            is.fn.countAll<bigint>().as('records'),
            ...amounts.map((amount) => is.fn.sum<number>(amount).as(amount)),
          ])
          .where('subject', '=', subject)
          .executeTakeFirstOrThrow()
        return row.records === 0n ? null : toSpend(row as Readonly<Record<Amount, number>>)
      }),

    overBudget: (day, budgets) =>
      client.query(async (db) => {
        if (budgets.length === 0) return []
        const spent = await db
          .selectFrom('daily_spends')
          .select((is) => ['view', is.fn.sum<number>('write_units').as('units')])
          .select((is) => is.fn.sum<number>('estimated_units').as('estimated'))
          .where('day', '=', day)
          .where('view', '=', sql<string>`any(${budgets.map(({ view }) => view)}::text[])`)
          .groupBy('view')
          .execute()
        const over: OverBudget[] = []
        for (const { view, units, estimated } of spent) {
          const budget = budgets.find((one) => one.view === view)!.writeUnitsPerDay
          if (units <= budget) continue
          const found = await causes(db, day, view, budget)
          if (found !== null) over.push({ view, writeUnits: units, estimatedUnits: estimated, ...found })
        }
        return over
      }),
  }
}

/**
 * Sums grow by what a record holds more than the most that was told of it: telling again what the ledger has taken already, because its
 * answer was lost, adds nothing, nor does a statement that outlived its connection, beside the one that was told in its place or after it.
 */
async function record(trx: OpenTransaction, records: readonly SpendRecord[]): Promise<void> {
  const rows = records.map(
    ({ spendId: spend_id, backfillId: backfill_id, spend, day, view, version, work, subject }) => ({
      ...{ spend_id, day, view, version, work, subject, backfill_id },
      ...Object.fromEntries(spendFields.map((field) => [columnOf[field], spend[field]])),
    }),
  )
  const shape = sql.raw(
    `given(spend_id text, day text, view text, version integer, work text, subject text, backfill_id text, ${amounts.map((amount) => `${amount} float8`).join(', ')})`,
  )
  const given = sql<Given>`json_to_recordset(${JSON.stringify(rows)}::json)`.as<'given'>(shape)
  const of = (table: string, amount: Amount) => sql<number>`${sql.ref(`${table}.${amount}`)}`
  // Each has a row from here on, which the next statement, of a newer snapshot, sees and holds.
  await trx
    .insertInto('spends')
    .columns([...names, ...amounts])
    .expression((is) =>
      is
        .selectFrom(given)
        .select(names)
        .select(amounts.map((amount) => sql<number>`0`.as(amount)))
        .orderBy('spend_id'),
    )
    .onConflict((conflict) => conflict.column('spend_id').doNothing())
    .execute()
  await trx
    .with('given', (query) => query.selectFrom(given).select([...names, ...amounts]))
    .with('former', (query) =>
      query
        .selectFrom('spends')
        .select('spend_id')
        .select([...amounts])
        .where('spend_id', 'in', (is) => is.selectFrom('given').select('given.spend_id'))
        .orderBy('spend_id')
        .forUpdate(),
    )
    .with('grown', (query) =>
      query
        .selectFrom('given')
        .innerJoin('former', 'former.spend_id', 'given.spend_id')
        .select(names.map((name) => `given.${name}` as const))
        .select(
          amounts.map((amount) =>
            sql<number>`greatest(${of('given', amount)} - ${of('former', amount)}, 0)`.as(amount),
          ),
        ),
    )
    .with('kept', (query) =>
      query
        .updateTable('spends')
        .from('given')
        .set({
          ...Object.fromEntries(
            amounts.map((amount) => [amount, sql`greatest(${of('spends', amount)}, ${of('given', amount)})`]),
          ),
          told_at: sql`clock_timestamp()`,
        } as never)
        .whereRef('spends.spend_id', '=', 'given.spend_id'),
    )
    .insertInto('daily_spends')
    .columns([...dayColumns, ...amounts])
    .expression((is) =>
      is
        .selectFrom('grown')
        .select(dayColumns.map((column) => `grown.${column}` as const))
        .select(amounts.map((amount) => sql<number>`sum(${of('grown', amount)})`.as(amount)))
        .groupBy(dayColumns.map((column) => `grown.${column}` as const))
        // The order in which their rows are locked: workers tell of the same days at once.
        .orderBy('grown.day')
        .orderBy('grown.view')
        .orderBy('grown.version')
        .orderBy('grown.work'),
    )
    .onConflict((conflict) =>
      conflict
        .columns([...dayColumns])
        .doUpdateSet(
          Object.fromEntries(
            amounts.map((amount) => [amount, sql`${of('daily_spends', amount)} + ${of('excluded', amount)}`]),
          ),
        ),
    )
    .execute()
}

/** Null: the sum is not above the budget by now. */
async function causes(
  db: Database,
  day: string,
  view: string,
  budget: number,
): Promise<Pick<OverBudget, 'since' | 'causes'> | null> {
  const rows = await db
    .selectFrom('spends')
    .select(['work', 'told_at', 'write_units'])
    .select((is) => is.fn.coalesce('backfill_id', 'subject').as('subject'))
    .where('view', '=', view)
    .where('day', '=', day)
    .where('write_units', '>', 0)
    .orderBy('told_at')
    .execute()
  let sum = 0
  const since = rows.find(({ write_units: units }) => {
    sum += units
    return sum > budget
  })?.told_at
  if (since === undefined) return null
  const bySubject = new Map<string, SpendCause>()
  for (const { work, subject, write_units: units } of rows) {
    const known = bySubject.get(subject)?.writeUnits ?? 0
    bySubject.set(subject, { work, subject, writeUnits: known + units })
  }
  const largest = [...bySubject.values()].sort((a, b) => b.writeUnits - a.writeUnits)
  return { since, causes: largest.slice(0, causesMax) }
}

function toSpend(row: Readonly<Record<Amount, number>>): Spend {
  return Object.fromEntries(spendFields.map((field) => [field, row[columnOf[field]]])) as unknown as Spend
}
