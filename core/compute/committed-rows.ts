/** The committed rows of a lookup view, read back: what its training sets and its online values are made of. */
import type { ValueType, ViewBundle } from '../define/definitions.js'
import { maxInt64 } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { storedSqlType } from './column-types.js'
import { type CommittedFile, groupFiles } from './committed-files.js'
import { createdColumn, deliveryOrder, eventColumn, rowOrder } from './row-order.js'
import {
  all,
  any,
  cast,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  operation,
  parquet,
  type Relation,
  type SqlType,
  select,
  table,
  unionAll,
} from './sql-algebra.js'

/** Features of a lookup view from its rows, in their stored types. */
export function lookupColumns(
  bundle: ViewBundle,
): { readonly name: string; readonly value: Expression; readonly type: ValueType }[] {
  return bundle.view.features.map(({ name, column: of, type }) => ({
    name,
    type,
    value: cast(column(of!), storedSqlType(type)),
  }))
}

/** R18: null means not deleted. */
export function isDeleted(bundle: ViewBundle): Expression {
  const { tombstone } = bundle.source
  return tombstone === null ? literal(false) : operation('coalesce', column(tombstone), literal(false))
}

/**
 * Whether of rows with one key and one event time only the one that R3 lets win is ever seen: under `event` visibility no other is, at no time
 * and in no mode, for they lie in one interval and come and go together. Under `created` visibility each is seen until the next is
 * written, and of rows with an event id the delivery decides, not the order (R16, R19).
 */
export function areTiesResolved({ view, source }: ViewBundle): boolean {
  return view.viewKind === 'lookup' && source.visibility === 'event' && source.eventId === null
}

/** Of rows in files of a lookup view: the one that R3 lets win, of its key and event time. */
export function isTieWinner({ view, source }: ViewBundle): Expression {
  const place = [...view.keyColumns.map(({ column: name }) => column(name)), column(eventColumn)]
  const orderBy = rowOrder(source.schema, true).slice(1)
  return operation('=', { is: 'rowNumber', partitionBy: place, orderBy }, literal(1n))
}

export const keyAlias = (name: string): string => `__key ${name}`

/** The columns of `committedRows`, handed through. */
export const committedColumns = (bundle: ViewBundle): NamedExpression[] =>
  columnTypes(bundle).map(([name]) => [name, column(name)])

function columnTypes(bundle: ViewBundle): (readonly [string, SqlType])[] {
  return [
    ...bundle.view.keyColumns.map(
      ({ key }, index) => [keyAlias(key), storedSqlType(bundle.entity.keys[index]!)] as const,
    ),
    ...declaredTypes(bundle),
    [eventColumn, { kind: 'storedInstant' }],
    [createdColumn, { kind: 'storedInstant' }],
  ]
}

const declaredTypes = ({ source }: ViewBundle) =>
  source.schema.map((declared) => [declared.name, storedSqlType(declared)] as const)

/**
 * What was committed before a column was declared has nulls there.
 * R21: a row of a compaction's file belongs to the commit in whose interval its event time lies.
 */
export function rowsOfFiles(
  bundle: ViewBundle,
  files: readonly CommittedFile[],
  columns: readonly NamedExpression[],
): Relation {
  const event = column(eventColumn)
  const isWithin = ({ start, end }: Interval): Expression =>
    all([operation('>=', event, literal(start)), operation('<', event, literal(end))])
  return unionAll(
    groupFiles(files).map(({ uris, within, isDeletedOnly }) => {
      const spans = within === null ? [] : [any(within.map(isWithin))]
      const rows = parquet(uris, declaredTypes(bundle))
      // A row that deletes and is hidden by another of its place deletes nothing.
      if (isDeletedOnly && areTiesResolved(bundle))
        return select(rows, columns, {
          ...(spans.length === 0 ? {} : { where: all(spans) }),
          qualify: all([isTieWinner(bundle), isDeleted(bundle)]),
        })
      const wanted = [...spans, ...(isDeletedOnly ? [isDeleted(bundle)] : [])]
      return select(rows, columns, wanted.length === 0 ? {} : { where: all(wanted) })
    }),
  )
}

export interface CommittedRowsOptions {
  /** A relation with the key columns: only rows of these keys. */
  readonly keysFrom?: string
  /** `__event_ns` as a stored instant (as said of nothing), or in whichever of its two types the files hold it (`storedEventType`). */
  readonly eventTime?: 'instant' | 'asInFiles'
}

/** The type of `__event_ns` in a file of rows whose event times lie in the span: of 64 bits where they fit, which are read and sorted faster. */
export function storedEventType({ start, end }: Interval): SqlType {
  return start >= -maxInt64 && end <= maxInt64 ? { kind: 'int64' } : { kind: 'storedInstant' }
}

/**
 * Rows files as they were committed: the keys under `keyAlias`, the declared columns, `__event_ns` and `__created_ns`, in their stored
 * types. No files: no rows.
 */
export function committedRows(
  bundle: ViewBundle,
  files: readonly CommittedFile[],
  { keysFrom, eventTime = 'instant' }: CommittedRowsOptions = {},
): Relation {
  const { source, view } = bundle
  const types = columnTypes(bundle)
  const event = column(eventColumn)
  const columns: NamedExpression[] = [
    ...view.keyColumns.map(
      ({ key, column: name }, index): NamedExpression => [keyAlias(key), cast(column(name), types[index]![1])],
    ),
    ...source.schema.map(({ name }): NamedExpression => [name, column(name)]),
    [eventColumn, eventTime === 'instant' ? cast(event, { kind: 'storedInstant' }) : event],
    [createdColumn, column(createdColumn)],
  ]
  const rows: Relation =
    files.length > 0 ? rowsOfFiles(bundle, files, columns) : { is: 'values', columns: types, rows: [] }
  if (keysFrom === undefined) return rows
  return select(
    join(
      'semi',
      [rows, 'rows'],
      [table(keysFrom), 'wanted'],
      all(view.keyColumns.map(({ key }) => operation('=', column(keyAlias(key), 'rows'), column(key, 'wanted')))),
    ),
    committedColumns(bundle),
  )
}

/**
 * The rows that count once all is known: of one event id the delivery created last (R19; a null id is no id), and under `created`
 * visibility none without a created time (R16).
 */
export function countedRows(bundle: ViewBundle, rows: Relation): Relation {
  const { eventId, schema, visibility } = bundle.source
  const isKnown = visibility === 'created' ? operation('isNotNull', column(createdColumn)) : null
  const known = isKnown === null ? rows : select(rows, committedColumns(bundle), { where: isKnown })
  if (eventId === null) return known
  const identity = [...bundle.view.keyColumns.map(({ key }) => keyAlias(key)), eventId.column].map((name) =>
    column(name),
  )
  return select(known, committedColumns(bundle), {
    qualify: operation(
      'or',
      operation('isNull', column(eventId.column)),
      operation('=', { is: 'rowNumber', partitionBy: identity, orderBy: deliveryOrder(schema, true) }, literal(1n)),
    ),
  })
}
