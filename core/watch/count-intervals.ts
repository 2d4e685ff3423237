import type { RunOutcome } from '../plan/interval-state.js'
import type { Instant } from '../time/instant.js'
import type { CalendarEntry } from './calendar.js'
import { blockedEnd, holdsFeatures, missingIntervals, standsAs } from './evaluate-view.js'
import type { ViewObservation, WatchRules } from './observation.js'

/** What an interval may be that is not simply done. One interval may count under several: committed, unpublished and re-opened. */
export const intervalWords = [
  ...(['missing', 'failed', 'held', 'not_ready', 'blocked'] as const),
  ...(['unpublished', 'running', 'reopened'] as const),
] as const
export type IntervalWord = (typeof intervalWords)[number]

/** The same questions that `evaluateView` asks, as numbers. */
export function countIntervals(
  entry: CalendarEntry,
  observed: ViewObservation,
  now: Instant,
  rules: WatchRules,
): Readonly<Record<IntervalWord, number>> {
  const { states } = observed
  const unsettled = (outcome: RunOutcome) => states.filter((state) => standsAs(state, outcome)).length
  return {
    missing: missingIntervals(entry, observed, now, rules).length,
    failed: unsettled('failed'),
    held: states.filter((state) => standsAs(state, 'held') || holdsFeatures(state)).length,
    not_ready: unsettled('not-ready'),
    blocked: blockedEnd(entry, observed)?.intervals ?? 0,
    unpublished: entry.isOnline ? states.filter(({ committed }) => committed && !committed.isPublished).length : 0,
    running: states.filter(({ latestRun }) => latestRun?.outcome === 'running').length,
    reopened: states.filter(({ reopenedBecause }) => reopenedBecause !== null).length,
  }
}
