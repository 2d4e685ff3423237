/** Activities as plain functions, where the sequence is the point: they note their calls and answer as a good run would. */
import { Context } from '@temporalio/activity'
import { scheduledSteps } from '../../activities/make-way.js'
import type { Activities, RecordFailureInput, RecordStepInput, RunRef } from '../../activities/steps.js'
import { watchAttempts } from '../../activities/watch-attempts.js'
import type { RunInput } from '../../core/ports/run-control.js'

export interface PlainActivities {
  readonly activities: Activities
  /** `planRun`, `readSource` … in the order of their calls, repeated attempts included. */
  readonly calls: string[]
  readonly ended: { readonly run: RunRef; readonly end: RecordStepInput }[]
  readonly failures: RecordFailureInput[]
}

/** `answers` replace single activities; all of them go through the real failure seam. */
export function plainActivities(answers: Partial<Activities> = {}, scheduled = scheduledSteps()): PlainActivities {
  const calls: string[] = []
  const ended: PlainActivities['ended'] = []
  const failures: RecordFailureInput[] = []
  const noted: Activities = {
    ...goodRun,
    recordRun: async (run, end) => {
      ended.push({ run, end })
    },
    recordFailure: async (input) => {
      failures.push(input)
    },
    ...answers,
  }
  for (const name of Object.keys(noted) as (keyof Activities)[]) noted[name] = note(name, noted[name] as never) as never
  return { activities: watchAttempts(noted, silentLog, scheduled), calls, ended, failures }

  function note<Args extends unknown[], Result>(name: string, work: (...args: Args) => Promise<Result>) {
    return (...args: Args): Promise<Result> => {
      calls.push(name)
      return work(...args)
    }
  }
}

/** One worker's activities for many runs, each answered by its own: a worker per run would take longer to make than the run takes. */
export function activitiesOf(byWorkflowId: ReadonlyMap<string, Activities>): Activities {
  const answer =
    (name: keyof Activities) =>
    (...args: unknown[]): unknown => {
      const { workflowId = '' } = Context.current().info.workflowExecution ?? {}
      return Reflect.apply(byWorkflowId.get(workflowId)![name], undefined, args)
    }
  const names = Object.keys(goodRun) as (keyof Activities)[]
  return Object.fromEntries(names.map((name) => [name, answer(name)])) as unknown as Activities
}

export const silentLog = { info: () => {}, warn: () => {}, error: () => {} }

export const runInput: RunInput = {
  view: 'airport_delays',
  version: 1,
  interval: { start: '2001-01-01T00:00:00Z', end: '2001-01-01T01:00:00Z' },
  kind: 'scheduled',
  now: null,
}

export function runRef(input: RunInput): RunRef {
  const { workflowExecution } = Context.current().info
  return { ...input, runId: `${workflowExecution?.runId}.${input.replans ?? 0}`, definitionHash: 'd1' }
}

export const keyCounts = { touched: 3, published: 2, unchanged: 1, superseded: 0, takenBack: 0, rewritten: 0 }

export const noCounts = { total: 0, done: 0, failed: 0, held: 0, left: 0, msPerInterval: null }

export const goodRun: Activities = {
  planTick: async ({ view }) => ({
    project: 'shop',
    view,
    version: 1,
    due: [],
    left: 0,
    decisionIds: [],
    isPublishDue: false,
  }),
  planRun: async (input) => ({ kind: 'ready', run: runRef(input), number: 1, supersedes: null, files: 1, bytes: 10 }),
  readSource: async () => ({ warnings: [] }),
  computeInterval: async () => ({
    counts: { read: 3, kept: 3, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 },
    peakMemoryBytes: 5,
  }),
  judgeInterval: async () => ({ decision: 'publish', findings: [] }),
  publishInterval: async ({ interval }) => ({ kind: 'published', keyCounts, itemsWritten: 2, endAt: interval.end }),
  recordRun: async () => {},
  recordFailure: async () => {},
  applyDecision: async () => ({ kind: 'kept', view: 'airport_delays', version: 1 }),
  planCompaction: async ({ view }) => ({ project: 'shop', view, version: 1, spans: [] }),
  compactSpan: async () => ({ kind: 'nothing' }),
  removeFiles: async () => ({ filesRemoved: 0, bytesRemoved: 0, filesMarked: 0 }),
  publishView: async () => ({ kind: 'published', keyCounts: null, itemsWritten: 0, endAt: '2001-01-01T01:00:00Z' }),
  planQuality: async () => ({ project: 'shop', views: [{ view: 'airport_delays', version: 1 }], seed: 7 }),
  checkView: async ({ view, version }) => ({ view, version, faults: 0 }),
  repairView: async () => ({ reopened: [], isRebuildAsked: true, left: 0 }),
  planBackfill: async () => ({ planId: 'abc' }),
  openBackfill: async () => ({ kind: 'nothing-to-run' }),
  takeBackfillTurn: async () => ({ kind: 'finish', counts: noCounts }),
  publishBackfill: async () => ({ isLeft: false, itemsWritten: 0 }),
  endBackfill: async () => ({ state: 'done' }),
}
