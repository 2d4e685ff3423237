import { featureView, lookup } from 'millcourse'
import { airport } from '../entities/airport.js'
import { flights } from '../sources/flights.js'

export const lastDeparture = featureView('last_departure', {
  version: 1,
  entity: airport,
  source: flights,
  since: '2001-01-01T00:00:00Z',
  every: '1h',
  lookback: '24h',
  ttl: '24h',
  features: {
    destination: lookup(),
    delay: lookup(),
    miles: lookup('distance'),
  },
  checks: { features: { delay: { nullRateMax: 0.5 } } },
  sla: { freshness: '3h' },
  owner: 'ops-ml',
  tags: { pii: false },
  description: 'The latest flight that left an airport',
})
