/**
 * Sums of squares that lose nothing, so that a variance is right where sum and squares cancel to their last digit (values around 1e9
 * that differ by 1e-3), and the same however the rows were cut into tiles.
 *
 * An integer, or a decimal without its point, is x = ±(l0 + l1·2^31 + …); kept are the sums of l0², 2·l0·l1, l1² + 2·l0·l2, … A float's
 * square is two floats, x² = p + e with p the rounded product and e what rounding left over (Dekker), both cut into digits as in
 * exact-sums.ts. Amounts below 2^-115 (2.4e-35) count as 0; those of 2^80 (1.2e24) and more, infinities and NaN are counted: the variance
 * of a window that holds one is NaN.
 */
import type { Column } from '../../define/column-type.js'
import { familyOf } from '../../define/column-types.js'
import { aggregate, cases, cast, column, type Expression, literal, operation, type SqlType } from '../sql-algebra.js'
import { countState } from './counted-values.js'
import { exactSumDigits, largestFloat, smallestFloat, sumName } from './exact-sums.js'
import type { Layer, Merged, TileState } from './operation.js'

const int128: SqlType = { kind: 'int128' }
const float64: SqlType = { kind: 'float64' }
const limbBits = 31n
const limb = literal(2n ** limbBits)

/** Highest first. The lowest is that of a float sum, squared: so the digits of a squared sum fall on these. */
const squareExponents = [98, 36, -26, -88, -150, -212, -274, -336]
const squareName = (name: string, part: number): string => `__square${part} ${name}`
export const unfitName = (name: string): string => `__unfit ${name}`

const isFloat = (declared: Column): boolean => familyOf(declared.kind) === 'float'

/** Columns of raw rows: a float's rounded square and what rounding left over; the limbs of an integer. */
export function squareColumns(declared: Column): Layer[] {
  const { name } = declared
  if (!isFloat(declared)) return integerLimbs(declared)
  const value = cast(column(name), float64)
  const amount = operation('abs', value)
  const fitting = cases([
    [operation('<', amount, literal(smallestFloat)), literal(0)],
    [operation('<', amount, literal(largestFloat)), value],
  ])
  const x = column(`__fit ${name}`)
  const [high, low, square] = [column(`__high ${name}`), column(`__low ${name}`), column(`__squared ${name}`)]
  // Split at 27 bits (Veltkamp): high and low have 26 bits each, so that their products are exact.
  const scaled = operation('*', x, literal(2 ** 27 + 1))
  const split = operation('-', scaled, operation('-', scaled, x))
  const twice = operation('*', operation('*', literal(2), high), low)
  const left = operation(
    '+',
    operation('+', operation('-', operation('*', high, high), square), twice),
    operation('*', low, low),
  )
  return [
    [[`__fit ${name}`, fitting]],
    [
      [`__high ${name}`, split],
      [`__squared ${name}`, operation('*', x, x)],
    ],
    [[`__low ${name}`, operation('-', x, high)]],
    [[`__left ${name}`, left]],
    ...squareExponents.map((exponent, at) => digitLayer(name, exponent, at)),
  ]
}

/** The next digit of a square's two parts, and what was left of them above it. */
function digitLayer(name: string, exponent: number, at: number): Layer {
  const digit = (part: string, of: number): string => `__${part}Digit${of} ${name}`
  const rest = (part: string, of: number): string => `__${part}Rest${of} ${name}`
  return ['squared', 'left'].flatMap((part) => {
    const above = column(at < 2 ? `__${part} ${name}` : rest(part, at - 2))
    const unit = literal(2 ** (exponent + 62))
    const left = at === 0 ? above : operation('-', above, operation('*', column(digit(part, at - 1)), unit))
    const own = operation('truncate', operation('*', left, literal(2 ** -exponent)))
    return [[digit(part, at), own], ...(at === 0 ? [] : [[rest(part, at - 1), left] as const])]
  })
}

export function squareStates(declared: Column): TileState[] {
  const { name } = declared
  const state = (part: number, accumulate: Expression): TileState => ({
    name: squareName(name, part),
    type: int128,
    accumulate,
    merge: (merged, where) => aggregate('sum', merged, where),
  })
  if (!isFloat(declared)) {
    const limbs = limbsOf(declared)
    const at = (index: number): Expression => column(limbName(name, index))
    return [...Array(2 * limbs - 1).keys()].map((part) => {
      const products = [...Array(limbs).keys()]
        .filter((index) => 0 <= part - index && part - index < limbs)
        .map((index) => operation('*', at(index), at(part - index)))
      return state(
        part,
        aggregate(
          'sum',
          products.reduce((a, b) => operation('+', a, b)),
        ),
      )
    })
  }
  const whole = (part: string, at: number): Expression =>
    cast(cast(column(`__${part}Digit${at} ${name}`), { kind: 'int64' }), int128)
  const isUnfit = operation('>=', operation('abs', cast(column(name), float64)), literal(largestFloat))
  return [
    ...squareExponents.map((_, at) =>
      state(at, aggregate('sum', operation('+', whole('squared', at), whole('left', at)))),
    ),
    countState(unfitName(name), cases([[isUnfit, literal(true)]])),
  ]
}

/** Sum and sum of squares as digits to the base 2^62, lowest first, and the exponent of the lowest digit of the squares. */
export function mergedMoments(declared: Column, merged: Merged) {
  const { name } = declared
  const part = (index: number): Expression => operation('integerFromDecimal', merged.column(squareName(name, index)))
  const zero = literal(0n)
  if (isFloat(declared)) {
    const squares = squareExponents.map((_, index) => part(index)).toReversed()
    return {
      // None, where all are too small to be in the sum.
      sum: [...exactSumDigits(declared, merged).map((digit) => operation('coalesce', digit, zero)), zero],
      squares: [...squares, zero],
      exponent: squareExponents.at(-1)!,
    }
  }
  const parts = 2 * limbsOf(declared) - 1
  const digits = [...Array((parts + 1) / 2).keys()].map((digit) => {
    const shifted = (index: number): Expression => operation('*', operation('remainder', part(index), limb), limb)
    return [
      part(2 * digit),
      ...(2 * digit + 1 < parts ? [shifted(2 * digit + 1)] : []),
      ...(digit > 0 ? [operation('quotient', part(2 * digit - 1), limb)] : []),
    ].reduce((a, b) => operation('+', a, b))
  })
  const total = merged.column(sumName(name))
  return { sum: [operation('unscaled', total), zero, zero], squares: [...digits, zero], exponent: 0 }
}

const limbName = (name: string, index: number): string => `__limb${index} ${name}`

/** Of 31 bits each, the last one as wide as it must be: small enough that many products add up in 128 bits. */
function limbsOf(declared: Column): number {
  return declared.kind === 'decimal' && (declared.precision ?? 38) > 18 ? 5 : 2
}

/** Each with the sign of the value: in a product two of them meet. */
function integerLimbs(declared: Column): Layer[] {
  const { name } = declared
  const isWide = limbsOf(declared) > 2
  const whole = declared.kind === 'decimal' ? operation('unscaled', column(name)) : column(name)
  const wholeName = `__whole ${name}`
  // 128-bit division is slow: it is for those who need it.
  const type: SqlType = isWide ? int128 : { kind: declared.kind === 'uint64' ? 'uint64' : 'int64' }
  const limbs = [...Array(limbsOf(declared)).keys()].map((index) => {
    const shifted =
      index === 0
        ? column(wholeName)
        : operation('quotient', column(wholeName), literal(2n ** (limbBits * BigInt(index))))
    const isLast = index === limbsOf(declared) - 1
    return [limbName(name, index), cast(isLast ? shifted : operation('remainder', shifted, limb), int128)] as const
  })
  return [[[wholeName, cast(whole, type)]], limbs]
}
