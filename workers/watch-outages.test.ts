import { expect, test } from 'vitest'
import type { CalendarEntry } from '../core/watch/index.js'
import { ledgerOutage, schedulerOutage } from './watch-outages.js'

const entryOf = (view: string, owner: string | null): CalendarEntry => ({
  ...{ view, version: 1, source: 'flights', owner, services: [], since: '2001-01-01T00:00:00Z', every: '1h' },
  ...{ readyDelay: '0s', freshness: null, isOnline: true, canBlock: true, firstSeenAt: '2001-01-01T00:00:00Z' },
})

test('an outage is told to whoever has a view, also where the first view is nobody’s', () => {
  const toldOf = (...owners: (string | null)[]) => {
    const calendar = owners.map((owner, index) => entryOf(`view_${index}`, owner))
    const outages = [ledgerOutage(calendar, { what: 'x', why: 'y' }), schedulerOutage(calendar, [])]
    return outages.map(({ owner, facts }) => [owner, facts.owners])
  }
  expect(toldOf(null, 'ads')).toEqual(Array(2).fill(['ads', undefined]))
  expect(toldOf(null, 'ads', 'search', 'ads')).toEqual(Array(2).fill(['ads', 'ads, search']))
  expect(toldOf(null)).toEqual(Array(2).fill([null, undefined]))
  expect(toldOf()).toEqual(Array(2).fill([null, undefined]))
})
