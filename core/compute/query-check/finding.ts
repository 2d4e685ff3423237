/** What `plan` has against a query's SQL, and where in it. */
import { utf8ToBytes } from '@noble/hashes/utils.js'

export interface Finding {
  readonly code: 'DEFINE_QUERY_REFUSED' | 'DEFINE_UNKNOWN_COLUMN'
  readonly message: string
  readonly hint?: string
  /** Byte of the SQL, from 0; null: of all of it. */
  readonly byte: number | null
  readonly column?: string
}

export interface Place {
  /** Both from 1; a column is one character. */
  readonly line: number
  readonly column: number
  /** The line, as it is written. */
  readonly text: string
}

export function placeOf(sql: string, byte: number): Place {
  let read = 0
  let before = ''
  for (const character of sql) {
    if (read >= byte) break
    read += utf8ToBytes(character).length
    before += character
  }
  const line = before.split('\n').length
  return {
    line,
    column: [...before.slice(before.lastIndexOf('\n') + 1)].length + 1,
    text: sql.split('\n')[line - 1] ?? '',
  }
}
