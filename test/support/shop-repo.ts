/** A small feature repo for tests of the whole road: one source, a window view and a lookup view over it. */

import type { FeatureRepo } from '../../core/define/definitions.js'
import { entity, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'

export const shopSince = '2001-01-01T00:00:00Z'
const hourNs = 3_600_000_000_000n

export function hourStart(hour: number): string {
  return formatInstant(parseInstant(shopSince) + BigInt(hour) * hourNs)
}

/** Path of a file of an hour, below the source root. */
export function orderFile(hour: number, name = 'part-0.parquet'): string {
  const start = hourStart(hour)
  return `orders/date=${start.slice(0, 10)}/hour=${start.slice(11, 13)}/${name}`
}

/** `keys` users with an order each in the hour; `salt` makes other amounts, one user in five has none. */
export function orderRows(hour: number, keys: number, salt = 0): string {
  const start = hourStart(hour).replace('T', ' ').replace('Z', '')
  return `SELECT TIMESTAMP '${start}' + INTERVAL (user_id * 61 % 3600) SECOND AS ts, user_id::BIGINT AS user_id,
    ((user_id * 37 + ${hour} * 11 + ${salt} * 101) % 1000) / 4.0 AS amount, 'item ' || (user_id + ${hour} + ${salt}) % 9 AS item
    FROM range(1, ${keys + 1}) AS users(user_id) WHERE (user_id + ${hour}) % 5 <> 0`
}

export function shopRepo(project: string): FeatureRepo {
  const user = entity('user', { keys: { user_id: t.int64() }, owner: 'shop' })
  const orders = parquet('orders', {
    path: 'orders/date={yyyy-MM-dd}/hour={HH}/*.parquet',
    eventTime: 'ts',
    schema: { ts: t.timestamp(), user_id: t.int64(), amount: t.float64().nullable(), item: t.string() },
    owner: 'shop',
  })
  const common = {
    version: 1,
    entity: user,
    source: orders,
    since: shopSince,
    every: '1h',
    lookback: '48h',
    owner: 'shop',
  } as const
  const spending = featureView('spending', {
    ...common,
    features: {
      orders_1h: window.count({ over: '1h' }),
      amount_3h: window.sum('amount', { over: '3h' }),
      items_6h: window.count_distinct('item', { over: '6h' }),
    },
    checks: { features: { amount_3h: { nullRateMax: 0.1 } } },
  })
  const lastOrder = featureView('last_order', { ...common, ttl: '30d', features: { item: lookup(), amount: lookup() } })
  return {
    project,
    entities: [user.definition],
    sources: [orders.definition],
    views: [spending.definition, lastOrder.definition],
    services: [],
  }
}
