/** How long each step may take and how it is retried. Which error is retried at all is the error table's word (activities/failure.ts). */
import { ActivityCancellationType, type ActivityOptions, proxyActivities, workflowInfo } from '@temporalio/workflow'
import type { Activities } from '../activities/steps.js'

const heartbeatMsDefault = 20_000

/** Pauses between attempts. A passing fault is waited out for an hour beyond the step's own time; then the run fails. */
const retry = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' } as const

/** Of a workflow that was started with none. */
const priorityDefault = 3

/** The activities, typed; a step that is silent for `heartbeatMs` counts as dead and starts again on another worker. */
export function proxySteps(heartbeatMs = heartbeatMsDefault): Activities {
  const step = (
    startToCloseTimeout: '10m' | '2h' | '14d',
    scheduleToCloseTimeout: '70m' | '3h' | '15m' | '24h' | '14d',
    priorityKey?: number,
  ) =>
    proxyActivities<Activities>({
      startToCloseTimeout,
      scheduleToCloseTimeout,
      heartbeatTimeout: heartbeatMs,
      retry,
      ...(priorityKey === undefined ? {} : { priority: { priorityKey } }),
      // A cancelled run is over when its step is, not while that still works.
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    } satisfies ActivityOptions)
  // A tick that cannot plan makes way for the next one (overlap policy SKIP): it does not wait an hour.
  const tick = step('10m', '15m')
  const short = step('10m', '70m')
  const long = step('2h', '3h')
  // It takes as long as the write budget makes it, as long as it gets on (activities/attempt-pulse.ts). Beyond, its empty items expire (R36).
  // Where workers have no hand free, what has begun is finished before another begins: so it is over soonest on average.
  const ahead = Math.max(1, (workflowInfo().priority?.priorityKey || priorityDefault) - 1)
  const publish = step('14d', '14d', ahead)
  // Nobody waits for a check as for values.
  const last = step('2h', '3h', 5)
  // What has happened has to reach the ledger, also after a long outage of the ledger itself.
  const record = step('10m', '24h', ahead)
  return {
    planTick: tick.planTick,
    planRun: short.planRun,
    readSource: short.readSource,
    computeInterval: long.computeInterval,
    judgeInterval: long.judgeInterval,
    publishInterval: publish.publishInterval,
    publishView: publish.publishView,
    planCompaction: tick.planCompaction,
    compactSpan: long.compactSpan,
    removeFiles: long.removeFiles,
    applyDecision: short.applyDecision,
    planQuality: tick.planQuality,
    checkView: last.checkView,
    repairView: short.repairView,
    planBackfill: tick.planBackfill,
    openBackfill: tick.openBackfill,
    takeBackfillTurn: record.takeBackfillTurn,
    publishBackfill: publish.publishBackfill,
    endBackfill: record.endBackfill,
    recordRun: record.recordRun,
    recordFailure: record.recordFailure,
  }
}
