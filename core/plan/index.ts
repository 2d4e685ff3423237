/** Which intervals have to run, and when one may be left alone. */
export { askedRange } from './asked-range.js'
export { type DueIntervals, dueIntervals, type Grid, mergeRanges, touchedRange } from './due-intervals.js'
export { type FilesByRole, filesByRole } from './files-by-role.js'
export {
  hasOtherFiles,
  isBeingReplaced,
  isReplacedSoon,
  isUnchanged,
  type NeedContext,
  needsRun,
} from './interval-need.js'
export type { IntervalState, PinnedFile, RunKind, RunOutcome } from './interval-state.js'
export { type OnlineTables, planTableWarnings } from './online-limits.js'
