import type { EngineValue, Query } from '../../core/ports/query-engine.js'

/** The Parquet files that a statement reads, as far as its text and parameters name them; the target of a COPY is none of them. */
export function fileNamesIn(query: Query): string[] {
  const literals = [...query.sql.matchAll(/(\bTO\s+)?'((?:[^']|'')*)'/gi)]
    .filter((match) => match[1] === undefined)
    // A path's special characters stand in brackets, so that they are not taken for a glob.
    .map((match) => match[2]!.replaceAll("''", "'").replaceAll(/\[([*?[])\]/g, '$1'))
  return [...literals, ...(query.parameters ?? []).flatMap(texts)].filter((text) =>
    /^(\/|[a-z][a-z0-9]*:\/\/)[^\n]*\.parquet$/i.test(text),
  )
}

function texts(value: EngineValue): string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? (value as readonly EngineValue[]).flatMap(texts) : []
}
