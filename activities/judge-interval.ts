/** Step 4: the verdict on the candidate, from its recorded profile; a hold ends the run and waits in the ledger (R26, R37). */
import type { FeatureViewDefinition } from '../core/define/definitions.js'
import { assert } from '../core/errors.js'
import {
  decideFindings,
  type HoldableFeatures,
  holdableFeatures,
  judgeProfile,
  type Verdict,
} from '../core/judge/index.js'
import { fromIsoInterval } from '../core/time/interval.js'
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
    const found = judgeProfile(profile, view.checks, await pastOf(deps, run, view))
    // Nearly every run has none: what counts now is not asked for.
    const isAnyAlone = found.findings.some(({ severity }) => severity === 'hold-feature')
    const verdict = isAnyAlone ? decideFindings(found.findings, await featuresToHold(deps, run, view)) : found
    await deps.ledger.recordProgress(run.runId, { verdict })
    if (verdict.findings.length > 0)
      deps.log.warn(
        { run: run.runId, view: run.view, interval: run.interval, ...withoutRows(verdict) },
        `judged: ${verdict.decision}`,
      )
    return withoutRows(verdict)
  }
}

/** R35. Should another version count by the time this one is committed, the run plans anew. */
async function featuresToHold(
  { ledger }: ActivityDeps,
  run: RunRef,
  view: FeatureViewDefinition,
): Promise<HoldableFeatures> {
  const interval = fromIsoInterval(run.interval)
  const commits = await ledger.currentCommits(run, interval)
  return holdableFeatures(view, commits.find((commit) => commit.interval.start === interval.start) ?? null)
}

/** Rows stay in the ledger: Temporal and logs are read by others. */
function withoutRows({ findings, ...verdict }: Verdict): Verdict {
  return { ...verdict, findings: findings.map(({ examples, why, ...finding }) => finding) }
}
