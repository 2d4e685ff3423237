/**
 * Intervals that the spine's times reach and that are not committed: a set is made as if they had no rows, and says so. What publishes
 * of the past lacked is what they showed, and no gap of the set (R30).
 */
import type { ViewBundle } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { floorTo, formatInstant, type Instant, parseInstant } from '../time/instant.js'
import { type Interval, intervalAt } from '../time/interval.js'
import type { SetGaps } from './manifest.js'
import { reachNs } from './needed-commits.js'
import type { SpineTimes, TrainingMode } from './set-state.js'

/** `missing`: it never ran, or no run of it is to be told of. */
type GapState = 'missing' | 'held' | 'failed' | 'not-ready' | 'running'

/** What has to be known of an interval that is not committed. */
interface UncommittedInterval {
  readonly interval: Interval
  readonly latestRun: { readonly outcome: string } | null
}

/** Intervals side by side in the same state. */
export interface StateGap extends Interval {
  readonly state: GapState
}

/**
 * All intervals of the view that have ended and whose rows may decide a value of the spine; null: there is none.
 * Narrower than what is read: of a window's last tile edge no row counts, and neither does the interval that it lies in.
 */
export function reachedIntervals(
  { view, source }: ViewBundle,
  mode: Exclude<TrainingMode, 'as-published'>,
  times: SpineTimes | null,
  now: Instant,
): Interval | null {
  if (times === null) return null
  const [every, since, reach] = [parseDuration(view.every), parseInstant(view.since), reachNs({ view })]
  const edge = (instant: Instant) => intervalAt(instant, every, since).start
  /** Up to where a row at `t` sees rows. */
  const seenUntil = (t: Instant) => {
    if (mode === 'as-served') return edge(t - parseDuration(view.lag))
    return view.viewKind === 'lookup' ? t + 1n : floorTo(t, parseDuration(view.tile ?? view.every))
  }
  // R19: a redelivery hides what it replaces wherever the two lie in time.
  const isAnywhere = view.viewKind === 'lookup' && source.eventId !== null
  const from = view.viewKind === 'lookup' ? times.min : seenUntil(times.min)
  const start = reach === null || isAnywhere ? since : larger(since, edge(from - reach))
  const ended = edge(now)
  const end = isAnywhere ? ended : smaller(ended, edge(seenUntil(times.max) + every - 1n))
  return start < end ? { start, end } : null
}

/**
 * @param range of `reachedIntervals`
 * @param committed what the set is made of
 * @param states of intervals that are not committed, as far as the ledger knows of them
 * @returns oldest first
 */
export function stateGaps(
  range: Interval,
  committed: readonly Interval[],
  states: readonly UncommittedInterval[],
): StateGap[] {
  const known = [
    ...committed.map((interval) => ({ interval, state: null })),
    ...states.map(({ interval, latestRun }) => ({ interval, state: stateOf(latestRun) })),
  ].sort((a, b) => (a.interval.start < b.interval.start ? -1 : a.interval.start > b.interval.start ? 1 : 0))
  const gaps: StateGap[] = []
  const add = (start: Instant, end: Instant, state: GapState) => {
    const before = gaps.at(-1)
    if (before?.end === start && before.state === state) gaps[gaps.length - 1] = { start: before.start, end, state }
    else gaps.push({ start, end, state })
  }
  let at = range.start
  for (const { interval, state } of known) {
    if (interval.end <= at || interval.start >= range.end) continue
    if (interval.start > at) add(at, interval.start, 'missing')
    if (state !== null) add(interval.start, interval.end, state)
    at = interval.end
  }
  if (at < range.end) add(at, range.end, 'missing')
  return gaps
}

const spansMax = 100

/** What the manifest says of all views, each once however often it is joined. */
export function setGaps(
  of: readonly { readonly view: ViewBundle['view']; readonly gaps: readonly StateGap[] }[],
): SetGaps {
  const views = new Map(of.map((one) => [`${one.view.name}@v${one.view.version}`, one]))
  const spans = [...views.values()].flatMap(({ view, gaps }) =>
    gaps.map(({ start, end, state }) => ({
      view: view.name,
      version: view.version,
      start: formatInstant(start),
      end: formatInstant(end),
      intervals: Number((end - start) / parseDuration(view.every)),
      state,
    })),
  )
  return { intervals: spans.reduce((sum, { intervals }) => sum + intervals, 0), spans: spans.slice(0, spansMax) }
}

function stateOf(latestRun: UncommittedInterval['latestRun']): GapState {
  switch (latestRun?.outcome) {
    case 'held':
    case 'failed':
    case 'not-ready':
    case 'running':
      return latestRun.outcome
    default:
      return 'missing'
  }
}

const larger = (a: Instant, b: Instant): Instant => (a > b ? a : b)
const smaller = (a: Instant, b: Instant): Instant => (a < b ? a : b)
