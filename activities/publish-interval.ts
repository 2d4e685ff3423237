/** The publish step of a run: first offline, in one ledger transaction; then online, as a publish of the view version. */
import { assertNever } from '../core/errors.js'
import { fromIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { appliedBundle } from './applied-bundle.js'
import { promoteCandidate } from './promote-candidate.js'
import { publishAsStep, toStepResult } from './publish-view.js'
import type { PublishStepResult, RunRef } from './steps.js'
import { unknownRun } from './unknown-run.js'

type PublishRun = RunRef & { readonly supersedes: string | null }

export function publishInterval(deps: ActivityDeps): (run: PublishRun) => Promise<PublishStepResult> {
  return async (run) => {
    const bundle = await appliedBundle(deps, run)
    const record = await deps.ledger.run(run.runId)
    if (!record) throw unknownRun(run.runId)
    const committed = await deps.ledger.commitRun({
      runId: run.runId,
      data: await promoteCandidate(deps, bundle, record),
      supersedes: run.supersedes === null ? null : BigInt(run.supersedes),
      ...(record.verdict?.heldFeatures ? { heldFeatures: record.verdict.heldFeatures } : {}),
    })
    switch (committed.kind) {
      case 'superseded':
        return committed
      case 'moved':
        return { kind: 'moved' }
      case 'committed':
      case 'already-committed':
        break
      default:
        return assertNever(committed)
    }
    if (!bundle.view.online) return { kind: 'committed', because: 'offline' }
    if (run.kind === 'backfill') return { kind: 'committed', because: 'backfill' }
    const outcome = await publishAsStep(deps, bundle)
    return await toStepResult(deps, bundle, outcome, async () => {
      const [state] = await deps.ledger.intervalStates(record, fromIsoInterval(run.interval))
      // A newer run's commit counts by now: what this one committed is covered by that one's publish.
      return state?.committed == null || state.committed.runId !== run.runId || state.committed.isPublished
    })
  }
}
