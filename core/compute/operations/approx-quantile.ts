/**
 * Quantiles from a histogram whose bins are as wide as their values are large: a bin is all numbers that share sign, exponent and the
 * seven highest bits of the fraction of a double, so it is less than 1/128 wide, relative to its values (nearer to zero than 1e-307,
 * where doubles have no more exponents, it is 2^-1029 wide, around zero twice that). A tile keeps, per bin, how
 * many values it has, the smallest and the largest; merging adds, takes the smaller and the larger, so the answer does not depend on
 * how the rows were cut.
 *
 * The answer for q is of the value of rank max(1, ceil(q·n)) among n, NaN above every number; q is the decimal that was written. It is exact where that value is its
 * bin's smallest or largest one (so for q 0 and 1, for whole numbers below 256, and where values are few), else the middle
 * of the two, which is at most 0.4 % or 2^-1029 off.
 */
import type { Column } from '../../define/column-type.js'
import {
  aggregate,
  all,
  cases,
  cast,
  column as columnOf,
  type Expression,
  list,
  literal,
  operation,
  type SqlType,
} from '../sql-algebra.js'
import { comparable } from './comparable.js'
import { countState } from './counted-values.js'
import { type OperationPlan, type TileState, windowOperation } from './operation.js'
import { quantileOption } from './options.js'
import { numbers } from './takes.js'

/** Bits of a double that do not name the bin. */
const bitsBelow = 52n - 7n
/** Above infinity's. */
const binOfNaN = 262_144n
const float64: SqlType = { kind: 'float64' }

/** The value below which a share of the values lies; at most 0.4 % off. */
export const approxQuantile = windowOperation({
  takes: numbers,
  takesRows: false,
  options: quantileOption,
  answer: (_, { quantiles }) =>
    quantiles === undefined
      ? { kind: 'float64', nullable: true }
      : { kind: 'list', nullable: true, of: { kind: 'float64', nullable: false } },
  ofNothing: 'null',
  bound: '0.4 % of the value of that rank, or 2e-310',
  documentation: {
    call: "approx_quantile('column', { q, over }), approx_quantile('column', { quantiles: [0.5, 0.9], over })",
    takes: 'numbers; q from 0 to 1',
    answers: 'float64, or a list of them: the value of rank ceil(q·n), at most 0.4 % off',
  },
  plan: ({ column, parameters: { q, quantiles } }) => {
    const asked = (quantiles ?? [q]) as readonly number[]
    return quantilePlan(column!, asked, quantiles !== undefined)
  },
})

function quantilePlan({ name }: Column, asked: readonly number[], isList: boolean): OperationPlan {
  const value = comparable({ kind: 'float64', nullable: true }, cast(columnOf(name), float64))
  const read = columnOf(`__number ${name}`)
  const state = (which: 'min' | 'max'): TileState => ({
    name: `__bin_${which} ${name}`,
    type: float64,
    accumulate: aggregate(which, read),
    merge: (merged, where) => aggregate(which, merged, where),
  })
  const counted = `__bin_count ${name}`
  const before = `__bin_before ${name}`
  const total = `__bin_total ${name}`
  const found = (share: number): string => `__quantile${share} ${name}`
  return {
    ofRows: [[[`__number ${name}`, value]], [[`__bin ${name}`, cast(binOf(read), { kind: 'int32' })]]],
    states: [countState(counted, read), state('min'), state('max')],
    inner: {
      name: `bin ${name}`,
      type: { kind: 'int32' },
      of: columnOf(`__bin ${name}`),
      beside: (merged, inner, key) => {
        const over = (orderBy: Expression): Expression => ({
          is: 'running',
          aggregate: 'sum',
          operand: merged.column(counted),
          partitionBy: key,
          orderBy,
        })
        return [
          [merged.name(before), operation('-', over(inner), merged.column(counted))],
          // Rows that tie are all counted.
          [merged.name(total), over(literal(true))],
        ]
      },
      gather: (merged) =>
        asked.map((share) => {
          const [first, count] = [merged.column(before), merged.column(counted)]
          const [low, high] = [merged.column(`__bin_min ${name}`), merged.column(`__bin_max ${name}`)]
          const [numerator, denominator] = fractionOf(share)
          const less = operation('*', literal(-numerator), merged.column(total))
          // The ceiling, by way of the floor.
          const wanted = operation('-', literal(0n), operation('floorDiv', less, literal(denominator)))
          const rank = operation('-', operation('greatest', literal(1n), wanted), first)
          const holds = all([operation('>=', rank, literal(1n)), operation('<=', rank, count)])
          const half = (one: Expression): Expression => operation('/', one, literal(2))
          const middle = cases(
            [
              [operation('=', rank, literal(1n)), low],
              [operation('=', rank, count), high],
            ],
            operation('+', half(low), half(high)),
          )
          return [merged.name(found(share)), aggregate('any', middle, holds)]
        }),
    },
    finish: (merged) => {
      const answers = asked.map((share) => merged.column(found(share)))
      const value = isList ? cases([[operation('isNotNull', answers[0]!), list(answers)]]) : answers[0]!
      return { layers: [], value }
    },
  }
}

/** Beyond so many digits no number of rows tells two shares apart. */
const digitsMax = 18

/** A share by the digits that it is written with: the double that stands for 0.55 is a little more, and of 100 values would ask for the 56th. */
function fractionOf(share: number): readonly [numerator: bigint, denominator: bigint] {
  const [digits = '', exponent = '0'] = String(share).split('e')
  const [whole = '', after = ''] = digits.split('.')
  const [written, places] = [BigInt(whole + after), after.length - Number(exponent)]
  if (places <= digitsMax) return [written, 10n ** BigInt(places)]
  return [written / 10n ** BigInt(places - digitsMax), 10n ** BigInt(digitsMax)]
}

function binOf(value: Expression): Expression {
  const bits = operation('quotient', operation('floatBits', operation('abs', value)), literal(2n ** bitsBelow))
  return cases(
    [
      [operation('isNaN', value), literal(binOfNaN)],
      [operation('<', value, literal(0)), operation('-', literal(0n), bits)],
    ],
    bits,
  )
}
