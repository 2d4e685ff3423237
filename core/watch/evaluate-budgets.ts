/** Views whose day has cost more write units than they may: one incident each, over when the day is, or when the budget is raised. */
import { formatInstant } from '../time/instant.js'
import { type CalendarEntry, viewLabel } from './calendar.js'
import type { IncidentDraft } from './incident.js'
import { viewDraft } from './interval-drafts.js'
import type { OverBudget } from './over-budget.js'

export function evaluateBudgets(
  calendar: readonly CalendarEntry[],
  over: readonly OverBudget[],
  day: string,
): IncidentDraft[] {
  return over.flatMap((one) => {
    const entry = calendar.find(({ view }) => view === one.view)
    const budget = entry?.writeUnitsPerDay ?? null
    return entry === undefined || budget === null ? [] : [draftOf(entry, one, budget, day)]
  })
}

function draftOf(entry: CalendarEntry, over: OverBudget, budget: number, day: string): IncidentDraft {
  const [first] = over.causes
  const [cause, next] =
    first?.work === 'backfill'
      ? [`backfill ${first.subject}`, `millcourse backfill status ${first.subject}`]
      : [first ? `${first.work} ${first.subject}` : 'not known', `millcourse cost ${entry.view} --from ${day}`]
  const units = (count: number) => Math.round(count).toLocaleString('en-US')
  const summary = `${viewLabel(entry)} has written ${units(over.writeUnits)} units on ${day}, ${units(over.writeUnits - budget)} more than its budget of ${units(budget)} a day; most by ${cause}`
  return viewDraft(entry, 'over_budget', summary, next, {
    // Of all versions together: another one that is applied makes no other cause of what was spent.
    key: `over_budget/${entry.view}`,
    // Of a day that goes on being spent nothing is new; the next day's is.
    news: [day, String(budget)],
    facts: {
      ...{ day, writeUnits: Math.round(over.writeUnits), budget, overBy: Math.round(over.writeUnits - budget) },
      ...{ since: formatInstant(over.since), cause, causeWriteUnits: Math.round(first?.writeUnits ?? 0) },
      ...(over.estimatedUnits > 0 ? { estimatedUnits: Math.round(over.estimatedUnits) } : {}),
    },
  })
}
