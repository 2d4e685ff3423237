/**
 * R3, the order of rows: event time, created time (null is the oldest), then the whole row by its declared columns (null lowest,
 * NaN highest, strings by bytes, false before true). Total: rows equal in it are the same row.
 */

import type { Column } from '../define/column-type.js'
import { familyOf } from '../define/column-types.js'
import { cases, column, type Expression, literal, type OrderTerm, operation, struct } from './sql-algebra.js'

export const eventColumn = '__event_ns'
export const createdColumn = '__created_ns'
/** Below every created time: stands for null where a comparison would put null highest. */
const beforeAll = literal(-99_999_999_999_999_999_999_999_999_999_999_999_999n)

export function rowOrder(columns: readonly Column[], descending: boolean): OrderTerm[] {
  const terms = [column(eventColumn), column(createdColumn), ...columns.flatMap(columnTerms)]
  return terms.map((by) => ({ by, descending }))
}

/** Created last first: which delivery of an event id counts (R19). */
export function deliveryOrder(columns: readonly Column[], descending: boolean): OrderTerm[] {
  const terms = [column(createdColumn), column(eventColumn), ...columns.flatMap(columnTerms)]
  return terms.map((by) => ({ by, descending }))
}

/** -0.0 equals 0.0 but is another value: below it. */
function columnTerms(declared: Column): Expression[] {
  const value = column(declared.name)
  return familyOf(declared.kind) === 'float' ? [value, operation('not', operation('signBit', value))] : [value]
}

/** The same order as one value, for min and max: fields compared in turn, no null in any of them. */
export function rowOrderValue(
  columns: readonly Column[],
  payload: readonly (readonly [string, Expression])[],
): Expression {
  return struct([
    ['event', column(eventColumn)],
    ['created', operation('coalesce', column(createdColumn), beforeAll)],
    ...columns.flatMap(columnTerms).flatMap((term, index): [string, Expression][] => [
      [`has${index}`, cases([[operation('isNotNull', term), literal(true)]], literal(false))],
      [`value${index}`, term],
    ]),
    ...payload,
  ])
}
