/** What every attempt of every activity gets around it: a pulse; the failure seam (failure.ts); one log line for a failed attempt. */
import { CancelledFailure, Context } from '@temporalio/activity'
import type { Log } from './activity-deps.js'
import { startPulse } from './attempt-pulse.js'
import { type FirstFailure, toFirstFailure, toTemporalFailure } from './failure.js'
import { isPublishWaiting } from './publish-slots.js'
import type { Activities } from './steps.js'

/** Enough for every activity open on one worker; the oldest are forgotten first. */
const firstFailuresMax = 1_000
/** So long a publish that fails is tried again without an item more; the other steps have times of their own (workflows/proxy-activities.ts). */
const publishStalledMsMax = 3 * 3_600_000

export function watchAttempts(activities: Activities, log: Log): Activities {
  // Kept by the worker, not by Temporal, which keeps the last failure only: after a worker's death the first that the next one saw.
  const firstFailures = new Map<string, FirstFailure>()
  const watch =
    <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>, stalledMsMax = Infinity) =>
    async (...args: Args): Promise<Result> => {
      const context = Context.current()
      const { info } = context
      const triedForMs = info.currentAttemptScheduledTimestampMs - info.scheduledTimestampMs
      const id = `${info.workflowExecution?.runId}/${info.activityId}`
      const pulse = startPulse(context)
      try {
        const result = await work(...args)
        firstFailures.delete(id)
        return result
      } catch (thrown) {
        // What a query says when it is interrupted is not its fault: the step was told to stop, and starts again elsewhere.
        const error = context.cancellationSignal.aborted ? await context.cancelled.catch((reason) => reason) : thrown
        if (isPublishWaiting(error)) {
          pulse.moved()
          throw error
        }
        const failure = toTemporalFailure(error, info.attempt, {
          ...{ first: firstFailures.get(id) ?? null, triedForMs },
          isLast: pulse.stalledForMs() > stalledMsMax,
        })
        if (failure instanceof CancelledFailure || failure.nonRetryable) firstFailures.delete(id)
        else if (!firstFailures.has(id)) firstFailures.set(id, toFirstFailure(error))
        for (const oldest of firstFailures.keys())
          if (firstFailures.size > firstFailuresMax) firstFailures.delete(oldest)
          else break
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
