/**
 * What an interval is compared with: good runs before it, at best those of the same hour of the week. A run is good that ended done,
 * committed or accepted; of an interval the newest such run counts. The run under test is none of them: all lie before its interval.
 *
 *     hour-of-week   7, 14, 21 and 28 days before, give or take an hour
 *     hour-of-day    1 to 7 days before, give or take an hour
 *     week           the last 7 days, of intervals longer than a day the last 7 intervals
 *
 * The first of the three that has 4 runs is taken, else the last one. Hours are those of UTC; the hour to both sides covers a change of
 * local time.
 */
import type { RunOutcome } from '../plan/interval-state.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

export const goodOutcomes: readonly RunOutcome[] = ['done', 'committed', 'accepted']

export type BaselineKind = 'hour-of-week' | 'hour-of-day' | 'week'

export interface ChosenBaseline {
  readonly kind: BaselineKind
  readonly runIds: readonly string[]
  /** Good runs of the last 7 days: the history that a check asks for. */
  readonly weekRuns: number
}

export interface PastRun {
  readonly runId: string
  /** Of its interval. */
  readonly start: Instant
}

const hourNs = 3_600_000_000_000n
const dayNs = 24n * hourNs
const alikeRunsMin = 4
const weeksBack = 4n

/** Where the runs lie that `chooseBaseline` is to be given, by the starts of their intervals. */
export function baselineRanges(start: Instant, everyNs: bigint): Interval[] {
  return [weekBefore(start, everyNs), ...alike(start, 7n * dayNs, weeksBack)]
}

/** So far before an interval's start such runs start. */
export function baselineReachNs(everyNs: bigint): bigint {
  return baselineRanges(0n, everyNs).reduce((reach, { start }) => (-start > reach ? -start : reach), 0n)
}

/** @param good the newest good run of each interval that starts in `baselineRanges` */
export function chooseBaseline(start: Instant, everyNs: bigint, good: readonly PastRun[]): ChosenBaseline {
  const within = (ranges: readonly Interval[]): string[] =>
    good
      .filter((run) => ranges.some((range) => run.start >= range.start && run.start < range.end))
      .map(({ runId }) => runId)
  const week = within([weekBefore(start, everyNs)])
  const ofWeek = within(alike(start, 7n * dayNs, weeksBack))
  const ofDay = within(alike(start, dayNs, 7n))
  const weekRuns = week.length
  if (ofWeek.length >= alikeRunsMin) return { kind: 'hour-of-week', runIds: ofWeek, weekRuns }
  if (ofDay.length >= alikeRunsMin) return { kind: 'hour-of-day', runIds: ofDay, weekRuns }
  return { kind: 'week', runIds: week, weekRuns }
}

/** What a check that does not say it asks for: the runs of a day. */
export function historyMinOf(everyNs: bigint): number {
  return Math.max(alikeRunsMin, Number((dayNs + everyNs - 1n) / everyNs))
}

function weekBefore(start: Instant, everyNs: bigint): Interval {
  const longNs = everyNs > dayNs ? everyNs : dayNs
  return { start: start - 7n * longNs, end: start }
}

/** Half-open: starts a whole hour later are still alike. */
function alike(start: Instant, periodNs: bigint, times: bigint): Interval[] {
  return Array.from({ length: Number(times) }, (_, at) => {
    const middle = start - BigInt(at + 1) * periodNs
    return { start: middle - hourNs, end: middle + hourNs + 1n }
  })
}
