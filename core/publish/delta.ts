/** A publish's work, recorded before its first online write (R36): which keys, with which values. */

export interface DeltaFile {
  readonly path: string
  /** `<rows>-<checksum over all rows>`, whatever their order (delta-sql.ts): a lost or changed delta is noticed. */
  readonly digest: string
  readonly keys: number
  /** Only where there are no keys: then there is no file either, and the counts that would lie beside its rows lie here. */
  readonly counts?: KeyCounts
}

export function hasFile({ keys, counts }: DeltaFile): boolean {
  return keys > 0 || counts === undefined
}

/** R28: touched = published + unchanged + superseded; takenBack (R31) and rewritten (R36: keys of unfinished predecessors whose value did not differ) apart. */
export interface KeyCounts {
  readonly touched: number
  readonly published: number
  readonly unchanged: number
  readonly superseded: number
  readonly takenBack: number
  readonly rewritten: number
}

/** One file of the published-state cache: key -> sequence, event time, digest of what is online. */
export interface PublishedFile {
  readonly path: string
  readonly digest: string
  readonly sequence: bigint
  readonly kind: 'base' | 'delta'
}
