/** The ledger's part on the write budget (core/publish/write-budget.ts): one bucket a project, kept by the ledger's clock. */
import type { WriteUnitsAnswer, WriteUnitsRequest } from '../publish/write-budget.js'

export interface WriteBudgetWriter {
  /** Takes units for about a second ahead. Said twice they are taken twice: what is not used is lost, and nothing else. */
  takeWriteUnits(request: WriteUnitsRequest): Promise<WriteUnitsAnswer>
  /** A publish that is no backfill's has met the lease of this sequence. */
  isLeaseWanted(key: { readonly view: string; readonly version: number }, sequence: bigint): Promise<boolean>
}
