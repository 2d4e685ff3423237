import type { HeldWindow } from '../compute/feature-groups.js'
import type { Instant, IsoInstant } from '../time/instant.js'

/** What lies in the online store for one key. Publishing never deletes: `values: null` is an empty item, read as missing (R36). */
export interface OnlineItem {
  /** Injective encoding of the join keys (R12, R13): key-encoding.ts. */
  readonly key: Uint8Array
  readonly sequence: bigint
  /** Lookup: the row's event time. Window: null, the `E` of the version counts (R29). */
  readonly eventAt: Instant | null
  /** value-encoding.ts; null: an empty item. */
  readonly values: Uint8Array | null
  /** The schema the values were packed with. */
  readonly schemaHash: string
  /** DynamoDB's own expiry, seconds since 1970; a clean-up only (R36). Null: none. */
  readonly expiresAtSeconds: number | null
  /** R35, lookup: features whose value is of an older row than the item's (held-values.ts). Absent: none. */
  readonly held?: string
}

/** The published `E` of a view version, kept once, in the online table, under the same fence (R29). */
export interface PublishedEnd {
  readonly sequence: bigint
  readonly endAt: Instant
  /** R32, `onGap: mark`: intervals that the windows reach and that are not committed. */
  readonly missing: readonly { readonly start: IsoInstant; readonly end: IsoInstant }[]
  /** R35: features that are shown otherwise. Absent: none. */
  readonly held?: readonly HeldWindow[]
}
