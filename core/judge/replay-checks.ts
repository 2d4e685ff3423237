/** What limits would have said of the past, before they are switched on. */
import type { ViewChecks } from '../define/definitions.js'
import type { RunOutcome } from '../plan/interval-state.js'
import type { Interval } from '../time/interval.js'
import { chooseBaseline, goodOutcomes, historyMinOf } from './baseline.js'
import { driftAsked } from './judge-drift.js'
import { judgeChecks } from './judge-profile.js'
import type { ProfilePart } from './merge-profiles.js'
import type { Finding } from './verdict.js'

export interface PastProfile extends ProfilePart {
  readonly runId: string
  readonly interval: Interval
  readonly outcome: RunOutcome
}

export interface Replay {
  /** Runs that the limits say something of: what has fired among them. */
  readonly judged: number
  /** Runs that no limit fired at, and that one could not be put to: there was too little history before them, or too few values. */
  readonly unjudged: number
  readonly fired: readonly { readonly run: PastProfile; readonly findings: readonly Finding[] }[]
}

/**
 * Baselines are of the runs that were good in fact: what a limit would have held is in later ones, too.
 * @param latest of each interval in question the newest run that has a profile
 * @param good of each interval, and of those before that baselines reach, the newest good one, as a measure (without-held.ts)
 */
export function replayChecks(
  checks: ViewChecks,
  everyNs: bigint,
  latest: readonly PastProfile[],
  good: readonly PastProfile[],
): Replay {
  const parts = new Map(good.map((run) => [run.runId, run]))
  const past = good.filter(({ outcome }) => goodOutcomes.includes(outcome))
  const starts = past.map(({ runId, interval }) => ({ runId, start: interval.start }))
  const asksDrift = driftAsked(checks).any
  const historyMin = historyMinOf(everyNs)
  const judged = latest.map((run) => {
    if (!asksDrift) return { run, ...judgeChecks(run.profile, checks, null) }
    const { kind, runIds, weekRuns } = chooseBaseline(run.interval.start, everyNs, starts)
    const baseline = { kind, weekRuns, runs: runIds.flatMap((runId) => parts.get(runId) ?? []) }
    return { run, ...judgeChecks(run.profile, checks, { sketches: run.sketches, baseline, historyMin }) }
  })
  const unjudged = judged.filter(({ findings, isAnswered }) => findings.length === 0 && !isAnswered).length
  const fired = judged.filter(({ findings }) => findings.length > 0).map(({ run, findings }) => ({ run, findings }))
  return { judged: latest.length - unjudged, unjudged, fired }
}
