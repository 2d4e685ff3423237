import type { FeatureViewDefinition } from '../core/define/definitions.js'
import {
  baselineRanges,
  chooseBaseline,
  driftAsked,
  goodOutcomes,
  historyMinOf,
  type Past,
  withoutHeld,
} from '../core/judge/index.js'
import { parseDuration } from '../core/time/duration.js'
import { fromIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { RunRef } from './steps.js'

/** What drift is judged by; null: no check asks for it. First only names of runs are read, then the few that are compared. */
export async function pastOf(
  { ledger }: Pick<ActivityDeps, 'ledger'>,
  run: RunRef,
  view: FeatureViewDefinition,
): Promise<Past | null> {
  const asked = driftAsked(view.checks)
  if (!asked.any) return null
  const { start } = fromIsoInterval(run.interval)
  const everyNs = parseDuration(view.every)
  const good = await ledger.runsByInterval(run, baselineRanges(start, everyNs), goodOutcomes)
  // What has lost its profile is no history: an interval of long ago that runs again has too little of it, and drift says nothing.
  const profiled = good.filter(({ hasDetails }) => hasDetails)
  const { kind, runIds, weekRuns } = chooseBaseline(start, everyNs, profiled)
  const read = await ledger.profiledRuns([run.runId, ...runIds], { withSketches: asked.sketches })
  const parts = read.flatMap(({ runId, profile, sketches, ...rest }) =>
    profile ? [{ runId, profile: withoutHeld(profile, rest), sketches }] : [],
  )
  return {
    sketches: parts.find(({ runId }) => runId === run.runId)?.sketches ?? null,
    baseline: { kind, weekRuns, runs: parts.filter(({ runId }) => runId !== run.runId) },
    historyMin: historyMinOf(everyNs),
  }
}
