/**
 * One run: plan → read → compute → judge → publish → record, for one interval of one view version. Activities decide, this
 * sequences: whatever stands here is frozen by the replay of open histories. A held run ends; nothing waits for a person here.
 */
import { ApplicationFailure, CancellationScope, sleep, workflowInfo } from '@temporalio/workflow'
import type { Activities, PlanStepResult, RecordStepInput, RunRef } from '../activities/steps.js'
import { assertNever, errorCodes } from '../core/errors.js'
import type { RunInput } from '../core/ports/run-control.js'
import { type FirstCause, firstCause } from './first-cause.js'
import { noteSteps } from './note-steps.js'
import { proxySteps } from './proxy-activities.js'
import { notingEnd } from './search-attributes.js'

export interface RunResult {
  readonly outcome: RecordStepInput['outcome']
  readonly runId: string
}

/** So often may the inputs, the definition or the superseded version move under one run; then it fails and the next tick runs it. */
const replansMax = 5
const waitMsMin = 100
const waitMsMax = 300_000

export async function run(input: RunInput): Promise<RunResult> {
  const { labels, kind, interval } = input
  return notingEnd(
    labels,
    { kind, start: interval.start },
    () => takeRounds(input),
    ({ outcome }) => outcome,
  )
}

async function takeRounds(input: RunInput): Promise<RunResult> {
  const activities = proxySteps(input.heartbeatMs)
  for (let replans = input.replans ?? 0; ; replans++) {
    const round = await takeRoad(activities, { ...input, replans }, replans < replansMax)
    if (round !== 'moved') return round
  }
}

/** The main path. `moved`: what was planned is no longer there; this round is recorded as superseded and the next one plans anew. */
async function takeRoad(activities: Activities, input: RunInput, mayReplan: boolean): Promise<RunResult | 'moved'> {
  const { steps, current } = noteSteps(activities)
  let peakMemoryBytes = 0
  const record = async (run: RunRef, outcome: RecordStepInput['outcome'], end: Partial<End> = {}) => {
    const { keyCounts = null, itemsWritten = 0, waitedFor } = end
    const waited = waitedFor ? { waitedFor } : {}
    await steps.recordRun(run, { outcome, keyCounts, itemsWritten, peakMemoryBytes, ...waited })
    return { outcome, runId: run.runId }
  }
  try {
    // A producer that is still writing needs a moment more each time.
    if (input.replans) await sleep(125 * 2 ** input.replans)
    const plan = await planUntilReady(steps, input)
    if (plan.kind === 'unchanged') return await record(plan.run, 'skipped')
    if (plan.kind === 'not-ready') return await record(plan.run, 'not-ready', plan)
    const { run, supersedes } = plan
    await steps.readSource(run)
    const computed = await steps.computeInterval(run)
    peakMemoryBytes = computed.peakMemoryBytes ?? 0
    const judged = await steps.judgeInterval(run)
    if (judged.decision === 'hold') return await record(run, 'held')
    if (judged.decision === 'stop') throw stopped(judged.findings.length)
    const published = await steps.publishInterval({ ...run, supersedes })
    switch (published.kind) {
      case 'published':
        return await record(run, 'done', published)
      case 'committed':
        return await record(run, published.because === 'offline' ? 'done' : 'committed')
      case 'superseded':
        return await record(run, 'superseded')
      case 'moved':
        if (!mayReplan) throw movedTooOften()
        await record(run, 'superseded')
        return 'moved'
      default:
        return assertNever(published)
    }
  } catch (error) {
    const cause = firstCause(error, current())
    if (!cause) throw error
    const isReplanned = mayReplan && errorCodes[cause.code].retry === 'replan'
    // Cancellation, too, has to reach the ledger.
    await CancellationScope.nonCancellable(() => activities.recordFailure({ input, error: cause, isReplanned }))
    if (isReplanned) return 'moved'
    throw cause.code === 'RUN_CANCELLED' ? error : failed(cause, error)
  }
}

type End = Pick<RecordStepInput, 'keyCounts' | 'itemsWritten' | 'waitedFor'>

/** Not ready is a wait with a deadline, in short sleeps. Under a pretended clock no wait brings the time nearer: the next tick looks again. */
async function planUntilReady(steps: Pick<Activities, 'planRun'>, input: RunInput): Promise<PlanStepResult> {
  for (;;) {
    const plan = await steps.planRun(input)
    if (plan.kind !== 'not-ready') return plan
    if (plan.isPastDeadline || input.now !== null || workflowInfo().continueAsNewSuggested) return plan
    await sleep(Math.min(Math.max(plan.retryAfterMs, waitMsMin), waitMsMax))
  }
}

/** Temporal's list then shows the code and the sentence of the step, not "Activity task failed". */
function failed(cause: FirstCause, error: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type: cause.code,
    message: cause.message,
    nonRetryable: true,
    details: [cause.facts, cause.hint, cause.attempts, null],
    ...(error instanceof Error ? { cause: error } : {}),
  })
}

function stopped(findings: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'JUDGE_STOPPED',
    message: `the candidate was refused by ${findings} finding(s) that no decision can lift`,
    nonRetryable: true,
    details: [{ findings }, 'millcourse runs show RUN lists them', 1, null],
  })
}

function movedTooOften(): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'PLAN_INPUTS_MOVED',
    message: `other runs committed this interval ${replansMax + 1} times while this one was under way`,
    nonRetryable: true,
    details: [{ rounds: replansMax + 1 }, 'the next tick runs the interval again', 1, null],
  })
}
