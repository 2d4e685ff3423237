export { advanceIncident, type LifeRules, type OpenIncident } from './advance-incident.js'
export { type Blocked, blockedBy } from './blocked-intervals.js'
export { buildCalendar, type CalendarEntry, viewLabel } from './calendar.js'
export { countIntervals, type IntervalWord, intervalWords } from './count-intervals.js'
export { evaluateQuality } from './evaluate-quality.js'
export { evaluateView, reachedAt, type ViewObservation, type WatchRules } from './evaluate-view.js'
export type {
  Incident,
  IncidentChange,
  IncidentDraft,
  IncidentEvent,
  IncidentRule,
  IncidentWord,
} from './incident.js'
export { reconcileIncidents } from './reconcile-incidents.js'
export { judgeSla, type SlaState } from './sla.js'
export { type ViewAge, viewAge } from './view-age.js'
