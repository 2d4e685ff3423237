/**
 * Sums that do not depend on the order of rows, files or merges. Integers and decimals are exact. A float is cut into four integers,
 *
 *     x = a·2^18 + b·2^-44 + c·2^-106 + d·2^-168,     x = 0 or 2^-115 <= |x| < 2^80,
 *
 * which are summed exactly and put together once, at the end, at most two units in the last place from the exact sum; what does not fit
 * (NaN, infinities, amounts beyond 1e24 or below 2.4e-35) is summed as floats in a fifth column. So a fine and a coarse tile, a training
 * set and an online value agree to the last bit.
 */
import type { Column } from '../../define/column-type.js'
import { familyOf } from '../../define/column-types.js'
import {
  aggregate,
  all,
  any,
  cases,
  cast,
  column,
  type Expression,
  literal,
  operation,
  type SqlType,
} from '../sql-algebra.js'
import { carriedDigits, floatOfDigits } from './carried-digits.js'
import type { Layer, Merged, TileState } from './operation.js'

const int128: SqlType = { kind: 'int128' }
const float64: SqlType = { kind: 'float64' }

/** The exponent of each digit's unit, highest first: 62 bits apart, so that one digit of one value fits 64 bits. */
export const sumExponents = [18, -44, -106, -168]
/** Amounts from here on do not fit. */
export const largestFloat = 2 ** 80
/** Smaller ones have bits below the lowest digit. */
export const smallestFloat = 2 ** (-168 + 53)

export const sumName = (name: string): string => `__sum ${name}`
const digitName = (name: string, digit: number): string => `__sum${digit} ${name}`
const restName = (name: string): string => `__sumRest ${name}`

export function sumStates(declared: Column): TileState[] {
  if (familyOf(declared.kind) === 'float') return floatSumStates(declared)
  const type: SqlType = { kind: 'decimal', precision: 38, scale: declared.scale ?? 0 }
  const merge = (state: Expression, where: Expression | null): Expression => cast(aggregate('sum', state, where), type)
  return [{ name: sumName(declared.name), type, accumulate: merge(column(declared.name), null), merge }]
}

/** The sum: of integers and decimals a decimal, of floats a float. */
export function finishSum(
  declared: Column,
  merged: Merged,
): { readonly layers: readonly Layer[]; readonly value: Expression } {
  if (familyOf(declared.kind) !== 'float') return { layers: [], value: merged.column(sumName(declared.name)) }
  const given = `__signed ${declared.name}`
  const signed = carriedDigits(merged, given, exactSumDigits(declared, merged))
  const top = signed.digits.at(-1)!
  // A negative total in that form would be a large negative digit and large positive ones, lost when added as floats: so its
  // digits are those of its amount, and the sign is kept aside.
  const isNegative = operation('<', merged.column(`${given} top`), literal(0n))
  const amount = carriedDigits(
    merged,
    `__amount ${declared.name}`,
    signed.digits.map((digit) => cases([[isNegative, operation('-', literal(0n), digit)]], digit)),
  )
  const positive = floatOfDigits(amount.digits, sumExponents.toReversed())
  const exact = cases([[isNegative, operation('-', literal(0), positive)]], positive)
  const rest = merged.column(restName(declared.name))
  const total = cases(
    [
      [operation('isNull', rest), exact],
      [operation('isNull', merged.column(digitName(declared.name, 0))), rest],
    ],
    operation('+', exact, rest),
  )
  const name = merged.name(`__total ${declared.name}`)
  return {
    layers: [...signed.layers, [[merged.name(`${given} top`), top]], ...amount.layers, [[name, total]]],
    value: column(name),
  }
}

/** The merged digits of a float sum, lowest first, as they were added up. */
export function exactSumDigits(declared: Column, merged: Merged): Expression[] {
  return sumExponents
    .map((_, digit) => operation('integerFromDecimal', merged.column(digitName(declared.name, digit))))
    .toReversed()
}

function floatSumStates(declared: Column): TileState[] {
  const value = cast(column(declared.name), float64)
  const amount = operation('abs', value)
  const fits = all([
    operation('<', amount, literal(largestFloat)),
    any([operation('>=', amount, literal(smallestFloat)), operation('=', value, literal(0))]),
  ])
  const digits = digitsOfFloat(value, sumExponents).map(
    (digit, at): TileState => ({
      name: digitName(declared.name, at),
      type: int128,
      accumulate: aggregate('sum', cases([[fits, cast(digit, { kind: 'int64' })]])),
      merge: (state, where) => aggregate('sum', state, where),
    }),
  )
  const restState: TileState = {
    name: restName(declared.name),
    type: float64,
    accumulate: aggregate('sum', cases([[fits, literal(null)]], value)),
    merge: (state, where) => aggregate('sum', state, where),
  }
  return [...digits, restState]
}

/** A float as whole multiples of these units, highest first; what lies below the lowest is cut off. */
function digitsOfFloat(value: Expression, exponents: readonly number[]): Expression[] {
  let rest = value
  return exponents.map((exponent) => {
    const unit = 2 ** exponent
    const digit = operation('truncate', operation('*', rest, literal(1 / unit)))
    rest = operation('-', rest, operation('*', digit, literal(unit)))
    return digit
  })
}
