/** Whole numbers wider than 128 bits, as digits to the base 2^62, lowest first: products of two digits still fit 128 bits. */
import { cast, type Expression, literal, type NamedExpression, operation } from '../sql-algebra.js'
import type { Layer, Merged } from './operation.js'

export const base = literal(2n ** 62n)

export interface Digits {
  readonly layers: readonly Layer[]
  readonly digits: readonly Expression[]
}

/**
 * One number may be split into digits in many ways, by carries that happened in one tile and not in another; brought to the form in
 * which all but the highest lie in [0, 2^62), it has one. @param given each below 2^126 in amount; `name` begins the columns' names
 */
export function carriedDigits(merged: Merged, name: string, given: readonly Expression[]): Digits {
  const top = given.length - 1
  const whole = (digit: number): string => `${name} ${digit}`
  const rest = (digit: number): string => `${name} ${digit} rest`
  const over = (digit: number): string => `${name} ${digit} over`
  const layers: NamedExpression[][] = [given.map((digit, at) => [merged.name(whole(at)), digit])]
  const at = (digit: number): Expression =>
    digit === 0 ? merged.column(whole(0)) : operation('+', merged.column(whole(digit)), merged.column(over(digit - 1)))
  // A digit's rest is worked out beside the next one's carry.
  for (let digit = 0; digit <= top; digit++) {
    const carry: NamedExpression = [merged.name(over(digit)), operation('floorDiv', at(digit), base)]
    const left = (of: number): NamedExpression => [
      merged.name(rest(of)),
      operation('-', at(of), operation('*', merged.column(over(of)), base)),
    ]
    layers.push([...(digit < top ? [carry] : []), ...(digit > 0 ? [left(digit - 1)] : [])])
  }
  return { layers, digits: given.map((_, digit) => (digit < top ? merged.column(rest(digit)) : at(top))) }
}

/** Digits as a float, lowest first, none negative: at most two units in the last place off. */
export function floatOfDigits(digits: readonly Expression[], exponents: readonly number[]): Expression {
  const parts = digits.map((digit, at) =>
    operation('*', cast(digit, { kind: 'float64' }), literal(2 ** exponents[at]!)),
  )
  return parts.reduce((lower, higher) => operation('+', lower, higher))
}
