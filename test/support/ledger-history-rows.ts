/**
 * The rows of a year of hourly runs of hundreds of views, as SELECTs: rows that real runs have left are the pattern (`p`), and every column
 * that is not a name, a number or a time is theirs, as it was written. A value that lies compressed outside of its row is copied as it lies.
 */

export interface HistoryShape {
  /** In the order of their runs within an hour. */
  readonly views: readonly string[]
  /** The view whose run is the pattern, by the name's beginning. */
  readonly patterns: Readonly<Record<string, string>>
  /** Event time of the first interval, seconds since 1970; that of the pattern is the one after. */
  readonly sinceSeconds: number
  readonly hours: number
  /** So long after a run's end its candidates and rejected rows have gone. */
  readonly filesKeptHours: { readonly candidates: number; readonly quarantine: number }
}

export const historyTables = [
  'runs',
  'run_sketches',
  'commits',
  'publishes',
  'intervals',
  'spends',
  'run_files',
] as const
export type HistoryTable = (typeof historyTables)[number]

/** One run of a view in so many failed first, and was run again; in an hour a few views' do. */
const failedOneIn = 200
/** Incidents of the newest hours are open. */
const openHours = 4
/** Hours of the publishes whose files are named by the published state, as its base leaves them. */
const deltaFiles = 24
/** A day's runs are told of by one worker. */
const hoursOfWorker = 24

/** What differs from the pattern, by column. */
type Expressions = Readonly<Record<string, string>>

/** Where the patterns lie: copies of the rows of the second interval, whose publish is one of changes. */
export const patternSchema = 'history_patterns'

/** The rows of the second interval's runs, before anything is written over them. */
export function patternQueries({ sinceSeconds }: HistoryShape): Readonly<Record<string, string>> {
  const ofHour = `start_at = ${sinceSeconds + 3600}::numeric * 1000000000`
  const ofRuns = `in (select run_id from runs where ${ofHour})`
  return {
    runs: `select * from runs where ${ofHour}`,
    run_sketches: `select s.*, r.view from run_sketches s join runs r using (run_id) where ${ofHour}`,
    commits: `select * from commits where ${ofHour}`,
    publishes: 'select distinct on (view) * from publishes order by view, sequence desc',
    intervals: `select * from intervals where ${ofHour}`,
    spends: `select * from spends where subject ${ofRuns}`,
    run_files: `select * from run_files where run_id ${ofRuns}`,
    view_versions: 'select * from view_versions',
    published_files: 'select distinct on (view) * from published_files order by view, sequence desc',
    incidents: 'select * from incidents order by incident_id limit 1',
  }
}

/** Of all intervals, and of those that failed first. */
export function historyRuns({ views, hours }: Pick<HistoryShape, 'views' | 'hours'>): number {
  const failed = views.map((_, place) => {
    const first = (failedOneIn - (place % failedOneIn)) % failedOneIn
    return Math.max(0, Math.ceil((hours - first) / failedOneIn))
  })
  return views.length * hours + failed.reduce((sum, one) => sum + one, 0)
}

/** `h` is the hour, `w` the view (name, place), `f` whether the run is one that failed. */
export function historyRows(shape: HistoryShape) {
  const { sinceSeconds, hours, views, filesKeptHours } = shape
  const list = `(values ${views.map((name, place) => `('${name}', ${place})`).join(',')})`
  const hasFailed = (of: string) => `((h + ${of}.place) % ${failedOneIn} = 0)`
  /** Of an hour view by view, the failed one first: as they are started, and so as they lie. */
  const made = (which: 'all' | 'good' | 'failed') => {
    const failed = { all: '(true), (false)', good: '(false)', failed: '(true)' }[which]
    return `(select h, v.name, v.place, f from ${list} v(name, place) cross join generate_series(0, ${hours - 1}) h
      cross join (values ${failed}) one(f) where not f or ${hasFailed('v')} order by h, v.place, f desc) w`
  }
  const patternOf = `case ${Object.entries(shape.patterns)
    .map(([prefix, view]) => `when w.name like '${prefix}%' then '${view}'`)
    .join(' ')} end`
  const copied = (table: string, which: 'all' | 'good') =>
    `${made(which)} join ${patternSchema}.${table} p on p.view = ${patternOf}`

  const place = `(h * ${views.length} + w.place)`
  const wasRunAgain = hasFailed('w')
  const startAt = `((${sinceSeconds} + h * 3600)::numeric * 1000000000)`
  const endAt = `((${sinceSeconds} + (h + 1) * 3600)::numeric * 1000000000)`
  const moment = (afterEnd: number) => `to_timestamp(${sinceSeconds} + (h + 1) * 3600 + ${afterEnd} + w.place * 0.2)`
  const start = `to_timestamp(${sinceSeconds} + h * 3600) at time zone 'UTC'`
  const stamp = `to_char(${start}, 'YYYYMMDD"T"HH24MISS"Z"')`
  /** Rises with time; a failed run has the one before. */
  const ordinal = `(${place} * 2 + case when f then 1 else 2 end)`
  const runId = `md5('run' || ${ordinal})::uuid::text`
  const commitId = `(${place} + 1)`
  const incidentId = `(${place} + 1001)`
  const version: Expressions = { view: 'w.name' }
  const ofInterval: Expressions = { ...version, start_at: startAt, end_at: endAt }
  const unlessFailed = (columns: Expressions): Expressions =>
    Object.fromEntries(
      Object.entries(columns).map(([name, value]) => [name, `case when f then null else ${value} end`]),
    )

  const given: Readonly<Record<HistoryTable, Expressions>> = {
    runs: {
      ...ofInterval,
      ordinal,
      run_id: runId,
      workflow_id: `'materialize/many/' || w.name || '@v1/' || ${stamp}`,
      temporal_run_id: runId,
      number: `case when ${wasRunAgain} and not f then 2 else 1 end`,
      outcome: `case when f then 'failed' else p.outcome end`,
      started_at: `case when f then ${moment(2)} else ${moment(30)} end`,
      pinned_at: `case when f then ${moment(2.1)} else ${moment(30.1)} end`,
      ended_at: `case when f then ${moment(5)} else ${moment(33)} end`,
      pinned_files: `replace(p.pinned_files::text, ${folderOf('to_timestamp(p.start_at / 1000000000)')}, ${folderOf(`to_timestamp(${sinceSeconds} + h * 3600)`)})::json`,
      ...unlessFailed({
        candidate: `replace(p.candidate::text, p.run_id, ${runId})::json`,
        profile: 'p.profile',
        verdict: 'p.verdict',
        key_counts: 'p.key_counts',
        measures: 'p.measures',
      }),
      error: `case when f then json_build_object('code', 'SOURCE_FILE_CORRUPT', 'message', 'a file of source events cannot be read: ' || w.name,
        'hint', 'write it again', 'facts', json_build_object('file', ${stamp}), 'step', 'read', 'attempts', 1) end`,
      error_code: `case when f then 'SOURCE_FILE_CORRUPT' end`,
    },
    run_sketches: { run_id: runId },
    commits: {
      ...ofInterval,
      commit_id: commitId,
      run_id: runId,
      number: `case when ${wasRunAgain} then 2 else 1 end`,
      path: `case when w.name like 'windowed%' then 'tiles' else 'rows' end || '/' || w.name || '/v1/' || ${stamp} || '/' || ${runId} || '.parquet'`,
      published_sequence: 'h + 1',
      committed_at: moment(32),
    },
    publishes: {
      ...version,
      sequence: 'h + 1',
      owner: `${runId} || '/1'`,
      workflow_run_id: runId,
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
    intervals: { ...ofInterval, last_number: `case when ${wasRunAgain} then 2 else 1 end`, commit_id: commitId },
    spends: {
      ...version,
      spend_id: `md5('worker' || h / ${hoursOfWorker})::uuid::text || '/' || ${ordinal}`,
      day: `to_char(${moment(33)} at time zone 'UTC', 'YYYY-MM-DD')`,
      subject: runId,
      told_at: moment(34),
    },
    run_files: {
      ...version,
      run_id: runId,
      marked_at: `${moment(33)} + ${keptHours(filesKeptHours)} * interval '1 hour'`,
      removed_at: `${moment(33)} + (${keptHours(filesKeptHours)} + 24) * interval '1 hour'`,
    },
  }
  const where: Readonly<Partial<Record<HistoryTable, string>>> = {
    run_files: `where h < ${hours} - ${keptHours(filesKeptHours)}`,
  }
  const withFailed: readonly HistoryTable[] = ['runs', 'spends', 'run_files']

  const iso = (afterEnd: number) => `to_char(${moment(afterEnd)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`
  const incident = (resolved: string) =>
    `(p.body::jsonb || jsonb_build_object('key', 'failed/' || w.name || '@v1/SOURCE_FILE_CORRUPT', 'view', w.name,
      'openedAt', ${iso(10)}, 'updatedAt', ${iso(10)}, 'resolvedAt', ${resolved}))::json`
  const isOpen = `(h >= ${hours - openHours})`
  const incidents = `${made('failed')} cross join ${patternSchema}.incidents p`

  return {
    /** All columns of the table, in its order. */
    insert(table: HistoryTable, columns: readonly string[]): string {
      const values = columns.map((column) => given[table][column] ?? `p.${column}`)
      return `insert into ${table} (${columns.join(', ')}) overriding system value
        select ${values.join(', ')} from ${copied(table, withFailed.includes(table) ? 'all' : 'good')} ${where[table] ?? ''}`
    },

    /** One incident for each failed run, opened and mostly resolved; the pattern is what a watcher has recorded. */
    incidents: [
      `insert into incidents (incident_id, key, is_open, body, news) overriding system value
        select ${incidentId}, 'failed/' || w.name || '@v1/SOURCE_FILE_CORRUPT', ${isOpen}, ${incident(`case when ${isOpen} then null else ${iso(40)} end`)}, p.news from ${incidents}`,
      ...(['opened', 'resolved'] as const).map(
        (
          event,
          at,
        ) => `insert into incident_events (event_id, incident_id, event, at, body, is_quiet, told_at) overriding system value
          select ${incidentId} * 2 + ${at + 1}, ${incidentId}, '${event}', ${iso(at === 0 ? 10 : 40)}, ${incident(at === 0 ? 'null' : iso(40))},
            false, ${moment(41)} from ${incidents} ${at === 0 ? '' : `where not ${isOpen}`}`,
      ),
    ],

    /** What hangs on the newest of all: each version's state, the files of the published state. */
    versions(columns: readonly string[]): string[] {
      const newest: Expressions = {
        view: 'w.name',
        last_sequence: String(hours),
        finished_sequence: String(hours),
        end_floor_at: endAt,
        published_generation: String(hours),
        online_table: `'millcourse.many.' || w.name || '.v1.s1'`,
      }
      const all = `${list} w(name, place)`
      return [
        `insert into view_versions (${columns.join(', ')}) select ${columns.map((column) => newest[column] ?? `p.${column}`).join(', ')}
          from ${all} cross join (select ${hours - 1} as h) last join ${patternSchema}.view_versions p on p.view = ${patternOf}`,
        `insert into published_files select w.name, 1, h + 1, case when h = ${Math.max(0, hours - deltaFiles)} then 'base' else 'delta' end,
          replace(p.path, p.view, w.name || h), p.digest from ${all} cross join generate_series(${Math.max(0, hours - deltaFiles)}, ${hours - 1}) h
          join ${patternSchema}.published_files p on p.view = ${patternOf}`,
      ]
    },
  }
}

function folderOf(time: string): string {
  return `to_char(${time} at time zone 'UTC', '"date="YYYY-MM-DD"/hour="HH24')`
}

function keptHours({ candidates, quarantine }: HistoryShape['filesKeptHours']): string {
  return `case p.room when 'candidates' then ${candidates} else ${quarantine} end`
}
