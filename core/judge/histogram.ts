/**
 * How the numbers of a column are spread, in bins whose edges are the same for all columns and runs: 2^bits bins for each doubling of the
 * magnitude, cut evenly by its logarithm, so that a bin is less than 4.5 % wide at the finest. The bins of fewer bits are made of whole bins
 * of more, so histograms merge by adding, exactly, in any order, at the fewer bits of the two. Zero has a bin of its own, NaN the last one (R20).
 */

/** What is counted in (sketch-query.ts): sixteen bins for each doubling. */
export const finestBits = 4
/** The smallest double is 2^-1074; the bin of a number is then above that of zero. */
export const smallestExponent = 1075
/** Above the bin of the largest double. */
export const binOfNaN = 2_560 * 2 ** finestBits
/** A histogram of more is kept with wider bins. */
const binsMax = 256

export interface Histogram {
  /** 0 to `finestBits`. */
  readonly bits: number
  /** Bin and how many numbers, from the smallest bin to the largest; bins of negative numbers are negative. */
  readonly bins: readonly (readonly [bin: number, count: number])[]
}

/** Bounded: with bins as narrow as go into the number of bins. */
export function boundHistogram(histogram: Histogram): Histogram {
  let bounded = histogram
  while (bounded.bins.length > binsMax && bounded.bits > 0) bounded = widen(bounded, bounded.bits - 1)
  return bounded
}

export function mergeHistograms(histograms: readonly Histogram[]): Histogram {
  const bits = Math.min(finestBits, ...histograms.map((one) => one.bits))
  return { bits, bins: sumBins(histograms.flatMap((one) => widen(one, bits).bins)) }
}

export function widen({ bits, bins }: Histogram, to: number): Histogram {
  const factor = 2 ** (bits - to)
  // Toward zero on both sides: a bin is of sign and magnitude. -0 would be another bin than 0.
  return { bits: to, bins: sumBins(bins.map(([bin, count]) => [Math.trunc(bin / factor) + 0, count])) }
}

export function sizeOf({ bins }: Histogram): number {
  return bins.reduce((sum, [, count]) => sum + count, 0)
}

/**
 * The number of rank max(1, ceil(q·n)) among those that are not NaN, as the middle of its bin: at most half of the bin's width off, 2.2 % of
 * it at the finest. Null: there is none.
 */
export function quantileOf({ bits, bins }: Histogram, q: number): number | null {
  const nan = binOfNaN / 2 ** (finestBits - bits)
  const numbers = bins.filter(([bin]) => bin < nan)
  const rank = Math.max(1, Math.ceil(q * sizeOf({ bits, bins: numbers })))
  let before = 0
  for (const [bin, count] of numbers) {
    before += count
    if (before >= rank)
      return bin === 0 ? 0 : (Math.sign(bin) * (edge(Math.abs(bin), bits) + edge(Math.abs(bin) + 1, bits))) / 2
  }
  return null
}

/** The smallest magnitude of a bin; of what is beyond doubles the largest. */
function edge(bin: number, bits: number): number {
  return Math.min(2 ** (bin / 2 ** bits - smallestExponent), Number.MAX_VALUE / 2)
}

/** `4;t8,2c;1,5`: bits, then each bin as its distance from the one before and its count, to the base of 36. */
export function encodeHistogram({ bits, bins }: Histogram): string {
  const parts = bins.map(([bin, count], at) => `${(bin - (bins[at - 1]?.[0] ?? 0)).toString(36)},${count.toString(36)}`)
  return [bits, ...parts].join(';')
}

export function decodeHistogram(text: string): Histogram {
  const [bits, ...parts] = text.split(';')
  let bin = 0
  return {
    bits: Number(bits),
    bins: parts.map((part) => {
      const [distance, count] = part.split(',').map((digits) => Number.parseInt(digits, 36))
      bin += distance!
      return [bin, count!]
    }),
  }
}

function sumBins(bins: Histogram['bins']): Histogram['bins'] {
  const sums = new Map<number, number>()
  for (const [bin, count] of bins) sums.set(bin, (sums.get(bin) ?? 0) + count)
  return [...sums].sort(([a], [b]) => a - b)
}
