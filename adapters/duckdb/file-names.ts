import type { EngineValue, Query } from '../../core/ports/query-engine.js'
import { sqlLiterals } from './sql-literals.js'

/** The Parquet files that a statement reads, as far as its text and parameters name them; the target of a COPY is none of them. */
export function fileNamesIn(query: Query): string[] {
  const literals = filesOf(query.sql).map(({ text }) => withoutBrackets(text))
  return [...literals, ...filesGiven(query)].filter((text) => /^(\/|[a-z][a-z0-9]*:\/\/)[^\n]*\.parquet$/i.test(text))
}

/** Whether the statement reads from S3. */
export function readsS3(query: Query): boolean {
  return [...filesOf(query.sql).map(({ text }) => text), ...filesGiven(query)].some(isInS3)
}

/** Whether SQL that a person wrote may read from S3: there a name alone is a table. */
export function mayReadS3(sql: string): boolean {
  return sqlLiterals(sql).some(({ text }) => isInS3(text))
}

export function isInS3(uri: string): boolean {
  return uri.startsWith('s3://')
}

/** The statement with names in S3 as they are: the engine is told to take none of them for a glob (httpfs.ts). */
export function withPlainS3Names(sql: string): string {
  if (!/'s3:\/\/[^']*\[[*?[]\]/.test(sql)) return sql
  return filesOf(sql).reduceRight((changed, { text, start, end }) => {
    if (!isInS3(text)) return changed
    return `${changed.slice(0, start)}'${withoutBrackets(text).replaceAll("'", "''")}'${changed.slice(end)}`
  }, sql)
}

const filesOf = (sql: string) => sqlLiterals(sql).filter(({ names }) => names === 'file')

/** A parameter is a file only where it is given to a function that opens it. */
function filesGiven({ sql, parameters = [] }: Query): string[] {
  return /\b(read_|parquet_)\w+\(\s*\$/i.test(sql) ? parameters.flatMap(texts) : []
}

/** A path's special characters stand in brackets, so that they are not taken for a glob. */
function withoutBrackets(path: string): string {
  return path.replaceAll(/\[([*?[])\]/g, '$1')
}

function texts(value: EngineValue): string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? (value as readonly EngineValue[]).flatMap(texts) : []
}
