/** Carries out a decision that the ledger already holds (R37): commits exactly the judged candidate, or none; then publishes. */
import type { ApplyDecisionResult, PublishStepResult } from '../activities/steps.js'
import { assertNever } from '../core/errors.js'
import { type DecideInput, runWorkflowId } from '../core/ports/run-control.js'
import { proxySteps } from './proxy-activities.js'
import { run } from './run.js'
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
  switch (applied.kind) {
    case 'committed': {
      const { view, version } = applied
      const published = await steps.publishView({ view, version, now: input.now })
      return { kind: applied.kind, published: published.kind, workflowId: null }
    }
    case 'rerun': {
      const { project, run: rerun } = applied
      const workflowId = runWorkflowId({ project, ...rerun }, rerun.interval.start)
      await startOrJoin(run, workflowId, [rerun])
      return { kind: applied.kind, published: null, workflowId }
    }
    case 'kept':
    case 'superseded':
      return { kind: applied.kind, published: null, workflowId: null }
    default:
      return assertNever(applied)
  }
}
