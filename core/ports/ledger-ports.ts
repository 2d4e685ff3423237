/** The parts of the ledger that have a page of their own; ledger.ts puts them together. */
import type { BackfillReader, BackfillWriter } from './backfill-ledger.js'
import type { CompactionReader, CompactionWriter } from './compaction-ledger.js'
import type { IncidentReader, IncidentWriter } from './incident-ledger.js'
import type { QualityReader, QualityWriter } from './ledger-quality.js'
import type { ProfileReader } from './profile-ledger.js'
import type { RunDetailsWriter } from './run-details-ledger.js'
import type { RunFilesWriter } from './run-files-ledger.js'
import type { SpendReader, SpendWriter } from './spend-ledger.js'
import type { WatchReader } from './watch-ledger.js'
import type { WriteBudgetWriter } from './write-budget-ledger.js'

/** `Commit`: as ledger.ts has it. */
export type LedgerReaders<Commit> = BackfillReader &
  CompactionReader &
  IncidentReader &
  ProfileReader &
  QualityReader<Commit> &
  SpendReader &
  WatchReader

export type LedgerWriters = BackfillWriter &
  CompactionWriter &
  IncidentWriter &
  QualityWriter &
  RunDetailsWriter &
  RunFilesWriter &
  WriteBudgetWriter &
  SpendWriter
