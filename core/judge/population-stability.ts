/**
 * Population stability index: the sum of (is - was) · ln(is / was) over groups of numbers, each a share. The groups are tenths of the
 * baseline, cut at edges of bins (histogram.ts), so both sides are counted exactly; what lies below or above all of the baseline is a
 * group of its own. A share of nothing counts as 0.0001. Without any drift chance alone makes about (groups - 1) / values of it: there is at
 * most one group for 50 of the interval's values, and of fewer than 100 on either side nothing is said.
 *
 * Common reading: below 0.1 the same, from 0.25 on another distribution.
 */
import { type Histogram, mergeHistograms, sizeOf, widen } from './histogram.js'

const groupsMax = 10
const valuesPerGroup = 50
const valuesMin = 2 * valuesPerGroup
const shareMin = 0.0001

export function populationStability(was: Histogram, is: Histogram): number | null {
  const [wasSize, isSize] = [sizeOf(was), sizeOf(is)]
  if (wasSize < valuesMin || isSize < valuesMin) return null
  const groupOf = grouping(was, is, Math.min(groupsMax, Math.floor(isSize / valuesPerGroup)))
  const [before, now] = [shares(was, wasSize, is.bits, groupOf), shares(is, isSize, was.bits, groupOf)]
  return [...new Set([...before.keys(), ...now.keys()])].reduce((sum, group) => {
    const [old, share] = [Math.max(before.get(group) ?? 0, shareMin), Math.max(now.get(group) ?? 0, shareMin)]
    return sum + (share - old) * Math.log(share / old)
  }, 0)
}

/** Group of each bin: the tenth in which its first value ranks among those of the baseline; -1 below it, `groups` above it. */
function grouping(was: Histogram, is: Histogram, groups: number): ReadonlyMap<number, number> {
  const bits = Math.min(was.bits, is.bits)
  const baseline = new Map(widen(was, bits).bins)
  const total = sizeOf(was)
  let below = 0
  return new Map(
    mergeHistograms([was, is]).bins.map(([bin]) => {
      const count = baseline.get(bin) ?? 0
      const group = below === total ? groups : below + count === 0 ? -1 : Math.floor((groups * below) / total)
      below += count
      return [bin, group]
    }),
  )
}

function shares(histogram: Histogram, size: number, otherBits: number, groupOf: ReadonlyMap<number, number>) {
  const sums = new Map<number, number>()
  for (const [bin, count] of widen(histogram, Math.min(histogram.bits, otherBits)).bins) {
    const group = groupOf.get(bin)!
    sums.set(group, (sums.get(group) ?? 0) + count / size)
  }
  return sums
}
