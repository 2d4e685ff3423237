/** The publish step of tick and decide: what is committed and unmarked goes online (R33). */
import { Context } from '@temporalio/activity'
import type { ViewBundle } from '../core/define/definitions.js'
import { assert, assertNever } from '../core/errors.js'
import { formatInstant } from '../core/time/instant.js'
import type { ActivityDeps } from './activity-deps.js'
import { type PublishOutcome, publishOnline } from './publish-online.js'
import type { PublishCursor } from './publish-write.js'
import { sparingStep } from './spare-workers.js'
import type { PublishStepResult, PublishViewInput } from './steps.js'

export function publishView(deps: ActivityDeps): (input: PublishViewInput) => Promise<PublishStepResult> {
  return async ({ view, version }) => {
    const bundle = await deps.registry.view(view, version)
    if (!bundle.view.online) return { kind: 'committed', because: 'offline' }
    return await toStepResult(deps, bundle, await publishAsStep(deps, bundle))
  }
}

/** The publish as Temporal's attempt: its name, its cancellation, the cursor of the attempt before; three workers are risked on it. */
export async function publishAsStep(deps: ActivityDeps, bundle: ViewBundle): Promise<PublishOutcome> {
  const context = Context.current()
  const { workflowExecution, attempt } = context.info
  assert(workflowExecution, 'a publish is called by a workflow')
  const cursor = readCursor(context.info.heartbeatDetails)
  const { name: view, version } = bundle.view
  const { engine, heartbeat } = await sparingStep(deps.engine, cursor, () =>
    deps.ledger.giveUpPublish({ view, version }),
  )
  return await publishOnline({ ...deps, engine }, bundle, {
    ...{ workflowRunId: workflowExecution.runId, attempt, cursor, heartbeat },
    signal: context.cancellationSignal,
  })
}

function readCursor(details: unknown): PublishCursor | null {
  const { sequence, items } = (details as Partial<PublishCursor> | null | undefined) ?? {}
  return sequence === undefined || items === undefined ? null : { sequence, items }
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
