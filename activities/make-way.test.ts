import { ApplicationFailure } from '@temporalio/activity'
import { expect, test } from 'vitest'
import type { RunKind } from '../core/plan/index.js'
import { isScheduledStep, type ScheduledSteps, scheduledSteps } from './make-way.js'
import { isWaiting } from './step-waits.js'

const times = { stepMsMax: 60_000, restMs: 0, patienceMs: 30_000 }

/** Null: it may begin. */
function refused(steps: ScheduledSteps, askedForMs = 0, kind: RunKind = 'backfill'): unknown {
  try {
    steps.makeWay(kind, { scheduledTimestampMs: 7, currentAttemptScheduledTimestampMs: 7 + askedForMs })
    return null
  } catch (error) {
    return error
  }
}

test('a run of a backfill begins where no step of a scheduled run is under way, or has been a moment before', async () => {
  const [steps, resting] = [scheduledSteps(times), scheduledSteps({ ...times, restMs: 60_000 })]
  expect([refused(steps), refused(resting)]).toEqual([null, null])
  for (const one of [steps, resting])
    await one.during(async () => {
      for (const kind of ['scheduled', 'manual', 'rerun'] as const) expect(refused(one, 0, kind)).toBeNull()
      const error = refused(one)
      expect(isWaiting(error)).toBe(true)
      expect((error as ApplicationFailure).nextRetryDelay).toBeGreaterThanOrEqual(2_000)
    })
  expect(refused(steps)).toBeNull()
  expect(refused(resting)).toBeInstanceOf(ApplicationFailure)
})

test('a step that fails is over; of several the last is waited for', async () => {
  const steps = scheduledSteps(times)
  await steps.during(async () => {
    await expect(steps.during(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(refused(steps)).toBeInstanceOf(ApplicationFailure)
  })
  expect(refused(steps)).toBeNull()
})

test('it waits neither for a step that takes long, nor longer than its patience', async () => {
  const steps = scheduledSteps({ ...times, stepMsMax: 0 })
  await steps.during(async () => expect(refused(steps)).toBeNull())
  const busy = scheduledSteps(times)
  await busy.during(async () => {
    expect(refused(busy, 29_999)).toBeInstanceOf(ApplicationFailure)
    expect(refused(busy, 30_000)).toBeNull()
  })
})

test.each([
  ['run', undefined, true],
  ['run', 2, true],
  ['tick', 0, true],
  ['run', 4, false],
  ['run', 5, false],
  ['compact', undefined, false],
  ['checkQuality', 5, false],
])('a step of %s with priority %s', (workflowType, priorityKey, isScheduled) => {
  expect(isScheduledStep({ workflowType, ...(priorityKey === undefined ? {} : { priority: { priorityKey } }) })).toBe(
    isScheduled,
  )
})
