import type { WorkflowHandle } from '@temporalio/client'
import type { Activities } from '../../activities/steps.js'

/** What is recorded of a workflow. */
export interface Scenario {
  readonly workflow:
    | 'run'
    | 'tick'
    | 'decide'
    | 'publish'
    | 'compact'
    | 'checkQuality'
    | 'backfill'
    | 'planBackfill'
    | 'startBackfill'
  readonly input: object
  /** New ones for each recording: they count. */
  readonly answers: () => Partial<Activities>
  readonly meanwhile?: (handle: WorkflowHandle) => Promise<void>
}

/** It waits by a timer. */
export async function untilTimer(handle: WorkflowHandle): Promise<void> {
  for (;;) {
    const { events } = await handle.fetchHistory()
    if (events?.some(({ timerStartedEventAttributes }) => timerStartedEventAttributes)) return
  }
}
