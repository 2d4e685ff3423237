/** A ledger beside the project's own: filled and settled by a restore, then put in its place by renaming two schemas in one transaction. */
import { Migrator, sql, type Transaction } from 'kysely'
import { MillcourseError } from '../../core/errors.js'
import type { RunError, ViewKey } from '../../core/ports/ledger.js'
import type { ArchivedRow, ArchivedTable, NamedFile, StagedLedger } from '../../core/ports/ledger-archive.js'
import type { Instant } from '../../core/time/instant.js'
import { copyGrants } from './backup-grants.js'
import { replacedSchema, stagingSchema } from './backup-names.js'
import { countRows, readTables } from './backup-tables.js'
import { type Database, type OpenTransaction, type PostgresClient, toJson } from './client.js'
import { toMillcourseError } from './errors.js'
import { findViewVersion } from './locks.js'
import { migrationsFor } from './migrations/index.js'
import type { Tables } from './schema.js'

/**
 * Far above what could be drawn and lost between a backup and its restore: a worker that still publishes by the ledger that was is
 * refused wherever the restored one has written (R36).
 */
const sequencesAhead = 1_000_000n
/** A compaction's number names its folder: what was written there after the backup is not written over. */
const compactionsAhead = 1_000_000n
/** Postgres takes arrays of any length; a statement is kept within some MiB. */
const rowsPerInsert = 500

/** @throws MillcourseError LEDGER_SCHEMA_OUTDATED */
export async function stageLedger(
  client: PostgresClient,
  schema: string,
  migrations: readonly string[],
): Promise<StagedLedger> {
  const { db, server } = client.maintain()
  const staged = stagingSchema(schema)
  /** Errors of ours pass; what Postgres says becomes ours. */
  const run = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw toMillcourseError(error, server)
    }
  }
  const known = Object.keys(migrationsFor(staged))
  const strange = migrations.filter((name) => !known.includes(name))
  if (strange.length > 0) {
    await db.destroy()
    throw new MillcourseError('LEDGER_SCHEMA_OUTDATED', 'the backup was made by a newer millcourse', {
      hint: 'install the version that made it, or a later one',
      facts: { migration: strange[0]! },
    })
  }
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrationsFor(staged) },
    migrationTableSchema: staged,
  })
  const dropStaged = () => sql`drop schema if exists ${sql.id(staged)} cascade`.execute(db)
  await run(async () => {
    // Left by one that was killed.
    await dropStaged()
    const { error } = await migrator.migrateTo(migrations.at(-1)!)
    if (error !== undefined) throw error
  })
  const inside: Database = db.withSchema(staged)
  let isOver = false

  return {
    tables: () => run(() => db.transaction().execute((trx) => readTables(trx, staged))),
    load: (table, rows) => run(() => db.transaction().execute((trx) => load(trx, staged, table, rows))),

    settle: () =>
      run(async () => {
        await db.transaction().execute((trx) => continueNumbers(trx, staged))
        const { error } = await migrator.migrateToLatest()
        if (error !== undefined) throw error
        return await db.transaction().execute((trx) => endWhatWasUnderWay(trx.withSchema(staged)))
      }),

    viewVersions: () => run(() => readViewVersions(inside)),
    files: (key) => run(() => readFiles(inside, key)),
    reopenLost: (key, lost, because) =>
      run(() => db.transaction().execute((trx) => reopenLost(trx.withSchema(staged), key, lost, because))),

    publishedTo: (key) =>
      run(async () => {
        const row = await findViewVersion(inside, key)
        return { isPublished: (row?.finished_sequence ?? 0n) > 0n, named: row?.online_table ?? null }
      }),

    liftPublishing: (key, { sequence, endAt, named }) =>
      run(async () => {
        await inside
          .insertInto('view_versions')
          .values({ view: key.view, version: key.version })
          .onConflict((conflict) => conflict.doNothing())
          .execute()
        await inside
          .updateTable('view_versions')
          .set({
            last_sequence: sql`greatest(last_sequence, ${sequence}::bigint) + ${sequencesAhead}::bigint`,
            end_floor_at: sql`greatest(end_floor_at, ${endAt}::numeric)`,
            online_table: named,
            // It may have been one attempt's when the backup was taken: no longer to be dropped.
            attempt_tables: sql`array_remove(attempt_tables, ${named}::text)`,
          })
          .where('view', '=', key.view)
          .where('version', '=', key.version)
          .execute()
      }),

    swapIn: ({ mayReplace, by, from }) =>
      run(async () => {
        const keptAs = await db.transaction().execute(async (trx) => {
          await trx
            .withSchema(staged)
            .insertInto('audit')
            .values({ acted_by: by, action: 'restore', subject: 'registry and ledger', reason: from })
            .execute()
          return await swap(trx, { schema, staged, mayReplace })
        })
        isOver = true
        return keptAs
      }),

    async discard() {
      // A failure here would hide the first one; the next restore drops what is left.
      if (!isOver) await dropStaged().catch(() => undefined)
      await db.destroy()
    },
  }
}

async function load(
  trx: Transaction<Tables>,
  schema: string,
  { name, columns }: ArchivedTable,
  rows: readonly ArchivedRow[],
): Promise<void> {
  const target = sql.id(schema, name)
  for (let from = 0; from < rows.length; from += rowsPerInsert) {
    const some = rows.slice(from, from + rowsPerInsert)
    const lists = columns.map((_, index) => sql`${some.map((row) => row[index] ?? null)}::text[]`)
    const values = columns.map((column, index) => sql`${sql.id(`c${index}`)}::${sql.raw(typeName(column.type))}`)
    await sql`insert into ${target} (${sql.join(columns.map((column) => sql.id(column.name)))}) overriding system value
      select ${sql.join(values)} from unnest(${sql.join(lists)}) as given(${sql.join(columns.map((_, index) => sql.id(`c${index}`)))})`
      .execute(trx)
      .catch((error: unknown) => {
        throw new MillcourseError('BACKUP_INVALID', `the rows of ${name} do not fit its table`, {
          cause: error,
          hint: 'nothing was changed; restore an older backup',
          facts: { table: name },
        })
      })
  }
}

/** Types come from a file: only what a type's name can be is put into a statement. */
function typeName(type: string): string {
  if (/^[a-z][a-z0-9 ]*(\(\d+(,\d+)?\))?(\[\])?$/.test(type)) return type
  throw new MillcourseError('BACKUP_INVALID', `"${type.slice(0, 40)}" is not a type of Postgres`, {
    hint: 'nothing was changed; restore an older backup',
  })
}

/** Loaded rows brought their own numbers: the next ones come after them. */
async function continueNumbers(trx: Transaction<Tables>, schema: string): Promise<void> {
  const { rows } = await sql<{ table: string; column: string }>`
    select c.relname as table, a.attname as column
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and a.attidentity <> ''`.execute(trx)
  for (const { table, column } of rows) {
    const owner = sql.id(schema, table)
    await sql`select setval(pg_get_serial_sequence(${`"${schema}"."${table}"`}, ${column}),
      (select coalesce(max(${sql.id(column)}), 0) + 1 + ${table === 'compactions' ? compactionsAhead : 0n}::bigint from ${owner}), false)`.execute(
      trx,
    )
  }
}

const interrupted: RunError = {
  code: 'RUN_STEP_TIMED_OUT',
  message: 'it was under way when the backup was taken from which the ledger was restored',
  hint: 'the next tick runs the interval again',
  facts: {},
  step: 'plan',
  attempts: 1,
}

/** Nobody holds a lease of the past, continues its publishes, or knows by its files what is online now. */
async function endWhatWasUnderWay(inside: OpenTransaction): Promise<{ runsEnded: number }> {
  await inside.updateTable('publishes').set({ state: 'unfinished' }).where('state', '=', 'open').execute()
  await inside.deleteFrom('published_files').execute()
  // Schedules have gone on without the backup.
  await inside.deleteFrom('schedule_marks').execute()
  await inside
    .updateTable('view_versions')
    .set({
      table_identity: null,
      lease_sequence: null,
      lease_owner: null,
      lease_workflow_run_id: null,
      lease_ms: null,
      lease_renewed_at: null,
    })
    .execute()
  const ended = await inside
    .updateTable('runs')
    .set({
      outcome: 'failed',
      error: toJson(interrupted),
      error_code: interrupted.code,
      ended_at: sql`clock_timestamp()`,
    })
    .where('outcome', '=', 'running')
    .returning('run_id')
    .execute()
  return { runsEnded: ended.length }
}

async function readViewVersions(inside: Database): Promise<ViewKey[]> {
  const rows = await inside
    .selectFrom('view_versions')
    .select(['view', 'version'])
    .union(inside.selectFrom('definitions').select(['name as view', 'version']).where('kind', '=', 'view'))
    .orderBy('view')
    .orderBy('version')
    .execute()
  return rows.map(({ view, version }) => ({ view, version }))
}

async function readFiles(inside: Database, key: ViewKey): Promise<NamedFile[]> {
  const commits = await inside
    .selectFrom('commits')
    .select(['path', 'size_bytes', 'start_at', 'superseded_by', 'removing_at'])
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('path', 'is not', null)
    .execute()
  const tiles = await inside
    .selectFrom('coarse_tiles')
    .select(['path', 'size_bytes'])
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('path', 'is not', null)
    .execute()
  return [
    ...commits.map((row) => ({
      path: row.path!,
      sizeBytes: row.size_bytes!,
      intervalStart: row.superseded_by === null && row.removing_at === null ? row.start_at : null,
    })),
    ...tiles.map((row) => ({ path: row.path!, sizeBytes: row.size_bytes!, intervalStart: null })),
    ...(await readCompactedFiles(inside, key)),
  ]
}

/** Of intervals whose own file is gone those of the newest compaction that holds them, each file once an interval. */
async function readCompactedFiles(inside: Database, key: ViewKey): Promise<NamedFile[]> {
  const compactions = await inside
    .selectFrom('compactions')
    .select((row) => [
      'files',
      sql<bigint[]>`array(${row
        .selectFrom('commits')
        .select('start_at')
        .where(sql<boolean>`commit_id = any(compactions.commit_ids)`)
        .where('commits.removing_at', 'is not', null)
        .where('superseded_by', 'is', null)})`.as('starts'),
    ])
    .where('view', '=', key.view)
    .where('version', '=', key.version)
    .where('state', 'in', ['current', 'superseded'])
    .where('removing_at', 'is', null)
    .orderBy('compaction_id', 'desc')
    .execute()
  const told = new Set<bigint>()
  return compactions.flatMap(({ files, starts }) => {
    const own = starts.filter((start) => !told.has(start))
    for (const start of own) told.add(start)
    return (files ?? []).flatMap(({ path, sizeBytes }) =>
      (own.length > 0 ? own : [null]).map((intervalStart) => ({
        ...{ path, sizeBytes: BigInt(sizeBytes), intervalStart },
      })),
    )
  })
}

/**
 * The commit goes, and not only a mark is set: a window must not be published over a file that is not there (R32). One whose rows lie in a
 * compaction that is whole loses only its own file, as by a removal.
 */
async function reopenLost(
  inside: OpenTransaction,
  key: ViewKey,
  lost: readonly NamedFile[],
  because: string,
): Promise<Instant[]> {
  const paths = lost.map(({ path }) => path)
  if (paths.length === 0) return []
  const isLost = sql<boolean>`path = any(${paths}::text[])`
  const ofView = { view: key.view, version: key.version }
  await inside
    .deleteFrom('coarse_tiles')
    .where(isLost)
    .where('view', '=', ofView.view)
    .where('version', '=', ofView.version)
    .execute()
  await inside
    .deleteFrom('compactions')
    .where(
      sql<boolean>`exists (select 1 from json_array_elements(files) as file where file->>'path' = any(${paths}::text[]))`,
    )
    .where('view', '=', ofView.view)
    .where('version', '=', ofView.version)
    .execute()
  const holding = inside
    .selectFrom('compactions')
    .select('compaction_id')
    .where('view', '=', ofView.view)
    .where('version', '=', ofView.version)
    .where('state', 'in', ['current', 'superseded'])
    .where('removing_at', 'is', null)
    .where(sql<boolean>`commits.commit_id = any(compactions.commit_ids)`)
  await inside
    .updateTable('commits')
    .set({ removing_at: sql`clock_timestamp()` })
    .where(isLost)
    .where('view', '=', ofView.view)
    .where('version', '=', ofView.version)
    .where('removing_at', 'is', null)
    .where((row) => row.exists(holding))
    .execute()
  const deleted = await inside
    .deleteFrom('commits')
    .where(sql<boolean>`start_at = any(${lost.flatMap(({ intervalStart }) => intervalStart ?? [])}::numeric[])`)
    .where('superseded_by', 'is', null)
    .where('view', '=', ofView.view)
    .where('version', '=', ofView.version)
    .where((row) => row.not(row.exists(holding)))
    .returning('start_at')
    .execute()
  const starts = deleted.map(({ start_at: start }) => start)
  await inside
    .updateTable('intervals')
    .set((row) => ({ commit_id: null, reopened_because: because, reopens: row('reopens', '+', 1n) }))
    .where('view', '=', ofView.view)
    .where('version', '=', ofView.version)
    .where(sql<boolean>`start_at = any(${starts}::numeric[])`)
    .execute()
  return starts
}

/** The only statements that touch the project's own schema. @throws MillcourseError RESTORE_TARGET_NOT_EMPTY */
async function swap(
  trx: OpenTransaction,
  { schema, staged, mayReplace }: { readonly schema: string; readonly staged: string; readonly mayReplace: boolean },
): Promise<string | null> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${staged}, 0))`.execute(trx)
  const { rows: found } = await sql`select 1 from pg_namespace where nspname = ${schema}`.execute(trx)
  const tables = await readTables(trx, schema)
  const present = tables.length === 0 ? 0n : await countRows(trx, schema, tables)
  if (present > 0n && !mayReplace)
    throw new MillcourseError('RESTORE_TARGET_NOT_EMPTY', 'something was applied or run while the backup was loaded', {
      hint: 'stop workers and watcher, and restore again with --replace',
      facts: { rows: Number(present) },
    })
  await copyGrants(trx, schema, staged)
  let keptAs: string | null = null
  if (present > 0n) {
    const { rows } = await sql<{
      at: string
    }>`select to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDD"T"HH24MISSMS') as at`.execute(trx)
    keptAs = replacedSchema(schema, rows[0]!.at)
    await sql`alter schema ${sql.id(schema)} rename to ${sql.id(keptAs)}`.execute(trx)
  } else if (found.length > 0) await sql`drop schema ${sql.id(schema)} cascade`.execute(trx)
  await sql`alter schema ${sql.id(staged)} rename to ${sql.id(schema)}`.execute(trx)
  return keptAs
}
