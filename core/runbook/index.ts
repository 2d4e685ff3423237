/** What a person on call is pointed at: the layer that broke, the page that says what to do. */
export { type ErrorGuide, errorGuides, type Layer, page } from './error-guides.js'
export { hasRunbook, incidentRunbook, runbookFolder, runbookOf } from './runbook-of.js'
