/** The publish step of tick and decide: what is committed and unmarked goes online (R33). */
import { Context } from '@temporalio/activity'
import type { ViewBundle } from '../core/define/definitions.js'
import { assert, assertNever } from '../core/errors.js'
import { formatInstant } from '../core/time/instant.js'
import type { ActivityDeps } from './activity-deps.js'
import { type PublishAttempt, type PublishOutcome, publishOnline } from './publish-online.js'
import type { PublishCursor } from './publish-write.js'
import type { PublishStepResult, PublishViewInput } from './steps.js'

export function publishView(deps: ActivityDeps): (input: PublishViewInput) => Promise<PublishStepResult> {
  return async ({ view, version }) => {
    const bundle = await deps.registry.view(view, version)
    if (!bundle.view.online) return { kind: 'committed', because: 'offline' }
    return await toStepResult(deps, bundle, await publishOnline(deps, bundle, currentAttempt()))
  }
}

/** The publish as Temporal's attempt: its name, its cancellation, the cursor of the attempt before. */
export function currentAttempt(): PublishAttempt {
  const context = Context.current()
  const { workflowExecution, attempt } = context.info
  assert(workflowExecution, 'a publish is called by a workflow')
  return {
    workflowRunId: workflowExecution.runId,
    attempt,
    signal: context.cancellationSignal,
    cursor: (context.info.heartbeatDetails as PublishCursor | null | undefined) ?? null,
    heartbeat: (cursor) => context.heartbeat(cursor),
  }
}

/** @param isCovered whether what the caller committed is online by another's publish; absent: nothing of its own */
export async function toStepResult(
  deps: ActivityDeps,
  { view: { name, version } }: ViewBundle,
  outcome: PublishOutcome,
  isCovered?: () => Promise<boolean>,
): Promise<PublishStepResult> {
  const key = { view: name, version }
  switch (outcome.kind) {
    case 'finished': {
      const { keyCounts, itemsWritten, endAt } = outcome
      if (isCovered !== undefined && !(await isCovered())) return { kind: 'committed', because: 'blocked' }
      return { kind: 'published', keyCounts, itemsWritten, endAt: formatInstant(endAt) }
    }
    case 'nothing': {
      const last = await deps.ledger.lastPublish(key)
      const isOnline = isCovered === undefined ? (await deps.ledger.unmarkedCommits(key)) === 0 : await isCovered()
      if (last === null || !isOnline) return { kind: 'committed', because: 'blocked' }
      return { kind: 'published', keyCounts: null, itemsWritten: 0, endAt: formatInstant(last.endAt) }
    }
    case 'busy':
    case 'overtaken':
      return { kind: 'committed', because: 'lease' }
    default:
      return assertNever(outcome)
  }
}
