/** Intervals are half-open, `[start, end)`, everywhere (R21): a row at `end` belongs to the next interval. Stated here and nowhere else. */
import { MillcourseError } from '../errors.js'
import { floorTo, formatInstant, type Instant, type IsoInstant, parseInstant } from './instant.js'

export interface Interval {
  readonly start: Instant
  readonly end: Instant
}

/** An interval as payloads, the ledger's callers and screens carry it. */
export interface IsoInterval {
  readonly start: IsoInstant
  readonly end: IsoInstant
}

export function toIsoInterval(interval: Interval): IsoInterval {
  return { start: formatInstant(interval.start), end: formatInstant(interval.end) }
}

export function fromIsoInterval(interval: IsoInterval): Interval {
  return { start: parseInstant(interval.start), end: parseInstant(interval.end) }
}

export function formatInterval(interval: Interval): string {
  return `[${formatInstant(interval.start)}, ${formatInstant(interval.end)})`
}

export function overlaps(a: Interval, b: Interval): boolean {
  return a.start < b.end && b.start < a.end
}

/** The interval of length `everyNs`, aligned to `since`, that holds `instant`. */
export function intervalAt(instant: Instant, everyNs: bigint, since: Instant): Interval {
  const start = floorTo(instant - since, everyNs) + since
  return { start, end: start + everyNs }
}

/** All whole intervals of length `everyNs`, aligned to `since`, that lie in `[since, until)`, oldest first. */
export function* intervalsBetween(from: Instant, until: Instant, everyNs: bigint, since: Instant): Generator<Interval> {
  for (
    let at = intervalAt(from < since ? since : from, everyNs, since);
    at.end <= until;
    at = { start: at.end, end: at.end + everyNs }
  )
    yield at
}

/** R21: an interval that is empty, backward, in the future or off the view's grid is refused. @throws MillcourseError PLAN_INTERVAL_INVALID, PLAN_INTERVAL_NOT_OVER */
export function checkInterval(
  interval: Interval,
  grid: { readonly everyNs: bigint; readonly since: Instant },
  now: Instant,
): void {
  const refuse = (why: string, hint: string): never => {
    throw new MillcourseError('PLAN_INTERVAL_INVALID', `interval ${formatInterval(interval)} ${why}`, {
      hint,
      facts: { ...toIsoInterval(interval) },
    })
  }
  if (interval.start === interval.end) refuse('is empty', 'an interval ends after it starts')
  if (interval.start > interval.end) refuse('runs backward', 'swap --from and --to')
  if (interval.start < grid.since)
    refuse(`starts before the view's since (${formatInstant(grid.since)})`, 'choose a later --from, or move `since`')
  const onGrid = intervalAt(interval.start, grid.everyNs, grid.since)
  if (onGrid.start !== interval.start || onGrid.end !== interval.end)
    refuse("is not one of the view's intervals", `the one that holds its start is ${formatInterval(onGrid)}`)
  // Who asked for the run knew that it had ended: this clock may be the wrong one, and the next may be right.
  if (interval.end > now)
    throw new MillcourseError(
      'PLAN_INTERVAL_NOT_OVER',
      `interval ${formatInterval(interval)} ends in the future by the worker's clock, which says ${formatInstant(now)}`,
      { hint: "set the worker's clock right; the next tick tries again", facts: { ...toIsoInterval(interval) } },
    )
}
