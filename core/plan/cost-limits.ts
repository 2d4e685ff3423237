/** Whether a backfill may begin at its price, or a person has to approve it (docs/backfill.md, "The queue"). */
import type { BackfillEstimate } from './backfill-estimate.js'

/** US dollars. */
export interface CostLimits {
  /** Dearer than this it awaits approval; null: it never does. */
  readonly costMax: number | null
  /** The same of all that are open and approved, itself included. */
  readonly costMaxOfAll: number | null
}

export interface CostAwaits extends CostLimits {
  /** Of those that were open and approved. */
  readonly openDollars: number
  /** What is known of its price is within the limits, and what it writes is not known. Absent: it is known. */
  readonly isUnknown?: true
}

/** Null: it may begin when its turn has come. A price that is not known is within no limit. */
export function costAwaits(
  { dollars, writeUnits }: Pick<BackfillEstimate, 'dollars' | 'writeUnits'>,
  { costMax, costMaxOfAll }: CostLimits,
  openDollars: number,
): CostAwaits | null {
  if (costMax === null && costMaxOfAll === null) return null
  const awaits = { costMax, costMaxOfAll, openDollars }
  const isOver = (price: number, max: number | null) => max !== null && price > max
  if (isOver(dollars.total, costMax) || isOver(openDollars + dollars.total, costMaxOfAll)) return awaits
  return writeUnits === null ? { ...awaits, isUnknown: true } : null
}
