/** Budgets of days against a real ledger: one that was passed while nobody watched is told on the day after, once. */
import { sql } from 'kysely'
import { beforeEach, expect, test } from 'vitest'
import { entity, featureView, parquet, t, window } from '../../core/define/index.js'
import { nothingSpent } from '../../core/measure/index.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { parseInstant } from '../../core/time/instant.js'
import { type CalendarEntry, type IncidentDraft, reconcileIncidents } from '../../core/watch/index.js'
import { DayBudgets } from '../../workers/day-budgets.js'
import { ledgerProject } from '../support/ledger-project.js'
import type { TestProject } from '../support/postgres.js'

let project: TestProject
let [ledger, registry]: [LedgerWriter, RegistryWriter] = [] as never
ledgerProject((opened) => {
  project = opened
  ;[ledger, registry] = [opened.ledger, opened.registry]
})

const item = entity('item', { keys: { id: t.string() } })
const sales = parquet('sales', {
  path: 'sales/*.parquet',
  eventTime: 'ts',
  schema: { ts: t.timestamp(), id: t.string(), n: t.int64() },
})

/** Budgets of a day that are applied at a time; null: none. */
async function apply(at: string, budgets: Readonly<Record<string, number | null>>): Promise<void> {
  const views = Object.entries(budgets).map(([name, units]) =>
    featureView(name, {
      ...{ version: 1, entity: item, source: sales, since: '2026-11-01T00:00:00Z', every: '1h', online: true },
      features: { total: window.sum('n', { over: '3h' }) },
      ...(units === null ? {} : { budget: { writeUnitsPerDay: units } }),
    }),
  )
  const definitions = {
    entities: [item.definition],
    sources: [sales.definition],
    views: views.map((one) => one.definition),
  }
  const { revision } = await registry.apply({ project: project.project, ...definitions, services: [] }, { by: 'ann' })
  await project.client.query((db) =>
    db
      .updateTable('revisions')
      .set({ applied_at: sql`${at}::timestamptz` as never })
      .where('revision', '=', revision)
      .execute(),
  )
}
const ofAll = { orders: 1_000, clicks: 1_000, free: null }
beforeEach(() => apply('2026-11-01T00:00:00Z', ofAll))

const entry: CalendarEntry = {
  ...{ view: 'orders', version: 1, source: 'sales', owner: 'ads', services: [], since: '2026-11-01T00:00:00Z' },
  ...{ every: '1h', readyDelay: '0s', freshness: null, isOnline: true, canBlock: true, writeUnitsPerDay: 1_000 },
  firstSeenAt: '2026-11-01T00:00:00Z',
}
const calendar = [entry, { ...entry, view: 'clicks' }, { ...entry, view: 'free', writeUnitsPerDay: null }]

function spend(view: string, day: string, writeUnits: number): Promise<void> {
  const of = { version: 1, work: 'run', subject: `run-${day}`, backfillId: null } as const
  return ledger.recordSpend([{ ...of, view, day, spendId: `${view}/${day}`, spend: { ...nothingSpent, writeUnits } }])
}

/** A watcher on duty that looks at this time: what it found, after what it recorded of it. */
function watcher(applied: readonly CalendarEntry[] = calendar) {
  const budgets = new DayBudgets(ledger, registry)
  return async (at: string): Promise<string[]> => {
    const found: IncidentDraft[] = await budgets.drafts(applied, parseInstant(at))
    await ledger.takeWatch('w1', 60_000)
    const rules = { escalateAfterNs: null }
    const { messages, open } = reconcileIncidents(await ledger.watchedIncidents(), found, at, rules)
    const news = new Map(open.map((incident) => [incident.key, incident.news ?? '']))
    await ledger.recordChanges('w1', messages, news)
    return messages.map(({ event, incident }) => `${event} ${incident.view} ${incident.facts.day}`)
  }
}

test('a budget that was passed in the last minutes of a day is told on the next, once, by whichever watcher looks', async () => {
  const look = watcher()
  await spend('orders', '2026-11-21', 500)
  expect(await look('2026-11-21T23:30:00Z')).toEqual([])
  // Nobody looks for an hour.
  await spend('orders', '2026-11-21', 1_500)
  await spend('free', '2026-11-21', 1_500)
  expect(await look('2026-11-22T00:30:00Z')).toEqual(['opened orders 2026-11-21'])
  expect(await look('2026-11-22T00:30:15Z')).toEqual(['resolved orders 2026-11-21'])
  expect(await look('2026-11-22T00:30:30Z')).toEqual([])
  expect(await watcher()('2026-11-22T12:00:00Z')).toEqual([])
  // What came to it since is of the same day.
  await spend('orders', '2026-11-21', 2_500)
  expect(await look('2026-11-22T12:00:15Z')).toEqual([])
})

test('what was told on its own day is over with it, and told no more; two days in a row are told as two', async () => {
  const look = watcher()
  await spend('orders', '2026-11-21', 1_500)
  await spend('clicks', '2026-11-22', 1_500)
  expect(await look('2026-11-21T12:00:00Z')).toEqual(['opened orders 2026-11-21'])
  expect(await look('2026-11-22T00:00:05Z')).toEqual(['opened clicks 2026-11-22', 'resolved orders 2026-11-21'])
  expect(await watcher()('2026-11-22T00:00:20Z')).toEqual([])

  await spend('clicks', '2026-11-23', 1_500)
  await spend('orders', '2026-11-22', 1_500)
  await spend('orders', '2026-11-23', 1_500)
  expect(await look('2026-11-23T06:00:00Z')).toEqual(['opened orders 2026-11-22', 'updated clicks 2026-11-23'])
  expect(await look('2026-11-23T06:00:15Z')).toEqual(['updated orders 2026-11-23'])
  expect(await look('2026-11-23T06:00:30Z')).toEqual([])
})

test('a version that is applied later makes nothing new of what was spent before it', async () => {
  const later = [{ ...entry, version: 2 }]
  await spend('orders', '2026-11-21', 1_500)
  expect(await watcher()('2026-11-21T12:00:00Z')).toEqual(['opened orders 2026-11-21'])
  expect(await watcher(later)('2026-11-21T18:00:00Z')).toEqual([])
  expect(await watcher(later)('2026-11-22T06:00:00Z')).toEqual(['resolved orders 2026-11-21'])
  expect(await watcher([{ ...entry, version: 3 }])('2026-11-22T12:00:00Z')).toEqual([])
})

test('what a budget says that is lowered, or declared, is not said of the day before; one that is raised forgives it', async () => {
  await apply('2026-11-22T06:00:00Z', { orders: 500, clicks: 3_000, free: 500 })
  const changed = [
    { ...entry, writeUnitsPerDay: 500 },
    { ...entry, view: 'clicks', writeUnitsPerDay: 3_000 },
    { ...entry, view: 'free', writeUnitsPerDay: 500 },
  ]
  for (const [view, units] of [
    ['orders', 800],
    ['clicks', 1_500],
    ['free', 800],
  ] as const)
    await spend(view, '2026-11-21', units)
  expect(await watcher(changed)('2026-11-22T06:00:15Z')).toEqual([])
  await spend('free', '2026-11-22', 800)
  expect(await watcher(changed)('2026-11-22T06:00:30Z')).toEqual(['opened free 2026-11-22'])
})
