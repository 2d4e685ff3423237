/**
 * Variance from exact sums: with n values, s their sum and q the sum of their squares,
 *
 *     v = n·q - s²        variance = v / n² (of a population), v / (n·(n - 1)) (of a sample)
 *
 * v is worked out in whole numbers: nothing cancels. It is rounded when it becomes a float, so an answer is at most eight units in the
 * last place off. Constant values have a variance of exactly 0.
 */
import type { Column } from '../../define/column-type.js'
import { familyOf } from '../../define/column-types.js'
import {
  all,
  cases,
  cast,
  column as columnOf,
  type Expression,
  literal,
  operation,
  type SqlType,
} from '../sql-algebra.js'
import { carriedDigits, floatOfDigits } from './carried-digits.js'
import { countName, countState } from './counted-values.js'
import { mergedMoments, squareColumns, squareStates, unfitName } from './exact-squares.js'
import { sumStates } from './exact-sums.js'
import type { Merged, OperationPlan } from './operation.js'

const float64: SqlType = { kind: 'float64' }
const int128: SqlType = { kind: 'int128' }

export function spreadPlan(
  declared: Column,
  of: 'sample' | 'population',
  finished: 'variance' | 'deviation',
): OperationPlan {
  const { name } = declared
  return {
    ofRows: squareColumns(declared),
    states: [countState(countName(name), columnOf(name)), ...sumStates(declared), ...squareStates(declared)],
    finish: (merged) => {
      const { layers, value: amount } = squaredDistances(declared, merged)
      const count = cast(merged.column(countName(name)), float64)
      const divisor = operation('*', count, of === 'sample' ? operation('-', count, literal(1)) : count)
      const variance = operation('/', amount, divisor)
      const value = finished === 'deviation' ? operation('squareRoot', variance) : variance
      const enough = operation('>=', count, literal(of === 'sample' ? 2 : 1))
      if (familyOf(declared.kind) !== 'float') return { layers, value: cases([[enough, value]]) }
      const isUnfit = operation('>', merged.column(unfitName(name)), literal(0n))
      const nan = cast(literal('NaN'), float64)
      return {
        layers,
        value: cases([
          [all([enough, isUnfit]), nan],
          [enough, value],
        ]),
      }
    },
  }
}

/** n·q - s², as a float. */
function squaredDistances(declared: Column, merged: Merged) {
  const { name } = declared
  const moments = mergedMoments(declared, merged)
  const sum = carriedDigits(merged, `__sumDigits ${name}`, moments.sum)
  const squares = carriedDigits(merged, `__squareDigits ${name}`, moments.squares)
  const count = cast(merged.column(countName(name)), int128)
  const length = Math.max(squares.digits.length, 2 * sum.digits.length - 1)
  const digits = [...Array(length).keys()].map((at) => {
    const square = squares.digits[at]
    const products = sum.digits.flatMap((digit, index): Expression[] => {
      const other = sum.digits[at - index]
      return other ? [operation('*', digit, other)] : []
    })
    return products.reduce<Expression>(
      (left, product) => operation('-', left, product),
      square ? operation('*', count, square) : literal(0n),
    )
  })
  const distances = carriedDigits(merged, `__distances ${name}`, digits)
  const exponents = distances.digits.map((_, at) => moments.exponent + 62 * at)
  const amount = floatOfDigits(distances.digits, exponents)
  const scale = declared.kind === 'decimal' ? (declared.scale ?? 0) : 0
  const value = scale === 0 ? amount : operation('/', amount, literal(Number(`1e${2 * scale}`)))
  const both = [...Array(Math.max(sum.layers.length, squares.layers.length)).keys()].map((at) => [
    ...(sum.layers[at] ?? []),
    ...(squares.layers[at] ?? []),
  ])
  const total = `__spread ${name}`
  return {
    layers: [...both, ...distances.layers, [[merged.name(total), value] as const]],
    value: merged.column(total),
  }
}
