/**
 * The ledger's part on compactions (docs/compaction.md): which files stand for many commits, and which files may go. Commits keep their
 * identity and their own path; a compaction is recorded in one transaction, or not at all. What is to be removed is marked first: from
 * then on no reader is told of it; then the files go, a grace later, for readers that were told before; then the ledger forgets.
 */
import type { LakePart } from '../compute/candidate.js'
import type { Bucket, CompactedCommits } from '../compute/committed-files.js'
import type { Instant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'

interface ViewKey {
  readonly view: string
  readonly version: number
}

export interface Compaction extends CompactedCommits {
  readonly compactionId: bigint
  /** Whole intervals of the view; commits that are not held may lie among them. */
  readonly span: Interval
  readonly files: readonly CompactedPart[]
  /** A later one does not hold all of it that counts. */
  readonly isCurrent: boolean
  readonly recordedAt: Instant
}

export interface CompactedPart extends LakePart {
  readonly bucket: Bucket
}

export interface CompactionRecord {
  /** Of different intervals, none of them empty. */
  readonly commitIds: readonly bigint[]
  readonly files: readonly CompactedPart[]
}

/** `given-up`: it took longer than the ledger waits, or was given up: its files are nobody's. */
export type CompactionResult = 'recorded' | 'given-up'

/** How long files are kept that something else stands for. */
export interface FileRetention {
  /** Own files and smaller compactions, from when a compaction was recorded that stands for them. */
  readonly compactedKeptMs: number
  /** Versions of an interval that count no longer, from when another took their place: what `as-published` sets may read (R30). */
  readonly supersededKeptMs: number
  /** Of a view that is online a version is needed until a later one was published (R31). */
  readonly isOnline: boolean
}

export interface MarkedCounts {
  readonly commitFiles: number
  readonly compactions: number
}

/** Marked, and by now not pinned by a training set. */
export interface MarkedFiles {
  readonly commits: readonly { readonly commitId: bigint; readonly path: string; readonly sizeBytes: number }[]
  /** All that lies below the folder of each (`compactionFolder`); those whose attempt never ended, too. */
  readonly compactionIds: readonly bigint[]
  /** Of those, of caches, that are named by now, none. */
  readonly cacheFiles: readonly { readonly path: string; readonly sizeBytes: number }[]
}

/** Of the published-state cache, or a coarse tile, as it lies in the lake. */
export interface CacheFile {
  readonly path: string
  readonly sizeBytes: number
  /** Of the publish that wrote it. */
  readonly sequence: bigint
}

export interface CompactionReader {
  /**
   * Versions of the view that have something committed, or a run that may have left candidates or rejected rows, in rising order: applied ones,
   * and those that another took the place of.
   */
  versionsWithFiles(view: string): Promise<number[]>
  /** Whose span overlaps `range` and whose files are there, the newest first; those of which a part still counts among them. */
  compactions(key: ViewKey, range: Interval): Promise<Compaction[]>
}

export interface CompactionWriter {
  /** Before any of its files is written, so that what a killed attempt leaves is found. Not idempotent: each attempt has a number of its own. */
  beginCompaction(key: ViewKey, span: Interval): Promise<bigint>
  /** One transaction: it stands for these commits from now on, and for what earlier compactions hold of them. */
  recordCompaction(compactionId: bigint, record: CompactionRecord): Promise<CompactionResult>
  /** An attempt that failed: what it has written may go. Nothing happens to one that was recorded. */
  giveUpCompaction(compactionId: bigint): Promise<void>
  /** Marks what may go, and attempts that have not ended for a day; never what a training set pins. */
  markFiles(key: ViewKey, retention: FileRetention): Promise<MarkedCounts>
  /**
   * Marks those that the ledger does not name, since others took their place; how many are new. Of a publish that none has followed and been
   * finished for `keptMs` no file is: it may be about to be named.
   */
  markCacheFiles(key: ViewKey, files: readonly CacheFile[], keptMs: number): Promise<number>
  /** Marked for at least `graceMs`; at most some thousands at a time. */
  markedFiles(key: ViewKey, graceMs: number): Promise<MarkedFiles>
  /** Their files are gone. */
  forgetFiles(
    key: ViewKey,
    gone: {
      readonly commitIds: readonly bigint[]
      readonly compactionIds: readonly bigint[]
      readonly cachePaths: readonly string[]
    },
  ): Promise<void>
}
