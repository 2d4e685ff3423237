import type { ColumnProfile } from './verdict.js'

type Extremes = Pick<ColumnProfile, 'min' | 'max'>

/** Both have one number throughout, and it is the same: by what their means differ, a sum of doubles was rounded. */
export function isOneValue(was: Extremes, is: Extremes): boolean {
  return was.min !== null && [was.max, is.min, is.max].every((one) => one === was.min)
}
