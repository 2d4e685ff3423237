import { heartbeat } from '@temporalio/activity'
import type { WorkflowFailedError } from '@temporalio/client'
import { CancelledFailure } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MillcourseError } from '../../core/errors.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { keyCounts, runInput, runRef } from './plain-activities.js'
import { type RunRig, startRunRig } from './run-rig.js'

let temporal: TestTemporal
let rig: RunRig
beforeAll(async () => {
  temporal = await startTestTemporal()
  rig = await startRunRig(temporal)
})
afterAll(() => temporal?.stop())

const roadToJudge = ['planRun', 'readSource', 'computeInterval', 'judgeInterval']
const road = [...roadToJudge, 'publishInterval', 'recordRun']

describe.concurrent('the road', () => {
  test('a run is plan, read, compute, judge, publish, record, each once', async () => {
    const { result, calls, ended, failures } = await rig.runToEnd()
    expect(calls).toEqual(road)
    expect(result.outcome).toBe('done')
    expect(ended).toHaveLength(1)
    expect(ended[0]?.end).toEqual({ outcome: 'done', keyCounts, itemsWritten: 2, peakMemoryBytes: 5 })
    expect(ended[0]?.run.runId).toBe(result.runId)
    expect(failures).toEqual([])
  })

  test('a publish may take what a write budget makes of it, not so the other steps', async () => {
    const { handle } = await rig.runToEnd()
    const scheduled = (await handle.fetchHistory()).events!.flatMap(
      (event) => event.activityTaskScheduledEventAttributes ?? [],
    )
    const hours = scheduled.map(({ activityType, startToCloseTimeout, scheduleToCloseTimeout }) => [
      activityType!.name,
      ...[startToCloseTimeout, scheduleToCloseTimeout].map((timeout) => Number(timeout!.seconds) / 3_600),
    ])
    expect(hours).toContainEqual(['computeInterval', 2, 3])
    expect(hours).toContainEqual(['publishInterval', 14 * 24, 14 * 24])
  })

  test('publish is given the commit that the plan supersedes', async () => {
    let given: unknown
    await rig.runToEnd({
      planRun: async (input) => ({
        kind: 'ready',
        run: runRef(input),
        number: 2,
        supersedes: '41',
        files: 1,
        bytes: 1,
      }),
      publishInterval: async (run) => {
        given = run.supersedes
        return { kind: 'published', keyCounts: null, itemsWritten: 0, endAt: run.interval.end }
      },
    })
    expect(given).toBe('41')
  })

  test('R21: an interval that is done with the same inputs is skipped after planning', async () => {
    const { calls, result } = await rig.runToEnd({
      planRun: async (input) => ({ kind: 'unchanged', run: runRef(input) }),
    })
    expect(calls).toEqual(['planRun', 'recordRun'])
    expect(result.outcome).toBe('skipped')
  })

  test('R26, R37: a held run ends, with nothing published and nobody waited for', async () => {
    const { calls, result, ended } = await rig.runToEnd({
      judgeInterval: async () => ({ decision: 'hold', findings: [] }),
    })
    expect(calls).toEqual([...roadToJudge, 'recordRun'])
    expect(result.outcome).toBe('held')
    expect(ended[0]?.end.outcome).toBe('held')
  })

  test('a verdict of stop fails the run without a publish', async () => {
    const { calls, failures, failure } = await rig.runToFailure({
      judgeInterval: async () => ({ decision: 'stop', findings: [] }),
    })
    expect(calls).toEqual([...roadToJudge, 'recordFailure'])
    expect(failure.type).toBe('JUDGE_STOPPED')
    expect(failures[0]?.error).toMatchObject({ code: 'JUDGE_STOPPED', step: 'judge' })
  })

  test.each([
    ['lease', 'committed'],
    ['blocked', 'committed'],
    ['backfill', 'committed'],
    ['offline', 'done'],
  ] as const)('R33: a commit that is not carried online because of %s ends as %s', async (because, outcome) => {
    const { result } = await rig.runToEnd({ publishInterval: async () => ({ kind: 'committed', because }) })
    expect(result.outcome).toBe(outcome)
  })

  test('R37: a run that a newer one has overtaken ends as superseded', async () => {
    const { result } = await rig.runToEnd({ publishInterval: async () => ({ kind: 'superseded', byRunId: 'other' }) })
    expect(result.outcome).toBe('superseded')
  })
})

describe.concurrent('waiting and planning anew', () => {
  test('not ready is a wait in short sleeps, then the run goes on', async () => {
    let asked = 0
    const { calls, result } = await rig.runToEnd({
      planRun: async (input) =>
        ++asked < 3
          ? { kind: 'not-ready', run: runRef(input), because: 'no _SUCCESS', isPastDeadline: false, retryAfterMs: 100 }
          : { kind: 'ready', run: runRef(input), number: 1, supersedes: null, files: 1, bytes: 1 },
    })
    expect(calls).toEqual(['planRun', 'planRun', ...road])
    expect(result.outcome).toBe('done')
  })

  test('past its deadline a run ends as not-ready, and says for what it waited', async () => {
    const waitedFor = { because: 'no _SUCCESS', source: 'flights' }
    const { calls, result, ended } = await rig.runToEnd({
      planRun: async (input) => ({
        ...{ kind: 'not-ready' as const, run: runRef(input), because: waitedFor.because, waitedFor },
        ...{ isPastDeadline: true, retryAfterMs: 100 },
      }),
    })
    expect(calls).toEqual(['planRun', 'recordRun'])
    expect(result.outcome).toBe('not-ready')
    expect(ended[0]?.end).toMatchObject({ outcome: 'not-ready', waitedFor })
  })

  test('under a pretended clock not ready ends at once: waiting brings that time no nearer', async () => {
    const { calls, result } = await rig.runToEnd(
      {
        planRun: async (input) => ({
          kind: 'not-ready',
          run: runRef(input),
          because: 'no _SUCCESS',
          isPastDeadline: false,
          retryAfterMs: 100,
        }),
      },
      { ...runInput, now: '2001-01-01T01:00:00Z' },
    )
    expect(calls).toEqual(['planRun', 'recordRun'])
    expect(result.outcome).toBe('not-ready')
  })

  test.each(['PLAN_INPUTS_MOVED', 'PLAN_DEFINITION_MOVED', 'SOURCE_FILE_MISSING'] as const)(
    '%s starts the run again from plan, as a run of its own',
    async (code) => {
      let computed = 0
      const { calls, result, failures, ended } = await rig.runToEnd({
        computeInterval: async () => {
          if (++computed === 1) throw new MillcourseError(code, 'the ground moved')
          return {
            counts: { read: 0, kept: 0, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 },
          }
        },
      })
      expect(calls).toEqual(['planRun', 'readSource', 'computeInterval', 'recordFailure', ...road])
      expect(failures).toMatchObject([{ isReplanned: true, input: { replans: 0 }, error: { code, step: 'compute' } }])
      expect(ended[0]?.run.runId).toMatch(/\.1$/)
      expect(result.outcome).toBe('done')
    },
  )

  test('a superseded version that moved starts the run again from plan', async () => {
    let published = 0
    const { calls, result, ended } = await rig.runToEnd({
      publishInterval: async ({ interval }) =>
        ++published === 1
          ? { kind: 'moved' }
          : { kind: 'published', keyCounts: null, itemsWritten: 0, endAt: interval.end },
    })
    expect(calls).toEqual([...road, ...road])
    expect(ended.map(({ end }) => end.outcome)).toEqual(['superseded', 'done'])
    expect(result.outcome).toBe('done')
  })

  test('it plans anew a bounded number of times, then fails with the cause', async () => {
    const { calls, failures, failure } = await rig.runToFailure({
      readSource: async () => {
        throw new MillcourseError('PLAN_INPUTS_MOVED', 'part-7 was replaced')
      },
    })
    expect(calls.filter((call) => call === 'planRun')).toHaveLength(6)
    expect(failures.map(({ isReplanned }) => isReplanned)).toEqual([true, true, true, true, true, false])
    expect(failure.type).toBe('PLAN_INPUTS_MOVED')
  })
})

describe.concurrent('failures', () => {
  test('a permanent error is tried exactly once and recorded with its step, hint and facts', async () => {
    const { calls, failures, failure } = await rig.runToFailure({
      readSource: async () => {
        throw new MillcourseError('SOURCE_SCHEMA_CHANGED', 'column "amount" was DOUBLE, is VARCHAR', {
          hint: 'accept it or fix the producer',
          facts: { column: 'amount' },
        })
      },
    })
    expect(calls).toEqual(['planRun', 'readSource', 'recordFailure'])
    expect(failures).toEqual([
      {
        input: { ...runInput, replans: 0 },
        isReplanned: false,
        error: {
          code: 'SOURCE_SCHEMA_CHANGED',
          message: 'column "amount" was DOUBLE, is VARCHAR',
          hint: 'accept it or fix the producer',
          facts: { column: 'amount' },
          step: 'read',
          attempts: 1,
        },
      },
    ])
    expect(failure.type).toBe('SOURCE_SCHEMA_CHANGED')
    expect(failure.message).toBe('column "amount" was DOUBLE, is VARCHAR')
  })

  test('an error that says later is left to the next tick', async () => {
    const { calls } = await rig.runToFailure({
      computeInterval: async () => {
        throw new MillcourseError('COMPUTE_SPILL_FULL', 'the disk is full')
      },
    })
    expect(calls).toEqual(['planRun', 'readSource', 'computeInterval', 'recordFailure'])
  })

  test('an error that says backoff is tried again until it passes', async () => {
    let tries = 0
    const { calls, result } = await rig.runToEnd({
      judgeInterval: async () => {
        if (++tries < 3) throw new MillcourseError('LEDGER_UNREACHABLE', 'connection refused')
        return { decision: 'publish', findings: [] }
      },
    })
    expect(calls.filter((call) => call === 'judgeInterval')).toHaveLength(3)
    expect(result.outcome).toBe('done')
  })

  test('what is recorded is the first cause, not the last retry', async () => {
    let tries = 0
    const { failures, failure } = await rig.runToFailure({
      publishInterval: async () => {
        if (++tries === 1)
          throw new MillcourseError('PUBLISH_THROTTLED', 'table t refuses writes', { facts: { table: 't' } })
        throw new MillcourseError('PUBLISH_ITEM_TOO_LARGE', 'a value is too large')
      },
    })
    expect(tries).toBe(2)
    expect(failures[0]?.error).toEqual({
      code: 'PUBLISH_THROTTLED',
      message: 'table t refuses writes',
      hint: null,
      facts: { table: 't' },
      step: 'publish',
      attempts: 2,
      triedForMs: expect.any(Number),
    })
    expect(failure.type).toBe('PUBLISH_THROTTLED')
  })

  test('an error that nobody foresaw is tried three times and recorded as INTERNAL', async () => {
    const { calls, failures } = await rig.runToFailure({
      computeInterval: async () => {
        throw new TypeError('x is not a function')
      },
    })
    expect(calls.filter((call) => call === 'computeInterval')).toHaveLength(3)
    expect(failures[0]?.error).toMatchObject({
      code: 'INTERNAL',
      message: 'TypeError: x is not a function',
      attempts: 3,
    })
  })

  test('a failure of the record itself is recorded', async () => {
    const { calls, failures } = await rig.runToFailure({
      recordRun: async () => {
        throw new MillcourseError('RUN_COUNTS_DO_NOT_RECONCILE', 'read 3 rows, kept 2')
      },
    })
    expect(calls).toEqual([...road, 'recordFailure'])
    expect(failures[0]?.error).toMatchObject({ code: 'RUN_COUNTS_DO_NOT_RECONCILE', step: 'record' })
  })
})

// One after the other: they hold up the process, and tell the living from the dead by their heartbeats.
describe('silence', () => {
  test('a step that has gone silent is started again, with the cursor of its last heartbeat', async () => {
    const cursors: unknown[] = []
    const { result } = await rig.runToEnd(
      {
        publishInterval: async ({ interval }) => {
          const { Context } = await import('@temporalio/activity')
          const { info } = Context.current()
          cursors.push(info.heartbeatDetails)
          if (info.attempt > 1) return { kind: 'published', keyCounts: null, itemsWritten: 0, endAt: interval.end }
          heartbeat({ cursor: 7 })
          // Longer than a pulse: a pulse must repeat the cursor, not wipe it out.
          await new Promise((resolve) => setTimeout(resolve, 600))
          // A blocked process sends no pulse: the server must notice and start the step again; the late answer is refused.
          blockFor(2_500)
          return { kind: 'superseded', byRunId: 'a zombie' }
        },
      },
      { ...runInput, heartbeatMs: 1_000 },
    )
    expect(cursors).toEqual([undefined, { cursor: 7 }])
    expect(result.outcome).toBe('done')
  })

  test('a step that works long and quietly is kept alive by its pulse, which keeps the cursor', async () => {
    let attempts = 0
    const { result } = await rig.runToEnd(
      {
        computeInterval: async () => {
          attempts += 1
          await new Promise((resolve) => setTimeout(resolve, 2_500))
          return {
            counts: { read: 0, kept: 0, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 },
          }
        },
      },
      { ...runInput, heartbeatMs: 800 },
    )
    expect(attempts).toBe(1)
    expect(result.outcome).toBe('done')
  })
})

describe('cancellation', () => {
  test('a cancelled run is recorded as failed by RUN_CANCELLED in its step, and ends as cancelled', async () => {
    let reached = () => {}
    const inCompute = new Promise<void>((resolve) => {
      reached = resolve
    })
    const { handle, failures } = await rig.start(
      {
        computeInterval: async () => {
          const { Context } = await import('@temporalio/activity')
          reached()
          // As a query that is interrupted: its own words for it are not the cause.
          await Context.current().cancelled.catch(() => {})
          throw new MillcourseError('COMPUTE_FAILED', 'INTERRUPT Error: Interrupted!')
        },
      },
      { ...runInput, heartbeatMs: 1_000 },
    )
    await inCompute
    await handle.cancel()
    const error: unknown = await handle.result().catch((reason) => reason)
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure)
    expect(failures).toMatchObject([{ error: { code: 'RUN_CANCELLED', step: 'compute' }, isReplanned: false }])
  })

  test('a step that does not listen is waited for, and the one after it is not begun', async () => {
    let reached = () => {}
    const inCompute = new Promise<void>((resolve) => {
      reached = resolve
    })
    const { handle, calls, failures } = await rig.start({
      computeInterval: async () => {
        reached()
        await new Promise((resolve) => setTimeout(resolve, 500))
        return { counts: { read: 0, kept: 0, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 } }
      },
    })
    await inCompute
    await handle.cancel()
    await handle.result().catch(() => {})
    expect(calls).toEqual(['planRun', 'readSource', 'computeInterval', 'recordFailure'])
    expect(failures).toMatchObject([{ error: { code: 'RUN_CANCELLED', step: 'judge' } }])
  })

  test('a run cancelled while it waits for its source is recorded, too', async () => {
    const { handle, failures, calls } = await rig.start({
      planRun: async (input) => ({
        kind: 'not-ready',
        run: runRef(input),
        because: 'no _SUCCESS',
        isPastDeadline: false,
        retryAfterMs: 60_000,
      }),
    })
    while (!calls.includes('planRun')) await new Promise((resolve) => setTimeout(resolve, 20))
    await new Promise((resolve) => setTimeout(resolve, 300))
    await handle.cancel()
    await handle.result().catch(() => {})
    expect(failures).toMatchObject([{ error: { code: 'RUN_CANCELLED', step: 'plan' } }])
  })
})

/** Holds the event loop, as a stopped process would. */
function blockFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
