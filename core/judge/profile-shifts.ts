/** How the rows of one run differ from those of another, by their profiles: what a person looks at before deciding on a held run. */
import { isOneValue } from './is-one-value.js'
import type { ColumnProfile, Profile } from './verdict.js'

export interface ProfileShift {
  /** Null: `count`, which is of rows. */
  readonly column: string | null
  /** All features made of the column; the profile is of the column. */
  readonly features: readonly string[]
  readonly nullRate: { readonly was: number | null; readonly is: number | null }
  readonly mean: { readonly was: number | null; readonly is: number | null }
  /** How many of the earlier standard deviations the mean has moved; null: either has no mean, or there was no deviation. */
  readonly deviations: number | null
  /** Far enough to be named. */
  readonly isShifted: boolean
}

/** Smaller moves are an ordinary hour. */
const nullRateShiftMin = 0.01
const deviationsMin = 0.5

/** One entry per column that both have, the largest shift first. */
export function compareProfiles(was: Profile, is: Profile): ProfileShift[] {
  const columns = [...new Set(is.columns.map(({ column }) => column))].filter((column) => column !== null)
  return columns
    .flatMap((column) => {
      const after = is.columns.filter((profile) => profile.column === column)
      const before = was.columns.find((profile) => profile.column === column)
      return before && after[0]
        ? [
            shiftOf(
              before,
              after[0],
              after.map(({ feature }) => feature),
            ),
          ]
        : []
    })
    .sort((a, b) => weight(b) - weight(a))
}

function shiftOf(was: ColumnProfile, is: ColumnProfile, features: readonly string[]): ProfileShift {
  const nullRate = { was: nullRateOf(was), is: nullRateOf(is) }
  const mean = { was: was.mean, is: is.mean }
  const moved = was.mean === null || is.mean === null ? null : Math.abs(is.mean - was.mean)
  const deviations = moved !== null && was.standardDeviation ? moved / was.standardDeviation : null
  const isMeanShifted = deviations === null ? mean.was !== mean.is && !isOneValue(was, is) : deviations >= deviationsMin
  const isNullShifted = Math.abs((nullRate.is ?? 0) - (nullRate.was ?? 0)) >= nullRateShiftMin
  return { column: is.column, features, nullRate, mean, deviations, isShifted: isMeanShifted || isNullShifted }
}

function nullRateOf({ values, nulls }: ColumnProfile): number | null {
  return values + nulls === 0 ? null : nulls / (values + nulls)
}

/** A hundredth of the rows turned null weighs as much as half a deviation. */
function weight({ nullRate, deviations, isShifted }: ProfileShift): number {
  const nulls = Math.abs((nullRate.is ?? 0) - (nullRate.was ?? 0)) / nullRateShiftMin
  return Math.max(nulls, (deviations ?? 0) / deviationsMin, isShifted ? 1 : 0)
}
