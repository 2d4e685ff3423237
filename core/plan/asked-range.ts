import { MillcourseError } from '../errors.js'
import { formatInstant, type Instant } from '../time/instant.js'
import { type Interval, intervalAt } from '../time/interval.js'
import type { Grid } from './due-intervals.js'

/**
 * The intervals that a person asked for, `[from, to)`; a missing end is the view's own.
 * @throws MillcourseError PLAN_INTERVAL_INVALID: empty, backward, ends in the future, before `since` or off the grid (R21)
 */
export function askedRange(
  asked: { readonly from: Instant | null; readonly to: Instant | null },
  grid: Grid,
  now: Instant,
): Interval {
  const lastEnd = now < grid.since ? grid.since : intervalAt(now, grid.everyNs, grid.since).start
  const range = { start: asked.from ?? grid.since, end: asked.to ?? lastEnd }
  const refuse = (why: string, hint: string): never => {
    throw new MillcourseError(
      'PLAN_INTERVAL_INVALID',
      `[${formatInstant(range.start)}, ${formatInstant(range.end)}) ${why}`,
      {
        hint,
        facts: { from: formatInstant(range.start), to: formatInstant(range.end) },
      },
    )
  }
  if (asked.from !== null && range.start < grid.since)
    refuse(`starts before the view's since (${formatInstant(grid.since)})`, 'choose a later --from, or move `since`')
  if (asked.to !== null && range.end > now)
    refuse(
      `ends in the future (now is ${formatInstant(now)})`,
      `the last interval that has ended ends at ${formatInstant(lastEnd)}`,
    )
  // Without an explicit end there may simply be nothing yet.
  if (asked.to !== null && range.start === range.end) refuse('is empty', 'an interval ends after it starts')
  if (asked.to !== null && range.start > range.end) refuse('runs backward', 'swap --from and --to')
  for (const edge of [asked.from, asked.to]) {
    if (edge === null) continue
    const { start, end } = intervalAt(edge, grid.everyNs, grid.since)
    if (start !== edge)
      refuse(
        `cuts through an interval at ${formatInstant(edge)}`,
        `its edges are ${formatInstant(start)} and ${formatInstant(end)}`,
      )
  }
  return range.start < range.end ? range : { start: range.end, end: range.end }
}
