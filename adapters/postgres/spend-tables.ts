/** What work has cost (migration 013). */
import type { ColumnType } from 'kysely'
import type { SpendingWork } from '../../core/measure/spend.js'
import type { Instant } from '../../core/time/instant.js'

export interface SpendColumns {
  view: string
  version: number
  /** UTC, `2026-11-22`. */
  day: string
  work: SpendingWork
  write_units: number
  read_units: number
  estimated_units: number
  s3_writes: number
  s3_reads: number
  s3_bytes_written: number
  s3_bytes_read: number
  engine_seconds: number
  items_written: number
  keys_unchanged: number
}

/** What one process has spent on one subject on one day; view empty and version 0: of no one view. `daily_spends` has the sums. */
export interface SpendsTable extends SpendColumns {
  spend_id: string
  subject: string
  backfill_id: string | null
  /** By this server, last. */
  told_at: ColumnType<Instant, never, never>
}
