/** Which files are read in one check, where not all can be: each kind of them has its share, so that none waits for ever behind another. */

export interface ReadLimit {
  readonly files: number
  readonly bytes: number
}

export interface Lot<Entry> {
  /** The first ones first; those that a lot before has drawn are passed over. */
  readonly entries: readonly Entry[]
  /** Of the limit, between 0 and 1. */
  readonly share: number
}

/**
 * Of each lot its share, and what the lots before it left. The file that reaches beyond is drawn as a whole: whatever comes first in its lot
 * is drawn, however large, at no cost of the lots behind it.
 */
export function drawLots<Entry extends { readonly uri: string; readonly sizeBytes: number }>(
  lots: readonly Lot<Entry>[],
  limit: ReadLimit,
): Entry[] {
  const drawn = new Map<string, Entry>()
  let [files, bytes] = [0, 0]
  for (const { entries, share } of lots) {
    files += limit.files * share
    bytes += limit.bytes * share
    for (const entry of entries) {
      if (drawn.has(entry.uri)) continue
      if (files < 1 || bytes <= 0) break
      drawn.set(entry.uri, entry)
      files -= 1
      bytes -= entry.sizeBytes
    }
    bytes = Math.max(0, bytes)
  }
  return [...drawn.values()]
}
