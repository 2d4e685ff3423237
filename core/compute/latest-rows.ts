/** The newest committed row of each key of a lookup view: what online is a projection of (R3, R18, R19, R22). */
import type { ViewBundle } from '../define/definitions.js'
import { fromStored } from './column-types.js'
import type { CommittedFile } from './committed-files.js'
import { committedColumns, committedRows, countedRows, isDeleted, keyAlias, lookupColumns } from './committed-rows.js'
import { printQuery } from './print-duckdb.js'
import { eventColumn, rowOrder } from './row-order.js'
import {
  aggregate,
  all,
  cases,
  column,
  join,
  literal,
  type NamedExpression,
  operation,
  type SqlQuery,
  select,
} from './sql-algebra.js'

export interface LatestRowsInput {
  readonly bundle: ViewBundle
  /** The committed rows files; their order does not matter. None: no rows. */
  readonly files: readonly CommittedFile[]
  /** A relation with the key columns: only these keys are answered. */
  readonly keysFrom?: string
}

/**
 * One row per key: the key's columns, the features (null where deleted), `__event_ns` (128-bit integer) and `__is_deleted`. Timestamps are
 * instants in nanoseconds.
 */
export function buildLatestRows(input: LatestRowsInput): SqlQuery {
  const { bundle } = input
  const keys = bundle.view.keyColumns.map(({ key }) => key)
  const counted = countedRows(bundle, committedRows(bundle, input.files, input))
  // Ties are settled among the rows of the newest time only: ordering whole rows is what costs.
  const newestTimes = select(
    counted,
    [
      ...keys.map((key): NamedExpression => [keyAlias(key), column(keyAlias(key))]),
      [eventColumn, aggregate('max', column(eventColumn))],
    ],
    { groupBy: keys.map((key) => column(keyAlias(key))) },
  )
  const isSame = all(
    [...keys.map(keyAlias), eventColumn].map((name) => operation('=', column(name, 'row'), column(name, 'newest'))),
  )
  const candidates = select(join('semi', [counted, 'row'], [newestTimes, 'newest'], isSame), committedColumns(bundle))
  const newest = select(candidates, committedColumns(bundle), {
    qualify: operation(
      '=',
      {
        is: 'rowNumber',
        partitionBy: keys.map((key) => column(keyAlias(key))),
        orderBy: rowOrder(bundle.source.schema, true),
      },
      literal(1n),
    ),
  })
  return printQuery(
    select(newest, [
      ...keys.map((key, part): NamedExpression => [key, fromStored(column(keyAlias(key)), bundle.entity.keys[part]!)]),
      ...lookupColumns(bundle).map(
        ({ name, value, type }): NamedExpression => [
          name,
          cases([[isDeleted(bundle), literal(null)]], fromStored(value, type)),
        ],
      ),
      [eventColumn, fromStored(column(eventColumn), { kind: 'timestamp', nullable: false })],
      ['__is_deleted', isDeleted(bundle)],
    ]),
  )
}
