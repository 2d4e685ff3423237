export { buildCalendar, type CalendarEntry, viewLabel } from './calendar.js'
export { evaluateView, type ViewObservation, type WatchRules } from './evaluate-view.js'
export type { Incident, IncidentChange, IncidentDraft, IncidentRule } from './incident.js'
export { type OpenIncident, reconcileIncidents } from './reconcile-incidents.js'
