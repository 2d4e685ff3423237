import { expect, test } from 'vitest'
import { parseInstant } from '../time/instant.js'
import type { CalendarEntry } from './calendar.js'
import { evaluateBudgets } from './evaluate-budgets.js'
import type { OverBudget } from './over-budget.js'

const entry: CalendarEntry = {
  ...{
    view: 'delays',
    version: 2,
    source: 'flights',
    owner: 'ops',
    services: ['model'],
    readyDelay: '0s',
    freshness: null,
  },
  ...{ since: '2001-01-01T00:00:00Z', every: '1h', isOnline: true, canBlock: true, writeUnitsPerDay: 1_000 },
  firstSeenAt: '2001-01-01T00:00:00Z',
}
const over: OverBudget = {
  ...{ view: 'delays', writeUnits: 1_500.5, estimatedUnits: 0, since: parseInstant('2026-11-22T05:00:00Z') },
  causes: [
    { work: 'backfill', subject: 'b-1', writeUnits: 900 },
    { work: 'run', subject: 'run-1', writeUnits: 600.5 },
  ],
}

test('what, since when, by how much, by what, and the next command', () => {
  const [draft, ...more] = evaluateBudgets([entry], [over], '2026-11-22')
  expect(more).toEqual([])
  expect(draft).toMatchObject({
    ...{ key: 'over_budget/delays', rule: 'over_budget', severity: 'warning', owner: 'ops' },
    nextStep: 'millcourse backfill status b-1',
    facts: { day: '2026-11-22', budget: 1_000, overBy: 501, cause: 'backfill b-1', causeWriteUnits: 900 },
  })
  expect(draft!.summary).toContain(
    '1,501 units on 2026-11-22, 501 more than its budget of 1,000 a day; most by backfill b-1',
  )
  expect(draft!.facts.since).toMatch(/^2026-11-22T05:00:00/)
  const [ofRun] = evaluateBudgets([entry], [{ ...over, causes: over.causes.slice(1) }], '2026-11-22')
  expect(ofRun!.nextStep).toBe('millcourse cost delays --from 2026-11-22')
})

test('more of the same day is no news; another day, or another budget, is; without a budget there is none', () => {
  const news = (units: number, day = '2026-11-22', budget = 1_000) =>
    evaluateBudgets([{ ...entry, writeUnitsPerDay: budget }], [{ ...over, writeUnits: units }], day)[0]!.news
  expect(news(2_000)).toBe(news(1_500))
  expect(news(2_000, '2026-11-23')).not.toBe(news(2_000))
  expect(news(2_000, '2026-11-22', 1_200)).not.toBe(news(2_000))
  expect(evaluateBudgets([{ ...entry, writeUnitsPerDay: null }], [over], '2026-11-22')).toEqual([])
  expect(evaluateBudgets([], [over], '2026-11-22')).toEqual([])
})
