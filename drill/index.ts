/** Drills: the product broken from outside, on purpose, and what it has to do about it (docs/drills.md). */
export { findDrills } from './all-drills.js'
export type { Drill } from './drill.js'
export type { DrillReport } from './report/drill-report.js'
export { reportLine } from './report/report-text.js'
export { type ReportedDrill, runDrills } from './run-drills.js'
export { paces } from './world/pace.js'
