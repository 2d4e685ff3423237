import { activityInfo } from '@temporalio/activity'
import { assert } from '../core/errors.js'
import type { RunInput } from '../core/ports/run-control.js'

/**
 * The run's name in ledger, lake and Temporal: the workflow's run id, the same in every attempt of every step; later planning
 * rounds of one workflow (`PLAN_INPUTS_MOVED`) are runs of their own, `<id>.2`, `<id>.3`, with new pins and a new number.
 */
export function currentRunId(input: RunInput): string {
  const { workflowExecution } = activityInfo()
  assert(workflowExecution, 'a run step is called by a workflow')
  return input.replans ? `${workflowExecution.runId}.${input.replans + 1}` : workflowExecution.runId
}
