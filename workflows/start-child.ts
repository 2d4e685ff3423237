/** Children outlive the tick that starts them, and an open one of the same name is joined: two open runs of one interval are impossible. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import { ParentClosePolicy, startChild, type Workflow, WorkflowIdReusePolicy } from '@temporalio/workflow'

export async function startOrJoin<W extends Workflow>(
  workflowType: W,
  workflowId: string,
  args: Parameters<W>,
): Promise<'started' | 'joined'> {
  try {
    await startChild<Workflow>(workflowType, {
      workflowId,
      args,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    })
    return 'started'
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'joined'
    throw error
  }
}
