/** Fifty small views: seven sources with seven views each, and one view of the past for the backfill. Fewer sources try it in small. */
import { entity, type FeatureRepo, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import { formatInstant, instantFromMs } from '../../core/time/instant.js'

export const wholeSources = 7
export const sourceNames = (sources: number): string[] => Array.from({ length: sources }, (_, at) => `sales_${at}`)
export const pastSource = 'past'
export const pastView = 'past_last'
/** Of the past: how many intervals before the soak its view begins, how many of them get files late, and how far back ticks look. */
export const past = { intervals: 24, delivered: 14, lookback: 8 } as const

export interface SoakShape {
  /** The first interval of all views but that of the past. */
  readonly sinceMs: number
  readonly everyMs: number
  /** Beside that of the past. */
  readonly sources: number
}

export const pastSinceMs = ({ sinceMs, everyMs }: SoakShape): number => sinceMs - past.intervals * everyMs

export function soakRepo(project: string, shape: SoakShape): FeatureRepo {
  const owner = 'soak'
  const { everyMs, sinceMs } = shape
  const over = (intervals: number): `${bigint}s` => `${BigInt(intervals * everyMs) / 1_000n}s`
  const shop = entity('shop', { keys: { shop_id: t.int64() }, owner, description: 'A shop' })
  const [past_, ...sources] = [pastSource, ...sourceNames(shape.sources)].map((name) =>
    parquet(name, {
      path: `${name}/date={yyyy-MM-dd}/hour={HH}/minute={mm}/*.parquet`,
      eventTime: 'at',
      schema: {
        at: t.timestamp(),
        shop_id: t.int64(),
        amount: t.int64().nullable(),
        price: t.float64(),
        item: t.string(),
      },
      ...{ owner, description: 'Sales' },
    }),
  )
  const view = (name: string, source: typeof past_, features: object, more: object = {}) =>
    featureView(name, {
      ...{ version: 1, entity: shop, source, since: iso(sinceMs), every: over(1), owner, description: name },
      lookback: `${Math.ceil((past.lookback * everyMs) / 60_000)}m`,
      features,
      ...more,
    } as never).definition
  const views = sources.flatMap((source, at) => [
    view(`sale_${at}`, source, { amount: lookup(), item: lookup() }, { sla: { freshness: over(8) } }),
    view(`price_${at}`, source, { price: lookup() }, { ttl: over(4) }),
    view(`item_${at}`, source, { item: lookup(), price: lookup() }),
    view(`counts_${at}`, source, {
      sales: window.count({ over: over(2) }),
      amounts: window.sum('amount', { over: over(3) }),
    }),
    view(`prices_${at}`, source, {
      mean: window.avg('price', { over: over(4) }),
      top: window.max('price', { over: over(2) }),
    }),
    view(`items_${at}`, source, {
      last: window.last('item', { over: over(3) }),
      kinds: window.count_distinct('item', { over: over(5) }),
    }),
    view(
      `least_${at}`,
      source,
      { least: window.min('amount', { over: over(2) }), turnover: window.sum('price', { over: over(6) }) },
      { sla: { freshness: over(8) } },
    ),
  ])
  return {
    project,
    entities: [shop.definition],
    sources: [past_!, ...sources].map(({ definition }) => definition),
    views: [...views, view(pastView, past_, { amount: lookup(), item: lookup() }, { since: iso(pastSinceMs(shape)) })],
    services: [],
  }
}

const iso = (ms: number): string => formatInstant(instantFromMs(ms))
