/** How far the rows of a run are from those of its baseline, whatever the limits. Null: there is too little to say it. */
import type { BaselineKind } from './baseline.js'
import { decodeHistogram, mergeHistograms } from './histogram.js'
import { isOneValue } from './is-one-value.js'
import { type MergedColumn, mergeProfiles, type ProfilePart } from './merge-profiles.js'
import { populationStability } from './population-stability.js'
import type { ColumnProfile } from './verdict.js'

export interface Baseline {
  readonly kind: BaselineKind
  readonly runs: readonly ProfilePart[]
  /** Good runs of the last 7 days (baseline.ts). */
  readonly weekRuns: number
}

export interface Drift {
  readonly volume: Drifted | null
  readonly keys: Drifted | null
  readonly features: Readonly<Record<string, FeatureDrifted>>
}

export interface FeatureDrifted {
  readonly sigma: Drifted | null
  readonly nullRate: Drifted | null
  readonly psi: Drifted | null
  readonly cardinality: Drifted | null
}

export interface Drifted {
  /** Never below 0: up or down are alike. */
  readonly observed: number
  /** What was compared, where that is one number of each side. */
  readonly was: number | null
  readonly is: number | null
  /** Of the baseline, those that have such a number. */
  readonly runs: number
}

/** A statistic that fewer runs of the baseline have is not judged. */
const runsMin = 4

export function measureDrift(run: ProfilePart, baseline: Baseline): Drift {
  const { profile } = run
  const withRows = baseline.runs.filter((one) => one.profile.rowsKept > 0)
  const merged = mergeProfiles(baseline.runs)
  return {
    volume: change(
      profile.rowsKept,
      baseline.runs.map((one) => one.profile.rowsKept),
    ),
    keys:
      profile.rowsKept === 0
        ? null
        : change(
            profile.keysDistinctApproximate,
            withRows.map((one) => one.profile.keysDistinctApproximate),
          ),
    features: Object.fromEntries(
      profile.columns
        .filter(({ column }) => column !== null)
        .map((column) => [column.feature, featureDrift(column, run, baseline.runs, merged.columns)]),
    ),
  }
}

function featureDrift(
  is: ColumnProfile,
  run: ProfilePart,
  parts: readonly ProfilePart[],
  merged: readonly MergedColumn[],
): FeatureDrifted {
  const found = parts.flatMap((part) => {
    const one = part.profile.columns.find(({ feature }) => feature === is.feature)
    return one && one.values + one.nulls > 0 ? [{ one, sketch: part.sketches?.columns[is.column!]?.histogram }] : []
  })
  const was = merged.find(({ feature }) => feature === is.feature)
  const columns = found.map(({ one }) => one)
  if (!was || is.values + is.nulls === 0) return { sigma: null, nullRate: null, psi: null, cardinality: null }
  return {
    sigma: meanShift(is, was, columns.filter(({ mean }) => mean !== null).length),
    nullRate: rateChange(nullRateOf(is), nullRateOf(was), columns.length),
    psi: stability(
      run.sketches?.columns[is.column!]?.histogram,
      found.flatMap(({ sketch }) => sketch ?? []),
    ),
    cardinality: change(
      is.distinctApproximate,
      columns.map((one) => one.distinctApproximate),
    ),
  }
}

function meanShift(is: ColumnProfile, was: MergedColumn, runs: number): Drifted | null {
  if (is.mean === null || was.mean === null || was.standardDeviation === null || runs < runsMin) return null
  const moved = isOneValue(was, is) ? 0 : Math.abs(is.mean - was.mean)
  return { observed: share(moved, was.standardDeviation), was: was.mean, is: is.mean, runs }
}

function rateChange(is: number, was: number, runs: number): Drifted | null {
  return runs < runsMin ? null : { observed: Math.abs(is - was), was, is, runs }
}

function nullRateOf({ values, nulls }: Pick<ColumnProfile, 'values' | 'nulls'>): number {
  return nulls / (values + nulls)
}

function stability(is: string | undefined, was: readonly string[]): Drifted | null {
  if (is === undefined || was.length < runsMin) return null
  const observed = populationStability(mergeHistograms(was.map(decodeHistogram)), decodeHistogram(is))
  return observed === null ? null : { observed, was: null, is: null, runs: was.length }
}

/** Against the median, which one odd run does not move. */
function change(is: number, past: readonly number[]): Drifted | null {
  if (past.length < runsMin) return null
  const sorted = [...past].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const was = sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
  return { observed: share(Math.abs(is - was), was), was, is, runs: past.length }
}

/** JSON knows no infinity: the largest number stands for it, beyond any limit. */
function share(part: number, whole: number): number {
  return part === 0 ? 0 : Math.min(part / whole, Number.MAX_VALUE)
}
