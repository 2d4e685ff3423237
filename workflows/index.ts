/** Every workflow, by the name that Temporal knows it by: renaming one orphans its open executions and Schedules. */

export { checkQuality } from './check-quality.js'
export { compact } from './compact.js'
export { decide } from './decide.js'
export { publish } from './publish.js'
export { run } from './run.js'
export { tick } from './tick.js'
