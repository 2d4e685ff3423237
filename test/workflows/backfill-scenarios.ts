/** Scenarios of backfills, as history-scenarios.ts has the others. */
import type { Activities } from '../../activities/steps.js'
import { MillcourseError } from '../../core/errors.js'
import { noCounts } from './plain-activities.js'
import { type Scenario, untilTimer } from './scenario.js'

const labels = { view: 'airport_delays', owner: 'ops-ml' }
export const backfillInput = {
  ...{ project: 'flights', view: 'airport_delays', version: 1, backfillId: 'abc' },
  ...{ atOnce: 2, isStopping: false, now: null },
}
const filled = (hour: number) => ({
  ...{ start: `2001-01-02T0${hour}:00:00Z`, end: `2001-01-02T0${hour + 1}:00:00Z`, isForced: hour === 0 },
})
const asked = { view: 'airport_delays', range: { from: filled(0).start, to: filled(0).end }, now: null }
const options = { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 2 }

/** Turns of these intervals, then the end. */
function turns(...of: readonly (readonly ReturnType<typeof filled>[])[]): Partial<Activities> {
  let taken = 0
  return {
    takeBackfillTurn: async () => {
      const intervals = of[taken++]
      return intervals ? { kind: 'run', counts: noCounts, intervals } : { kind: 'finish', counts: noCounts }
    },
  }
}

export const backfillScenarios: Readonly<Record<string, Scenario>> = {
  'backfill-plan': { workflow: 'planBackfill', input: { ...asked, options }, answers: () => ({}) },
  'backfill-start': {
    workflow: 'startBackfill',
    input: { planId: 'abc', by: 'ann', reason: 'late files', costMax: null, now: null },
    answers: () => ({
      openBackfill: async () => ({
        kind: 'started',
        backfill: { ...backfillInput, backfillId: 'begun' },
        intervals: 0,
      }),
    }),
  },
  'backfill-start-nothing': {
    workflow: 'startBackfill',
    input: { planId: 'abc', by: 'ann', reason: 'late files', costMax: null, now: null },
    answers: () => ({}),
  },
  'backfill-runs-and-publishes': {
    workflow: 'backfill',
    input: { ...backfillInput, heartbeatMs: 5_000 },
    answers: () => {
      let parts = 0
      return {
        ...turns([filled(0), filled(1), filled(2)], [filled(3)]),
        readSource: async ({ interval }) => {
          if (interval.start === filled(1).start)
            throw new MillcourseError('SOURCE_FILE_CORRUPT', 'part-7 has no footer')
          return { warnings: [] }
        },
        judgeInterval: async ({ interval }) => ({
          ...{ decision: interval.start === filled(2).start ? 'hold' : 'publish', findings: [] },
        }),
        publishBackfill: async () => ({ isLeft: ++parts < 2, itemsWritten: 1 }),
      }
    },
  },
  'backfill-stops-and-fails-to-publish': {
    workflow: 'backfill',
    input: { ...backfillInput, isStopping: true, atOnce: 1, labels },
    answers: () => ({
      ...turns([filled(4), filled(5)]),
      readSource: async () => {
        throw new MillcourseError('SOURCE_FILE_CORRUPT', 'part-7 has no footer')
      },
      publishBackfill: async () => {
        throw new MillcourseError('PUBLISH_ACCESS_DENIED', 'the store does not let us in')
      },
    }),
  },
  'backfill-waits-and-is-woken': {
    workflow: 'backfill',
    input: backfillInput,
    answers: () => {
      let taken = 0
      return {
        takeBackfillTurn: async () => ({ kind: taken++ === 0 ? 'wait' : 'finish', counts: noCounts }),
      }
    },
    meanwhile: async (handle) => {
      await untilTimer(handle)
      await handle.signal('wake')
    },
  },
  'backfill-is-queued-and-starts-the-next': {
    workflow: 'backfill',
    input: backfillInput,
    answers: () => {
      let [taken, ended] = [0, 0]
      return {
        takeBackfillTurn: async () => ({
          ...(taken++ === 0 ? { kind: 'wait', askAgainMs: 100 } : { kind: 'finish' }),
          counts: noCounts,
        }),
        endBackfill: async () => ({
          state: 'done',
          next: ended++ === 0 ? [{ ...backfillInput, backfillId: 'next' }] : [],
        }),
      }
    },
  },
  'backfill-is-queued-and-looks-after-the-one-before': {
    workflow: 'backfill',
    input: backfillInput,
    answers: () => {
      let taken = 0
      return {
        takeBackfillTurn: async () => ({
          ...(taken++ === 0
            ? { kind: 'wait', askAgainMs: 100, lookAfter: [{ ...backfillInput, backfillId: 'before' }] }
            : { kind: 'finish' }),
          counts: noCounts,
        }),
      }
    },
  },
  'backfill-publishes-in-many-parts': {
    workflow: 'backfill',
    input: backfillInput,
    answers: () => {
      let parts = 0
      return { publishBackfill: async () => ({ isLeft: ++parts < 7, itemsWritten: 1 }) }
    },
  },
  'backfill-cancelled-by-temporal': {
    workflow: 'backfill',
    input: backfillInput,
    answers: () => ({
      takeBackfillTurn: async ({ isCancelled }) => ({ kind: isCancelled ? 'finish' : 'wait', counts: noCounts }),
    }),
    meanwhile: async (handle) => {
      await untilTimer(handle)
      await handle.cancel()
    },
  },
  'backfill-cancelled-as-it-continues-as-new': {
    workflow: 'backfill',
    input: backfillInput,
    answers: () => {
      let taken = 0
      return {
        takeBackfillTurn: async ({ isCancelled }) => {
          if (isCancelled) return { kind: 'finish', counts: noCounts }
          return ++taken === 10 ? { kind: 'wait', counts: noCounts } : { kind: 'run', counts: noCounts, intervals: [] }
        },
      }
    },
    meanwhile: async (handle) => {
      await untilTimer(handle)
      await handle.cancel()
    },
  },
  'backfill-continues-as-new': {
    workflow: 'backfill',
    input: backfillInput,
    answers: () => turns(...Array.from({ length: 12 }, () => [])),
  },
}
