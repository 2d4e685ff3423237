/**
 * How many distinct values: HyperLogLog with 256 registers. The first eight bits of a value's hash name a register, which keeps the
 * longest run of leading zeros, plus one, that the other 56 bits of a hash had. Merging takes the larger, so the answer does not depend
 * on how rows were cut. Read with Ertl's improved estimator (arXiv 1702.01284); the standard error is 1.04 / sqrt(256) = 6.5 %.
 */

export const registers = 256
/** Of the hash, without those that name the register. */
export const bitsOfRank = 56
/** One character each for 0 to 57. */
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Rank of each register, 0 where no value fell. */
export type DistinctSketch = readonly number[]

export const emptyDistinct: DistinctSketch = new Array<number>(registers).fill(0)

/** @param hit registers that a value fell into, with their ranks */
export function distinctSketchOf(hit: readonly (readonly [register: number, rank: number])[]): DistinctSketch {
  const ranks = [...emptyDistinct]
  for (const [register, rank] of hit) ranks[register] = rank
  return ranks
}

export function mergeDistinct(sketches: readonly DistinctSketch[]): DistinctSketch {
  return emptyDistinct.map((_, at) => Math.max(0, ...sketches.map((sketch) => sketch[at]!)))
}

/** A whole number; 68 of 100 are at most 6.5 % off, 99.7 at most three times as much. */
export function distinctOf(sketch: DistinctSketch): number {
  const untouched = sketch.filter((rank) => rank === 0).length
  if (untouched === registers) return 0
  const shares = sketch.reduce((sum, rank) => (rank === 0 ? sum : sum + 2 ** -rank), 0)
  const estimate = registers ** 2 / (2 * Math.LN2) / (shares + registers * sigma(untouched / registers))
  return Math.round(estimate)
}

/** Of registers that no value fell into. */
function sigma(share: number): number {
  let [power, weight, sum, before] = [share, 1, share, -1]
  while (sum !== before) {
    power *= power
    before = sum
    sum += power * weight
    weight *= 2
  }
  return sum
}

/** All registers, one character each; or, where that is shorter, those that were hit: two for the register, one for its rank. */
export function encodeDistinct(sketch: DistinctSketch): string {
  const hit = sketch.flatMap((rank, register) =>
    rank === 0 ? [] : [`${digits[register >> 6]}${digits[register & 63]}${digits[rank]}`],
  )
  return hit.length * 3 < registers ? hit.join('') : sketch.map((rank) => digits[rank]).join('')
}

export function decodeDistinct(text: string): DistinctSketch {
  const numbers = [...text].map((digit) => digits.indexOf(digit))
  if (numbers.length === registers) return numbers
  const hit = Array.from({ length: numbers.length / 3 }, (_, at) => numbers.slice(at * 3, at * 3 + 3))
  return distinctSketchOf(hit.map(([high, low, rank]) => [high! * 64 + low!, rank!]))
}
