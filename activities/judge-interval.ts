/** Step 4: the verdict on the candidate, from its recorded profile; a hold ends the run and waits in the ledger (R26, R37). */
import { assert } from '../core/errors.js'
import { judgeProfile, type Verdict } from '../core/judge/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { appliedBundle } from './applied-bundle.js'
import { pastOf } from './past-of.js'
import { pinnedRun } from './pinned-run.js'
import type { JudgeStepResult, RunRef } from './steps.js'

export function judgeInterval(deps: ActivityDeps) {
  return async (run: RunRef): Promise<JudgeStepResult> => {
    const { view } = await appliedBundle(deps, run)
    const { profile, verdict: known } = await pinnedRun(deps, run)
    // The first verdict counts, though checks may have been changed since: it is what was recorded.
    if (known) return withoutRows(known)
    assert(profile, 'a run that is judged was computed')
    const verdict = judgeProfile(profile, view.checks, await pastOf(deps, run, view))
    await deps.ledger.recordProgress(run.runId, { verdict })
    if (verdict.findings.length > 0)
      deps.log.warn(
        { run: run.runId, view: run.view, interval: run.interval, ...withoutRows(verdict) },
        `judged: ${verdict.decision}`,
      )
    return withoutRows(verdict)
  }
}

/** Rows stay in the ledger: Temporal and logs are read by others. */
function withoutRows({ decision, findings }: Verdict): Verdict {
  return { decision, findings: findings.map(({ examples, why, ...finding }) => finding) }
}
