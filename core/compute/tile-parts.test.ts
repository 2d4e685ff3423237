import { expect, test } from 'vitest'
import { entity, featureView, parquet, t, window } from '../define/index.js'
import { summingFeatures } from './tile-parts.js'

test('R20: sums of 38 digits are those of integers and decimals, of whatever operation keeps them', () => {
  const account = entity('account', { keys: { id: t.int64() }, owner: 'test' })
  const source = parquet('payments', {
    path: 'payments/*.parquet',
    schema: { id: t.int64(), at: t.timestamp(), amount: t.decimal(38, 2), ratio: t.float64(), kind: t.string() },
    eventTime: 'at',
    owner: 'test',
  })
  const view = featureView('totals', {
    ...{ version: 1, entity: account, source, since: '2001-01-01T00:00:00Z', every: '1h', tile: '1h', owner: 'test' },
    features: {
      spread: window.stddev('amount', { over: '2h' }),
      ratio: window.sum('ratio', { over: '2h' }),
      by_kind: window.avg('amount', { over: '2h', by: 'kind' }),
      rows: window.count({ over: '2h' }),
      most: window.max('amount', { over: '2h' }),
      ids: window.var('id', { over: '2h' }),
    },
  })
  const bundle = {
    ...{ view: view.definition, entity: account.definition, source: source.definition },
    definitionHash: 'test',
  }
  expect(summingFeatures(bundle)).toEqual(['spread', 'by_kind', 'ids'])
})
