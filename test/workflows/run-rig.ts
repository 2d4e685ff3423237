/** One worker for many runs: each run has activities of its own. */
import { WorkflowFailedError, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import { expect } from 'vitest'
import type { Activities } from '../../activities/steps.js'
import type { RunInput } from '../../core/ports/run-control.js'
import type { RunResult } from '../../workflows/run.js'
import type { TestTemporal } from '../support/temporal.js'
import { activitiesOf, type PlainActivities, plainActivities, runInput } from './plain-activities.js'

type Run = (input: RunInput) => Promise<RunResult>
type Started = PlainActivities & { readonly handle: WorkflowHandleWithFirstExecutionRunId<Run> }

export interface RunRig {
  start(answers?: Partial<Activities>, input?: RunInput): Promise<Started>
  runToEnd(answers?: Partial<Activities>, input?: RunInput): Promise<Started & { readonly result: RunResult }>
  runToFailure(answers: Partial<Activities>): Promise<Started & { readonly failure: ApplicationFailure }>
}

export async function startRunRig(temporal: TestTemporal): Promise<RunRig> {
  const answering = new Map<string, Activities>()
  const taskQueue = temporal.newTaskQueue()
  await temporal.startWorker(taskQueue, activitiesOf(answering))
  const start: RunRig['start'] = async (answers = {}, input = runInput) => {
    const plain = plainActivities(answers)
    const workflowId = `run-${answering.size}`
    answering.set(workflowId, plain.activities)
    const handle = await temporal.client.workflow.start<Run>('run', { taskQueue, workflowId, args: [input] })
    return { ...plain, handle }
  }
  return {
    start,
    runToEnd: async (answers, input) => {
      const started = await start(answers, input)
      return { ...started, result: await started.handle.result() }
    },
    runToFailure: async (answers) => {
      const started = await start(answers)
      const error: unknown = await started.handle.result().catch((reason) => reason)
      expect(error).toBeInstanceOf(WorkflowFailedError)
      const { cause } = error as WorkflowFailedError
      expect(cause).toBeInstanceOf(ApplicationFailure)
      return { ...started, failure: cause as ApplicationFailure }
    },
  }
}
