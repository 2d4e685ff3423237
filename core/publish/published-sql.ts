/** The published state as SQL: key -> event time, digest and sequence of what is online, from the cache's files or from a scan. */
import { printRelation } from '../compute/print-duckdb.js'
import { parquet } from '../compute/sql-algebra.js'
import { aliased, aliases, digestSql, fromText, isTextUnread, type PublishedColumns } from './published-columns.js'

const state = 'event_ns, is_empty, digest, sequence'

/** The table that the delta is computed against. */
export const publishedTable = 'published'
/** Filled page by page by `insertScannedSql`. */
export const scannedTable = 'scanned'

export interface PublishedFiles {
  /** Null: deltas alone. Full URIs. */
  readonly base: string | null
  readonly deltas: readonly string[]
}

/** @param only the keys wanted; null: all of them */
export function createPublishedSql(columns: PublishedColumns, files: PublishedFiles, only: string | null): string {
  return `CREATE OR REPLACE TEMP TABLE ${publishedTable} AS ${readPublishedSql(columns, files, only)}`
}

/** Base and deltas as one state: of each key the entry with the highest sequence. */
export function readPublishedSql(
  columns: PublishedColumns,
  { base, deltas }: PublishedFiles,
  only: string | null = null,
): string {
  const keys = aliases(columns.keys)
  const read = (files: readonly string[]) =>
    `SELECT ${keys}, ${state} FROM (${printRelation(parquet(files))})${only === null ? '' : ` SEMI JOIN ${only} USING (${keys})`}`
  if (deltas.length === 0) return base === null ? emptySql(columns) : read([base])
  const newest = `SELECT * FROM (${read(deltas)}) QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY sequence DESC) = 1`
  if (base === null) return newest
  // The base is never sorted or grouped: the cost of an hour is that of the deltas since.
  return `WITH newest AS MATERIALIZED (${newest}) SELECT * FROM newest UNION ALL (${read([base])} ANTI JOIN newest USING (${keys}))`
}

/** A file of the published state with one entry per key. */
export function writeBaseSql(columns: PublishedColumns, files: PublishedFiles, uri: string): string {
  return `COPY (${readPublishedSql(columns, files)}) TO ${quoted(uri)} (FORMAT parquet, COMPRESSION zstd)`
}

/** @param rows a SELECT that compute built */
export function writeCoarseTileSql(rows: string, uri: string): string {
  return `COPY (${rows}) TO ${quoted(uri)} (FORMAT parquet, COMPRESSION zstd)`
}

export function createScannedSql(columns: PublishedColumns): string {
  const text = [...columns.keys, ...columns.features].map(({ alias }) => `${alias} VARCHAR`)
  return `CREATE OR REPLACE TEMP TABLE ${scannedTable} (${[...text, 'event_ns VARCHAR', 'sequence VARCHAR', 'kind VARCHAR', 'held VARCHAR'].join(', ')})`
}

/** One list parameter per column of `scanned`. `kind`: `full`, `empty`, or `unknown` for values of another schema, or of other types, which equal nothing. */
export function insertScannedSql(columns: PublishedColumns): string {
  const count = columns.keys.length + columns.features.length + 4
  const lists = Array.from({ length: count }, (_, index) => `unnest(CAST($${index + 1} AS VARCHAR[]))`)
  return `INSERT INTO ${scannedTable} SELECT ${lists.join(', ')}`
}

export function writeScannedSql(columns: PublishedColumns, uri: string): string {
  return `COPY (${scannedStateSql(columns)}) TO ${quoted(uri)} (FORMAT parquet, COMPRESSION zstd)`
}

function scannedStateSql(columns: PublishedColumns): string {
  return `SELECT ${aliases(columns.keys)}, event_ns, kind = 'empty' AS is_empty,
      CASE kind WHEN 'full' THEN ${digestSql({ ...columns, isHolding: true })} WHEN 'unknown' THEN unhex('') END AS digest, sequence
    FROM (SELECT ${[fromText([...columns.keys, ...columns.features])].join(', ')},
      CAST(event_ns AS DECIMAL(38,0)) AS event_ns, CAST(sequence AS BIGINT) AS sequence, held,
      CASE WHEN ${isTextUnread(columns.features)} THEN 'unknown' ELSE kind END AS kind FROM ${scannedTable})
    WHERE ${columns.keys.map(({ alias }) => `${alias} IS NOT NULL`).join(' AND ')}`
}

/** Table `name` of keys for `createPublishedSql`. @param keys a relation with the keys under the entity's names */
export function createOnlyKeysSql(columns: PublishedColumns, keys: string, name: string): string {
  return `CREATE OR REPLACE TEMP TABLE ${name} AS SELECT ${aliased(columns.keys)} FROM ${keys}`
}

/** Keys whose items (`scanned`) are not as the cache says (`published`); an absent item equals an empty one. */
export function cachedOtherwiseSql(columns: PublishedColumns): string {
  const key = aliases(columns.keys)
  const out = columns.keys.map(({ alias, type }) =>
    type.kind === 'timestamp' ? `CAST(${alias} AS HUGEINT) AS ${alias}` : alias,
  )
  return `SELECT ${out.join(', ')} FROM (${scannedStateSql(columns)}) s FULL JOIN ${publishedTable} p USING (${key})
    WHERE coalesce(s.is_empty, true) <> coalesce(p.is_empty, true) OR (NOT coalesce(s.is_empty, true) AND
      (s.event_ns IS DISTINCT FROM p.event_ns OR s.digest IS DISTINCT FROM p.digest))`
}

/** A table of keys alone, from delta files. */
export function createKeysSql(columns: PublishedColumns, name: string, files: readonly string[]): string {
  const keys = aliases(columns.keys)
  const from = files.length === 0 ? `(${emptySql(columns)})` : `(${printRelation(parquet(files))})`
  return `CREATE OR REPLACE TEMP TABLE ${name} AS SELECT DISTINCT ${keys} FROM ${from}`
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A path to read: what would be a glob in it stands for itself. */
export function readable(uri: string): string {
  return quoted(uri.replaceAll(/[*?[]/g, (special) => `[${special}]`))
}

/** The published state of a table that holds nothing. */
function emptySql(columns: PublishedColumns): string {
  const keys = [...columns.keys]
  return `SELECT ${fromText(keys)}, CAST(NULL AS DECIMAL(38,0)) AS event_ns, false AS is_empty, CAST(NULL AS BLOB) AS digest,
    CAST(0 AS BIGINT) AS sequence FROM (SELECT ${keys.map(({ alias }) => `CAST(NULL AS VARCHAR) AS ${alias}`).join(', ')}) WHERE false`
}
