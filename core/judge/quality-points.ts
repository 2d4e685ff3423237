/** What a view's intervals have shown, side by side in time: each interval a point, or several together. */
import type { RunOutcome } from '../plan/interval-state.js'
import type { Interval } from '../time/interval.js'
import { type MergedColumn, type MergedProfile, mergeProfiles } from './merge-profiles.js'
import type { Profile, ProfileSketches } from './verdict.js'

export interface ShownRun {
  readonly runId: string
  readonly interval: Interval
  readonly outcome: RunOutcome
  readonly profile: Profile | null
  readonly sketches: ProfileSketches | null
}

export interface QualityPoint {
  readonly span: Interval
  readonly outcomes: readonly RunOutcome[]
  /** Of the runs that have one; null: none has. */
  readonly profile: MergedProfile | null
}

/** @param groupOf a number that runs of one point share, which rises with time; null: each is its own */
export function qualityPoints(runs: readonly ShownRun[], groupOf: ((run: ShownRun) => bigint) | null): QualityPoint[] {
  const groups = new Map<bigint, ShownRun[]>()
  for (const run of runs) {
    const group = groupOf === null ? run.interval.start : groupOf(run)
    groups.set(group, [...(groups.get(group) ?? []), run])
  }
  return [...groups.values()].map((group) => {
    const shown = group.flatMap(({ profile, sketches }) => (profile ? [{ profile, sketches }] : []))
    return {
      span: { start: group[0]!.interval.start, end: group.at(-1)!.interval.end },
      outcomes: group.map(({ outcome }) => outcome),
      profile: shown.length > 0 ? mergeProfiles(shown) : null,
    }
  })
}

export function columnAt({ profile }: QualityPoint, feature: string): MergedColumn | null {
  return profile?.columns.find((one) => one.feature === feature) ?? null
}
