/**
 * Schema changes in order; applied ones are never edited. Workers of the version before are still at work while a migration runs
 * and after it: add tables, columns with defaults and indexes; what they use is dropped one release later.
 */
import { type Migration, sql } from 'kysely'
import { ledgerAndRegistry } from './001-ledger-and-registry.js'
import { countedReopens } from './002-counted-reopens.js'

const statements: Readonly<Record<string, readonly string[]>> = {
  '001-ledger-and-registry': ledgerAndRegistry,
  '002-counted-reopens': countedReopens,
}

/** For kysely's Migrator; the statements name their tables without a schema. */
export function migrationsFor(schema: string): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(statements).map(([name, list]) => [
      name,
      {
        async up(db) {
          await sql`set local search_path to ${sql.id(schema)}`.execute(db)
          for (const statement of list) await sql.raw(statement).execute(db)
        },
      },
    ]),
  )
}
