/**
 * What a check of quality asks the ledger, and leaves there: which state online should show, whether it moved meanwhile, the last check of
 * each view version, and the order to publish a version from its committed state alone.
 */
import type { HeldWindow } from '../compute/feature-groups.js'
import type { PublishedFile } from '../publish/delta.js'
import type { QualityCheck } from '../quality/quality-check.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

export interface ShownState {
  /** The last finished publish: what online shows is the state that had `newestCommitId` as its newest commit, at `endAt`. Null: none. */
  readonly shown:
    | (ShownPublish & {
        readonly endAt: Instant
        /** R35: windows that it shows otherwise. Absent: none. */
        readonly held?: readonly HeldWindow[]
      })
    | null
  /** The cache of what is online; null: it is not kept, the next publish scans the table. */
  readonly published: { readonly files: readonly PublishedFile[]; readonly tableIdentity: string } | null
  /** A publish has recorded what it writes and is not finished: items may be its own. */
  readonly isPublishUnfinished: boolean
  /** The newest sequence drawn; no item of ours bears a higher one. */
  readonly lastSequence: bigint
  /** Of the last rebuild that finished; 0: none is known of. */
  readonly rebuiltSequence: bigint
  /** The same text: no publish has begun, ended or been asked for in between. */
  readonly mark: string
}

/** A finished publish, as `ShownState.shown` names it. */
export interface ShownPublish {
  readonly sequence: bigint
  readonly newestCommitId: bigint
}

/** Of a publish. */
export interface AskedPublish {
  /** The rebuild that `askRebuild` asks for. Absent: as ever. */
  readonly isRebuild?: true
}

interface ViewKey {
  readonly view: string
  readonly version: number
}

/** `Commit`: as ledger.ts has it. */
export interface QualityReader<Commit> {
  /** Null: the ledger has not heard of the view version. */
  shownState(key: ViewKey): Promise<ShownState | null>
  /** Of the state that this publish showed, `ShownState.shown`; null: of now. Overlapping `range`, oldest first. */
  commitsAt(key: ViewKey, range: Interval, shown: ShownPublish | null): Promise<Commit[]>
  /** Whether `askRebuild` was said, and no publish that began afterwards has finished. */
  isRebuildAsked(key: ViewKey): Promise<boolean>
  /** Intervals that a rebuild waits for: the commit at fault still counts there. Empty: it waits for none, or none is asked for. Oldest first. */
  rebuildWaits(key: ViewKey): Promise<Interval[]>
  /**
   * Other versions of the view in which a repair may have left something to do, the lowest first: what it has re-opened did not run since; a run of
   * what is committed is under way, or was not ready, or failed in passing; of what was published once, commits are unmarked, or a rebuild is asked for.
   */
  repairedVersions(key: ViewKey): Promise<number[]>
  /** The last check of each view version. */
  qualityChecks(): Promise<QualityCheck[]>
}

export interface QualityWriter {
  /** Those of all other view versions are forgotten: nobody checks them any more. */
  keepQualityChecks(keys: readonly ViewKey[]): Promise<void>
  /**
   * Takes the place of the version's check `before`, null: of none. False, and nothing is changed: another was recorded since that one was
   * read, whose faults this one may not have looked at.
   */
  recordQualityCheck(check: QualityCheck, before: QualityCheck | null): Promise<boolean>
  /**
   * The next publish begins although nothing was committed, trusts neither the cache of what is online nor coarse tiles, which are forgotten,
   * and so writes every key that is not as the committed state gives it. Its sequence is above `above`. False: nothing was ever published.
   * @param awaited ids of commits whose files are at fault: a publish that shows one of them is none, but as ever. Absent: none
   */
  askRebuild(key: ViewKey, above: bigint, awaited?: readonly bigint[]): Promise<boolean>
  /**
   * Gives the lease of a publish back, which stays unfinished; what is drawn from now on is above `met`, which an item bears and nobody drew.
   * `overtaken`: it holds the lease no longer, and nothing is changed.
   */
  passSequence(key: ViewKey, sequence: bigint, owner: string, met: bigint): Promise<'ok' | 'overtaken'>
  /** No publish that begins from now on reads those that are there. One that has begun may still record what it makes of them. */
  forgetCoarseTiles(key: ViewKey): Promise<void>
}
