/**
 * What the watcher keeps of intervals with which all is well, hundreds of each view: where they lie, and nothing else of them. What is asked
 * of an interval beyond that is asked of those that are not settled.
 */
import type { IntervalState } from '../plan/interval-state.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import type { CalendarEntry } from './calendar.js'
import { isStanding } from './evaluate-view.js'
import type { ViewObservation } from './observation.js'

type InSight = Required<Pick<ViewObservation, 'states' | 'settled'>>

/**
 * Of settled intervals one keeps its state, the newest that has a run: the features of that run are shown.
 *
 * @param states oldest first
 */
export function foldSettled({ isOnline }: CalendarEntry, states: readonly IntervalState[]): InSight {
  const shown = states.findLast((state) => isSettled(state, isOnline) && state.latestRun !== null)
  const settled: Interval[] = []
  const kept: IntervalState[] = []
  for (const state of states) {
    if (state === shown || !isSettled(state, isOnline)) {
      kept.push(state)
      continue
    }
    const { start, end } = state.interval
    const last = settled.at(-1)
    if (last?.end === start) settled[settled.length - 1] = { start: last.start, end }
    else settled.push({ start, end })
  }
  return { states: kept, settled }
}

/** Without what ended by the horizon, but for what is standing. A span goes when all of it has ended by then. */
export function sinceHorizon({ states, settled = [] }: ViewObservation, horizon: Instant): InSight {
  return {
    states: states.filter((state) => state.interval.end > horizon || isStanding(state)),
    settled: settled.filter(({ end }) => end > horizon),
  }
}

/** Committed, online where the view is, and nothing is to be done about it. */
function isSettled(state: IntervalState, isOnline: boolean): boolean {
  const { committed } = state
  return committed !== null && !isStanding(state) && (committed.isPublished || !isOnline) && !committed.isOfOpenBackfill
}
