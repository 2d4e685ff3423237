import type { ColumnType } from '../../define/column-type.js'
import { familyOf } from '../../define/column-types.js'
import { sqlType } from '../column-types.js'
import { cases, cast, type Expression, literal, operation } from '../sql-algebra.js'

/** -0.0 and 0.0 are one value where values are compared, else the answer would hang on the order of rows. */
export function comparable(type: ColumnType, value: Expression): Expression {
  if (familyOf(type.kind) !== 'float') return value
  return cases([[operation('=', value, literal(0)), cast(literal(0), sqlType(type))]], value)
}
