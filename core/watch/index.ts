export { advanceIncident, type LifeRules, type OpenIncident, wordsOf } from './advance-incident.js'
export { type Blocked, blockedBy } from './blocked-intervals.js'
export { buildCalendar, type CalendarEntry, viewLabel } from './calendar.js'
export { countIntervals, type IntervalWord, intervalWords } from './count-intervals.js'
export { evaluateBudgets } from './evaluate-budgets.js'
export { evaluateQuality } from './evaluate-quality.js'
export { evaluateView, isStanding, missingIntervals, reachedAt } from './evaluate-view.js'
export { foldDownstream } from './fold-downstream.js'
export {
  type Incident,
  type IncidentChange,
  type IncidentDraft,
  type IncidentEvent,
  type IncidentRule,
  type IncidentWord,
  incidentRules,
} from './incident.js'
export { joinOwners, splitOwners } from './joined-owners.js'
export type { ViewObservation, WatchRules } from './observation.js'
export type { OverBudget, SpendCause } from './over-budget.js'
export { reconcileIncidents } from './reconcile-incidents.js'
export { judgeRunLength, type RunPace } from './run-length.js'
export { foldSettled, sinceHorizon } from './settled-spans.js'
export { type ScheduleSeen, skippedBecause } from './skipped.js'
export { judgeSla, type SlaState } from './sla.js'
export { type ViewAge, viewAge } from './view-age.js'
