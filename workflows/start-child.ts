/** Children outlive the tick that starts them, and an open one of the same name is joined: two open runs of one interval are impossible. */
import { type SearchAttributePair, WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import { ParentClosePolicy, startChild, type Workflow, WorkflowIdReusePolicy } from '@temporalio/workflow'

export interface ChildOptions {
  readonly search?: SearchAttributePair[]
  /** Of its tasks and its activities' in the queue, 1 first, 5 last; absent: the parent's, at last 3. */
  readonly priorityKey?: number | undefined
}

export async function startOrJoin<W extends Workflow>(
  workflowType: W | string,
  workflowId: string,
  args: Parameters<W>,
  { search, priorityKey }: ChildOptions = {},
): Promise<'started' | 'joined'> {
  try {
    await startChild<Workflow>(typeof workflowType === 'string' ? workflowType : workflowType.name, {
      workflowId,
      args,
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      ...(search ? { typedSearchAttributes: search } : {}),
      ...(priorityKey ? { priority: { priorityKey } } : {}),
    })
    return 'started'
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'joined'
    throw error
  }
}
