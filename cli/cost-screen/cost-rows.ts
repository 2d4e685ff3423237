/** What was spent, by day and view, with its price and what was spared. */
import { addSpend, nothingSpent, type Spend, type SpendingWork } from '../../core/measure/index.js'
import { type PricedSpend, type Prices, priceSpend, savedBySkipping } from '../../core/plan/index.js'
import type { DailySpend } from '../../core/ports/spend-ledger.js'

export interface CostRow {
  readonly day: string
  /** Null: work of no one view. */
  readonly view: string | null
  /** Null: all kinds together. */
  readonly work: SpendingWork | null
  readonly spend: Spend
  /** US dollars. */
  readonly dollars: PricedSpend
  /** By leaving unchanged values unwritten; an estimate. */
  readonly saved: { readonly writeUnits: number; readonly dollars: number; readonly isMeasured: boolean }
}

/** All versions of a view are one. @param isByWork a row for each kind of work */
export function costRows(spent: readonly DailySpend[], prices: Prices, isByWork: boolean): CostRow[] {
  const ofView = new Map<string, Spend>()
  for (const { view, spend } of spent) ofView.set(view, addSpend(ofView.get(view) ?? nothingSpent, spend))
  const groups = new Map<string, { readonly one: DailySpend; readonly spend: Spend }>()
  for (const one of spent) {
    const name = JSON.stringify([one.day, one.view, isByWork ? one.work : null])
    groups.set(name, { one, spend: addSpend(groups.get(name)?.spend ?? nothingSpent, one.spend) })
  }
  return [...groups.values()].map(({ one, spend }) => {
    const { writeUnits, isMeasured } = savedBySkipping(spend, ofView.get(one.view)!)
    return {
      day: one.day,
      view: one.view === '' ? null : one.view,
      work: isByWork ? one.work : null,
      spend,
      dollars: priceSpend(spend, prices),
      saved: { writeUnits, dollars: priceSpend({ writeUnits }, prices).total, isMeasured },
    }
  })
}
