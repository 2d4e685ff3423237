/** What is recorded of each workflow: every branch that schedules something. Add scenarios; do not change those of released versions. */
import { MillcourseError } from '../../core/errors.js'
import { backfillInput, backfillScenarios } from './backfill-scenarios.js'
import { goodRun, runInput, runRef } from './plain-activities.js'
import { type Scenario, untilTimer } from './scenario.js'

const moved = new MillcourseError('PLAN_INPUTS_MOVED', 'part-7 was replaced')
const labels = { view: 'airport_delays', owner: 'ops-ml' }
const tickInput = { view: 'airport_delays', now: null, kind: 'scheduled', range: null, runsMax: 24 }

const spans = [
  { start: '2001-01-01T00:00:00Z', end: '2001-01-02T08:00:00Z' },
  { start: '2001-01-02T08:00:00Z', end: '2001-01-03T16:00:00Z' },
]
const checkInput = { views: null, sample: 100, seed: null, repair: null }

export const scenarios: Readonly<Record<string, Scenario>> = {
  'run-done': { workflow: 'run', input: runInput, answers: () => ({}) },
  'run-skipped': {
    workflow: 'run',
    input: runInput,
    answers: () => ({ planRun: async (input) => ({ kind: 'unchanged', run: runRef(input) }) }),
  },
  'run-held': {
    workflow: 'run',
    input: { ...runInput, heartbeatMs: 5_000 },
    answers: () => ({ judgeInterval: async () => ({ decision: 'hold', findings: [] }) }),
  },
  'run-waits-then-done': {
    workflow: 'run',
    input: runInput,
    answers: () => {
      let asked = 0
      return {
        planRun: async (input) => {
          const run = runRef(input)
          asked += 1
          return asked === 1
            ? { kind: 'not-ready', run, because: 'no _SUCCESS', isPastDeadline: false, retryAfterMs: 150 }
            : { kind: 'ready', run, number: 1, supersedes: null, files: 1, bytes: 1 }
        },
      }
    },
  },
  'run-plans-anew': {
    workflow: 'run',
    input: runInput,
    answers: () => {
      let computed = 0
      return {
        computeInterval: async (run) => {
          computed += 1
          if (computed === 1) throw moved
          return goodRun.computeInterval(run)
        },
      }
    },
  },
  'run-version-moved': {
    workflow: 'run',
    input: runInput,
    answers: () => {
      let published = 0
      return {
        publishInterval: async (run) => {
          published += 1
          return published === 1 ? { kind: 'moved' } : goodRun.publishInterval(run)
        },
      }
    },
  },
  'run-failed': {
    workflow: 'run',
    input: runInput,
    answers: () => ({
      readSource: async () => {
        throw new MillcourseError('SOURCE_FILE_CORRUPT', 'part-7 has no footer', { hint: 'write it again' })
      },
    }),
  },
  'run-stopped': {
    workflow: 'run',
    input: runInput,
    answers: () => ({ judgeInterval: async () => ({ decision: 'stop', findings: [] }) }),
  },
  'run-cancelled': {
    workflow: 'run',
    input: runInput,
    answers: () => ({
      planRun: async (input) => ({
        kind: 'not-ready',
        run: runRef(input),
        because: 'no _SUCCESS',
        isPastDeadline: false,
        retryAfterMs: 60_000,
      }),
    }),
    meanwhile: async (handle) => {
      await untilTimer(handle)
      await handle.cancel()
    },
  },
  'tick-starts-all': {
    workflow: 'tick',
    input: tickInput,
    answers: () => ({
      planTick: async ({ view }) => ({
        project: 'flights',
        view,
        version: 1,
        due: [
          { start: '2001-01-01T00:00:00Z', end: '2001-01-01T01:00:00Z' },
          { start: '2001-01-01T01:00:00Z', end: '2001-01-01T02:00:00Z' },
        ],
        left: 1,
        decisionIds: ['history-1'],
        isPublishDue: true,
      }),
    }),
  },
  'tick-nothing-due': { workflow: 'tick', input: tickInput, answers: () => ({}) },
  'decide-committed': {
    workflow: 'decide',
    input: { decisionId: 'history-2', now: null },
    answers: () => ({ applyDecision: async () => ({ kind: 'committed', view: 'airport_delays', version: 1 }) }),
  },
  'decide-rerun': {
    workflow: 'decide',
    input: { decisionId: 'history-3', now: null },
    answers: () => ({
      applyDecision: async () => ({ kind: 'rerun', project: 'flights', run: { ...runInput, kind: 'rerun' } }),
    }),
  },
  'compact-nothing-due': { workflow: 'compact', input: { view: 'airport_delays' }, answers: () => ({}) },
  'compact-span-fails': {
    workflow: 'compact',
    input: { view: 'airport_delays', heartbeatMs: 5_000 },
    answers: () => ({
      planCompaction: async ({ view }) => ({ project: 'flights', view, version: 1, spans }),
      compactSpan: async ({ span }) => {
        if (span.start === spans[0]!.start)
          throw new MillcourseError('COMPACT_ROWS_DIFFER', '1 rows where the ledger counts 2')
        return { kind: 'nothing' }
      },
    }),
  },
  'labelled-compact': {
    workflow: 'compact',
    input: { view: 'airport_delays' },
    answers: () => ({
      planCompaction: async ({ view }) => ({ project: 'flights', view, version: 1, spans, labels }),
      compactSpan: async () => ({
        kind: 'compacted',
        ...{ filesBefore: 32, filesAfter: 1, rows: 64, bytesBefore: 3_200, bytesAfter: 200 },
      }),
      removeFiles: async () => ({ filesRemoved: 2, bytesRemoved: 200, filesMarked: 32 }),
    }),
  },
  'check-agrees': { workflow: 'checkQuality', input: checkInput, answers: () => ({}) },
  'check-repairs': {
    workflow: 'checkQuality',
    input: { ...checkInput, heartbeatMs: 5_000, repair: { by: 'ann', reason: 'edited by hand' } },
    answers: () => ({
      planQuality: async () => ({
        project: 'flights',
        views: [
          { view: 'airport_delays', version: 1 },
          { view: 'last_departure', version: 1 },
        ],
        seed: 7,
      }),
      checkView: async ({ view, version }) => {
        if (view === 'last_departure') throw new MillcourseError('LAKE_ACCESS_DENIED', 'the lake does not let us in')
        return { view, version, faults: 2 }
      },
    }),
  },
  ...backfillScenarios,
  'tick-finds-a-backfill': {
    workflow: 'tick',
    input: tickInput,
    answers: () => ({
      planTick: async ({ view }) => ({
        ...{ project: 'flights', view, version: 1, due: [], left: 0, decisionIds: [], isPublishDue: false },
        backfills: [{ ...backfillInput, backfillId: 'found' }],
      }),
    }),
  },
  'labelled-run-done': { workflow: 'run', input: { ...runInput, labels }, answers: () => ({}) },
  'labelled-run-failed': {
    workflow: 'run',
    input: { ...runInput, labels },
    answers: () => ({
      readSource: async () => {
        throw new MillcourseError('SOURCE_FILE_CORRUPT', 'part-7 has no footer', { hint: 'write it again' })
      },
    }),
  },
  'labelled-tick-starts-all': {
    workflow: 'tick',
    input: { ...tickInput, kind: 'backfill' },
    answers: () => ({
      planTick: async ({ view }) => ({
        project: 'flights',
        view,
        version: 1,
        due: [{ start: '2001-01-01T02:00:00Z', end: '2001-01-01T03:00:00Z' }],
        left: 0,
        labels,
        decisionIds: ['history-4'],
        isPublishDue: true,
      }),
    }),
  },
  'labelled-decide-rerun': {
    workflow: 'decide',
    input: { decisionId: 'history-5', now: null },
    answers: () => ({
      applyDecision: async () => {
        const interval = { start: '2001-01-01T03:00:00Z', end: '2001-01-01T04:00:00Z' }
        const rerun = { ...runInput, interval, kind: 'rerun' as const, labels }
        return { kind: 'rerun', project: 'flights', run: rerun, labels }
      },
    }),
  },
  'labelled-publish': {
    workflow: 'publish',
    input: { view: 'airport_delays', version: 1, now: null, labels },
    answers: () => ({}),
  },
  publish: { workflow: 'publish', input: { view: 'airport_delays', version: 1, now: null }, answers: () => ({}) },
}
