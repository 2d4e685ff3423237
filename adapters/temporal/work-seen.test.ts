import { expect, test } from 'vitest'
import { workSeen } from './work-seen.js'

type Described = Parameters<typeof workSeen>[0]

function seen(step: object | null, more: object = {}, name = 'RUNNING') {
  const raw = {
    pendingActivities: step === null ? [] : [{ activityType: { name: 'computeInterval' }, ...step }],
    ...more,
  }
  return workSeen({ status: { code: 1, name }, raw } as Described)
}

test('a step is at work, unclaimed, or pausing after an attempt that failed or timed out', () => {
  const none = { kind: 'step', activity: 'computeInterval', attempt: 1, worker: null, lastFailure: null }
  expect(seen({ state: 2, attempt: 1, lastWorkerIdentity: '7@host' })).toEqual({
    ...none,
    ...{ state: 'at-work', worker: '7@host' },
  })
  expect(seen({ state: 1, attempt: 1 })).toEqual({ ...none, state: 'unclaimed' })
  const nextAttemptScheduleTime = { nanos: 1 }
  const failed = { message: 'no answer', applicationFailureInfo: { type: 'LAKE_UNREACHABLE' } }
  const again = { state: 1, attempt: 3, lastWorkerIdentity: '7@host' }
  expect(seen({ ...again, lastFailure: failed, nextAttemptScheduleTime })).toEqual({
    ...{ ...none, attempt: 3, state: 'pausing' },
    lastFailure: { code: 'LAKE_UNREACHABLE', message: 'no answer' },
  })
  expect(seen({ ...again, lastFailure: { message: 'activity Heartbeat timeout', timeoutFailureInfo: {} } })).toEqual({
    ...{ ...none, attempt: 3, state: 'unclaimed' },
    lastFailure: { code: null, message: 'activity Heartbeat timeout' },
  })
  const madeWay = { message: 'others go first', applicationFailureInfo: { type: 'PublishWaits', category: 1 } }
  expect(seen({ ...again, lastFailure: madeWay, nextAttemptScheduleTime })).toEqual({
    ...{ ...none, attempt: 3, state: 'pausing' },
    lastFailure: { code: null, message: 'others go first' },
  })
})

test('without a step it sleeps, nobody has taken it up, or it is over', () => {
  expect(seen(null)).toEqual({ kind: 'asleep' })
  expect(seen(null, { pendingWorkflowTask: { state: 2 } })).toEqual({ kind: 'asleep' })
  expect(seen(null, { pendingWorkflowTask: { state: 1 } })).toEqual({ kind: 'unclaimed' })
  expect(seen({ state: 2 }, {}, 'TERMINATED')).toEqual({ kind: 'over' })
})
