import { WorkflowFailedError } from '@temporalio/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MillcourseError } from '../../core/errors.js'
import type { CompactInput, CompactResult } from '../../core/ports/run-control.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { plainActivities } from './plain-activities.js'

let temporal: TestTemporal
beforeAll(async () => {
  temporal = await startTestTemporal()
})
afterAll(() => temporal?.stop())

const spans = [0, 1, 2].map((h) => ({ start: `2001-01-01T0${h}:00:00Z`, end: `2001-01-01T0${h + 1}:00:00Z` }))

test('neither a span that cannot be compacted nor a failed removal keeps the rest, of other versions too, from being done; the first fails the whole', async () => {
  const compactedOf: number[] = []
  const removedOf: number[] = []
  const plain = plainActivities({
    planCompaction: async ({ view }) => ({
      project: 'shop',
      view,
      version: 2,
      spans,
      others: [{ version: 1, spans: spans.slice(2) }],
    }),
    removeFiles: async ({ version }) => {
      removedOf.push(version)
      if (version === 2)
        throw new MillcourseError('LAKE_ACCESS_DENIED', 'it may not remove', { hint: 'none', facts: {} })
      return { filesRemoved: 0, bytesRemoved: 0, filesMarked: 0 }
    },
    compactSpan: async ({ version, span }) => {
      compactedOf.push(version)
      if (span.start === spans[0]!.start)
        throw new MillcourseError('COMPACT_ROWS_DIFFER', '1 rows where the ledger counts 2', {
          hint: 'none',
          facts: {},
        })
      return { kind: 'nothing' }
    },
  })
  const taskQueue = temporal.newTaskQueue()
  await temporal.startWorker(taskQueue, plain.activities)
  const failed: unknown = await temporal.client.workflow
    .execute<(input: CompactInput) => Promise<CompactResult>>('compact', {
      taskQueue,
      workflowId: `compact/${taskQueue}`,
      args: [{ view: 'airport_delays' }],
    })
    .catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(WorkflowFailedError)
  expect(String((failed as WorkflowFailedError).cause?.cause ?? (failed as WorkflowFailedError).cause)).toContain(
    'the ledger counts 2',
  )
  expect(plain.calls[0]).toBe('planCompaction')
  expect(compactedOf).toEqual([2, 2, 2, 1])
  expect(removedOf).toEqual([2, 1])
})
