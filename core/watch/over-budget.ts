import type { Instant } from '../time/instant.js'

/** What has spent write units of a view on one day: a backfill as a whole, else a run, a publish, … */
export interface SpendCause {
  /** `run`, `backfill`, `publish`, … */
  readonly work: string
  readonly subject: string
  readonly writeUnits: number
}

/** Of a view whose write units of a day are above its budget. */
export interface OverBudget {
  readonly view: string
  readonly writeUnits: number
  readonly estimatedUnits: number
  /** When what had been told by then first went beyond. */
  readonly since: Instant
  /** The largest first. */
  readonly causes: readonly SpendCause[]
}
