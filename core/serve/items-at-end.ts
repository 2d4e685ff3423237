/**
 * Items of a table with the published end that they stand beside. The end is written after all items (R29), so a reader has to have
 * seen it before it reads them; then they may be newer than the end, never older:
 *
 *     publish   a = old      a = new      E = 2          E = 2
 *     reader          a ─────────────────────── E        E ─────── a
 *                     old                       2        2         new
 *                     the old value as the new end's     right
 *
 * One request answers both, in whatever order the store reads them. Its end is taken where an earlier request has seen the same: it was
 * online before this one began, and it never moves back. Else the items are read once more, now that it is known. So a read is one
 * round trip, and two after each publish.
 */
import { isMillcourseError } from '../errors.js'
import type { OnlineItem, PublishedEnd } from '../publish/index.js'

/** What a read asks of the online store; core/ports/online-store.ts says what it throws. */
export interface VectorStore {
  getItems(table: string, keys: readonly Uint8Array[]): Promise<(OnlineItem | null)[]>
  getItemsAndEnd(table: string, keys: readonly Uint8Array[]): Promise<ItemsAtEnd>
}

export interface ItemsAtEnd {
  readonly items: readonly (OnlineItem | null)[]
  /** Null: the version was never published. */
  readonly end: PublishedEnd | null
}

export type ItemsAtEndReader = (table: string, keys: readonly Uint8Array[]) => Promise<ItemsAtEnd>

/** Remembers the newest end of each table it has read. */
export function newItemsAtEndReader(store: VectorStore): ItemsAtEndReader {
  const ends = new Map<string, PublishedEnd>()
  return async (table, keys) => {
    try {
      const known = ends.get(table)
      const read = await store.getItemsAndEnd(table, keys)
      // Nothing published is older than everything: items cannot be too old for it.
      if (read.end === null || isSame(read.end, known)) return read
      const items = keys.length === 0 ? [] : await store.getItems(table, keys)
      ends.set(table, read.end)
      return { items, end: read.end }
    } catch (error) {
      // The first publish makes the table: until then nothing was ever published.
      if (!isMillcourseError(error) || error.code !== 'PUBLISH_TABLE_MISSING') throw error
      return { items: keys.map(() => null), end: null }
    }
  }
}

/** One publish, one end (R36). */
function isSame(end: PublishedEnd, known: PublishedEnd | undefined): boolean {
  return known !== undefined && end.sequence === known.sequence && end.endAt === known.endAt
}
