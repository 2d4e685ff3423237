/** Which online tables the ledger knows of: those that count, and those of first loads that are not finished (R36). */
import { sql } from 'kysely'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { PostgresClient } from './client.js'
import { findViewVersion } from './locks.js'

export type OnlineTables = Pick<LedgerWriter, 'onlineTable' | 'onlineTables' | 'isTableGivenUp' | 'forgetTable'>

export function createOnlineTables(client: PostgresClient): OnlineTables {
  return {
    onlineTable: (key) =>
      client.query(async (db) => {
        const row = await findViewVersion(db, key)
        return row?.online_table ?? null
      }),

    onlineTables: () =>
      client.query(async (db) => {
        const rows = await db
          .selectFrom('view_versions')
          .select(['view', 'version', 'online_table', 'finished_sequence', 'attempt_tables'])
          .orderBy('view')
          .orderBy('version')
          .execute()
        return rows.map(({ view, version, online_table, finished_sequence, attempt_tables }) => ({
          ...{ view, version },
          named: online_table,
          isPublished: finished_sequence > 0n,
          ofAttempts: attempt_tables,
        }))
      }),

    isTableGivenUp: (key, table) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('publishes')
          .innerJoin('view_versions', (join) =>
            join
              .onRef('view_versions.view', '=', 'publishes.view')
              .onRef('view_versions.version', '=', 'publishes.version'),
          )
          .select('sequence')
          .where('publishes.view', '=', key.view)
          .where('publishes.version', '=', key.version)
          .where('table_name', '=', table)
          .where('is_first_load', '=', true)
          .where('state', '=', 'unfinished')
          // A restore may have taken it for the version's.
          .where(sql<boolean>`online_table is distinct from table_name`)
          .executeTakeFirst()
        return row !== undefined
      }),

    forgetTable: (key, table) =>
      client.query(async (db) => {
        await db
          .updateTable('view_versions')
          .set({ attempt_tables: sql`array_remove(attempt_tables, ${table}::text)` })
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .execute()
      }),
  }
}
