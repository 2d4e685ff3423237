/**
 * Puts the four integers of a float sum together (tile-states.ts). Digits of one total may be split in many ways, by carries that
 * happened in one tile and not in another; brought to the one form in which all lower digits lie in [0, 2^62), the same total
 * always gives the same float, at most two units in the last place from the exact sum.
 */
import { cases, cast, column, type Expression, literal, operation, type Relation, select } from './sql-algebra.js'
import { digitExponents, floatDigits } from './tile-states.js'

const base = literal(2n ** 62n)
const last = floatDigits - 1

export interface FloatSum {
  /** Columns of the digits, decimals without a fraction, highest first, and of the rest that did not fit. */
  readonly digits: readonly string[]
  readonly rest: string
  /** Name of the column that is added. */
  readonly total: string
}

/** `columns`: those of `rows`; all but digits and rests are handed through. */
export function addFloatTotals(rows: Relation, columns: readonly string[], sums: readonly FloatSum[]): Relation {
  if (sums.length === 0) return rows
  const keep = columns.filter((name) => !sums.some((sum) => sum.digits.includes(name) || sum.rest === name))
  const kept = [...keep, ...sums.map((sum) => sum.rest)].map((name) => [name, column(name)] as const)
  const digits = (each: (sum: FloatSum, digit: number) => Expression) =>
    sums.flatMap((sum) => sum.digits.map((name, digit) => [name, each(sum, digit)] as const))
  const at = (sum: FloatSum, digit: number): Expression => column(sum.digits[digit]!)
  const carry = (from: Relation): Relation => {
    let carried = from
    for (let digit = last; digit > 0; digit--) {
      const over = (sum: FloatSum): Expression => operation('floorDiv', at(sum, digit), base)
      carried = select(carried, [
        ...kept,
        ...digits((sum, own) => {
          if (own === digit) return operation('-', at(sum, own), operation('*', over(sum), base))
          return own === digit - 1 ? operation('+', at(sum, own), over(sum)) : at(sum, own)
        }),
      ])
    }
    return carried
  }
  // A negative total in that form would be a large negative digit and large positive ones, lost when added as floats: so its
  // digits are those of its amount, and the sign is kept aside.
  const signName = (sum: FloatSum): string => `__isNegative ${sum.total}`
  const whole = select(rows, [...kept, ...digits((sum, digit) => operation('integerFromDecimal', at(sum, digit)))])
  const once = carry(whole)
  const signed = select(once, [
    ...kept,
    ...digits((sum, digit) =>
      cases([[operation('<', at(sum, 0), literal(0n)), operation('-', literal(0n), at(sum, digit))]], at(sum, digit)),
    ),
    ...sums.map((sum) => [signName(sum), operation('<', at(sum, 0), literal(0n))] as const),
  ])
  kept.push(...sums.map((sum) => [signName(sum), column(signName(sum))] as const))
  return select(carry(signed), [
    ...keep.map((name) => [name, column(name)] as const),
    ...sums.map((sum) => [sum.total, total(sum, column(signName(sum)))] as const),
  ])
}

function total(sum: FloatSum, isNegative: Expression): Expression {
  const float64 = { kind: 'float64' } as const
  const parts = sum.digits.map((name, digit) =>
    operation('*', cast(column(name), float64), literal(2 ** digitExponents[digit]!)),
  )
  const amount = parts.reduceRight((lower, higher) => operation('+', lower, higher))
  const exact = cases([[isNegative, operation('-', literal(0), amount)]], amount)
  const rest = column(sum.rest)
  return cases(
    [
      [operation('isNull', rest), exact],
      [operation('isNull', column(sum.digits[0]!)), rest],
    ],
    operation('+', exact, rest),
  )
}
