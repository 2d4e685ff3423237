/**
 * The ledger's part on the details of runs: the profile, its sketches, what the run itself has cost, and the record of files that have gone.
 * They are most of what a run takes in the ledger, and nothing that decides a value, a training set or a publish reads them. The run
 * itself stays for ever: what it read, computed and was judged, its commit, its times and its error
 * (docs/decisions/2026-11-22-what-the-ledger-keeps.md).
 */
import type { Instant } from '../time/instant.js'

interface ViewKey {
  readonly view: string
  readonly version: number
}

export interface RunDetailsRetention {
  /** By the real clock: of runs that ended then or before. */
  readonly endedUntil: Instant
  /** Nanoseconds of event time before the newest good run that baselines reach (core/judge/baseline.ts). */
  readonly baselineReachNs: bigint
}

export interface RunDetailsWriter {
  /**
   * One transaction of some hundred runs, oldest end first; how many lost their details. 0: none is left. Whoever holds one of them is not
   * waited for: a later call takes it. Never of a run
   *
   *     under way, or ended after `endedUntil`
   *     whose files have not all gone: a held one that can be accepted (R37) is one of these
   *     whose interval starts at most `baselineReachNs` before that of the newest good run: drift and `runs show` compare with it
   *     of which a feature awaits a decision (R35)
   *     of a backfill that is open, or named by an open incident
   */
  removeRunDetails(key: ViewKey, retention: RunDetailsRetention): Promise<number>
}
