/** What the workflow of a run is at, from what the server says of its pending activities. */
import type { WorkflowExecutionDescription } from '@temporalio/client'
import type { WorkSeen } from '../../core/ports/run-control.js'

/** Of PENDING_ACTIVITY_STATE_… and PENDING_WORKFLOW_TASK_STATE_… of Temporal's API. */
const scheduled = 1
/** Of APPLICATION_ERROR_CATEGORY_…. */
const benign = 1

type Failure = NonNullable<NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number]['lastFailure']>

/** A run waits for one step at a time. */
export function workSeen({ status, raw }: Pick<WorkflowExecutionDescription, 'status' | 'raw'>): WorkSeen {
  if (status.name !== 'RUNNING') return { kind: 'over' }
  const [step] = raw.pendingActivities ?? []
  if (!step) return { kind: raw.pendingWorkflowTask?.state === scheduled ? 'unclaimed' : 'asleep' }
  const isWaiting = step.state === scheduled
  return {
    kind: 'step',
    activity: step.activityType?.name ?? '',
    attempt: step.attempt ?? 1,
    // The server says when the next attempt is due only until then.
    state: isWaiting ? (step.nextAttemptScheduleTime ? 'pausing' : 'unclaimed') : 'at-work',
    worker: isWaiting ? null : step.lastWorkerIdentity || null,
    lastFailure: step.lastFailure ? failureOf(step.lastFailure) : null,
  }
}

/** Of our own steps the type is the code (activities/failure.ts), but of one that makes way for others, which is no failure. */
function failureOf({ message, applicationFailureInfo }: Failure) {
  const isWaiting = applicationFailureInfo?.category === benign
  return { code: isWaiting ? null : applicationFailureInfo?.type || null, message: message ?? '' }
}
