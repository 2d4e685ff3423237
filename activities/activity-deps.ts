import type { Worthwhile } from '../core/compact/index.js'
import type { Prices } from '../core/plan/index.js'
import type { Clock } from '../core/ports/clock.js'
import type { Lake } from '../core/ports/lake.js'
import type { LedgerWriter } from '../core/ports/ledger.js'
import type { OnlineStore } from '../core/ports/online-store.js'
import type { QueryEngine } from '../core/ports/query-engine.js'
import type { RegistryReader } from '../core/ports/registry.js'
import type { SpendMeter } from '../core/ports/spend-meter.js'
import type { Telemetry } from '../core/ports/telemetry.js'
import type { ScheduledSteps } from './make-way.js'
import type { PublishSlots } from './publish-slots.js'

/** What the activities are given at the worker; workflows only know their types. */
export interface ActivityDeps {
  readonly ledger: LedgerWriter
  readonly registry: RegistryReader
  /** The product's own files. */
  readonly lake: Lake
  /** The root below which relative source paths lie. */
  readonly sources: Lake
  readonly engine: QueryEngine
  readonly online: OnlineStore
  readonly clock: Clock
  readonly log: Log
  /** Absent: nobody measures. */
  readonly telemetry?: Telemetry
  /** Absent: nobody counts what is spent. */
  readonly spending?: SpendMeter
  /** Of the worker, made with its activities. */
  readonly publishing?: PublishSlots
  /** Of the worker, made with its activities. */
  readonly scheduled?: ScheduledSteps
  readonly settings: ActivitySettings
}

export interface FileKeeping {
  /** Since a compaction stands for them. */
  readonly compactedKeptMs: number
  /** Since another version took the place of theirs. */
  readonly supersededKeptMs: number
  /** Candidates that were not committed, and rejected rows, since their run ended. */
  readonly candidatesKeptMs: number
  readonly quarantineKeptMs: number
  /** In the ledger, from a run's end (core/ports/run-details-ledger.ts). */
  readonly detailsKeptMs: number
  /** Between the moment from which nobody is told of a file and its removal. */
  readonly graceMs: number
}

export interface ActivitySettings {
  readonly project: string
  /** A publish's lease; renewed at a third of it. */
  readonly leaseMs: number
  /** How long a run waits for the lease before it ends as `committed` (R33). */
  readonly publishWaitMs: number
  /** Steps that the worker has under way at once; absent: nobody bounds them. */
  readonly activitiesMax?: number
  /** Items handed to the online store at once. */
  readonly publishPartItems: number
  /** Write units a second that all publishes of the project share; absent: no limit of ours. */
  readonly writeUnitsPerSecond?: number
  /** How long files stay that are needed no more (docs/compaction.md); what is absent: `keptByDefault`. */
  readonly retention?: Partial<FileKeeping>
  /** What is worth compacting; absent: as core/compact has it. */
  readonly worthwhile?: Worthwhile
  /** Backfills of the project that run at once; absent: as core/plan has it. */
  readonly backfillsAtOnce?: number
  /** US dollars that the project's open backfills may cost together without approval; absent: no limit. */
  readonly backfillCostMax?: number
  /** What a backfill's plan is priced at; absent: `defaultPrices`. */
  readonly prices?: Prices
  /** Temporal knows our search attributes; absent: it does not. */
  readonly isSearchable?: boolean
}

/** Structured logging; the pino logger of workers/ fits. */
export interface Log {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}
