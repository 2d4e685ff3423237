import { ruleOf, type WindowOperation } from '../compute/operations/index.js'
import type { WindowParameters } from '../compute/operations/operation.js'
import { buckets } from '../compute/operations/takes.js'
import type { ColumnType, ValueType } from './column-type.js'

/** What an aggregate takes, as a sentence's end; null: it takes the column. */
export function refusal(operation: WindowOperation, column: ColumnType): string | null {
  const { takes } = ruleOf(operation)
  return takes.kinds.includes(column.kind) ? null : takes.wanted
}

/** The same of a column whose values are to be buckets. */
export function bucketRefusal(column: ColumnType): string | null {
  return (buckets.kinds as readonly string[]).includes(column.kind) ? null : buckets.wanted
}

/** R20: the type of a window's answer; null where a window without values answers null (R8). */
export function windowResultType(
  operation: WindowOperation,
  column: ColumnType | null,
  parameters: WindowParameters,
  by: ColumnType | null,
): ValueType {
  const answer = ruleOf(operation).answer(column, parameters)
  if (by === null) return answer
  return { kind: 'map', nullable: true, key: { ...by, nullable: false }, of: { ...answer, nullable: false } }
}
