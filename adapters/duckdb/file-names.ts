import type { EngineValue, Query } from '../../core/ports/query-engine.js'
import { sqlLiterals } from './sql-literals.js'

/** The Parquet files that a statement reads, as far as its text and parameters name them; the target of a COPY is none of them. */
export function fileNamesIn(query: Query): string[] {
  const literals = sqlLiterals(query.sql)
    .filter((literal) => !literal.isTarget)
    .map(({ text }) => withoutBrackets(text))
  return [...literals, ...(query.parameters ?? []).flatMap(texts)].filter((text) =>
    /^(\/|[a-z][a-z0-9]*:\/\/)[^\n]*\.parquet$/i.test(text),
  )
}

/** Whether the statement reads from S3. A parameter is a file only where it is given to a function that opens it. */
export function readsS3(query: Query): boolean {
  return (
    sqlLiterals(query.sql).some(({ text, isTarget }) => !isTarget && isInS3(text)) ||
    (/\b(read_|parquet_)\w+\(\s*\$/i.test(query.sql) && (query.parameters ?? []).flatMap(texts).some(isInS3))
  )
}

export function isInS3(uri: string): boolean {
  return uri.startsWith('s3://')
}

/** The statement with names in S3 as they are: the engine is told to take none of them for a glob (httpfs.ts). */
export function withPlainS3Names(sql: string): string {
  if (!/'s3:\/\/[^']*\[[*?[]\]/.test(sql)) return sql
  return sqlLiterals(sql).reduceRight((changed, { text, start, end }) => {
    if (!isInS3(text)) return changed
    return `${changed.slice(0, start)}'${withoutBrackets(text).replaceAll("'", "''")}'${changed.slice(end)}`
  }, sql)
}

/** A path's special characters stand in brackets, so that they are not taken for a glob. */
function withoutBrackets(path: string): string {
  return path.replaceAll(/\[([*?[])\]/g, '$1')
}

function texts(value: EngineValue): string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? (value as readonly EngineValue[]).flatMap(texts) : []
}
