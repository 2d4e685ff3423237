/**
 * The files of a compaction: the rows or tiles of many commits in few files, in buckets by the hash of the key, so that who asks for
 * one key reads one of them.
 *
 * - Rows are sorted by key, then by R3, so that the rows of a key lie together, as an as-of join wants them.
 * - Tiles are sorted by their number, then by key: what reads few of them, the edges of a window, skips the row groups of the others.
 */
import type { ViewBundle } from '../define/definitions.js'
import type { Interval } from '../time/interval.js'
import type { CommittedFile } from './committed-files.js'
import { areTiesResolved, isTieWinner, rowsOfFiles, storedEventType } from './committed-rows.js'
import { keyBucket } from './key-bucket.js'
import { printCreate, printDrop, printQuery, printRelation } from './print-duckdb.js'
import { createdColumn, eventColumn, rowOrder } from './row-order.js'
import {
  aggregate,
  cast,
  column,
  type Expression,
  literal,
  type NamedExpression,
  type OrderTerm,
  operation,
  type Relation,
  type SqlQuery,
  select,
  table,
} from './sql-algebra.js'
import { partColumns, tileParts } from './tile-parts.js'
import { tileColumn, tileColumnTypes, tilePlace } from './tile-rows.js'
import { readTiles } from './window-values.js'

export interface CompactionInput {
  readonly bundle: ViewBundle
  /** Of the commits that it stands for. */
  readonly files: readonly CommittedFile[]
  /** In which their intervals lie. */
  readonly span: Interval
  /** How many, a power of two. */
  readonly buckets: number
  readonly prefix?: string
}

export interface CompactionQuery {
  /** Run first. */
  readonly statements: readonly SqlQuery[]
  /** Then this: `bucket` and `rows`, all that were read, of each bucket that has any. */
  readonly counts: SqlQuery
  /** SELECT text of one bucket's file. */
  output(bucket: number): string
  readonly cleanup: readonly SqlQuery[]
}

const bucketColumn = '__bucket'

export function buildCompaction(input: CompactionInput): CompactionQuery {
  const { bundle, files, span, buckets, prefix = '__compaction' } = input
  const rows = `${prefix}_rows`
  const isLookup = bundle.view.viewKind === 'lookup'
  const passed = columnsOf(bundle).map((name): NamedExpression => [name, column(name)])
  const read = isLookup ? rowsOfFiles(bundle, files, rowColumns(bundle, span)) : readTiles(bundle, files)
  const bucket = keyBucket(bundle.entity.keys, keysOf(bundle), buckets)
  const ofBucket = (number: number): Relation =>
    select(table(rows), passed, { where: operation('=', column(bucketColumn), literal(BigInt(number))) })
  return {
    statements: [printCreate('table', rows, select(read, [...passed, [bucketColumn, bucket]]))],
    counts: printQuery(
      select(
        table(rows),
        [
          ['bucket', column(bucketColumn)],
          ['rows', aggregate('count', null)],
        ],
        { groupBy: [column(bucketColumn)] },
      ),
    ),
    output: (number) => {
      const all = ofBucket(number)
      const kept = areTiesResolved(bundle) ? select(all, passed, { qualify: isTieWinner(bundle) }) : all
      return printRelation(select(kept, passed, { orderBy: isLookup ? rowsSorted(bundle) : tilesSorted(bundle) }))
    },
    cleanup: [printDrop('table', rows)],
  }
}

function columnsOf(bundle: ViewBundle): string[] {
  return bundle.view.viewKind === 'lookup'
    ? [...bundle.source.schema.map(({ name }) => name), eventColumn, createdColumn]
    : tileColumnTypes(bundle).map(([name]) => name)
}

function rowColumns(bundle: ViewBundle, span: Interval): NamedExpression[] {
  const event = cast(column(eventColumn), storedEventType(span))
  return columnsOf(bundle).map((name): NamedExpression => [name, name === eventColumn ? event : column(name)])
}

/** Rows have the keys under the names of the source, tiles under those of the entity. */
function keysOf({ view }: ViewBundle): Expression[] {
  return view.keyColumns.map(({ key, column: name }) => column(view.viewKind === 'lookup' ? name : key))
}

const ascending = (by: Expression): OrderTerm => ({ by, descending: false })

function rowsSorted(bundle: ViewBundle): OrderTerm[] {
  return [...keysOf(bundle).map(ascending), ...rowOrder(bundle.source.schema, false)]
}

function tilesSorted(bundle: ViewBundle): OrderTerm[] {
  const parts = partColumns(tileParts(bundle)).map(([name]) => name)
  return [tileColumn, ...bundle.view.keyColumns.map(({ key }) => key), ...tilePlace.slice(1), ...parts].map((name) =>
    ascending(column(name)),
  )
}
