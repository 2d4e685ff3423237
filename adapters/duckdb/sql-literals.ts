export interface SqlLiteral {
  readonly text: string
  /** The file that a COPY writes. */
  readonly isTarget: boolean
  /** Where its quotes are in the statement. */
  readonly start: number
  readonly end: number
}

/** The text literals of a statement, in their order; what stands in a quoted identifier is none. */
export function sqlLiterals(sql: string): SqlLiteral[] {
  return [...sql.matchAll(/"(?:[^"]|"")*"|(\bTO\s+)?('(?:[^']|'')*')/gi)].flatMap((match) => {
    const [whole, target, literal] = match
    if (literal === undefined) return []
    const end = match.index + whole.length
    const text = literal.slice(1, -1).replaceAll("''", "'")
    return [{ text, isTarget: target !== undefined, start: end - literal.length, end }]
  })
}
