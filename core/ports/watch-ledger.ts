/** What the rules of the watcher ask of runs. Ages are by the server's clock, whatever clock the watcher pretends. */
import type { Finding } from '../judge/verdict.js'
import type { Interval } from '../time/interval.js'
import type { RunPace } from '../watch/run-length.js'

interface ViewKey {
  readonly view: string
  readonly version: number
}

export interface OpenRun extends ViewKey {
  readonly runId: string
  readonly interval: Interval
  readonly outcome: 'running' | 'held'
  /** Of a running one since it was planned: what it waited for its source before is its source's. Of a held one since it was held. */
  readonly ageMs: number
}

/** What the checks said of the good run of the newest interval that has one. */
export interface GoodRun extends ViewKey {
  readonly runId: string
  readonly interval: Interval
  readonly findings: readonly Finding[]
}

export interface WatchReader {
  /** Of all views: planned and not ended, or held and not decided. */
  openRuns(): Promise<OpenRun[]>
  /** Each key's, over its newest 200 runs that came to their end with a candidate. */
  runPaces(keys: readonly ViewKey[]): Promise<(ViewKey & RunPace)[]>
  /** Of each key that has one. */
  goodRuns(keys: readonly ViewKey[]): Promise<GoodRun[]>
}
