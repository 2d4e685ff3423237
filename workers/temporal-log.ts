/**
 * What Temporal's SDK says, as a line of our log. It tells of each failing step and of its workflow, with stacks and task tokens; of what
 * we foresaw, code and message say it all, and a run's own `run failed` says it once.
 */
import { ApplicationFailure } from '@temporalio/common'
import type { LogMetadata } from '@temporalio/worker'
import type { Log } from '../activities/activity-deps.js'
import { type ErrorCode, isErrorCode } from '../core/errors.js'
import { runOfWorkflowId } from '../core/ports/run-control.js'
import { stepName, stepNamesOf } from './step-facts.js'

/** A log without `debug` gets no line for what is said elsewhere. */
export function logTemporal(log: Log & Partial<Record<'debug', Log['info']>>) {
  return ({ level, message, meta = {} }: { level: string; message: string; meta?: LogMetadata }): void => {
    const { taskToken: _secret, error, ...rest } = meta
    const isOfRun = runOfWorkflowId(String(rest.workflowId)) !== null
    if (message === 'Workflow failed') {
      // Its failure has crossed threads as a bare error: the code is with the step that failed.
      const facts = { ...namesOf(rest), why: error instanceof Error ? error.message : String(error) }
      if (isOfRun) log.debug?.(facts, `temporal: ${message}`)
      else log.warn(facts, `temporal: ${message}`)
      return
    }
    const known = foreseen(error)
    if (known === null) {
      const facts = { ...namesOf(rest), ...rest, ...(error === undefined ? {} : { error }) }
      log[level === 'ERROR' ? 'error' : 'warn'](facts, `temporal: ${message}`)
      return
    }
    const facts = { ...namesOf(rest), code: known.code, message: known.message }
    // A step that fails for good fails its run, which is recorded, and logged, by its step `record`.
    const isSaidElsewhere = isOfRun && !known.isRetried && rest.activityType !== 'recordFailure'
    if (isSaidElsewhere) log.debug?.(facts, `temporal: ${message}: ${known.code}`)
    else log.warn(facts, `temporal: ${message}: ${known.code}`)
  }
}

interface Foreseen {
  readonly code: ErrorCode
  readonly message: string
  readonly isRetried: boolean
}

/** An activity throws ours as Temporal carries it (activities/failure.ts). */
function foreseen(error: unknown): Foreseen | null {
  if (!(error instanceof ApplicationFailure) || !error.type || !isErrorCode(error.type) || error.type === 'INTERNAL')
    return null
  return { code: error.type, message: error.message, isRetried: error.nonRetryable !== true }
}

function namesOf({ workflowId, workflowRunId, runId, activityType, attempt }: LogMetadata): object {
  const ofWorkflow = workflowRunId ?? runId
  return {
    ...(activityType === undefined ? {} : { step: stepName(String(activityType)), attempt }),
    ...(workflowId === undefined ? {} : { workflow: workflowId, workflowRunId: ofWorkflow }),
    ...(stepNamesOf(String(ofWorkflow)) ?? namesInId(String(workflowId), ofWorkflow)),
  }
}

/** Of a run whose steps other workers took: its first round has the workflow's own run for its id. */
function namesInId(workflowId: string, workflowRunId: unknown): object {
  const named = runOfWorkflowId(workflowId)
  if (named === null) return {}
  const { view, version, start } = named
  return { run: workflowRunId, view, version, interval: { start } }
}
