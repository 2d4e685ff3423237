import { MillcourseError } from '../../core/errors.js'
import { addSpend, nothingSpent } from '../../core/measure/index.js'
import { defaultPrices, formatPrices, type Prices } from '../../core/plan/index.js'
import { addDays, dayOf, parseDay } from '../../core/time/day.js'
import type { CliContext, Report } from '../context.js'
import { type CostRow, costRows } from '../cost-screen/cost-rows.js'
import { formatCosts } from '../cost-screen/cost-text.js'
import { formatCount, formatDollars } from '../output/words.js'

export interface CostOptions {
  readonly from?: string
  readonly to?: string
}

const defaultDays = 7

/** What work has cost by day and view, and what unchanged values spared. @throws MillcourseError USAGE, REGISTRY_UNKNOWN_VIEW */
export async function cost(context: CliContext, name: string | undefined, options: CostOptions): Promise<Report> {
  // Money is spent by the real clock, whatever time is pretended.
  const to = options.to === undefined ? dayOf(context.clock.realNow()) : parseDay(options.to)
  const from = options.from === undefined ? addDays(to, 1 - defaultDays) : parseDay(options.from)
  if (from > to)
    throw new MillcourseError('USAGE', `${from} comes after ${to}`, { hint: '--from … --to …', facts: { from, to } })
  const given = await context.prices()
  const spent = await (await context.ledger()).dailySpend({ from, to, view: name ?? null })
  // A view that is gone has cost what it has.
  if (name !== undefined && spent.length === 0) await (await context.registry()).view(name)
  const rows = costRows(spent, given ?? defaultPrices, name !== undefined)
  const data = { from, to, view: name ?? null, prices: pricesFacts(given), rows, total: totalOf(rows) }
  if (rows.length === 0) return { outcome: 'done', data, text: `nothing was spent from ${from} to ${to}` }
  return { outcome: 'done', data, text: [formatCosts(rows), '', ...closing(rows, given)].join('\n') }
}

function pricesFacts(given: Prices | null) {
  return { areListPrices: given === null, ...(given ?? defaultPrices) }
}

function totalOf(rows: readonly CostRow[]) {
  return {
    spend: rows.reduce((sum, { spend }) => addSpend(sum, spend), nothingSpent),
    dollars: rows.reduce((sum, { dollars }) => sum + dollars.total, 0),
    savedDollars: rows.reduce((sum, { saved }) => sum + saved.dollars, 0),
  }
}

function closing(rows: readonly CostRow[], given: Prices | null): string[] {
  const { spend, dollars, savedDollars } = totalOf(rows)
  const { estimatedUnits, keysUnchanged } = spend
  const least = rows.some(({ spend: { keysUnchanged: keys }, saved }) => keys > 0 && !saved.isMeasured)
  const basis = least ? 'at least: too few writes to know what one takes' : 'estimated by what its writes take'
  return [
    `together $${formatDollars(dollars)}; skipping ${formatCount(keysUnchanged)} unchanged values saved $${formatDollars(savedDollars)} (${basis})`,
    ...(estimatedUnits > 0
      ? [
          `${formatCount(Math.round(estimatedUnits))} of the units are estimated by the items' size: the endpoint did not say`,
        ]
      : []),
    given === null
      ? 'at list prices from memory; put in yours by MILLCOURSE_PRICES'
      : `at ${formatPrices(given)} (MILLCOURSE_PRICES)`,
  ]
}
