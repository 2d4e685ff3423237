/** The view whose hours are measured, and its rows: the same keys in every hour. */
import { mkdir } from 'node:fs/promises'
import { entity, type FeatureRepo, featureView, parquet, t, window } from '../core/define/index.js'
import type { QueryEngine } from '../core/ports/query-engine.js'
import { formatInstant, type Instant } from '../core/time/instant.js'

export const hourNs = 3_600_000_000_000n
export const dayNs = 24n * hourNs
export const viewKey = { view: 'sales', version: 1 } as const
const keys = 200
const rowsPerHour = 2_000

export function hourRepo(project: string, since: Instant): FeatureRepo {
  const owner = 'bench'
  const shop = entity('shop', { keys: { shop_id: t.string() }, owner, description: 'A shop' })
  const source = parquet('sales', {
    path: 'sales/d={yyyy-MM-dd}/h={HH}/*.parquet',
    schema: { at: t.timestamp(), shop_id: t.string(), amount: t.float64().nullable(), items: t.int64() },
    eventTime: 'at',
    owner,
    description: 'Sales',
  })
  const view = featureView(viewKey.view, {
    ...{ version: 1, entity: shop, source, since: formatInstant(since), every: '1h', tile: '1h', lookback: '24h' },
    features: {
      sales_1h: window.count({ over: '1h' }),
      amount_24h: window.sum('amount', { over: '24h' }),
      amount_avg_7d: window.avg('amount', { over: '7d' }),
      items_30d: window.sum('items', { over: '30d' }),
      amount_max_30d: window.max('amount', { over: '30d' }),
    },
    checks: { rows: { min: 1 }, features: { amount_24h: { nullRateMax: 0.5 } } },
    owner,
    description: 'Sales of a shop',
  })
  return { project, entities: [shop.definition], sources: [source.definition], views: [view.definition], services: [] }
}

/** One Parquet file per hour of `[from, to)` below `sources`, in its partition. */
export async function writeSales(engine: QueryEngine, sources: string, from: Instant, to: Instant): Promise<void> {
  await mkdir(`${sources}/sales`, { recursive: true })
  const first = from / hourNs
  const rows = (to / hourNs - first) * BigInt(rowsPerHour)
  await engine.withSession((session) =>
    session.execute({
      sql: `COPY (
        SELECT strftime("at", '%Y-%m-%d') AS d, strftime("at", '%H') AS h, * FROM (
          SELECT make_timestamp((${first} + i // ${rowsPerHour}) * 3600000000 + (hash(i + ${first} * 31) % 3600000000)::BIGINT) AS "at",
            'shop-' || lpad((i % ${keys})::VARCHAR, 6, '0') AS shop_id,
            CASE WHEN i % 37 > 0 THEN (hash(i * 7 + ${first}) % 1000003)::DOUBLE / 100 END AS amount,
            (hash(i * 3 + ${first}) % 20)::BIGINT AS items
          FROM range(${rows}) t(i))
      ) TO '${sources}/sales' (FORMAT parquet, PARTITION_BY (d, h), OVERWRITE_OR_IGNORE, FILENAME_PATTERN 'part-{i}')`,
    }),
  )
}
