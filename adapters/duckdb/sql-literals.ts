export interface SqlLiteral {
  readonly text: string
  /** Of the statement: the file that a COPY writes, or one that a function is given to read. Null: a value, whatever it looks like. */
  readonly names: 'target' | 'file' | null
  /** Where its quotes are in the statement. */
  readonly start: number
  readonly end: number
}

/** What is read as a whole: comments, texts with escapes or between dollars, which are values, names; and literals. */
const wholes =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\be'(?:\\[\s\S]|''|[^'\\])*'|(\$[a-z_0-9]*\$)[\s\S]*?\1|"(?:[^"]|"")*"|('(?:[^']|'')*')/gi
/** No query that a person wrote may call one of them (core/compute/query-check). */
const opening = /\b(?:read|parquet)_\w+\(\s*\[?\s*$/i
const isNext = /^\s*,\s*$/

/**
 * The text literals of a statement, in their order; what stands in a quoted identifier or a comment is none. A statement may hold SQL that a person
 * wrote, with texts that look like files.
 */
export function sqlLiterals(sql: string): SqlLiteral[] {
  const literals: SqlLiteral[] = []
  const isCopy = /^\s*COPY\b/i.test(sql)
  let target: number | null = null
  let before = 0
  for (const match of sql.matchAll(wholes)) {
    const [whole, , literal] = match
    const between = sql.slice(before, match.index)
    before = match.index + whole.length
    if (literal === undefined) continue
    const last = literals.at(-1)
    const isFile =
      opening.test(between) || (last?.names === 'file' && sql.slice(last.end, match.index).match(isNext) !== null)
    // A COPY names its target behind all that it writes.
    if (isCopy && /\bTO\s+$/i.test(between)) target = literals.length
    const text = literal.slice(1, -1).replaceAll("''", "'")
    literals.push({ text, names: isFile ? 'file' : null, start: match.index, end: before })
  }
  if (target !== null) literals[target] = { ...literals[target]!, names: 'target' }
  return literals
}
