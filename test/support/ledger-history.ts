/**
 * A year of hourly runs of hundreds of views in the ledger, in minutes. Two connections share the tables; each is filled in order and without
 * indexes, which are made again afterwards, in the transaction that has emptied it: nothing of it goes through the log (wal_level minimal).
 */
import pg from 'pg'
import {
  type HistoryShape,
  type HistoryTable,
  historyRows,
  historyRuns,
  historyTables,
  patternQueries,
  patternSchema,
} from './ledger-history-rows.js'

export interface HistoryPlan extends HistoryShape {
  readonly url: string
  readonly schema: string
}

export interface HistoryFigures {
  readonly runs: number
  readonly writtenSeconds: number
  readonly databaseGiB: number
}

/** What a server is started with to write it: what is lost in a crash is written again. */
export const historySettings = {
  ...{ fsync: 'off', wal_level: 'minimal', max_wal_senders: '0', full_page_writes: 'off', autovacuum: 'off' },
  ...{ max_wal_size: '16GB', checkpoint_timeout: '1h', shared_buffers: '2GB' },
}

/** Half of the work is that of `runs` with its indexes. */
const lanes: readonly (readonly HistoryTable[])[] = [['runs'], historyTables.filter((table) => table !== 'runs')]

/** @throws Error a pattern is missing, or it is not as many runs as it was to be */
export async function writeLedgerHistory(plan: HistoryPlan, say: (line: string) => void): Promise<HistoryFigures> {
  const startedMs = performance.now()
  const connected = async <Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> => {
    const client = new pg.Client({ connectionString: plan.url })
    await client.connect()
    try {
      await client.query(`set search_path to "${plan.schema}"`)
      await client.query(`set maintenance_work_mem to '1GB'`)
      await client.query(`set work_mem to '1GB'`)
      // Each other join would forget the order.
      await client.query('set enable_mergejoin to off')
      return await work(client)
    } finally {
      await client.end()
    }
  }
  const rows = historyRows(plan)
  await connected((client) => copyPatterns(client, plan))
  await Promise.all(
    lanes.map((tables) =>
      connected(async (client) => {
        for (const table of tables) await fill(client, plan, table, rows.insert, say)
      }),
    ),
  )
  return await connected(async (client) => {
    await finish(client, plan, rows)
    await client.query(`drop schema ${patternSchema} cascade`)
    await client.query('vacuum (analyze) incidents, incident_events, view_versions, published_files, daily_spends')
    await client.query('checkpoint')
    const { rows: found } = await client.query(
      'select (select count(*) from runs)::float8 as runs, pg_database_size(current_database())::float8 as bytes',
    )
    const { runs, bytes } = found[0]
    const meant = historyRuns(plan)
    if (runs !== meant) throw new Error(`${runs} runs were written, not ${meant}`)
    return {
      runs,
      writtenSeconds: Math.round((performance.now() - startedMs) / 1000),
      databaseGiB: Number((bytes / 2 ** 30).toFixed(1)),
    }
  })
}

async function copyPatterns(client: pg.Client, plan: HistoryPlan): Promise<void> {
  await client.query(`drop schema if exists ${patternSchema} cascade`)
  await client.query(`create schema ${patternSchema}`)
  const views = Object.values(plan.patterns)
  for (const [table, query] of Object.entries(patternQueries(plan))) {
    await client.query(`create table ${patternSchema}.${table} as ${query}`)
    await client.query(`analyze ${patternSchema}.${table}`)
    const { rows } = await client.query(`select * from ${patternSchema}.${table}`)
    const isThere = (view: string) => table === 'incidents' || rows.some((row) => row.view === view)
    if (rows.length === 0 || !views.every(isThere)) throw new Error(`no run has left a row in ${table}`)
  }
}

async function fill(
  client: pg.Client,
  { schema }: HistoryPlan,
  table: HistoryTable,
  insert: (table: HistoryTable, columns: readonly string[]) => string,
  say: (line: string) => void,
): Promise<void> {
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 1000)
  await client.query('begin')
  await client.query(`truncate ${table}`)
  const indexes = await dropIndexes(client, schema, table)
  const columns = await columnsOf(client, schema, table)
  await client.query(insert(table, columns))
  const rowsSeconds = seconds()
  for (const sql of indexes) await client.query(sql)
  await client.query('commit')
  const indexedSeconds = seconds()
  await client.query(`vacuum (analyze) ${table}`)
  say(`${table}: rows ${rowsSeconds} s, with indexes ${indexedSeconds} s, vacuumed ${seconds()} s`)
}

/** What hangs on these rows, and the sequences that go on after them. */
async function finish(client: pg.Client, { schema }: HistoryPlan, rows: ReturnType<typeof historyRows>): Promise<void> {
  await client.query('begin')
  await client.query('truncate view_versions, published_files, daily_spends')
  for (const sql of rows.versions(await columnsOf(client, schema, 'view_versions'))) await client.query(sql)
  for (const sql of rows.incidents) await client.query(sql)
  const keys = ['day', 'view', 'version', 'work']
  const sums = (await columnsOf(client, schema, 'daily_spends')).filter((column) => !keys.includes(column))
  await client.query(
    `insert into daily_spends (${[...keys, ...sums].join(', ')})
      select ${keys.join(', ')}, ${sums.map((column) => `sum(${column})`).join(', ')} from spends group by ${keys.join(', ')}`,
  )
  for (const [table, column] of [
    ['runs', 'ordinal'],
    ['commits', 'commit_id'],
    ['incidents', 'incident_id'],
    ['incident_events', 'event_id'],
  ])
    await client.query(
      `select setval(pg_get_serial_sequence('"${schema}".${table}', '${column}'), (select max(${column}) from ${table}))`,
    )
  await client.query('commit')
}

async function columnsOf(client: pg.Client, schema: string, table: string): Promise<string[]> {
  const { rows } = await client.query(
    'select column_name from information_schema.columns where table_schema = $1 and table_name = $2 order by ordinal_position',
    [schema, table],
  )
  return rows.map((row) => row.column_name)
}

/** @returns what makes them again, constraints included */
async function dropIndexes(client: pg.Client, schema: string, table: string): Promise<string[]> {
  const { rows: constraints } = await client.query(
    `select conname, pg_get_constraintdef(oid) as definition from pg_constraint
      where conrelid = ('"' || $1 || '".' || $2)::regclass and contype in ('p', 'u')`,
    [schema, table],
  )
  const { rows: indexes } = await client.query(
    'select indexname, indexdef from pg_indexes where schemaname = $1 and tablename = $2 and indexname <> all ($3::text[])',
    [schema, table, constraints.map((one) => one.conname)],
  )
  for (const { conname } of constraints) await client.query(`alter table ${table} drop constraint ${conname}`)
  for (const { indexname } of indexes) await client.query(`drop index ${indexname}`)
  return [
    ...constraints.map(({ conname, definition }) => `alter table ${table} add constraint ${conname} ${definition}`),
    ...indexes.map(({ indexdef }) => indexdef),
  ]
}

/** What comes before the oldest pages of lists. */
export async function oldestPages(
  url: string,
  schema: string,
): Promise<{ readonly run: string; readonly incident: string }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`set search_path to "${schema}"`)
    const { rows } = await client.query(`select (select run_id from runs order by ordinal offset 20 limit 1) as run,
      (select incident_id::text from incidents order by incident_id offset 20 limit 1) as incident`)
    return rows[0]
  } finally {
    await client.end()
  }
}
