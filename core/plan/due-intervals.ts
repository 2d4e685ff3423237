import { type Instant, latest } from '../time/instant.js'
import { type Interval, intervalsBetween } from '../time/interval.js'

export interface Grid {
  readonly everyNs: bigint
  readonly since: Instant
}

export interface DueOptions {
  readonly runsMax: number
  /** The newest has one of the places, unless there is only one: a view that catches up on a year stays fresh meanwhile. */
  readonly withNewest: boolean
}

export interface DueIntervals {
  /** Oldest first. */
  readonly due: readonly Interval[]
  readonly left: number
}

/**
 * The oldest of the intervals that never ran and those that have to run again. Years of history are counted, not listed.
 * @param gaps ranges on the grid in which no interval is known to the ledger; apart from each other and from `again`
 */
export function dueIntervals(
  gaps: readonly Interval[],
  again: readonly Interval[],
  grid: Grid,
  { runsMax, withNewest }: DueOptions,
): DueIntervals {
  const inGaps = gaps.reduce((sum, gap) => sum + (gap.end - gap.start) / grid.everyNs, 0n)
  const first: Interval[] = []
  for (const gap of [...gaps].sort(byStart))
    for (const interval of intervalsBetween(gap.start, gap.end, grid.everyNs, grid.since)) {
      if (first.length >= runsMax) break
      first.push(interval)
    }
  const oldest = [...first, ...again].sort(byStart).slice(0, runsMax)
  const wanted = Number(inGaps) + again.length
  const isLeft = oldest.length > 1 && oldest.length < wanted
  const due = withNewest && isLeft ? [...oldest.slice(0, -1), newest(gaps, again, grid)] : oldest
  return { due, left: wanted - due.length }
}

function newest(gaps: readonly Interval[], again: readonly Interval[], { everyNs }: Grid): Interval {
  const ends = gaps.map(({ end }) => ({ start: end - everyNs, end }))
  return [...ends, ...again].reduce((last, one) => (one.start > last.start ? one : last))
}

/** Whole intervals that `span` touches and that have ended, as one range on the grid; null: none. */
export function touchedRange(span: Interval, grid: Grid, until: Instant): Interval | null {
  const { everyNs, since } = grid
  const from = latest([span.start, since])
  const start = since + ((from - since) / everyNs) * everyNs
  const endsMax = since + ((until - since) / everyNs) * everyNs
  const end = since + ((latest([span.end, since]) - since + everyNs - 1n) / everyNs) * everyNs
  const range = { start, end: end < endsMax ? end : endsMax }
  return until > since && range.start < range.end ? range : null
}

/** Ranges that overlap or meet become one, in order. */
export function mergeRanges(ranges: readonly Interval[]): Interval[] {
  const merged: Interval[] = []
  for (const range of [...ranges].sort(byStart)) {
    const last = merged.at(-1)
    if (last && range.start <= last.end)
      merged[merged.length - 1] = { start: last.start, end: latest([last.end, range.end]) }
    else merged.push(range)
  }
  return merged
}

/** The parts of `ranges` that none of `intervals` covers, in order. */
export function withoutIntervals(ranges: readonly Interval[], intervals: readonly Interval[]): Interval[] {
  const taken = mergeRanges(intervals)
  return [...ranges].sort(byStart).flatMap((range) => {
    const left: Interval[] = []
    let { start } = range
    for (const { start: from, end } of taken) {
      if (end <= start || from >= range.end) continue
      if (from > start) left.push({ start, end: from })
      start = end
    }
    return start < range.end ? [...left, { start, end: range.end }] : left
  })
}

function byStart(a: Interval, b: Interval): number {
  return a.start < b.start ? -1 : a.start > b.start ? 1 : 0
}
