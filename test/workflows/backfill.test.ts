import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BackfillInput } from '../../core/ports/run-control.js'
import type { BackfillResult } from '../../workflows/backfill.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { noCounts, plainActivities } from './plain-activities.js'

let temporal: TestTemporal
beforeAll(async () => {
  temporal = await startTestTemporal()
})
afterAll(() => temporal?.stop())

test('cancelled by Temporal’s own means in the last turn of an execution, it is cancelled in the next one', async () => {
  const told: boolean[] = []
  const { activities } = plainActivities({
    takeBackfillTurn: async ({ isCancelled }) => {
      told.push(isCancelled)
      if (isCancelled || told.length > 30) return { kind: 'finish', counts: noCounts }
      // The tenth is the last one of an execution.
      if (told.length === 10) return { kind: 'wait', counts: noCounts }
      return { kind: 'run', counts: noCounts, intervals: [] }
    },
  })
  const taskQueue = temporal.newTaskQueue()
  await temporal.startWorker(taskQueue, activities)
  const input: BackfillInput = {
    ...{ project: 'shop', view: 'airport_delays', version: 1, backfillId: 'abc' },
    ...{ atOnce: 2, isStopping: false, now: null },
  }
  const handle = await temporal.client.workflow.start<(input: BackfillInput) => Promise<BackfillResult>>('backfill', {
    ...{ taskQueue, workflowId: `backfill/${taskQueue}`, args: [input] },
  })
  await expect.poll(() => told.length, { timeout: 60_000 }).toBe(10)
  await handle.cancel()
  await handle.result()
  expect(told).toEqual([...Array(10).fill(false), true])
})
