/**
 * A year of hourly runs of hundreds of views in the ledger, in minutes: rows that real runs have left are the pattern, and every column that
 * is not a name, a number or a time is theirs, as it was written. Tables are filled without indexes, which are made again afterwards.
 */
import pg from 'pg'

export interface HistoryPlan {
  readonly url: string
  readonly schema: string
  /** In the order of their runs within an hour. */
  readonly views: readonly string[]
  /** The view whose run is the pattern, by the name's beginning. */
  readonly patterns: Readonly<Record<string, string>>
  /** Event time of the first interval, seconds since 1970. */
  readonly sinceSeconds: number
  readonly hours: number
  /** Of the newest so many hours: what retention leaves of sketches. */
  readonly sketchedHours: number
}

/** One run in so many failed first, and was run again. */
const failedOneIn = 200
/** Hours of the publishes whose files are named by the published state, as its base leaves them. */
const deltaFiles = 24

/** What differs from the pattern, by table and column; `h` is the hour, `w` the view (name, place), `f` whether the run is one that failed. */
type Expressions = Readonly<Record<string, string>>

const startAt = '((since + h * 3600)::numeric * 1000000000)'
const endAt = '((since + (h + 1) * 3600)::numeric * 1000000000)'
const moment = (afterEnd: number) => `to_timestamp(since + (h + 1) * 3600 + ${afterEnd} + w.place * 0.2)`
/** Rises with time; a failed run has the one before. */
const ordinal = '((h * views + w.place) * 2 + case when f then 1 else 2 end)'
const runId = (of: string) => `md5('run' || ${of})::uuid::text`
const commitId = '(h * views + w.place + 1)'
const stamp = `to_char(to_timestamp(since + h * 3600) at time zone 'UTC', 'YYYYMMDD"T"HH24MISS"Z"')`
const folder = `case when w.name like 'windowed%' then 'tiles' else 'rows' end`
const hasFailed = `((h * views + w.place) % ${failedOneIn} = 0)`

const ofInterval: Expressions = { view: 'w.name', start_at: startAt, end_at: endAt }
const ofRun: Expressions = {
  ...ofInterval,
  ordinal,
  run_id: runId(ordinal),
  workflow_id: `'materialize/many/' || w.name || '@v1/' || ${stamp}`,
  temporal_run_id: runId(ordinal),
  number: `case when ${hasFailed} and not f then 2 else 1 end`,
  started_at: moment(30),
  pinned_at: moment(30.1),
  ended_at: moment(33),
  pinned_files: `replace(p.pinned_files::text, 'hour=00', 'hour=' || ${stamp})::json`,
  candidate: `replace(p.candidate::text, p.run_id, ${runId(ordinal)})::json`,
}
const ofFailed: Expressions = {
  outcome: `'failed'`,
  started_at: moment(2),
  pinned_at: moment(2.1),
  ended_at: moment(5),
  candidate: 'null',
  profile: 'null',
  verdict: 'null',
  key_counts: 'null',
  measures: 'null',
  error: `json_build_object('code', 'SOURCE_FILE_CORRUPT', 'message', 'a file of source events cannot be read: ' || w.name, 'hint', 'write it again',
    'facts', json_build_object('file', ${stamp}), 'step', 'read', 'attempts', 1)`,
  error_code: `'SOURCE_FILE_CORRUPT'`,
}

export interface HistoryFigures {
  readonly runs: number
  readonly seconds: number
  readonly databaseGiB: number
}

export async function writeLedgerHistory(plan: HistoryPlan, say: (line: string) => void): Promise<HistoryFigures> {
  const client = new pg.Client({ connectionString: plan.url })
  await client.connect()
  const startedMs = performance.now()
  const timed = async (what: string, work: () => Promise<unknown>) => {
    const beganMs = performance.now()
    await work()
    say(`${what}: ${Math.round((performance.now() - beganMs) / 1000)} s`)
  }
  try {
    await client.query(`set search_path to "${plan.schema}"`)
    await client.query(`set maintenance_work_mem to '512MB'`)
    await client.query(`set work_mem to '256MB'`)
    const history = historyOf(client, plan)
    for (const table of ['runs', 'commits', 'publishes', 'intervals', 'run_sketches'] as const)
      await timed(table, () => history.fill(table))
    await timed('incidents', () => history.fillIncidents())
    await history.finish()
    await timed('vacuum', () => client.query('vacuum (analyze, process_toast false)'))
    const { rows } = await client.query(
      'select (select count(*) from runs)::float8 as runs, pg_database_size(current_database())::float8 as bytes',
    )
    return {
      runs: rows[0].runs,
      seconds: Math.round((performance.now() - startedMs) / 1000),
      databaseGiB: Number((rows[0].bytes / 2 ** 30).toFixed(1)),
    }
  } finally {
    await client.end()
  }
}

function historyOf(client: pg.Client, plan: HistoryPlan) {
  const views = plan.views.map((name, place) => `('${name}', ${place})`).join(',')
  const every = `(values ${views}) w(name, place) cross join generate_series(0, ${plan.hours - 1}) h`
  const constants = (sql: string) =>
    sql.replaceAll(/\bsince\b/g, String(plan.sinceSeconds)).replaceAll(/\bviews\b/g, String(plan.views.length))
  const patternOf = `case ${Object.entries(plan.patterns)
    .map(([prefix, view]) => `when w.name like '${prefix}%' then '${view}'`)
    .join(' ')} end`

  /** In one transaction with the emptied table nothing is written twice: no log (wal_level minimal), no index row by row. */
  async function fill(table: 'runs' | 'run_sketches' | 'commits' | 'publishes' | 'intervals'): Promise<void> {
    await client.query('begin')
    await client.query(`create temp table pattern on commit drop as select * from ${table}`)
    const indexes = await dropIndexes(client, plan.schema, table)
    await client.query(`truncate ${table}`)
    for (const sql of await statements(table)) await client.query(constants(sql))
    for (const sql of indexes) await client.query(sql)
    await client.query('commit')
  }

  async function statements(table: string): Promise<string[]> {
    const columns = await columnsOf(client, plan.schema, table)
    const insert = (from: string, given: Expressions, where: string) =>
      `insert into ${table} (${columns.join(', ')}) overriding system value
        select ${columns.map((column) => given[column] ?? `p.${column}`).join(', ')} from ${from} where ${where}`
    const joined = `${every} join pattern p on p.view = ${patternOf}`
    // Of an hour view by view, the failed one first: as they are started.
    const bySeries = `(select h as hour, w.name, w.place from ${every} order by h, w.place) w cross join lateral (select w.hour) hours(h)`
    const ordered = `${bySeries} join pattern p on p.view = ${patternOf}`
    switch (table) {
      case 'runs':
        return [
          insert(`${ordered} cross join (values (false)) failed(f)`, ofRun, 'true'),
          insert(`${joined} cross join (values (true)) failed(f)`, { ...ofRun, ...ofFailed }, hasFailed),
        ]
      case 'run_sketches':
        return [
          `insert into run_sketches (run_id, body) select ${runId(ordinal)}, p.body
            from ${bySeries} cross join (select body from pattern limit 1) p cross join (values (false)) failed(f)
            where h >= ${plan.hours - plan.sketchedHours}`,
        ]
      case 'commits':
        return [
          insert(
            `${ordered} cross join (values (false)) failed(f)`,
            {
              ...ofInterval,
              commit_id: commitId,
              run_id: runId(ordinal),
              number: ofRun.number!,
              path: `${folder} || '/' || w.name || '/v1/' || ${stamp} || '/' || ${runId(ordinal)} || '.parquet'`,
              published_sequence: 'h + 1',
              committed_at: moment(32),
            },
            'true',
          ),
        ]
      case 'publishes':
        return [
          insert(
            `${ordered} cross join (values (false)) failed(f)`,
            {
              view: 'w.name',
              sequence: 'h + 1',
              owner: `${runId(ordinal)} || '/1'`,
              workflow_run_id: runId(ordinal),
              table_name: `'millcourse.many.' || w.name || '.v1.s1'`,
              end_at: endAt,
              reached_from: `case when p.reached_from is null then null else ${startAt} end`,
              covered: `array[${commitId}]::bigint[]`,
              commit_horizon: commitId,
              published_generation: 'h',
              delta: `replace(p.delta::text, 'run-', ${stamp})::json`,
              opened_at: moment(32.1),
              finished_at: moment(32.9),
              is_first_load: 'h = 0',
            },
            'true',
          ),
        ]
      default:
        return [
          insert(
            ordered,
            { ...ofInterval, last_number: `case when ${hasFailed} then 2 else 1 end`, commit_id: commitId },
            'true',
          ),
        ]
    }
  }

  /** One incident for each failed run, opened and resolved; the pattern is what a watcher has recorded. */
  async function fillIncidents(): Promise<void> {
    const from = `${every} cross join (select * from incidents order by incident_id limit 1) p where ${hasFailed}`
    const iso = (afterEnd: number) => `to_char(${moment(afterEnd)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
    const body = (resolved: string) =>
      `(p.body::jsonb || jsonb_build_object('key', 'failed/' || w.name || '@v1/SOURCE_FILE_CORRUPT', 'view', w.name,
        'openedAt', ${iso(10)}, 'updatedAt', ${iso(10)}, 'resolvedAt', ${resolved}))::json`
    await client.query(
      constants(`insert into incidents (incident_id, key, is_open, body, news) overriding system value
        select ${commitId} + 1000, 'failed/' || w.name || '@v1/SOURCE_FILE_CORRUPT', false, ${body(iso(40))}, p.news from ${from}`),
    )
    for (const [place, event, told] of [
      [1, 'opened', 'null'],
      [2, 'resolved', iso(40)],
    ] as const)
      await client.query(
        constants(`insert into incident_events (event_id, incident_id, event, at, body, is_quiet, told_at) overriding system value
          select (${commitId} + 1000) * 2 + ${place}, ${commitId} + 1000, '${event}', ${iso(place === 1 ? 10 : 40)}, ${body(told)}, false, ${moment(41)} from ${from}`),
      )
  }

  /** What hangs on the newest of all: sequences, each version's state, the files of the published state. */
  async function finish(): Promise<void> {
    await client.query('begin')
    await client.query('create temp table pattern on commit drop as select * from view_versions')
    await client.query('create temp table pattern_files on commit drop as select * from published_files')
    await client.query('truncate view_versions, published_files')
    const columns = await columnsOf(client, plan.schema, 'view_versions')
    const given: Expressions = {
      view: 'w.name',
      last_sequence: String(plan.hours),
      finished_sequence: String(plan.hours),
      end_floor_at: endAt,
      published_generation: String(plan.hours),
      online_table: `'millcourse.many.' || w.name || '.v1.s1'`,
    }
    await client.query(
      constants(`insert into view_versions (${columns.join(', ')}) select ${columns.map((column) => given[column] ?? `p.${column}`).join(', ')}
        from (values ${views}) w(name, place) cross join (select ${plan.hours - 1} as h) last join pattern p on p.view = ${patternOf}`),
    )
    await client.query(
      constants(`insert into published_files select w.name, 1, h + 1, case when h = ${Math.max(0, plan.hours - deltaFiles)} then 'base' else 'delta' end, replace(p.path, p.view, w.name || h), p.digest
        from ${every} join pattern_files p on p.view = ${patternOf} where h >= ${plan.hours - deltaFiles}`),
    )
    await client.query('commit')
    for (const [table, column] of [
      ['runs', 'ordinal'],
      ['commits', 'commit_id'],
      ['incidents', 'incident_id'],
      ['incident_events', 'event_id'],
    ])
      await client.query(
        `select setval(pg_get_serial_sequence('"${plan.schema}".${table}', '${column}'), (select max(${column}) from ${table}))`,
      )
  }

  return { fill, fillIncidents, finish }
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
