import { expect, test } from 'vitest'
import { entity, featureView, fromView, parquet, t, window } from '../define/index.js'
import { parseInstant } from '../time/instant.js'
import { buildIntervalQuery } from './interval-query.js'

test('a day on windows of five minutes names each of their files a few times, not once for each of its 288 ends', () => {
  const owner = 'test'
  const common = { version: 1, since: '2001-01-01T00:00:00Z', owner, online: false } as const
  const shop = entity('shop', { keys: { shop: t.string() }, owner })
  const schema = { at: t.timestamp(), shop: t.string(), amount: t.float64() }
  const sales = parquet('sales', { path: 'sales/*.parquet', eventTime: 'at', schema, owner })
  const low = featureView('low', {
    ...{ ...common, entity: shop, source: sales, every: '5m', tile: '5m' },
    features: { mean: window.avg('amount', { over: '24h' }) },
  })
  const ends = fromView('ends', {
    ...{ view: low, eventTime: 'end', owner },
    schema: { end: t.timestamp(), shop: t.string(), mean: t.float64().nullable() },
  })
  const high = featureView('high', {
    ...{ ...common, entity: shop, source: ends, every: '1d' },
    features: { peak: window.max('mean', { over: '7d' }) },
  })
  const files = Array.from({ length: 576 }, (_, at) => `/lake/tiles/low/v1/${at}/run.parquet`)
  const interval = { start: parseInstant('2001-01-02T00:00:00Z'), end: parseInstant('2001-01-03T00:00:00Z') }
  const bundle = { ...{ view: high.definition, entity: shop.definition, source: ends.definition }, definitionHash: '' }
  const { statements } = buildIntervalQuery({
    ...{ bundle, interval, fileTypes: [] },
    files: { own: [], within: [], upstream: [{ files, features: ['mean'] }] },
  })
  const sql = statements.map((statement) => statement.sql).join('\n')
  expect(sql.split(files[300]!).length - 1).toBeLessThanOrEqual(5)
})
