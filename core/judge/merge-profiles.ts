/**
 * The profile of the rows of several runs, from theirs: hours become days and weeks. Counts, minima and maxima are exact; mean and
 * deviation but for rounding; quantiles at most 2.2 % off (histogram.ts; more where a spread of over 256 bins had them widened), distinct
 * values within a standard error of 6.5 % (distinct-sketch.ts). Profiles of an older release have no sketches: of what
 * they are part of neither quantiles nor distinct values are known.
 */
import { decodeDistinct, distinctOf, mergeDistinct } from './distinct-sketch.js'
import { decodeHistogram, mergeHistograms, quantileOf } from './histogram.js'
import type { ColumnProfile, Profile, ProfileSketches } from './verdict.js'

export interface ProfilePart {
  readonly profile: Profile
  readonly sketches: ProfileSketches | null
}

export interface MergedProfile extends Omit<Profile, 'keysDistinctApproximate' | 'columns'> {
  readonly runs: number
  readonly keysDistinctApproximate: number | null
  readonly columns: readonly MergedColumn[]
}

export interface MergedColumn extends Omit<ColumnProfile, 'distinctApproximate' | 'numbers'> {
  /** Numbers that the mean is of. */
  readonly numbers: number
  readonly distinctApproximate: number | null
}

/** Of the features that any part has; one that some part lacks, as one held alone there (R35), is of the others. */
export function mergeProfiles(parts: readonly ProfilePart[]): MergedProfile {
  const sum = (of: (profile: Profile) => number): number => parts.reduce((total, { profile }) => total + of(profile), 0)
  return {
    runs: parts.length,
    rowsRead: sum((one) => one.rowsRead),
    rowsKept: sum((one) => one.rowsKept),
    nullKeys: sum((one) => one.nullKeys),
    nullEventTimes: sum((one) => one.nullEventTimes),
    duplicateRows: sum((one) => one.duplicateRows),
    keysDistinctApproximate: distinctOfAll(parts, (sketches) => sketches.keys),
    columns: [...columnsOf(parts)].map(([feature, column]) => mergeColumn(feature, column, parts)),
  }
}

/** By feature: the column that it is made of in the newest part that has it, whose order comes first. */
function columnsOf(parts: readonly ProfilePart[]): ReadonlyMap<string, string | null> {
  const columns = new Map<string, string | null>()
  for (const { feature, column } of parts.toReversed().flatMap(({ profile }) => profile.columns))
    if (!columns.has(feature)) columns.set(feature, column)
  return columns
}

function mergeColumn(feature: string, column: string | null, parts: readonly ProfilePart[]): MergedColumn {
  const found = parts.flatMap(({ profile, sketches }) => {
    const one = profile.columns.find((each) => each.feature === feature)
    return one ? [{ one, sketches }] : []
  })
  const columns = found.map(({ one }) => one)
  const sum = (of: (one: ColumnProfile) => number): number => columns.reduce((total, one) => total + of(one), 0)
  const { numbers, mean, squares } = columns.map(momentsOf).reduce(mergeMoments, noMoments)
  const sketchOf = (sketches: ProfileSketches) => (column === null ? undefined : sketches.columns[column])
  return {
    feature,
    column,
    values: sum((one) => one.values),
    nulls: sum((one) => one.nulls),
    nans: sum((one) => one.nans),
    numbers,
    mean: numbers > 0 ? mean : null,
    standardDeviation: numbers > 1 ? Math.sqrt(squares / (numbers - 1)) : null,
    min: columns.reduce<number | null>((least, { min }) => (min === null ? least : Math.min(min, least ?? min)), null),
    max: columns.reduce<number | null>((most, { max }) => (max === null ? most : Math.max(max, most ?? max)), null),
    ...quantilesOfAll(found.map(({ sketches }) => sketches && sketchOf(sketches)?.histogram)),
    distinctApproximate: distinctOfAll(found, (sketches) => sketchOf(sketches)?.distinct),
  }
}

interface Moments {
  readonly numbers: number
  readonly mean: number
  /** Sum of squared distances from the mean. */
  readonly squares: number
}

const noMoments: Moments = { numbers: 0, mean: 0, squares: 0 }

/** Profiles of an older release do not say how many numbers a mean is of: then all values but NaN. */
function momentsOf({ values, nans, numbers = values - nans, mean, standardDeviation }: ColumnProfile): Moments {
  if (mean === null) return noMoments
  return { numbers, mean, squares: (standardDeviation ?? 0) ** 2 * Math.max(numbers - 1, 0) }
}

function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.numbers === 0 || b.numbers === 0) return a.numbers === 0 ? b : a
  const numbers = a.numbers + b.numbers
  const apart = b.mean - a.mean
  return {
    numbers,
    mean: a.mean + (apart * b.numbers) / numbers,
    squares: a.squares + b.squares + (apart ** 2 * a.numbers * b.numbers) / numbers,
  }
}

function quantilesOfAll(histograms: readonly (string | null | undefined)[]) {
  const given = histograms.filter((one) => typeof one === 'string')
  const merged = given.length < histograms.length ? null : mergeHistograms(given.map(decodeHistogram))
  const at = (q: number): number | null => (merged ? quantileOf(merged, q) : null)
  return { p1: at(0.01), p25: at(0.25), p50: at(0.5), p75: at(0.75), p99: at(0.99) }
}

/** Null where a part has no sketch, or one by another hash. */
function distinctOfAll(
  parts: readonly { readonly sketches: ProfileSketches | null }[],
  of: (sketches: ProfileSketches) => string | undefined,
): number | null {
  const texts = parts.flatMap(({ sketches }) => (sketches && of(sketches)) ?? [])
  const hashes = new Set(parts.flatMap(({ sketches }) => sketches?.hash ?? []))
  return texts.length < parts.length || hashes.size > 1 ? null : distinctOf(mergeDistinct(texts.map(decodeDistinct)))
}
