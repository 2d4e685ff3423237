/** What limits would have said of the past, before they are switched on. */
import type { ViewChecks } from '../define/definitions.js'
import type { RunOutcome } from '../plan/interval-state.js'
import type { Interval } from '../time/interval.js'
import { chooseBaseline, goodOutcomes, historyMinOf } from './baseline.js'
import { driftAsked } from './judge-drift.js'
import { judgeProfile } from './judge-profile.js'
import type { ProfilePart } from './merge-profiles.js'
import type { Finding } from './verdict.js'

export interface PastProfile extends ProfilePart {
  readonly runId: string
  readonly interval: Interval
  readonly outcome: RunOutcome
}

export interface Replay {
  /** Runs that the limits were put to. */
  readonly judged: number
  readonly fired: readonly { readonly run: PastProfile; readonly findings: readonly Finding[] }[]
}

/**
 * Baselines are of the runs that were good in fact: what a limit would have held is in later ones, too.
 * @param latest of each interval in question the newest run that has a profile
 * @param good of each interval, and of those before that baselines reach, the newest good one
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
  const fired = latest.flatMap((run) => {
    const { kind, runIds, weekRuns } = asksDrift
      ? chooseBaseline(run.interval.start, everyNs, starts)
      : { kind: 'week' as const, runIds: [], weekRuns: 0 }
    const baseline = { kind, weekRuns, runs: runIds.flatMap((runId) => parts.get(runId) ?? []) }
    const historyMin = historyMinOf(everyNs)
    const { findings } = judgeProfile(run.profile, checks, { sketches: run.sketches, baseline, historyMin })
    return findings.length > 0 ? [{ run, findings }] : []
  })
  return { judged: latest.length, fired }
}
