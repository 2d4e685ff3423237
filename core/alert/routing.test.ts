import { expect, test } from 'vitest'
import { type Incident, type IncidentDraft, reconcileIncidents } from '../watch/index.js'
import { channelsFor, routingSchema } from './index.js'

const slack = { type: 'slack', url: { env: 'URL' } }
const routing = routingSchema.parse({
  channels: { ads: slack, search: slack, oncall: slack, manager: slack, team: slack },
  routes: [
    { owner: 'ads', escalated: true, to: ['manager', 'oncall', 'ads'] },
    { owner: 'ads', severity: 'critical', to: ['oncall', 'ads'] },
    { owner: ['ads', 'search'], escalated: false, to: ['ads'] },
  ],
  default: ['team'],
})
const incident: Incident = {
  ...{ key: 'stale/delays@v1', rule: 'stale', severity: 'critical', view: 'delays', version: 1, owner: 'ads' },
  ...{ openedAt: '2001-01-01T00:00:00Z', updatedAt: '2001-01-01T00:00:00Z', resolvedAt: null },
  ...{ summary: '', nextStep: '', facts: {} },
}
const toldTo = (change: Partial<Incident>) => channelsFor(routing, { ...incident, ...change })

test('what nobody has acknowledged in time goes to whom a route of escalated ones names, up to its end', () => {
  const escalatedAt = '2001-01-01T00:30:00Z'
  expect(toldTo({})).toEqual(['log', 'oncall', 'ads'])
  expect(toldTo({ escalatedAt: null })).toEqual(['log', 'oncall', 'ads'])
  expect(toldTo({ escalatedAt })).toEqual(['log', 'manager', 'oncall', 'ads'])
  expect(toldTo({ escalatedAt, resolvedAt: '2001-01-01T01:00:00Z' })).toEqual(['log', 'manager', 'oncall', 'ads'])
  expect(toldTo({ owner: 'search' })).toEqual(['log', 'ads'])
  expect(toldTo({ owner: 'search', escalatedAt })).toEqual(['log', 'team'])
})

test('one cause that hits views of several owners goes to each, also to one with a comma in the name', () => {
  const given = { ...routing, routes: [...routing.routes, { owner: ['ops, EU'], to: ['oncall'] }] }
  const draft = (owner: string): IncidentDraft => {
    const { openedAt, updatedAt, resolvedAt, ...rest } = incident
    return { ...rest, owner, view: owner, news: '' }
  }
  const heard = (...owners: readonly string[]) => {
    const { messages } = reconcileIncidents([], owners.map(draft), '2001-01-01T00:00:00Z', { escalateAfterNs: null })
    return messages.map((message) => channelsFor(given, message.incident))
  }
  expect(heard('ops, EU')).toEqual([['log', 'oncall']])
  expect(heard('ops, EU', 'ops, EU')).toEqual([['log', 'oncall']])
  expect(heard('ops, EU', 'search')).toEqual([['log', 'oncall', 'ads']])
})
