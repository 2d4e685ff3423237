import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHistogram, encodeHistogram, finestBits, type Histogram, mergeHistograms, widen } from './histogram.js'
import { populationStability } from './population-stability.js'

const bins = fc
  .uniqueArray(fc.tuple(fc.integer({ min: -300, max: 300 }), fc.integer({ min: 1, max: 60 })), {
    selector: ([bin]) => bin,
    maxLength: 8,
  })
  .map((pairs): [number, number][] => pairs.sort(([a], [b]) => a - b))
const histogram = fc.record({ bits: fc.integer({ min: 0, max: finestBits }), bins })

/** Value by value, each its bin at the coarser resolution. */
function naive(was: Histogram, is: Histogram): number | null {
  const bits = Math.min(was.bits, is.bits)
  const valuesOf = (one: Histogram): number[] =>
    one.bins.flatMap(([bin, count]) => new Array<number>(count).fill(Math.trunc(bin / 2 ** (one.bits - bits)) + 0))
  const [before, now] = [valuesOf(was).sort((a, b) => a - b), valuesOf(is)]
  if (before.length < 100 || now.length < 100) return null
  const groups = Math.min(10, Math.floor(now.length / 50))
  const groupOf = (value: number): number => {
    const above = before.findIndex((one) => one >= value)
    const rank = above < 0 ? before.length : above
    if (rank === before.length) return groups
    return value < before[0]! ? -1 : Math.floor((groups * rank) / before.length)
  }
  let sum = 0
  for (let group = -1; group <= groups; group++) {
    const share = (values: readonly number[]) =>
      values.filter((value) => groupOf(value) === group).length / values.length
    const [old, fresh] = [share(before), share(now)]
    if (old > 0 || fresh > 0)
      sum += (Math.max(fresh, 1e-4) - Math.max(old, 1e-4)) * Math.log(Math.max(fresh, 1e-4) / Math.max(old, 1e-4))
  }
  return sum
}

test('the index is that of the values themselves, each in the group of its rank', () => {
  fc.assert(
    fc.property(histogram, histogram, (was, is) => {
      const [quick, slow] = [populationStability(was, is), naive(was, is)]
      if (slow === null) expect(quick).toBeNull()
      else expect(quick).toBeCloseTo(slow, 9)
    }),
    { numRuns: 100 },
  )
})

test('the same is 0; what lies beyond the baseline on either side is seen; few values say nothing', () => {
  const at = (...pairs: [number, number][]): Histogram => ({ bits: finestBits, bins: pairs })
  const constant = at([50, 1_000])
  expect(populationStability(constant, constant)).toBe(0)
  for (const moved of [at([49, 500]), at([51, 500])]) expect(populationStability(constant, moved)).toBeGreaterThan(5)
  expect(populationStability(constant, at([49, 99]))).toBeNull()
  expect(populationStability(at([50, 99]), constant)).toBeNull()
})

test('histograms merge without order, and as one of all their values would be', () => {
  fc.assert(
    fc.property(fc.array(histogram, { maxLength: 4 }), (parts) => {
      const merged = mergeHistograms(parts)
      expect(mergeHistograms([...parts].reverse())).toEqual(merged)
      expect(mergeHistograms([mergeHistograms(parts.slice(0, 2)), ...parts.slice(2)])).toEqual(merged)
      expect(decodeHistogram(encodeHistogram(merged))).toEqual(merged)
      if (merged.bits > 0) expect(widen(widen(merged, merged.bits - 1), 0)).toEqual(widen(merged, 0))
    }),
  )
})
