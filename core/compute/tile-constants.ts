/**
 * What tiles say alike in every row of some files, by their footers. Float sums keep twelve columns (operations/exact-sums.ts), of which amounts
 * of everyday size fill two to four: what is 0 or null throughout need not be merged row by row.
 */
import { type CommittedFile, uriOfFile } from './committed-files.js'
import { printColumnConstants } from './print-duckdb.js'
import type { SqlQuery } from './sql-algebra.js'

/** By column. `zeroOrNull`: of the rows that have a value, as where a row is of another part. What is not named here differs. */
export type TileConstants = ReadonlyMap<string, 'null' | 'zero' | 'zeroOrNull'>

export const noConstants: TileConstants = new Map()

/** Each footer is a request or two to the lake, which pays where few files hold many rows. */
const filesMax = 256

/** Run it and hand its rows to `tileConstantsFrom`. Null: there is nothing to ask, or more than it is worth. */
export function buildTileConstantsQuery(files: readonly CommittedFile[]): SqlQuery | null {
  const uris = [...new Set(files.map(uriOfFile))]
  return uris.length === 0 || uris.length > filesMax ? null : printColumnConstants(uris)
}

/** @param rows `name`, `is_null`, `has_no_null`, `is_zero` of the columns that each row group has, as the query gives them */
export function tileConstantsFrom(rows: readonly Readonly<Record<string, unknown>>[]): TileConstants {
  const known = new Map<string, 'null' | 'zero' | 'zeroOrNull'>()
  for (const { name, is_null, has_no_null, is_zero } of rows) {
    if (is_null === true) known.set(String(name), 'null')
    else if (is_zero === true) known.set(String(name), has_no_null === true ? 'zero' : 'zeroOrNull')
  }
  return known
}
