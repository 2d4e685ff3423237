import { featureView, window } from 'millcourse'
import { airport } from '../entities/airport.js'
import { flights } from '../sources/flights.js'

export const airportDelays = featureView('airport_delays', {
  version: 1,
  entity: airport,
  source: flights,
  since: '2001-01-01T00:00:00Z',
  every: '1h',
  tile: '1h',
  lookback: '24h',
  ttl: '48h',
  features: {
    flights_1h: window.count({ over: '1h' }),
    flights_24h: window.count({ over: '24h' }),
    flights_7d: window.count({ over: '7d' }),
    delay_avg_24h: window.avg('delay', { over: '24h' }),
    delay_max_7d: window.max('delay', { over: '7d' }),
    distance_sum_24h: window.sum('distance', { over: '24h' }),
  },
  checks: {
    rejectedRateMax: 0.01,
    features: { delay_avg_24h: { nullRateMax: 0.2, min: -1440, max: 2880 } },
  },
  sla: { freshness: '3h', duration: '10m' },
  owner: 'ops-ml',
  tags: { pii: false, tier: 'gold' },
  description: 'How busy an airport is and how late it has been running',
})
