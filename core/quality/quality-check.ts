/** What a check of one view version found: kept in the ledger as its last check, shown by commands, watched. JSON-safe. */
import type { IsoInstant } from '../time/instant.js'
import type { IsoInterval } from '../time/interval.js'

/** Something is wrong that no run under way will put right. */
export type FaultCause =
  /** The item is not what the published state gives. */
  | 'online-item'
  /** A committed file does not hold what its run's own source files give, or cannot be read. */
  | 'committed-file'
  /** A coarse tile, which long windows are published from, is not the sum of its tiles. */
  | 'coarse-tile'
  /** The cache of what is online says otherwise than the table. */
  | 'published-state'
  /** A committed file held something else while it could be read, and does so no more: what is online may have been published from it. */
  | 'published-from'

/** The source gives other values by now, and it is known why. */
export type LagCause =
  | 'late-file'
  | 'file-changed'
  | 'interval-held'
  | 'interval-failed'
  | 'interval-rejected'
  | 'interval-open'
  | 'interval-missing'
  | 'unpublished-commit'
  /** Items may be those of a publish that is not finished. */
  | 'publish-open'

/** What is wrong of a file as a whole. */
export type FileFault =
  /** Or it is gone. */
  | 'cannot be read'
  /** By the ledger's size or digest of it. */
  | 'is not what was committed'
  /** Rows in it are, of which nobody knows more: what lies in it and is not computed again is no truth. */
  | 'holds wrong rows'

export interface Fault {
  readonly cause: FaultCause
  /** As text, by the entity's names; null: of a whole file. */
  readonly key: Readonly<Record<string, string>> | null
  /** The encoded key, hex: looked at again by the next check, whatever its sample. */
  readonly keyHex: string | null
  readonly interval: IsoInterval | null
  readonly file: string | null
  /** Names of the features that differ; empty: the key as a whole is there or not, or the file is told alone. */
  readonly features: readonly string[]
  /** As JSON shows values; null: missing, or not of one value. Found of a whole file: a `FileFault`. */
  readonly expected: string | null
  readonly found: string | null
  /** Whether `--repair` can put it right. */
  readonly isRepairable: boolean
  /** Of a whole file: whoever reads what online is merged from takes its rows from another. It keeps no item from being judged, and holds no rebuild. */
  readonly isSpare?: true
  /** Of rows that differ: the commit that holds them, and what their file held when that was looked at. */
  readonly commitId?: string
  readonly fileSha256?: string
  /** The check that found it: this one could not say whether it is still so. Absent: this one says it. */
  readonly judgedAt?: IsoInstant
  /**
   * Of `published-from`: the newest sequence drawn when the file was seen to hold nothing else any more. A rebuild above it ends the fault.
   */
  readonly sequenceSeen?: string
}

export interface Lag {
  readonly cause: LagCause
  readonly keys: number
  readonly firstInterval: IsoInterval | null
}

export interface QualityCheck {
  readonly view: string
  readonly version: number
  readonly checkedAt: IsoInstant
  readonly seed: number
  /** Keys looked at, by where they were found. */
  readonly keys: { readonly committed: number; readonly published: number; readonly online: number }
  /** Intervals whose tiles or rows were computed again from source files, and of how many that decide the answers. */
  readonly intervals: {
    readonly recomputed: number
    readonly of: number
    /** Of those that no window reaches any more; absent: as recorded before such were looked at. */
    readonly older?: number
    /** Of a lookup view those of them that hold what it shows of the keys looked at, and of how many such; absent: of a window view, or as recorded before these were drawn. */
    readonly shown?: { readonly recomputed: number; readonly of: number }
  }
  /** Of those intervals the ones whose source files are gone or others now. */
  readonly lostInputs: number
  /** Of a view that is built on another, of those drawn the ones that are made of more than a check reads; absent: none is. */
  readonly tooLarge?: number
  /** What online shows; null: nothing published, or an offline view. */
  readonly endAt: IsoInstant | null
  readonly sequence: string | null
  /** The highest that an item looked at bears. */
  readonly sequenceSeenMax: string | null
  readonly faults: readonly Fault[]
  /** Beyond the faults that are listed. */
  readonly faultsLeft: number
  /** By a file that a rebuild would publish as it is: also by one beyond the list. Absent: as recorded before this was. */
  readonly holdsRebuild?: boolean
  readonly lags: readonly Lag[]
  /** Keys that differed while commits and publishes went on, each time they were looked at: not told. */
  readonly unsettled: number
  /** Why the source could not be read: then items are compared with tiles and rows alone. */
  readonly unreadable: { readonly code: string; readonly message: string } | null
  /** The view that this one is built on, where that is at fault itself: until it is repaired, files made of it are not. Absent: it is not, or there is none. */
  readonly repairFirst?: string
}

/** So many are kept, to be looked at again and repaired. */
export const faultsListedMax = 1_000
export const sampleDefault = 100
export const sampleMax = 10_000

export const faultCauses: readonly FaultCause[] = [
  'online-item',
  'committed-file',
  'coarse-tile',
  'published-state',
  'published-from',
]
