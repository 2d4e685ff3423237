import { featureView, lookup } from 'millcourse'
import { user } from '../entities/user.js'
import { since } from '../since.js'
import { orders } from '../sources/orders.js'

export const lastOrder = featureView('last_order', {
  version: 1,
  entity: user,
  source: orders,
  since,
  every: '1h',
  lookback: '24h',
  ttl: '30d',
  features: {
    item: lookup(),
    amount: lookup(),
    ordered_at: lookup('ts'),
  },
  sla: { freshness: '3h' },
  owner: 'growth',
  description: 'What a user bought last',
})
