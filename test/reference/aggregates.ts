/** R7b, R8, R20: an aggregate of the values of a window's rows, in the order of R3. */
import type { SourceDefinition, WindowFeature } from '../../core/define/definitions.js'
import { type Answer, compareValues, type Row, type Value } from './point-in-time.js'

type Asked = Pick<WindowFeature, 'operation' | 'parameters'> & {
  /** Digits after the point of values that are decimals without it. */
  readonly scale?: number
}

/** What a window feature answers for these rows of its window, in the order of R3. */
export function answerOfRows(
  feature: Pick<WindowFeature, 'operation' | 'parameters' | 'column' | 'by'>,
  { schema }: Pick<SourceDefinition, 'schema'>,
  rows: readonly Row[],
): Answer {
  const { column: name, by } = feature
  const asked = { ...feature, scale: schema.find((column) => column.name === name)?.scale ?? 0 }
  const values = rows.map((row) => (name === null ? true : row.columns[name]!))
  if (by === undefined) return aggregateValues(asked, values)
  return aggregateBuckets(
    asked,
    values,
    rows.map((row) => row.columns[by]!),
  )
}

function aggregateValues({ operation, parameters = {}, scale = 0 }: Asked, all: readonly Value[]): Answer {
  const values = all.filter((value) => value !== null)
  const sorted = values.map(positiveZero).toSorted(compareValues)
  const n = parameters.n as number
  switch (operation) {
    case 'count':
      return BigInt(values.length)
    case 'count_distinct':
    case 'approx_count_distinct':
      return BigInt(distinct(sorted).length)
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
    case 'last_n':
      return values.length === 0 ? null : values.slice(-n).toReversed()
    case 'last_distinct_n':
      return values.length === 0 ? null : distinct(values.map(positiveZero).toReversed()).slice(0, n)
    case 'approx_quantile': {
      const { q, quantiles } = parameters
      if (values.length === 0) return null
      const of = (share: number): number => quantile(sorted, share, scale)
      return quantiles ? (quantiles as number[]).map(of) : of(q as number)
    }
    case 'var':
      return variance(values, scale, 1n)
    case 'var_pop':
      return variance(values, scale, 0n)
    case 'stddev':
      return root(variance(values, scale, 1n))
    case 'stddev_pop':
      return root(variance(values, scale, 0n))
  }
}

/** R8 per bucket: one that would answer as nothing does is left out; no bucket at all is null. */
function aggregateBuckets(asked: Asked, all: readonly Value[], buckets: readonly Value[]): Answer {
  const keys = distinct(buckets.filter((bucket) => bucket !== null).toSorted(compareValues))
  const isCount = asked.operation.includes('count')
  const pairs = keys
    .map((key) => {
      const own = all.filter((_, at) => buckets[at] === key)
      return [key, aggregateValues(asked, own)] as const
    })
    .filter(([, answer]) => answer !== null && !(isCount && answer === 0n))
  return pairs.length === 0 ? null : pairs
}

const positiveZero = (value: Value): Value => (Object.is(value, -0) ? 0 : value)

/** The first of each. */
function distinct(values: readonly Value[]): Value[] {
  return values.filter((value, at) => values.findIndex((other) => compareValues(other, value) === 0) === at)
}

/** Of rank ceil(q·n), q as it is written: the noise of its double is far behind the twelfth digit. */
function quantile(sorted: readonly Value[], q: number, scale: number): number {
  const rank = Math.ceil(Number((q * sorted.length).toPrecision(12)))
  return Number(sorted[Math.max(1, rank) - 1]) / 10 ** scale
}

function root(value: number | null): number | null {
  return value === null ? null : Math.sqrt(value)
}

/** In whole numbers, n·Σx² - (Σx)² by n·(n - less), and rounded once. */
function variance(values: readonly Value[], scale: number, less: bigint): number | null {
  const count = BigInt(values.length)
  const divisor = count * (count - less)
  if (divisor === 0n) return null
  const isFloat = typeof values[0] === 'number'
  if (isFloat && values.some((value) => !(Math.abs(value as number) < 2 ** 80))) return Number.NaN
  const whole = values.map((value) => {
    if (typeof value !== 'number') return value as bigint
    return Math.abs(value) < 2 ** -115 ? 0n : scaled(value)
  })
  const total = whole.reduce((a, b) => a + b, 0n)
  const distances = count * whole.reduce((a, b) => a + b * b, 0n) - total * total
  return isFloat ? ratio(distances, divisor << 2148n) : ratio(distances, divisor * 10n ** BigInt(2 * scale))
}

/** Of two numbers that are not negative, to 70 bits before it becomes a float. */
function ratio(above: bigint, below: bigint): number {
  const shift = Math.max(0, 70 - above.toString(2).length + below.toString(2).length)
  const quotient = (above << BigInt(shift)) / below
  return Number(quotient) * 2 ** -Math.floor(shift / 2) * 2 ** -Math.ceil(shift / 2)
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
