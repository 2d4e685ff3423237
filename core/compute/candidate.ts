/** What compute hands on: references and counts, never rows. */
export interface LakePart {
  /** Path below the lake's root. */
  readonly path: string
  readonly rows: number
  readonly sizeBytes: number
  /** Of its bytes as they were written, hex; absent: a release before has written it. */
  readonly sha256?: string
  /** The store's, where it lies; absent: of a release before, or of a file that is still to be moved. */
  readonly etag?: string
}

export interface Candidate {
  readonly runId: string
  /** Lookup view: every valid row of the interval. Window view: the interval's tiles. Null: no rows. */
  readonly data: LakePart | null
  /** Rejected rows with a `__reason` column; null: none. */
  readonly quarantine: LakePart | null
  readonly counts: RowCounts
  /** R19: earlier or later intervals that a redelivery found here changes; ISO starts. */
  readonly reopens: readonly string[]
}

/** R28: read = kept + rejected + filtered. */
export interface RowCounts {
  readonly read: number
  readonly kept: number
  readonly rejected: Readonly<Record<RejectReason, number>>
  /** Rows that the WHERE of the source's query left out; absent: the source is no query. */
  readonly filtered?: number
  /** Rows of the files that lie outside the interval, or that a later delivery of their event id replaces (R19); not part of `read`. */
  readonly outside: number
  readonly replaced: number
  /** R10: kept rows whose local event or created time occurs twice, or never, by the source's zone. */
  readonly localTimes?: { readonly ambiguous: number; readonly skipped: number }
}

export type RejectReason = 'null_key' | 'null_event_time'
