import type { OnlineItem, PublishedEnd } from '../publish/online-item.js'
import type { Instant } from '../time/instant.js'
import type { CancelSignal } from './cancel-signal.js'

/**
 * The online store: one table per view version. Every method may be repeated; a write lands only if the stored sequence is not
 * higher than the item's own, as a condition of the write itself (R36), so a repeated or late write is harmless; but for `loadItems`.
 *
 * @throws MillcourseError PUBLISH_UNREACHABLE, PUBLISH_THROTTLED (after the adapter's own patience), PUBLISH_ACCESS_DENIED,
 * PUBLISH_TABLE_MISSING, PUBLISH_ITEM_TOO_LARGE
 */
export interface OnlineStore {
  /**
   * Makes the table where it is absent and waits until it can be written; the identity changes when a table is dropped and made again.
   * Once per process and table, gives it the settings it lacks.
   * @param tags whose table it is, for costs and access; given to a table that is made, where the endpoint knows tags
   */
  ensureTable(table: string, tags?: Readonly<Record<string, string>>): Promise<EnsuredTable>
  /** Null: there is no such table. */
  describeTable(table: string): Promise<TableFound | null>
  /** What of a table is not as this store makes it; null: there is no such table. An endpoint that knows no settings differs in none. */
  settingDifferences(table: string): Promise<readonly SettingDifference[] | null>
  /**
   * As `ensureTable`, but only where the caller alone has made it. `taken`: there is one already, and this call did not make it;
   * `unknown`: there is one, and an answer was lost, so this call may have made it.
   */
  createTable(table: string, tags?: Readonly<Record<string, string>>): Promise<EnsuredTable | 'taken' | 'unknown'>
  /**
   * No error where it is absent. Returns once it is gone; with `isAwaited: false` once the store has taken the order, and throws where
   * it cannot take it yet.
   */
  dropTable(table: string, options?: { readonly isAwaited: boolean }): Promise<void>
  /**
   * One outcome per item, in order. `refused`: a higher sequence is stored, this publish has been overtaken. An item replaces what is
   * stored under its key as a whole. A throw leaves some items written and some not.
   */
  putItems(table: string, items: readonly OnlineWrite[], options?: WriteOptions): Promise<PutOutcome[]>
  /**
   * Without conditions, for a table that the caller has made and that nobody else may write or read yet (R36, first loads). Not to be
   * called again for other values. `unknown`: a request went out whose answer never came, so it may land at any later time; whoever
   * gets it gives the table up.
   */
  loadItems(table: string, items: readonly OnlineItem[], options?: WriteOptions): Promise<LoadOutcome>
  /** Under the same fence as items. */
  putEnd(table: string, end: PublishedEnd): Promise<PutOutcome>
  /** In the order of `keys`; null: absent, which equals an expired empty item. */
  getItems(table: string, keys: readonly Uint8Array[]): Promise<(OnlineItem | null)[]>
  /** Both in one round trip and in whatever order: who shows the items as those of the end has to know the end before. */
  getItemsAndEnd(table: string, keys: readonly Uint8Array[]): Promise<ItemsAndEnd>
  /** Null: nothing was published yet. */
  getEnd(table: string): Promise<PublishedEnd | null>
  /**
   * All items without the published end, in parts; their order is the store's own, and always the same.
   * @param options `after`: only what comes after this key, be it there or not; `partItems`: at most so many a part
   */
  scan(
    table: string,
    options?: { readonly after?: Uint8Array; readonly partItems?: number },
  ): AsyncIterable<OnlineItem[]>
  /** The names of all tables of the account, of whatever project. */
  listTables(): Promise<string[]>
  /** What the account holds and may hold; asked by `plan`, within two seconds. */
  limits(): Promise<OnlineLimits>
  close(): Promise<void>
}

export interface ItemsAndEnd {
  /** As `getItems` answers. */
  readonly items: readonly (OnlineItem | null)[]
  readonly end: PublishedEnd | null
}

export interface TableFound {
  readonly identity: string
  /** Null: the endpoint does not say. */
  readonly madeAt: Instant | null
}

export interface EnsuredTable {
  readonly identity: string
  /** Settings that the table should have and could not be given; nothing that is written or read depends on them. */
  readonly warnings: readonly string[]
}

/** A fact; the words are the command's. */
export interface SettingDifference {
  readonly setting: 'expiry' | 'recovery' | 'billing' | 'encryption'
  readonly found: string
}

export interface OnlineLimits {
  readonly tables: readonly string[]
  readonly tablesMax: number
  /** Write units per second that all tables, and one table, may take; null: the endpoint does not say. */
  readonly accountWriteUnitsMax: number | null
  readonly tableWriteUnitsMax: number | null
}

export type PutOutcome = 'written' | 'refused'

/** One outcome per item, in order; `refused`: the lease has gone. */
export type LoadOutcome = PutOutcome[] | 'unknown'

export interface OnlineWrite extends OnlineItem {
  /** A guess that only speed depends on: nothing is known to be stored under the key. Left out: something is. */
  readonly isNew?: boolean
}

export interface WriteOptions {
  readonly signal?: CancelSignal
  /** Asked before each request goes out: false stops (the lease is gone); what was not written counts as `refused`. */
  readonly mayWrite?: () => boolean
  /** Told as it grows: so many items, from the first on and without a gap, are acknowledged. */
  readonly onWritten?: (items: number) => void
  /** Told each time that the store refused some of it for want of capacity, also where it took that later. */
  readonly onThrottled?: () => void
}
