/** What work has cost, by run, view and day. Days are UTC, by the real clock of whoever spent. */
import type { Spend, SpendingWork } from '../measure/spend.js'
import type { OverBudget } from '../watch/over-budget.js'

/** `2026-11-22`. */
export type Day = string

/** What one process has spent on one subject on one day, so far: told again, it replaces what was told before. */
export interface SpendRecord {
  readonly spendId: string
  readonly day: Day
  /** Empty: the work was of no one view; `version` is then 0, as where no one version is meant. */
  readonly view: string
  readonly version: number
  readonly work: SpendingWork
  /** The run's id, the backfill's, or the workflow's. */
  readonly subject: string
  readonly backfillId: string | null
  readonly spend: Spend
}

export interface DailySpend {
  readonly day: Day
  readonly view: string
  readonly version: number
  readonly work: SpendingWork
  readonly spend: Spend
}

export interface SpendReader {
  /** From `from` up to and with `to`, oldest first; `view` null: all. */
  dailySpend(range: { readonly from: Day; readonly to: Day; readonly view: string | null }): Promise<DailySpend[]>
  /** Null: nothing is known of it. */
  spendOf(subject: string): Promise<Spend | null>
  /** Of all versions of a view together. */
  overBudget(
    day: Day,
    budgets: readonly { readonly view: string; readonly writeUnitsPerDay: number }[],
  ): Promise<OverBudget[]>
}

export interface SpendWriter {
  /** One statement: the records, and the sums of their days. */
  recordSpend(records: readonly SpendRecord[]): Promise<void>
}
