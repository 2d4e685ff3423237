import { featureView, window } from 'millcourse'
import { route } from '../entities/route.js'
import { flights } from '../sources/flights.js'

export const routeTraffic = featureView('route_traffic', {
  version: 1,
  entity: route,
  source: flights,
  since: '2001-01-01T00:00:00Z',
  every: '1h',
  lookback: '24h',
  ttl: '7d',
  features: {
    flights_24h: window.count({ over: '24h' }),
    delays_known_7d: window.count('delay', { over: '7d' }),
    delay_values_7d: window.count_distinct('delay', { over: '7d' }),
    delay_min_7d: window.min('delay', { over: '7d' }),
    delay_first_24h: window.first('delay', { over: '24h' }),
    delay_last_24h: window.last('delay', { over: '24h' }),
  },
  checks: { features: { delay_last_24h: { nullRateMax: 0.5 } } },
  sla: { freshness: '3h' },
  owner: 'ops-ml',
  tags: { pii: false },
  description: 'How much flies on a route and how punctual it has been',
})
