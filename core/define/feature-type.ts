import { isFloat, isInteger, isNumeric } from './column-types.js'
import type { ColumnType, WindowOperation } from './definitions.js'

/** What an aggregate takes, as a sentence's end; null: it takes the column. */
export function refusal(operation: WindowOperation, column: ColumnType): string | null {
  switch (operation) {
    case 'sum':
    case 'avg':
      return isNumeric(column.kind) ? null : 'a number'
    case 'min':
    case 'max':
      return column.kind === 'binary' ? 'an ordered type' : null
    default:
      return null
  }
}

/** R20: the type of a window's answer; null where a window without values answers null (R8). */
export function windowResultType(operation: WindowOperation, column: ColumnType | null): ColumnType {
  switch (operation) {
    case 'count':
    case 'count_distinct':
      return { kind: 'int64', nullable: false }
    case 'avg':
      return { kind: 'float64', nullable: true }
    case 'sum':
      return sumType(column as ColumnType)
    default:
      return { ...(column as ColumnType), nullable: true }
  }
}

/** Integer sums are exact beyond 2^53 and decimals stay decimal (R20). */
function sumType(column: ColumnType): ColumnType {
  if (isInteger(column.kind)) return { kind: 'decimal', precision: 38, scale: 0, nullable: true }
  if (isFloat(column.kind)) return { kind: 'float64', nullable: true }
  return { kind: 'decimal', precision: 38, scale: column.scale ?? 0, nullable: true }
}
