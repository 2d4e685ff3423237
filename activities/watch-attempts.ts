/**
 * What every attempt of every activity gets around it: a pulse; the failure seam (failure.ts); one log line for a failed attempt; and that a step
 * of a scheduled run is known as one (make-way.ts).
 */
import { CancelledFailure, Context } from '@temporalio/activity'
import type { Log } from './activity-deps.js'
import { startPulse } from './attempt-pulse.js'
import { toFirstFailure, toTemporalFailure } from './failure.js'
import { isScheduledStep, type ScheduledSteps } from './make-way.js'
import { isWaiting } from './step-waits.js'
import type { Activities } from './steps.js'

/** So long a publish that fails is tried again without an item more; the other steps have times of their own (workflows/proxy-activities.ts). */
const publishStalledMsMax = 3 * 3_600_000

export function watchAttempts(activities: Activities, log: Log, scheduled: ScheduledSteps): Activities {
  const watch =
    <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>, stalledMsMax = Infinity) =>
    async (...args: Args): Promise<Result> => {
      const context = Context.current()
      const { info } = context
      const triedForMs = info.currentAttemptScheduledTimestampMs - info.scheduledTimestampMs
      const pulse = startPulse(context)
      try {
        return await (isScheduledStep(info) ? scheduled.during(() => work(...args)) : work(...args))
      } catch (thrown) {
        // What a query says when it is interrupted is not its fault: the step was told to stop, and starts again elsewhere.
        const error = context.cancellationSignal.aborted ? await context.cancelled.catch((reason) => reason) : thrown
        if (isWaiting(error)) {
          pulse.moved()
          throw error
        }
        const failure = toTemporalFailure(error, info.attempt, {
          ...{ first: pulse.first, triedForMs },
          isLast: pulse.stalledForMs() > stalledMsMax,
        })
        const isTriedAgain = !(failure instanceof CancelledFailure) && !failure.nonRetryable
        if (isTriedAgain && pulse.first === null) pulse.keepFirst(toFirstFailure(error))
        log.warn(
          { activity: info.activityType, workflowId: info.workflowExecution?.workflowId, attempt: info.attempt, error },
          failure.message,
        )
        throw failure
      } finally {
        pulse.stop()
      }
    }
  return {
    planTick: watch(activities.planTick),
    planRun: watch(activities.planRun),
    readSource: watch(activities.readSource),
    computeInterval: watch(activities.computeInterval),
    judgeInterval: watch(activities.judgeInterval),
    publishInterval: watch(activities.publishInterval, publishStalledMsMax),
    recordRun: watch(activities.recordRun),
    recordFailure: watch(activities.recordFailure),
    applyDecision: watch(activities.applyDecision),
    publishView: watch(activities.publishView, publishStalledMsMax),
    planCompaction: watch(activities.planCompaction),
    compactSpan: watch(activities.compactSpan),
    removeFiles: watch(activities.removeFiles),
    planQuality: watch(activities.planQuality),
    checkView: watch(activities.checkView),
    repairView: watch(activities.repairView),
    planBackfill: watch(activities.planBackfill),
    openBackfill: watch(activities.openBackfill),
    takeBackfillTurn: watch(activities.takeBackfillTurn),
    publishBackfill: watch(activities.publishBackfill, publishStalledMsMax),
    endBackfill: watch(activities.endBackfill),
  }
}
