/**
 * How a declared column looks to SQL that a person wrote: a timestamp is a TIMESTAMP, of microseconds, cut downward; an end-of-time marker is
 * infinity. Everything else is as it is.
 */
import type { Column, ValueType } from '../define/column-type.js'
import { endOfTime } from '../time/instant.js'
import { storedSqlType } from './column-types.js'
import { all, cases, cast, type Expression, literal, operation, type SqlType } from './sql-algebra.js'

const nsPerUs = literal(1000n)

export function seenValue(declared: Column, value: Expression): Expression {
  if (declared.kind !== 'timestamp') return value
  const isOfTime = all([operation('<', value, literal(endOfTime)), operation('>', value, literal(-endOfTime))])
  return operation(
    'timestampUsFromInstant',
    cases([[isOfTime, operation('*', operation('floorDiv', value, nsPerUs), nsPerUs)]], value),
  )
}

/** And back, from a column of the answer that can hold it (query-check). */
export function madeValue(declared: Column, value: Expression): Expression {
  if (declared.kind === 'timestamp') return operation('instantFromUs', cast(value, { kind: 'timestampUs' }))
  return cast(value, seenType(declared))
}

export function seenType(type: ValueType): SqlType {
  return type.kind === 'timestamp' ? { kind: 'timestampUs' } : storedSqlType(type)
}
