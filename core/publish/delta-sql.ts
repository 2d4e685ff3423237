/**
 * What a publish has to write, as SQL (R22, R28, R29, R31, R36). Into one table, `answers`, goes the value that each key should have;
 * `classified` sets it beside what is online; the delta is what differs, and every key of an unfinished predecessor.
 *
 * For a lookup view an hour's work must cost an hour's delta. With P the published event time of a key and C its newest row in
 * the intervals whose commits this publish covers (their current versions):
 *
 *     C >= P, or nothing online   C is the newest: every other interval holds only older rows
 *     C <  P, P elsewhere         what is online is newer and still committed: stays (superseded)
 *     C <  P or none, P in one of these intervals   the row online may be gone (R31): looked up over all commits
 */
import type { Interval } from '../time/interval.js'
import { heldSql } from './held-values.js'
import { aliased, aliases, digestSql, heldColumn, type PublishedColumns } from './published-columns.js'
import { publishedTable, quoted, readable } from './published-sql.js'

export const answersTable = 'answers'
/** Keys touched by the commits that are covered or replaced. */
export const touchedTable = 'touched'
/** Keys of unfinished predecessors. */
export const unfinishedTable = 'unfinished'
/** Both. */
export const wantedTable = 'wanted'
/** Keys to be looked up over all commits, by their declared names: what compute restricts itself to. */
export const historyKeysTable = 'history_keys'

const recentTable = 'recent'
const lookedUpTable = 'looked_up'

/** Every key answered: window views at E, lookup views after a rebuild. @param answers what compute gives for all keys */
export function createAnswersSql(columns: PublishedColumns, answers: string, viewKind: 'lookup' | 'window'): string {
  const { keys, features } = columns
  const when = viewKind === 'lookup' ? rowState : windowState
  return `CREATE OR REPLACE TEMP TABLE ${answersTable} AS ${withDigest(
    columns,
    `SELECT ${aliased(keys)}, ${aliased(features)}, ${when}, false AS stays${heldOf(columns, 'answered')} FROM (${answers})`,
  )}`
}

/** @param rows `buildLatestRows` over the files of covered and replaced commits */
export function createTouchedSql({ keys }: PublishedColumns, rows: string): string {
  return `CREATE OR REPLACE TEMP TABLE ${touchedTable} AS SELECT DISTINCT ${aliased(keys)} FROM (${rows})`
}

/**
 * A lost delta may have held any key (R36): all that have an answer, all that are online, and those of the commits it may have covered.
 * @param answers what compute gives for those commits
 */
export function createAllUnfinishedSql({ keys }: PublishedColumns, answers: readonly string[]): string {
  const key = aliases(keys)
  const parts = [
    ...[answersTable, publishedTable].map((table) => `SELECT ${key} FROM ${table}`),
    ...answers.map((sql) => `SELECT ${aliased(keys)} FROM (${sql})`),
  ]
  return `CREATE OR REPLACE TEMP TABLE ${unfinishedTable} AS ${parts.join(' UNION ')}`
}

export function createWantedSql({ keys }: PublishedColumns): string {
  return `CREATE OR REPLACE TEMP TABLE ${wantedTable} AS
    SELECT ${aliases(keys)} FROM ${touchedTable} UNION SELECT ${aliases(keys)} FROM ${unfinishedTable}`
}

/** C: @param rows `buildLatestRows` over the current files of the affected intervals */
export function createRecentSql(columns: PublishedColumns, rows: string): string {
  return createRowsSql(columns, recentTable, rows, 'none')
}

/** @param rows `buildLatestRows` over all current files, for the keys of `history_keys` */
export function createLookedUpSql(columns: PublishedColumns, rows: string): string {
  return createRowsSql(columns, lookedUpTable, rows, 'answered')
}

/**
 * Where each wanted key's answer comes from: `recent`, `history`, or `stays`. What features show that were left out of the newest row's
 * commit lies in older ones (R35).
 */
export function createRoutesSql(
  { keys }: PublishedColumns,
  affected: readonly Interval[],
  options: { readonly isHistoryNeeded: boolean; readonly holding?: readonly Interval[] },
): string {
  const key = aliases(keys)
  const { holding = [] } = options
  const isIn = (event: string, intervals: readonly Interval[]): string =>
    intervals.length === 0
      ? 'false'
      : intervals.map(({ start, end }) => `(${event} >= ${decimal(start)} AND ${event} < ${decimal(end)})`).join(' OR ')
  const inAffected = isIn('p.event_ns', [...affected, ...holding])
  const isHeld =
    holding.length === 0
      ? ''
      : `WHEN c.is_empty IS NOT NULL AND coalesce(c.event_ns >= p.event_ns, true) AND (${isIn('c.event_ns', holding)}) THEN 'history'
        `
  // R19: with event ids a redelivery in one interval hides a row of another, so only the whole history tells.
  const route = options.isHistoryNeeded
    ? `'history'`
    : `CASE
        ${isHeld}WHEN c.is_empty IS NOT NULL AND (p.event_ns IS NULL OR c.event_ns >= p.event_ns) THEN 'recent'
        WHEN p.event_ns IS NOT NULL AND (${inAffected}) THEN 'history'
        WHEN p.event_ns IS NOT NULL AND u.is_unfinished THEN 'history'
        ELSE 'stays' END`
  return `CREATE OR REPLACE TEMP TABLE routes AS
    SELECT ${aliases(keys, 'w.')}, ${route} AS route FROM ${wantedTable} w
    LEFT JOIN ${publishedTable} p USING (${key}) LEFT JOIN ${recentTable} c USING (${key})
    LEFT JOIN (SELECT *, true AS is_unfinished FROM ${unfinishedTable}) u USING (${key})`
}

export function createHistoryKeysSql({ keys }: PublishedColumns): string {
  const named = keys.map(({ name, alias }) => `${alias} AS "${name.replaceAll('"', '""')}"`)
  return `CREATE OR REPLACE TEMP TABLE ${historyKeysTable} AS SELECT ${named.join(', ')} FROM routes WHERE route = 'history'`
}

/** The wanted keys' answers; a key that nothing holds any more is an empty item. */
export function createLookupAnswersSql(columns: PublishedColumns): string {
  const { keys, features } = columns
  const key = aliases(keys)
  const held = heldColumn(columns, 't.')
  const from = (table: string, route: string) =>
    `SELECT ${aliases(keys, 'r.')}, ${aliases(features, 't.')}, t.event_ns, coalesce(t.is_empty, true) AS is_empty, t.digest, false AS stays${held}
     FROM routes r LEFT JOIN ${table} t USING (${key}) WHERE r.route = '${route}'`
  return `CREATE OR REPLACE TEMP TABLE ${answersTable} AS ${from(recentTable, 'recent')} UNION ALL ${from(lookedUpTable, 'history')}
    UNION ALL SELECT ${aliases(keys, 'r.')}, ${aliases(features, 't.')}, t.event_ns, true AS is_empty, t.digest, true AS stays${held}
     FROM routes r LEFT JOIN (SELECT * FROM ${recentTable} WHERE false) t USING (${key}) WHERE r.route = 'stays'`
}

/**
 * Answers beside the published state. `class`: what became of the key (R28); `is_rewritten`: written although it does not differ.
 * @param isEveryKey whether a published key without an answer has lost its value
 */
export function createClassifiedSql(columns: PublishedColumns, isEveryKey: boolean): string {
  const { keys, features } = columns
  const key = aliases(keys)
  const gone = isEveryKey
    ? `WHEN a.stays IS NULL AND p.is_empty = false THEN 'takenBack' WHEN a.stays IS NULL THEN 'none'`
    : ''
  return `CREATE OR REPLACE TEMP VIEW classified AS
    SELECT *, class IN ('published', 'takenBack') AS is_different,
      is_unfinished AND NOT (is_touched AND class IN ('published', 'takenBack')) AS is_rewritten
    FROM (SELECT ${key}, ${aliases(features, 'a.')}, a.event_ns, coalesce(a.is_empty, true) AS is_empty, a.digest${heldColumn(columns, 'a.')},
        p.is_empty IS NULL AS is_new,
        coalesce(u.is_unfinished, false) AS is_unfinished, a.stays IS NOT NULL AS is_answered,
        ${isEveryKey ? 'a.stays IS NOT NULL OR coalesce(NOT p.is_empty, false)' : 't.is_touched IS NOT NULL'} AS is_touched,
        CASE ${gone}
          WHEN a.stays AND p.event_ns IS NOT NULL THEN 'superseded'
          WHEN a.stays THEN 'unchanged'
          WHEN a.is_empty = coalesce(p.is_empty, true) AND a.event_ns IS NOT DISTINCT FROM p.event_ns
            AND a.digest IS NOT DISTINCT FROM p.digest THEN 'unchanged'
          WHEN p.is_empty = false AND p.event_ns IS NOT NULL AND (a.event_ns IS NULL OR a.event_ns < p.event_ns) THEN 'takenBack'
          ELSE 'published' END AS class
      FROM ${answersTable} a FULL JOIN ${publishedTable} p USING (${key})
      FULL JOIN (SELECT *, true AS is_unfinished FROM ${unfinishedTable}) u USING (${key})
      ${isEveryKey ? '' : `LEFT JOIN (SELECT *, true AS is_touched FROM ${touchedTable}) t USING (${key})`})`
}

/** One row of counts; `seen` is counted where the keys come from, apart from the classes. */
export function countClassesSql(isEveryKey: boolean): string {
  const of = (name: string) => `count(*) FILTER (WHERE is_touched AND class = '${name}') AS "${name}"`
  return `SELECT ${['published', 'unchanged', 'superseded', 'takenBack'].map(of).join(', ')},
    count(*) FILTER (WHERE is_rewritten) AS rewritten,
    (SELECT count(*) FROM ${isEveryKey ? answersTable : touchedTable}) AS seen,
    count(*) FILTER (WHERE is_touched AND class = 'takenBack' AND NOT is_answered) AS lost FROM classified`
}

/** The delta file: rows to write, numbered in key order, with the counts beside them for whoever resumes. `is_new`: not known to be online. */
export function writeDeltaSql(columns: PublishedColumns, sequence: bigint, uri: string, countsJson: string): string {
  const { keys, features } = columns
  const key = aliases(keys)
  return `COPY (
    SELECT row_number() OVER (ORDER BY ${key}) - 1 AS n, ${[key, aliases(features)].filter(Boolean).join(', ')},
      event_ns, is_empty, is_new, digest${heldColumn(columns)}, CAST(${sequence} AS BIGINT) AS sequence
    FROM classified WHERE is_different OR is_unfinished
  ) TO ${quoted(uri)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480, KV_METADATA {counts: ${quoted(countsJson)}})`
}

/** Keys, features, `event_ns`, `is_empty`, `held` where any is, and `is_new` where it is known: an earlier release may have recorded the file, without it. */
export function readDeltaSql(uri: string, from: number, to: number): string {
  return `SELECT * EXCLUDE (n, digest, sequence) FROM read_parquet(${readable(uri)}, hive_partitioning = false)
    WHERE n >= ${from} AND n < ${to} ORDER BY n`
}

/** Rows and a checksum over all of them, whatever their order: a lost or changed delta is noticed. */
export function checksumSql(uri: string): string {
  return `SELECT count(*) AS rows, bit_xor(md5_number(CAST(t AS VARCHAR))) AS checksum FROM read_parquet(${readable(uri)}, hive_partitioning = false) t`
}

/** Rows of each file, from the footers alone. */
export function countRowsSql(uris: readonly string[]): string {
  return `SELECT file_name AS file, CAST(num_rows AS BIGINT) AS rows FROM parquet_file_metadata([${uris.map(readable).join(', ')}])`
}

export function readCountsSql(uri: string): string {
  return `SELECT decode(value) AS counts FROM parquet_kv_metadata(${readable(uri)}) WHERE decode(key) = 'counts'`
}

const rowState = `CAST(__event_ns AS DECIMAL(38,0)) AS event_ns, coalesce(__is_deleted, false) AS is_empty`
const windowState = `CAST(NULL AS DECIMAL(38,0)) AS event_ns, false AS is_empty`

function createRowsSql(columns: PublishedColumns, table: string, rows: string, held: 'none' | 'answered'): string {
  const { keys, features } = columns
  const state = `${rowState}, false AS stays${heldOf(columns, held)}`
  const read = `SELECT ${aliased(keys)}, ${aliased(features)}, ${state} FROM (${rows})`
  return `CREATE OR REPLACE TEMP TABLE ${table} AS SELECT * EXCLUDE (stays) FROM (${withDigest(columns, read)})`
}

function heldOf({ isHolding }: PublishedColumns, held: 'none' | 'answered'): string {
  if (!isHolding) return ''
  return `, ${held === 'none' ? 'CAST(NULL AS VARCHAR)' : heldSql} AS held`
}

/** An empty item has no values and no digest. */
function withDigest(columns: PublishedColumns, read: string): string {
  const { keys, features } = columns
  const values = features.map(({ alias }) => `CASE WHEN NOT is_empty THEN ${alias} END AS ${alias}`)
  return `SELECT ${[aliases(keys), ...values].join(', ')}, event_ns, is_empty${heldColumn(columns)},
    CASE WHEN NOT is_empty THEN ${digestSql(columns)} END AS digest, stays FROM (${read})`
}

function decimal(value: bigint): string {
  return `CAST(${quoted(value.toString())} AS DECIMAL(38,0))`
}
