/** R7b, R8, R20: an aggregate of the values of a window's rows, in the order of R3. */
import { compareValues, type Operation, type Value } from './point-in-time.js'

export function aggregateValues(operation: Operation, all: readonly Value[]): Value {
  const values = all.filter((value) => value !== null)
  const sorted = values.map((value) => (Object.is(value, -0) ? 0 : value)).toSorted(compareValues)
  switch (operation) {
    case 'count':
      return BigInt(values.length)
    case 'count_distinct':
      return BigInt(sorted.filter((value, at) => at === 0 || compareValues(value, sorted[at - 1]!) !== 0).length)
    case 'min':
      return sorted[0] ?? null
    case 'max':
      return sorted.at(-1) ?? null
    case 'first':
      return values[0] ?? null
    case 'last':
      return values.at(-1) ?? null
    case 'sum':
      return values.length === 0 ? null : sum(values)
    case 'avg':
      return values.length === 0 ? null : Number(sum(values)) / values.length
  }
}

function sum(values: readonly Value[]): bigint | number {
  if (typeof values[0] === 'bigint') return values.reduce<bigint>((total, value) => total + (value as bigint), 0n)
  return exactSum(values as readonly number[])
}

/** The sum without rounding, as a fraction of 2^1074, rounded once. */
export function exactSum(values: readonly number[]): number {
  const odd = values.filter((value) => !Number.isFinite(value))
  if (odd.length > 0) return odd.reduce((a, b) => a + b)
  const total = values.reduce((exact, value) => exact + scaled(value), 0n)
  const bits = (total < 0n ? -total : total).toString(2).length
  const shift = BigInt(Math.max(0, bits - 64))
  const exponent = Number(shift) - 1074
  return Number(total >> shift) * 2 ** Math.floor(exponent / 2) * 2 ** Math.ceil(exponent / 2)
}

function scaled(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const exponent = (bits >> 52n) & 0x7ffn
  const fraction = bits & 0xfffffffffffffn
  const amount = exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n)
  return bits >> 63n ? -amount : amount
}
