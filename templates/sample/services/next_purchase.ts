import { featureService } from 'millcourse'
import { lastOrder } from '../views/last_order.js'
import { userOrders } from '../views/user_orders.js'

export const nextPurchase = featureService('next_purchase', {
  version: 1,
  features: [userOrders.all(), lastOrder.pick('item', 'ordered_at')],
  owner: 'growth',
  description: 'Predicts what a user buys next',
})
