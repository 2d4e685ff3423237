/** Every workflow, by the name that Temporal knows it by: renaming one orphans its open executions and Schedules. */

export { backfill } from './backfill.js'
export { checkQuality } from './check-quality.js'
export { compact } from './compact.js'
export { decide } from './decide.js'
export { planBackfill } from './plan-backfill.js'
export { publish } from './publish.js'
export { run } from './run.js'
export { startBackfill } from './start-backfill.js'
export { tick } from './tick.js'
