/** Which intervals have to run, and when one may be left alone. */
export { askedRange } from './asked-range.js'
export {
  type BackfillEstimate,
  type EstimateFacts,
  estimateBackfill,
  type OnlineFacts,
  type SampledInterval,
  unitsPerItem,
} from './backfill-estimate.js'
export {
  type BackfillNeed,
  type BackfillOptions,
  type BackfillPlan,
  backfillNeed,
  backfillPlanId,
  intervalsToRun,
  type PlanContent,
  type PlannedFile,
  type PlannedInterval,
  planChanges,
  runsNow,
} from './backfill-plan.js'
export { backfillsAtOnce } from './backfills-at-once.js'
export { type ClaimedInterval, claimCommand } from './claimed-interval.js'
export { type CostAwaits, type CostLimits, costAwaits } from './cost-limits.js'
export {
  type DueIntervals,
  dueIntervals,
  type Grid,
  mergeRanges,
  touchedRange,
  withoutIntervals,
} from './due-intervals.js'
export { type FilesByRole, filesByRole } from './files-by-role.js'
export {
  hasOtherFiles,
  isBeingReplaced,
  isReplacedSoon,
  isUnchanged,
  type NeedContext,
  needsRun,
  qualityRepair,
  upstreamRepair,
} from './interval-need.js'
export type { IntervalState, PinnedFile, RunKind, RunOutcome } from './interval-state.js'
export { type OnlineTables, planTableWarnings } from './online-limits.js'
export { type PricedSpend, priceSpend, savedBySkipping } from './price-spend.js'
export { defaultPrices, formatPrices, type Prices, parsePrices } from './prices.js'
