/** The operations there are, by the names that definitions use (`window.sum`). */
import type { ColumnKind } from '../../define/column-type.js'
import { approxCountDistinct } from './approx-count-distinct.js'
import { approxQuantile } from './approx-quantile.js'
import { avg } from './avg.js'
import { count } from './count.js'
import { countDistinct } from './count-distinct.js'
import { first } from './first.js'
import { last } from './last.js'
import { lastDistinctN } from './last-distinct-n.js'
import { lastN } from './last-n.js'
import { max } from './max.js'
import { min } from './min.js'
import type { OperationOptions, WindowOperationRule } from './operation.js'
import { stddev } from './stddev.js'
import { stddevPop } from './stddev-pop.js'
import { sum } from './sum.js'
import { variance } from './var.js'
import { variancePop } from './var-pop.js'

export const operations = {
  /** `count({ over })` counts rows, `count('column', { over })` values that are not null (R8). */
  count,
  /** Exact; of floats the same whatever the order. */
  sum,
  avg,
  min,
  max,
  /** The value of the oldest row of the window that has one, in the order of R3. */
  first,
  /** The value of the newest row of the window that has one, in the order of R3. */
  last,
  /** Exact. */
  count_distinct: countDistinct,
  /** Standard deviation of a sample (n - 1); null below two values. */
  stddev,
  /** Standard deviation of a population (n). */
  stddev_pop: stddevPop,
  /** Variance of a sample (n - 1); null below two values. */
  var: variance,
  /** Variance of a population (n). */
  var_pop: variancePop,
  /** The values of the `n` newest rows that have one, the newest first. */
  last_n: lastN,
  /** The `n` distinct values seen last, the newest first. */
  last_distinct_n: lastDistinctN,
  /** How many distinct values, with a standard error of 1.63 %. */
  approx_count_distinct: approxCountDistinct,
  /** The value of rank ceil(q·n), at most 0.4 % off; several with `quantiles`. */
  approx_quantile: approxQuantile,
} as const

export type WindowOperation = keyof typeof operations

/** Column kinds an operation takes, how its refusal ends, and its options: for the compiler. */
export type KindsOf<Operation extends WindowOperation> = (typeof operations)[Operation]['takes']['kinds'][number]
export type WantedBy<Operation extends WindowOperation> = (typeof operations)[Operation]['takes']['wanted']
export type TakesRows<Operation extends WindowOperation> = (typeof operations)[Operation]['takesRows']
export type OptionsOf<Operation extends WindowOperation> =
  (typeof operations)[Operation]['options'] extends OperationOptions<infer Given> ? Given : never

/** Options come from definitions, unchecked. */
type AnyOperation = WindowOperationRule<ColumnKind, string, boolean, never>

export function ruleOf(operation: WindowOperation): AnyOperation {
  return operations[operation] as unknown as AnyOperation
}

export function isOperation(name: unknown): name is WindowOperation {
  return typeof name === 'string' && Object.hasOwn(operations, name)
}
