/** The ledger's archive on Postgres: what a project's schema holds, as texts that Postgres itself wrote and reads again. */
import { sql } from 'kysely'
import { MillcourseError } from '../../core/errors.js'
import type { ArchivedRow, ArchivedTable, LedgerArchive } from '../../core/ports/ledger-archive.js'
import type { Instant } from '../../core/time/instant.js'
import { migrationTables } from './backup-names.js'
import { stageLedger } from './backup-staging.js'
import { countRows, readTables } from './backup-tables.js'
import { type OpenTransaction, type PostgresClient, schemaName } from './client.js'

/** A run with thousands of pinned files is a row of some hundred KiB. */
const rowsPerFetch = 200

export function createPostgresArchive(client: PostgresClient): LedgerArchive {
  const schema = schemaName(client.project)
  return {
    project: client.project,

    exportTables: (onTable) =>
      client.transact(async (trx) => {
        // One state for all tables, however long it takes; writers are not held up.
        await sql`set transaction isolation level repeatable read, read only`.execute(trx)
        await sql`set local idle_in_transaction_session_timeout = 0`.execute(trx)
        await sql`set local statement_timeout = 0`.execute(trx)
        await sql`set local timezone = 'UTC'`.execute(trx)
        await sql`set local datestyle = 'ISO'`.execute(trx)
        const tables = await readTables(trx, schema)
        if (tables.length === 0)
          throw new MillcourseError(
            'LEDGER_SCHEMA_OUTDATED',
            `project ${client.project} has no registry and no ledger`,
            {
              hint: 'millcourse apply',
              facts: { schema },
            },
          )
        const { rows: taken } = await sql<{ at: Instant }>`select transaction_timestamp() as at`.execute(trx)
        const migrations = await readMigrations(trx, schema)
        for (const table of tables) await onTable(table, readRows(trx, schema, table))
        return { migrations, takenAt: taken[0]!.at }
      }),

    countRows: () =>
      client.transact(async (trx) => {
        const tables = await readTables(trx, schema)
        return tables.length === 0 ? null : await countRows(trx, schema, tables)
      }),

    stage: (migrations) => stageLedger(client, schema, migrations),
  }
}

async function readMigrations(trx: OpenTransaction, schema: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.id(schema, migrationTables[0]!)} order by name`.execute(trx)
  return rows.map(({ name }) => name)
}

/** By a cursor, so that neither side holds the table. */
async function* readRows(
  trx: OpenTransaction,
  schema: string,
  { name, columns }: ArchivedTable,
): AsyncGenerator<ArchivedRow[]> {
  const values = columns.map((column, index) => sql`${sql.id(column.name)}::text as ${sql.id(`c${index}`)}`)
  await sql`declare rows_of_table no scroll cursor for
    select ${sql.join(values)} from ${sql.id(schema, name)}`.execute(trx)
  for (;;) {
    const { rows } = await sql<Record<string, string | null>>`
      fetch ${sql.lit(rowsPerFetch)} from rows_of_table`.execute(trx)
    if (rows.length === 0) break
    yield rows.map((row) => columns.map((_, index) => row[`c${index}`]!))
  }
  await sql`close rows_of_table`.execute(trx)
}
