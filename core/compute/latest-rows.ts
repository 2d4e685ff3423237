/** The newest committed row of each key of a lookup view: what online is a projection of (R3, R18, R19, R22). */
import type { ViewBundle } from '../define/definitions.js'
import { readStored, sqlType } from './column-types.js'
import { printQuery } from './print-duckdb.js'
import { createdColumn, deliveryOrder, eventColumn, rowOrder } from './row-order.js'
import type { SqlQuery } from './sql-algebra.js'
import {
  aggregate,
  all,
  cases,
  cast,
  column,
  join,
  literal,
  type NamedExpression,
  operation,
  parquet,
  type Relation,
  select,
  table,
} from './sql-algebra.js'

export interface LatestRowsInput {
  readonly bundle: ViewBundle
  /** URIs of the committed rows files; their order does not matter. None: no rows. */
  readonly files: readonly string[]
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
  const counted = countedRows(bundle, committedRows(bundle, input.files, input.keysFrom))
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
  const candidates = select(join('semi', [counted, 'row'], [newestTimes, 'newest'], isSame), passed(bundle))
  const newest = select(candidates, passed(bundle), {
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
      ...keys.map((key): NamedExpression => [key, column(keyAlias(key))]),
      ...lookupColumns(bundle).map(
        ({ name, value }): NamedExpression => [name, cases([[isDeleted(bundle), literal(null)]], value)],
      ),
      [eventColumn, column(eventColumn)],
      ['__is_deleted', isDeleted(bundle)],
    ]),
  )
}

export function lookupColumns(
  bundle: ViewBundle,
): { readonly name: string; readonly value: ReturnType<typeof column> }[] {
  return bundle.view.features.map((feature) => ({
    name: feature.name,
    value: cast(column(feature.column!), sqlType(feature.type)),
  }))
}

/** R18: null means not deleted. */
export function isDeleted(bundle: ViewBundle): ReturnType<typeof column> {
  const { tombstone } = bundle.source
  return tombstone === null ? literal(false) : operation('coalesce', column(tombstone), literal(false))
}

export const keyAlias = (name: string): string => `__key ${name}`

const passed = (bundle: ViewBundle): NamedExpression[] =>
  [
    ...bundle.view.keyColumns.map(({ key }) => keyAlias(key)),
    ...bundle.source.schema.map((declared) => declared.name),
    eventColumn,
    createdColumn,
  ].map((name) => [name, column(name)])

/** Rows files as they were committed: keys as `__key …`, declared columns, `__event_ns`, `__created_ns`, instants in nanoseconds. */
export function committedRows(bundle: ViewBundle, files: readonly string[], keysFrom?: string): Relation {
  const { entity, source, view } = bundle
  const instant = { kind: 'instant' } as const
  const stored: NamedExpression[] = source.schema.map((declared) => [
    declared.name,
    readStored(declared.name, sqlType(declared)),
  ])
  const columns: NamedExpression[] = [
    ...view.keyColumns.map(
      ({ key, column: name }, index): NamedExpression => [
        keyAlias(key),
        cast(
          readStored(name, sqlType(source.schema.find((entry) => entry.name === name)!)),
          sqlType(entity.keys[index]!),
        ),
      ],
    ),
    ...stored,
    [eventColumn, readStored(eventColumn, instant)],
    [createdColumn, readStored(createdColumn, instant)],
  ]
  const rows =
    files.length > 0
      ? select(parquet(files, true), columns)
      : select({ is: 'values', columns: [...emptyColumns(bundle)], rows: [] }, passed(bundle))
  if (keysFrom === undefined) return rows
  return select(
    join(
      'semi',
      [rows, 'rows'],
      [table(keysFrom), 'wanted'],
      all(view.keyColumns.map(({ key }) => operation('=', column(keyAlias(key), 'rows'), column(key, 'wanted')))),
    ),
    passed(bundle),
  )
}

function emptyColumns(bundle: ViewBundle) {
  const instant = { kind: 'instant' } as const
  return [
    ...bundle.view.keyColumns.map(({ key }, index) => [keyAlias(key), sqlType(bundle.entity.keys[index]!)] as const),
    ...bundle.source.schema.map((declared) => [declared.name, sqlType(declared)] as const),
    [eventColumn, instant] as const,
    [createdColumn, instant] as const,
  ]
}

/**
 * The rows that count once all is known: of one event id the delivery created last (R19; a null id is no id), and under `created`
 * visibility none without a created time (R16).
 */
export function countedRows(bundle: ViewBundle, rows: Relation): Relation {
  const { eventId, schema, visibility } = bundle.source
  const isKnown = visibility === 'created' ? operation('isNotNull', column(createdColumn)) : null
  const known = isKnown === null ? rows : select(rows, passed(bundle), { where: isKnown })
  if (eventId === null) return known
  const identity = [...bundle.view.keyColumns.map(({ key }) => keyAlias(key)), eventId.column].map((name) =>
    column(name),
  )
  return select(known, passed(bundle), {
    qualify: operation(
      'or',
      operation('isNull', column(eventId.column)),
      operation('=', { is: 'rowNumber', partitionBy: identity, orderBy: deliveryOrder(schema, true) }, literal(1n)),
    ),
  })
}
