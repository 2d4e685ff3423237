/**
 * Registry and ledger as a whole: read for a backup, put back by a restore. A restore fills a place beside the project's own (the
 * *staged* ledger), settles it there with the lake and the online store, and takes the project's place in one transaction: until
 * then nothing has changed, and afterwards all of it has.
 * @throws MillcourseError LEDGER_UNREACHABLE
 */
import type { Instant } from '../time/instant.js'
import type { ViewKey } from './ledger.js'

export interface ArchivedTable {
  readonly name: string
  /** In the order of a row's values, which are texts of these Postgres types. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

export type ArchivedRow = readonly (string | null)[]

export interface LedgerArchive {
  readonly project: string
  /** All tables in an order in which they can be filled again, read in one snapshot. @throws LEDGER_SCHEMA_OUTDATED where there is none */
  exportTables(
    onTable: (table: ArchivedTable, rows: AsyncIterable<readonly ArchivedRow[]>) => Promise<void>,
  ): Promise<{ readonly migrations: readonly string[]; readonly takenAt: Instant }>
  /** Rows of all tables; null: the project has no schema. */
  countRows(): Promise<bigint | null>
  /** An empty ledger as the named migrations made it. @throws LEDGER_SCHEMA_OUTDATED where this release does not know one */
  stage(migrations: readonly string[]): Promise<StagedLedger>
}

/** Where the lake and the ledger meet: commits, compactions and coarse tiles that have a file, or had one. */
export interface NamedFile {
  readonly path: string
  readonly sizeBytes: bigint
  /** The interval that counts by it; null: a cache, a version that no longer counts, or a file that something else stands for. */
  readonly intervalStart: Instant | null
}

export interface StagedLedger {
  /** As the named migrations made them; asked before `settle`. */
  tables(): Promise<readonly ArchivedTable[]>
  /** @throws BACKUP_INVALID where the rows do not fit the table */
  load(table: ArchivedTable, rows: readonly ArchivedRow[]): Promise<void>
  /** After the last row: brings the schema to this release's, lets numbers go on after the highest, and ends what was under way. */
  settle(): Promise<{ readonly runsEnded: number }>
  /** Every version that was ever applied or published. */
  viewVersions(): Promise<readonly ViewKey[]>
  files(key: ViewKey): Promise<readonly NamedFile[]>
  /**
   * Compactions and coarse tiles without a file go. Intervals whose rows then lie nowhere are committed no more, and run again: their starts.
   * Those that a compaction holds count by it from now on.
   */
  reopenLost(key: ViewKey, lost: readonly NamedFile[], because: string): Promise<readonly Instant[]>
  /** Where the version was published, as far as this ledger knows; `named` as by `LedgerReader.onlineTable`. */
  publishedTo(key: ViewKey): Promise<{ readonly isPublished: boolean; readonly named: string | null }>
  /**
   * R29, R36: no later publish draws a sequence that the ledger before may have drawn (`sequence` is the newest one seen), or shows an
   * older end; the table is the version's from now on (null: the plain name). For every version, whether or not anything of it is online: a
   * worker of the ledger before may be about to write. The published-state cache is forgotten.
   */
  liftPublishing(
    key: ViewKey,
    online: { readonly sequence: bigint; readonly endAt: Instant | null; readonly named: string | null },
  ): Promise<void>
  /** Takes the project's place. What was there is kept under the name returned; null: nothing was. @throws RESTORE_TARGET_NOT_EMPTY */
  swapIn(options: { readonly mayReplace: boolean; readonly by: string; readonly from: string }): Promise<string | null>
  /** After a failure, and harmless after `swapIn`: nothing stays behind. */
  discard(): Promise<void>
}
