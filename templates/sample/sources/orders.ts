import { parquet, t } from 'millcourse'

export const orders = parquet('orders', {
  path: 'data/orders/date={yyyy-MM-dd}/hour={HH}/*.parquet',
  eventTime: 'ts',
  schema: {
    ts: t.timestamp(),
    user_id: t.int64(),
    amount: t.float64().nullable(),
    item: t.string(),
  },
  ready: { marker: '_SUCCESS' },
  owner: 'shop-backend',
  description: 'One row per order, an hour per folder',
})
