/** What the rules of the watcher ask of runs. Ages are by the server's clock, whatever clock the watcher pretends. */
import type { Finding } from '../judge/verdict.js'
import type { IntervalState } from '../plan/interval-state.js'
import type { Interval } from '../time/interval.js'
import type { RunPace } from '../watch/run-length.js'
import type { BackfillState } from './backfill-ledger.js'

interface ViewKey {
  readonly view: string
  readonly version: number
}

export interface OpenRun extends ViewKey {
  readonly runId: string
  readonly interval: Interval
  readonly outcome: 'running' | 'held'
  /** R35: it is committed, and these were held alone. Absent: the run as a whole. */
  readonly features?: readonly string[]
  /** Of a running one since it was planned: what it waited for its source before is its source's. Of a held one since it was held. */
  readonly ageMs: number
}

/** What the checks said of the good run of the newest interval that has one. */
export interface GoodRun extends ViewKey {
  readonly runId: string
  readonly interval: Interval
  readonly findings: readonly Finding[]
}

/** An open backfill that keeps a published end back: what it has committed beyond that no publish shows before its own (R33). */
export interface KeepingBackfill extends ViewKey {
  readonly backfillId: string
  readonly state: BackfillState
  /** The oldest interval beyond the end of which its commit counts, however long ago. */
  readonly interval: Interval
}

/** Of a view version: another text than before where anything of its intervals or of what is published may have changed. */
export interface WatchMark extends ViewKey {
  readonly mark: string
}

export interface WatchReader {
  /** Each key's, in one statement that reads a few index entries of each, however long the history. */
  watchMarks(keys: readonly ViewKey[]): Promise<WatchMark[]>
  /**
   * Those that lie in `range`, however long ago, and of which something is still to be done (`isStanding` in core/watch): not committed,
   * re-opened, held as a whole or in some features, or with a newest run that failed, found no complete input or is under way. Oldest first.
   */
  standingIntervals(key: ViewKey, range: Interval): Promise<IntervalState[]>
  /** Of all these keys, in one statement; those that have committed nothing beyond the end are none. */
  keepingBackfills(keys: readonly ViewKey[]): Promise<KeepingBackfill[]>
  /** Of all views: planned and not ended, or held, as a whole or in some features, and not decided. */
  openRuns(): Promise<OpenRun[]>
  /** Each key's, over its newest 200 runs that came to their end with a candidate. */
  runPaces(keys: readonly ViewKey[]): Promise<(ViewKey & RunPace)[]>
  /** Of each key that has one. */
  goodRuns(keys: readonly ViewKey[]): Promise<GoodRun[]>
}
