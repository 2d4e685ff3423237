import { WorkflowNotFoundError } from '@temporalio/client'
import { type TemporalTarget, temporalClient } from './client.js'
import { fromTemporalError } from './errors.js'

/**
 * Terminates what is open on a task queue on which nobody works any more, where it would wait for ever. What was started within the last
 * moment may not be listed yet. @returns how many @throws MillcourseError TEMPORAL_UNREACHABLE
 */
export async function endOpenWorkflows(target: TemporalTarget, taskQueue: string, reason: string): Promise<number> {
  const client = await temporalClient(target)
  let ended = 0
  try {
    const query = `TaskQueue = '${taskQueue}' AND ExecutionStatus = 'Running'`
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      try {
        await client.workflow.getHandle(workflowId, runId).terminate(reason)
        ended += 1
      } catch (error) {
        // It has ended by itself, or with its parent.
        if (!(error instanceof WorkflowNotFoundError)) throw error
      }
    }
    return ended
  } catch (error) {
    throw fromTemporalError(error, target)
  } finally {
    await client.connection.close()
  }
}
