/** Six empty activities one after the other: the least that Temporal's SDK asks of a worker for the shape of a run. */
import { proxyActivities } from '@temporalio/workflow'

interface BareActivities {
  step(index: number): Promise<null>
}

export async function bare(): Promise<void> {
  const { step } = proxyActivities<BareActivities>({ startToCloseTimeout: '1 minute', heartbeatTimeout: '20 seconds' })
  for (let index = 0; index < 6; index++) await step(index)
}
