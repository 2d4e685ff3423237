/** Rows or tiles of the looked-at keys that are in the committed files and not in what their source files give, or the other way round. */

import type { CommittedFile } from '../compute/committed-files.js'
import { areTiesResolved, committedColumns, committedRows, keyAlias } from '../compute/committed-rows.js'
import { printName, printRelation } from '../compute/print-duckdb.js'
import { eventColumn, rowOrder } from '../compute/row-order.js'
import {
  column,
  type Expression,
  literal,
  operation,
  type Relation,
  type SqlQuery,
  select,
} from '../compute/sql-algebra.js'
import { partColumns, tileParts } from '../compute/tile-parts.js'
import { tileColumn, tileColumnTypes, tileNs, tilePlace } from '../compute/tile-rows.js'
import { readTiles } from '../compute/window-values.js'
import { decisiveColumns } from '../define/definition-hash.js'
import type { ViewBundle } from '../define/definitions.js'
import { intervalStartOf, isSameValue, mayHoldSums } from '../explain/index.js'
import type { Instant } from '../time/instant.js'

export interface RowDifference {
  /** Of the key, as the entity has them. */
  readonly key: readonly unknown[]
  readonly intervalStart: Instant
  /** Columns in which the two differ; empty: one of them lacks the row. */
  readonly columns: readonly string[]
  /** Values of the first of these columns. */
  readonly stored: unknown
  readonly recomputed: unknown
}

const sideColumn = '__side'
const rowsMax = 20_000

/**
 * Columns that decide no value are not compared (R3): one that was declared after a file was committed is not in it, whatever the source
 * files hold there.
 * @param keys table of `createKeys`
 */
export function buildDifferenceQuery(
  { view, source, ...parts }: ViewBundle,
  stored: readonly CommittedFile[],
  recomputed: readonly CommittedFile[],
  keys: string,
): SqlQuery {
  const bundle = { ...parts, view, source: { ...source, schema: decisiveColumns(view, source) } }
  const [a, b] = [stored, recomputed].map((files) => `SELECT * FROM (${rowsOf(bundle, files, keys)})`)
  const less = (from: string, what: string, side: string) =>
    `SELECT '${side}' AS ${sideColumn}, ${shown(bundle)} FROM (SELECT * FROM ${from} EXCEPT ALL SELECT * FROM ${what})`
  const both = `${less('stored', 'recomputed', 'stored')} UNION ALL ${less('recomputed', 'stored', 'recomputed')}`
  return {
    sql: `WITH stored AS MATERIALIZED (${a}), recomputed AS MATERIALIZED (${b})
      SELECT * FROM (${both}) ORDER BY ${placeColumns(bundle).map(printName).join(', ')} LIMIT ${rowsMax}`,
  }
}

function rowsOf(bundle: ViewBundle, files: readonly CommittedFile[], keys: string): string {
  if (bundle.view.viewKind === 'lookup') return printRelation(lookupRows(bundle, files, keys))
  const names = bundle.view.keyColumns.map(({ key }) => printName(key))
  const isWanted = names.map((name) => `tiles.${name} = wanted.${name}`).join(' AND ')
  return `SELECT tiles.* FROM (${printRelation(readTiles(bundle, files))}) tiles SEMI JOIN ${printName(keys)} wanted ON ${isWanted}`
}

/** A compaction keeps of rows that tie the one that wins (R3), where that changes no answer. */
function lookupRows(bundle: ViewBundle, files: readonly CommittedFile[], keys: string): Relation {
  const rows = committedRows(bundle, files, { keysFrom: keys })
  if (!areTiesResolved(bundle)) return rows
  const partitionBy = [...keyNames(bundle), eventColumn].map((name) => column(name))
  const rank: Expression = { is: 'rowNumber', partitionBy, orderBy: rowOrder(bundle.source.schema, true) }
  return select(rows, committedColumns(bundle), { qualify: operation('=', rank, literal(1n)) })
}

/** States of several parts are told as text. */
function shown(bundle: ViewBundle): string {
  if (!isWindow(bundle)) return '*'
  return tileColumnTypes(bundle)
    .map(([name, { kind }]) => {
      const column = printName(name)
      return kind === 'struct' || kind === 'list' || kind === 'map' ? `CAST(${column} AS VARCHAR) AS ${column}` : column
    })
    .join(', ')
}

/** @param rows of `buildDifferenceQuery`: rows of one place beside each other; amounts that are summed as floats, in whatever order, are the same when they nearly are. */
export function rowDifferences(
  bundle: ViewBundle,
  rows: readonly Readonly<Record<string, unknown>>[],
): RowDifference[] {
  const sides = new Map<string, { stored: Row[]; recomputed: Row[] }>()
  for (const row of rows) {
    const place = textOf(placeColumns(bundle).map((name) => row[name]))
    const found = sides.get(place) ?? { stored: [], recomputed: [] }
    found[row[sideColumn] as 'stored' | 'recomputed'].push(row)
    sides.set(place, found)
  }
  // Of the last place some may be among those that were cut off.
  if (rows.length >= rowsMax && sides.size > 1) sides.delete([...sides.keys()].at(-1)!)
  return [...sides.values()].flatMap(({ stored, recomputed }) => {
    const left = [...recomputed]
    const differences: RowDifference[] = []
    for (const row of stored) {
      const twin = left.findIndex((other) => differing(bundle, row, other).length === 0)
      if (twin >= 0) left.splice(twin, 1)
      else differences.push(differenceOf(bundle, row, left[0] ?? null))
    }
    if (stored.length > 0 && differences.length > 0) return differences
    return [...differences, ...left.map((row) => differenceOf(bundle, null, row))]
  })
}

type Row = Readonly<Record<string, unknown>>

function differenceOf(bundle: ViewBundle, stored: Row | null, recomputed: Row | null): RowDifference {
  const row = (stored ?? recomputed)!
  const columns = stored && recomputed ? differing(bundle, stored, recomputed) : []
  const [first] = columns
  return {
    key: keyNames(bundle).map((name) => row[name]),
    intervalStart: intervalStartOf(bundle, placeAt(bundle, row)),
    columns,
    stored: first === undefined ? null : stored![first],
    recomputed: first === undefined ? null : recomputed![first],
  }
}

function differing(bundle: ViewBundle, a: Row, b: Row): string[] {
  const isSum = mayHoldSums(bundle)
  return Object.keys(a).filter((name) => name !== sideColumn && !isSameValue(a[name] ?? null, b[name] ?? null, isSum))
}

const isWindow = ({ view }: ViewBundle): boolean => view.viewKind === 'window'

function keyNames(bundle: ViewBundle): string[] {
  return bundle.view.keyColumns.map(({ key }) => (isWindow(bundle) ? key : keyAlias(key)))
}

/** What tells rows of one file apart: of tiles all that is no state, of rows key and event time. */
function placeColumns(bundle: ViewBundle): string[] {
  if (!isWindow(bundle)) return [...keyNames(bundle), eventColumn]
  return [...keyNames(bundle), ...tilePlace, ...partColumns(tileParts(bundle)).map(([name]) => name)]
}

/** Stored instants are decimals, handed out as their text. */
function placeAt(bundle: ViewBundle, row: Row): Instant {
  if (!isWindow(bundle)) return BigInt(row[eventColumn] as string)
  return BigInt(row[tileColumn] as bigint) * tileNs(bundle)
}

function textOf(values: readonly unknown[]): string {
  return JSON.stringify(values, (_, value: unknown) => (typeof value === 'bigint' ? `#${value}` : value))
}
