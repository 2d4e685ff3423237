import { featureView, window } from 'millcourse'
import { user } from '../entities/user.js'
import { since } from '../since.js'
import { orders } from '../sources/orders.js'

export const userOrders = featureView('user_orders', {
  version: 1,
  entity: user,
  source: orders,
  since,
  every: '1h',
  lookback: '24h',
  features: {
    orders_1h: window.count({ over: '1h' }),
    orders_24h: window.count({ over: '24h' }),
    amount_sum_24h: window.sum('amount', { over: '24h' }),
    amount_avg_7d: window.avg('amount', { over: '7d' }),
    items_7d: window.count_distinct('item', { over: '7d' }),
  },
  checks: { features: { amount_sum_24h: { nullRateMax: 0.1, min: 0 } } },
  sla: { freshness: '3h' },
  owner: 'growth',
  description: 'How often and for how much a user has been buying',
})
