import { describe, expect, test } from 'vitest'
import { definitionHash, entity, featureView, formatColumnType, parquet, t, window } from './index.js'

const user = entity('user', { keys: { user_id: t.int64() }, owner: 'growth' })
const orders = parquet('orders', {
  path: 'orders/{yyyy-MM-dd}/*.parquet',
  eventTime: 'ts',
  schema: {
    ts: t.timestamp(),
    user_id: t.int64(),
    item: t.string(),
    amount: t.decimal(12, 2).nullable(),
    score: t.float64(),
    last: t.string(),
  },
})
const over = '24h'

function viewOf(features: object, options: object = {}) {
  const base = { version: 1, entity: user, source: orders, since: '2001-01-01', every: '1h' }
  return featureView('v', { ...base, features, ...options } as never).definition
}

describe('window features', () => {
  test('R20: operations and buckets have the types of their answers', () => {
    const { features } = viewOf({
      spread: window.stddev('amount', { over }),
      recent: window.last_n('amount', { n: 3, over }),
      seen: window.last_distinct_n('ts', { n: 3, over }),
      about: window.approx_count_distinct('item', { over }),
      median: window.approx_quantile('score', { q: 0.5, over }),
      both: window.approx_quantile('score', { quantiles: [0.5, 0.9], over }),
      by_item: window.sum('amount', { over, by: 'item' }),
      recent_by_user: window.last_n('item', { n: 2, over, by: 'user_id' }),
    })
    expect(Object.fromEntries(features.map(({ name, type }) => [name, formatColumnType(type)]))).toEqual({
      spread: 'float64 or null',
      recent: 'list(decimal(12,2)) or null',
      seen: 'list(timestamp) or null',
      about: 'int64',
      median: 'float64 or null',
      both: 'list(float64) or null',
      by_item: 'map(string, decimal(38,2)) or null',
      recent_by_user: 'map(int64, list(string)) or null',
    })
    expect(features.map((feature) => 'parameters' in feature && feature.parameters).filter(Boolean)).toEqual([
      { n: 3 },
      { n: 3 },
      { q: 0.5 },
      { quantiles: [0.5, 0.9] },
      { n: 2 },
    ])
  })

  test.each([
    ['n that is none', window.last_n('item', { n: 0, over }), /takes last_n: n is 0, not 1, 2, … 1000/],
    ['no quantile', window.approx_quantile('score', { over } as never), /q: 0.5 or quantiles/],
    ['both quantiles', window.approx_quantile('score', { q: 0.5, quantiles: [0.5], over } as never), /one too many/],
    ['a quantile above 1', window.approx_quantile('score', { q: 50, over }), /q is 50, a share lies between 0 and 1/],
    ['an unknown option', window.sum('amount', { over, n: 3 } as never), /no option 'n'; sum takes over, by/],
    ['a quantile of text', window.approx_quantile('item', { q: 0.5, over } as never), /is string, not a number/],
    ['buckets of floats', window.count({ over, by: 'score' }), /buckets by 'score', which is float64, not an integer/],
    ['buckets by no column', window.count({ over, by: 'itm' }), /reads column 'itm', which source 'orders' does not/],
    ['no column', { ...window.sum('amount', { over }), column: null }, /takes sum of no column/],
    ['no such operation', { ...window.sum('amount', { over }), operation: 'summ' }, /is a window of "summ"/],
  ])('%s is refused', (_, feature, message) => {
    expect(() => viewOf({ f: feature })).toThrow(message)
  })

  test('what an operation is told decides the value; the column of the buckets is one the view reads', () => {
    const hashOf = (features: object) =>
      definitionHash({ view: viewOf(features), entity: user.definition, source: orders.definition })
    const hashes = [
      window.last_n('item', { n: 2, over }),
      window.last_n('item', { n: 3, over }),
      window.last_n('item', { n: 3, over, by: 'item' }),
      window.last_n('item', { n: 3, over, by: 'last' }),
    ].map((feature) => hashOf({ f: feature }))
    expect(new Set(hashes).size).toBe(4)
  })

  test('coarse tiles are a day for windows longer than two, thirty beside it for those longer than sixty, where they fit', () => {
    const coarseTile = (over: string, options: object = {}) =>
      viewOf({ n: window.count({ over } as never) }, options).coarseTile
    expect(coarseTile('48h')).toBeNull()
    expect(coarseTile('49h')).toBe('1d')
    expect(coarseTile('60d')).toBe('1d')
    expect(coarseTile('61d')).toEqual(['1d', '30d'])
    expect(coarseTile('lifetime')).toEqual(['1d', '30d'])
    expect(coarseTile('365d', { every: '1d' })).toBe('30d')
    expect(coarseTile('7d', { every: '1d' })).toBeNull()
    expect(coarseTile('7d', { every: '1d', tile: '1h' })).toBe('1d')
    expect(coarseTile('7d', { every: '5h', tile: '1h' })).toBeNull()
    expect(coarseTile('7d', { coarseTile: null })).toBeNull()
    expect(coarseTile('7d', { coarseTile: '12h' })).toBe('12h')
    expect(coarseTile('7d', { coarseTile: ['12h'] })).toBe('12h')
    expect(coarseTile('7d', { coarseTile: ['12h', '48h'] })).toEqual(['12h', '2d'])
    expect(() => coarseTile('7d', { coarseTile: ['2d', '3d'] })).toThrow(/3d is not made of whole ones of 2d/)
  })
})
