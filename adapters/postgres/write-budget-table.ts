import type { Instant } from '../../core/time/instant.js'

/** One row: the bucket that all publishes share. */
export interface WriteBudgetTable {
  bucket: number
  level: number
  filled_at: Instant
  scheduled_until: Instant
  /** Of the release before, whose workers slow the whole bucket by them. */
  slowed_to: number
  slowed_at: Instant
}
