/**
 * Brings a project's schema up to date while workers work (docs/upgrading.md). A migration waits for locks only briefly, because who
 * comes after it waits behind it, and tries again; two migrators take turns by kysely's advisory lock.
 */
import { type Kysely, Migrator, sql } from 'kysely'
import pRetry from 'p-retry'
import { MillcourseError } from '../../core/errors.js'
import type { SchemaState } from '../../core/ports/schema-state.js'
import { isLockTimeout, type ServerName, toMillcourseError } from './errors.js'
import { isContract, migrationsFor } from './migrations/index.js'

/** So long may a migration hold up the statements that queue behind it; far less than their own lock timeout. */
const lockTimeoutMs = 2_000
const tries = 30
const pauseMs = 500

export interface MigrationTarget {
  readonly db: Kysely<unknown>
  readonly schema: string
  readonly server: ServerName
}

/** @throws MillcourseError LEDGER_SCHEMA_OUTDATED (made by a newer release that this one cannot work with), LEDGER_CONFLICT (locked for too long) */
export async function migrateSchema(target: MigrationTarget): Promise<SchemaState> {
  const { db, schema, server } = target
  try {
    return await pRetry(() => migrateOnce(target), {
      retries: tries,
      minTimeout: pauseMs,
      maxTimeout: pauseMs,
      randomize: true,
      shouldRetry: ({ error }) => isLockTimeout(error),
    })
  } catch (error) {
    if (isLockTimeout(error))
      throw new MillcourseError('LEDGER_CONFLICT', `schema ${schema} could not be migrated: its tables are locked`, {
        cause: error,
        hint: 'see in pg_stat_activity who holds a transaction open, end it, then: millcourse migrate',
        facts: { schema, server },
      })
    throw toMillcourseError(error, server)
  } finally {
    await db.destroy()
  }
}

async function migrateOnce(target: MigrationTarget): Promise<SchemaState> {
  const { db, schema } = target
  const state = await readSchemaState(target)
  // What a newer release has added is no hindrance (it checks itself), and its migrations are no business of ours.
  if (state.pending.length === 0) return state
  await sql`select set_config('lock_timeout', ${String(lockTimeoutMs)}, false)`.execute(db)
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrationsFor(schema) },
    migrationTableSchema: schema,
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  const { applied } = await readSchemaState(target)
  return { applied, pending: [], done: state.pending, newer: state.newer }
}

/** @throws MillcourseError LEDGER_SCHEMA_OUTDATED */
export async function readSchemaState({ db, schema, server }: MigrationTarget): Promise<SchemaState> {
  const applied = await appliedMigrations(db, schema)
  const known = Object.keys(migrationsFor(schema))
  const newer = applied.filter((name) => !known.includes(name))
  const contract = newer.find(isContract)
  if (contract !== undefined)
    throw new MillcourseError(
      'LEDGER_SCHEMA_OUTDATED',
      `schema ${schema} was made by a newer millcourse and has lost what this one needs (${contract})`,
      { hint: 'install the version that made it, or a later one', facts: { schema, server, migration: contract } },
    )
  return { applied, pending: known.filter((name) => !applied.includes(name)), done: [], newer }
}

async function appliedMigrations(db: Kysely<unknown>, schema: string): Promise<string[]> {
  const table = `"${schema.replaceAll('"', '""')}".kysely_migration`
  const { rows } = await sql<{ found: string | null }>`select to_regclass(${table})::text as found`.execute(db)
  if (!rows[0]?.found) return []
  const names = await sql<{
    name: string
  }>`select name from ${sql.id(schema, 'kysely_migration')} order by name`.execute(db)
  return names.rows.map(({ name }) => name)
}
