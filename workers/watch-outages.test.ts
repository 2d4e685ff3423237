import { expect, test } from 'vitest'
import { type CalendarEntry, type OpenIncident, reconcileIncidents } from '../core/watch/index.js'
import { ledgerOutage, schedulerOutage } from './watch-outages.js'

const entryOf = (view: string, owner: string | null): CalendarEntry => ({
  ...{ view, version: 1, source: 'flights', owner, services: [], since: '2001-01-01T00:00:00Z', every: '1h' },
  ...{ readyDelay: '0s', freshness: null, isOnline: true, canBlock: true, firstSeenAt: '2001-01-01T00:00:00Z' },
})

test('an outage is told to whoever has a view, also where the first view is nobody’s', () => {
  const toldOf = (...owners: (string | null)[]) => {
    const calendar = owners.map((owner, index) => entryOf(`view_${index}`, owner))
    const outages = [ledgerOutage(calendar, { what: 'x', why: 'y' }), schedulerOutage(calendar, [], [])]
    return outages.map(({ owner, facts }) => [owner, facts.owners])
  }
  expect(toldOf(null, 'ads')).toEqual(Array(2).fill(['ads', undefined]))
  expect(toldOf(null, 'ads', 'search', 'ads')).toEqual(Array(2).fill(['ads', 'ads, search']))
  expect(toldOf(null)).toEqual(Array(2).fill([null, undefined]))
  expect(toldOf()).toEqual(Array(2).fill([null, undefined]))
})

test('who is told that missing runs are over because the scheduler is gone is told so', () => {
  const at = '2001-01-02T00:00:00Z'
  const openOf = (rule: OpenIncident['rule']): OpenIncident => ({
    ...{ key: `${rule}/delays@v1`, rule, severity: 'warning', view: 'delays', version: 1, owner: null, news: '' },
    ...{ openedAt: at, updatedAt: at, resolvedAt: null, summary: rule, nextStep: 'millcourse doctor', facts: {} },
  })
  const open = (['missing_run', 'skipped', 'stale', 'held'] as const).map(openOf)
  const outage = schedulerOutage([entryOf('delays', null)], [], open)
  const { messages } = reconcileIncidents(open, [outage], at, { escalateAfterNs: null })
  const part = ': it goes on as part of scheduler_unreachable'
  expect(messages.filter(({ event }) => event === 'resolved').map(({ incident }) => incident.summary)).toEqual([
    ...[`missing_run${part}`, `skipped${part}`, `stale${part}`],
    'held',
  ])
})
