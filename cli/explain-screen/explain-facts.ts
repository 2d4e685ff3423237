/** One value with all that is behind it, as data: `explain --json` is this, the text is made of it. Instants are ISO text. */
import type { ValueType } from '../../core/define/definitions.js'
import type { CauseCode, RowRole } from '../../core/explain/index.js'
import type { JsonValue, ReadStatus } from '../../core/serve/index.js'
import type { IsoInstant } from '../../core/time/instant.js'
import type { IsoInterval } from '../../core/time/interval.js'

export interface ExplainFacts {
  readonly view: string
  readonly version: number
  /** Of the view, where it is another: that alone runs. */
  readonly newestVersion?: number
  readonly kind: 'lookup' | 'window'
  readonly key: Readonly<Record<string, string>>
  /** The asked time. */
  readonly at: IsoInstant
  /** The tile edge that windows are answered at (R9); of a lookup `at`. */
  readonly answeredAt: IsoInstant
  readonly features: readonly FeatureFacts[]
  /** Why a difference, the committed state's first; empty: all that can be compared agrees. */
  readonly causes: readonly CauseFacts[]
  /** Nearest in time to `at` first. */
  readonly rows: readonly RowFacts[]
  readonly counts: {
    /** Of the key in reach. */
    readonly rows: number
    /** Of these, as many as were looked at, and are in `rows`. */
    readonly looked: number
    /** Of those looked at. */
    readonly counted: number
    /** There are more than were looked at. */
    readonly isCut: boolean
  }
  /** Accepted versions that the rows lie in, oldest first. */
  readonly commits: readonly CommitFacts[]
  readonly online: OnlineFacts
  readonly state: {
    readonly intervals: number
    /** Of the reach, without an accepted version. */
    readonly missing: readonly {
      readonly interval: IsoInterval
      readonly run: string | null
      readonly outcome: string
    }[]
  }
  /** The view whose committed values are the rows: their files are its commits, `commit:VIEW@vN/START`. */
  readonly upstream?: { readonly view: string; readonly version: number }
  /** Why the source could not be read; then only what is committed is told. */
  readonly unreadable: { readonly code: string; readonly message: string } | null
}

export interface FeatureFacts {
  readonly name: string
  readonly type: ValueType['kind']
  /** As training sees it: from what is committed. */
  readonly value: JsonValue
  /** Computed again from the rows of the files that the runs read; absent: it could not be. */
  readonly recomputed?: JsonValue
  /** From all rows that the source has now. */
  readonly sourceNow?: JsonValue
  /** What a read says now (R25); absent: nothing is online. */
  readonly online?: JsonValue
  /** R35: where they are not as the view's; absent: they are. */
  readonly onlineStatus?: ReadStatus
  readonly onlineEventAt?: IsoInstant | null
}

export interface CauseFacts {
  readonly code: CauseCode
  readonly between: 'committed and source' | 'committed and online'
  readonly interval: IsoInterval | null
  readonly run: string | null
  readonly file: string | null
  readonly rows: number
}

export interface RowFacts {
  readonly file: string
  /** 1 for the first. */
  readonly row: number
  readonly role: RowRole
  /** Window lengths that count it. */
  readonly windows: readonly string[]
  readonly eventAt: IsoInstant
  readonly createdAt: IsoInstant | null
  readonly interval: IsoInterval
  /** Why it is not of the committed state; null: it is. */
  readonly notCommitted: string | null
  readonly columns: Readonly<Record<string, JsonValue>>
}

export interface CommitFacts {
  readonly interval: IsoInterval
  readonly run: string
  readonly number: number
  readonly commit: string
  readonly committedAt: IsoInstant
  readonly isRejected: boolean
  /** Null: no finished publish has covered it. */
  readonly publishedSequence: string | null
  readonly path: string | null
}

export interface OnlineFacts {
  /** Null: nothing was published, or the view is offline. */
  readonly end: IsoInstant | null
  readonly endSequence: string | null
  readonly table: string
  readonly status: ReadStatus | null
  readonly eventAt: IsoInstant | null
  /** Of the item; null: there is none. */
  readonly sequence: string | null
  /** R32. */
  readonly missingIntervals: readonly IsoInterval[]
}
