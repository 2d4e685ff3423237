/**
 * Migrations run while workers of the release before work: what those say to Postgres keeps working. Their statements are recorded
 * per release in released-statements/: all that the ledger's and registry's contract tests said, each shape once, the predicate of a
 * partial index with its value.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { Kysely, Migrator, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPostgresClient, schemaName } from '../../adapters/postgres/client.js'
import { isContract, migrationStatements, migrationsFor } from '../../adapters/postgres/migrations/index.js'
import { commit, hour, view } from '../support/ledger-steps.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'

const folder = new URL('./released-statements/', import.meta.url)
const releases = readdirSync(folder).map((file) => file.replace('.json', ''))
/** The last migration of each release; a release that is named in the folder is named here. */
const releasedWith: Readonly<Record<string, string>> = { '0.1.0': '001-ledger-and-registry' }

let postgres: TestPostgres
let db: Kysely<unknown>
beforeAll(async () => {
  postgres = await startTestPostgres()
  const pool = new pg.Pool({ connectionString: postgres.url, max: 10 })
  // Of connections at rest, when the server is stopped.
  pool.on('error', () => {})
  db = new Kysely({ dialect: new PostgresDialect({ pool }) })
})
afterAll(async () => {
  await db?.destroy()
  await postgres?.stop()
})

/** A project's schema as a release left it. */
async function schemaOf(release: string, project: string): Promise<string> {
  const schema = schemaName(project)
  const all = Object.entries(migrationsFor(schema))
  const upTo = all.findIndex(([name]) => name === releasedWith[release])
  const migrations = Object.fromEntries(all.slice(0, upTo + 1))
  const provider = { getMigrations: async () => migrations }
  const { error } = await new Migrator({ db, provider, migrationTableSchema: schema }).migrateToLatest()
  if (error !== undefined) throw error
  return schema
}

async function columnsThatMustBeGiven(schema: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name || '.' || column_name as name from information_schema.columns
    where table_schema = ${schema} and is_nullable = 'NO' and column_default is null and is_identity = 'NO'
      and is_generated = 'NEVER' order by 1`.execute(db)
  return rows.map(({ name }) => name)
}

describe.each(releases)('what release %s says', (release) => {
  test('is understood by the newest schema', async () => {
    const { project } = await postgres.newProject()
    const refused = await refusals(release, schemaName(project))
    expect(refused).toEqual([])
  })

  test('canary: a column taken away is noticed', async () => {
    const { project } = await postgres.newProject()
    await sql`alter table ${sql.id(schemaName(project), 'runs')} drop column measures`.execute(db)
    expect((await refusals(release, schemaName(project))).length).toBeGreaterThan(0)
  })

  test('gives every value that has to be given', async () => {
    const { project } = await postgres.newProject()
    const before = new Set(await columnsThatMustBeGiven(await schemaOf(release, `before_${release}`)))
    const now = await columnsThatMustBeGiven(schemaName(project))
    const tables = new Set([...before].map((name) => name.split('.')[0]))
    expect(now.filter((name) => tables.has(name.split('.')[0]) && !before.has(name))).toEqual([])
  })
})

async function refusals(release: string, schema: string): Promise<string[]> {
  const statements = JSON.parse(readFileSync(new URL(`${release}.json`, folder), 'utf8')) as string[]
  const refused: string[] = []
  for (const statement of statements)
    try {
      await sql.raw(`explain (generic_plan) ${statement.replaceAll('$schema', schema)}`).execute(db)
    } catch (error) {
      refused.push(`${(error as Error).message}: ${statement}`)
    }
  return refused
}

test('only a contract migration takes away, and none rewrites a table or waits for its rows', () => {
  const forbidden = /\b(drop|rename|truncate|delete|update|set not null|alter column)\b/i
  for (const [name, statements] of Object.entries(migrationStatements))
    for (const statement of statements) {
      if (!isContract(name)) expect(forbidden.test(statement), `${name}: ${statement}`).toBe(false)
      if (/add column/i.test(statement) && /not null/i.test(statement))
        expect(statement, `${name}: a constant default costs no rewrite`).toMatch(/default [\w'{}]+$/i)
    }
})

describe('a migration', () => {
  test('goes on beside writers of the release before, and loses none of their writes', async () => {
    const schema = await schemaOf('0.1.0', 'under_load')
    const migrator = createPostgresClient({ url: postgres.url, project: 'under_load' })
    let isOver = false
    const writers = [0, 1, 2].map(async (writer) => {
      let written = 0
      for (; !isOver || written < 5; written++) {
        const start = BigInt(writer * 1_000_000 + written)
        await sql`insert into ${sql.id(schema, 'intervals')} (view, version, start_at, end_at)
          values ('v', 1, ${start}, ${start + 1n}) on conflict do nothing`.execute(db)
        await sql`update ${sql.id(schema, 'intervals')} set last_number = 1, reopened_because = null
          where view = 'v' and version = 1 and start_at = ${start} and end_at = ${start + 1n}`.execute(db)
      }
      return written
    })
    try {
      const state = await migrator.migrate()
      expect(state.done).toEqual(Object.keys(migrationStatements).slice(1))
      expect((await migrator.migrate()).done).toEqual([])
    } finally {
      isOver = true
      await migrator.close()
    }
    const written = (await Promise.all(writers)).reduce((sum, count) => sum + count, 0)
    const { rows } = await sql<{ count: string }>`
      select count(*) from ${sql.id(schema, 'intervals')} where last_number = 1`.execute(db)
    expect(Number(rows[0]?.count)).toBe(written)
  })

  test('that finds a table locked lets writers by between its tries, and is done when the lock ends', async () => {
    const schema = await schemaOf('0.1.0', 'locked')
    const migrator = createPostgresClient({ url: postgres.url, project: 'locked' })
    try {
      await migrator.schemaState()
      let migrating: Promise<unknown> = Promise.resolve()
      await db.transaction().execute(async (reader) => {
        await sql`select * from ${sql.id(schema, 'intervals')}`.execute(reader)
        migrating = migrator.migrate()
        await expect.poll(() => waiting(), { timeout: 20_000 }).toBe(1)
        // Queued behind the migration, it comes by when that gives up its try; the reader still holds the table.
        const insert = sql`insert into ${sql.id(schema, 'intervals')} (view, version, start_at, end_at) values ('v', 1, 0, 1)`
        await insert.execute(db)
      })
      expect(await migrating).toMatchObject({ pending: [], done: Object.keys(migrationStatements).slice(1) })
    } finally {
      await migrator.close()
    }
  })

  test('leaves a schema of a later release alone, which this one works with unless it has lost something', async () => {
    const { client, ledger, project } = await postgres.newProject()
    const migrations = sql.id(schemaName(project), 'kysely_migration')
    await sql`insert into ${migrations} values ('998-later', '2030-01-01')`.execute(db)
    expect(await client.migrate()).toMatchObject({ done: [], pending: [], newer: ['998-later'] })
    await commit(ledger, 'r', 0)
    expect(await ledger.currentCommits(view, hour(0))).toHaveLength(1)
    await sql`insert into ${migrations} values ('999-contract-runs', '2030-01-01')`.execute(db)
    for (const asked of [() => client.migrate(), () => client.schemaState()])
      await expect(asked()).rejects.toMatchObject({
        code: 'LEDGER_SCHEMA_OUTDATED',
        message: expect.stringContaining('999-contract-runs'),
      })
  })

  test('is told beforehand', async () => {
    await schemaOf('0.1.0', 'told')
    const client = createPostgresClient({ url: postgres.url, project: 'told' })
    try {
      const pending = Object.keys(migrationStatements).slice(1)
      expect(await client.schemaState()).toMatchObject({ pending, done: [] })
      expect(await client.schemaState()).toMatchObject({ pending, done: [] })
    } finally {
      await client.close()
    }
  })
})

async function waiting(): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%add column%'`.execute(db)
  return Number(rows[0]?.count)
}
