/** What runs have shown of their rows, over many intervals: what a baseline, a chart or a limit tried on the past is made of. */
import type { Profile, ProfileSketches, Verdict } from '../judge/verdict.js'
import type { RunOutcome } from '../plan/interval-state.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

export interface ProfiledRun {
  readonly runId: string
  readonly interval: Interval
  readonly outcome: RunOutcome
  /** Null: it ended before its rows were computed. */
  readonly profile: Profile | null
  /** Null: not asked for, or the run is of an older release. */
  readonly sketches: ProfileSketches | null
  readonly verdict: Verdict | null
  /** When profile and sketches were removed (run-details-ledger.ts); null: they were not. */
  readonly detailsRemovedAt: Instant | null
}

export interface ProfileReader {
  /**
   * Of each interval that starts in one of `ranges` the newest run of these outcomes, oldest interval first; by id and start alone, so that
   * many cost little.
   */
  runsByInterval(
    key: { readonly view: string; readonly version: number },
    ranges: readonly Interval[],
    outcomes: readonly RunOutcome[],
  ): Promise<{ readonly runId: string; readonly start: Instant; readonly hasDetails: boolean }[]>
  /** In the order of their intervals. */
  profiledRuns(runIds: readonly string[], options: { readonly withSketches: boolean }): Promise<ProfiledRun[]>
}
