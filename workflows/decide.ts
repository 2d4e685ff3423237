/** Carries out a decision that the ledger already holds (R37): commits exactly the judged candidate, or none; then publishes. */
import type { Activities, ApplyDecisionResult, PublishStepResult } from '../activities/steps.js'
import { assertNever } from '../core/errors.js'
import { type DecideInput, runPriority, runWorkflowId } from '../core/ports/run-control.js'
import { proxySteps } from './proxy-activities.js'
import { run } from './run.js'
import { notingEnd, searchPairs } from './search-attributes.js'
import { startOrJoin } from './start-child.js'

export interface DecideResult {
  readonly kind: ApplyDecisionResult['kind']
  readonly published: PublishStepResult['kind'] | null
  /** Of the run that a `rerun` started. */
  readonly workflowId: string | null
}

export async function decide(input: DecideInput): Promise<DecideResult> {
  const steps = proxySteps(input.heartbeatMs)
  const applied = await steps.applyDecision(input)
  return notingEnd(
    applied.labels,
    {},
    () => carryOut(steps, applied, input),
    ({ kind }) => kind,
  )
}

async function carryOut(steps: Activities, applied: ApplyDecisionResult, input: DecideInput): Promise<DecideResult> {
  switch (applied.kind) {
    case 'committed': {
      const { view, version } = applied
      const published = await steps.publishView({ view, version, now: input.now })
      return { kind: applied.kind, published: published.kind, workflowId: null }
    }
    case 'rerun': {
      const { project, run: rerun } = applied
      const workflowId = runWorkflowId({ project, ...rerun }, rerun.interval.start)
      const { labels, interval, kind } = rerun
      const search = labels ? { search: searchPairs(labels, { kind, start: interval.start }) } : {}
      await startOrJoin(run, workflowId, [rerun], { ...search, priorityKey: runPriority[kind] })
      return { kind: applied.kind, published: null, workflowId }
    }
    case 'kept':
    case 'superseded':
    case 'candidate-gone':
      return { kind: applied.kind, published: null, workflowId: null }
    default:
      return assertNever(applied)
  }
}
