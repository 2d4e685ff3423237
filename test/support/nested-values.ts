/** A view whose answers are lists and maps, of every kind of item that a file, a scan or an encoding could take for another. */
import { bundleFor, entity, featureView, parquet, t, window } from '../../core/define/index.js'
import { minute } from './publish-rig.js'

const owner = 'ops'
const shop = entity('shop', { keys: { shop: t.int64() }, owner, description: 'A shop' })
const sales = parquet('sales', {
  path: 'sales/*.parquet',
  eventTime: 'at',
  schema: {
    at: t.timestamp(),
    shop: t.int64(),
    label: t.string().nullable(),
    raw: t.binary().nullable(),
    price: t.decimal(18, 2).nullable(),
    big: t.int64().nullable(),
    rate: t.float64().nullable(),
    seen: t.timestamp().nullable(),
    day: t.date().nullable(),
  },
  owner,
  description: 'Sales',
})

export function nestedBundle() {
  const over = '12h'
  const view = featureView('nested', {
    ...{ version: 1, entity: shop, source: sales, every: '1h', owner, description: 'Lists and maps' },
    since: '2001-01-01T00:00:00Z',
    features: {
      labels: window.last_n('label', { n: 9, over }),
      raws: window.last_n('raw', { n: 2, over }),
      prices: window.last_distinct_n('price', { n: 2, over }),
      bigs: window.last_n('big', { n: 2, over }),
      rates: window.last_n('rate', { n: 4, over }),
      seens: window.last_n('seen', { n: 2, over }),
      days: window.last_distinct_n('day', { n: 2, over }),
      quantiles: window.approx_quantile('rate', { quantiles: [0, 1], over }),
      price_spread: window.stddev_pop('price', { over }),
      by_label: window.count({ over, by: 'label' }),
      price_by_big: window.sum('price', { over, by: 'big' }),
      seen_by_day: window.last('seen', { over, by: 'day' }),
      seens_by_label: window.last_n('seen', { n: 2, over, by: 'label' }),
      labels_by_big: window.last_n('label', { n: 2, over, by: 'big' }),
      rates_by_none: window.max('rate', { over, by: 'day' }),
    },
  })
  const repo = {
    project: 'test',
    entities: [shop.definition],
    sources: [sales.definition],
    views: [view.definition],
    services: [],
  }
  return bundleFor(repo, view.definition)
}

const awkward = `a, "b" \\ [c] {d: 'e'} = NULL\n\u{1f600}`
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`

/** Rows of the first hour, and what the view answers at its end. */
export function nestedRows(bundle: ReturnType<typeof nestedBundle>) {
  const row = (minutes: number, values: string) => `(${minute(bundle, minutes)}, 1, ${values})`
  return [
    row(
      1,
      `${quoted(awkward)}, '\\x00\\xFF"'::BLOB, 1.50, 9007199254740993, 'nan'::DOUBLE, ${minute(bundle, -1)}, '1969-12-31'`,
    ),
    row(2, `'NULL', ''::BLOB, -0.01, -1, '-0.0'::DOUBLE, ${minute(bundle, -2)}, '2001-01-01'`),
    row(3, `'', '[]'::BLOB, 1.50, -1, 'infinity'::DOUBLE, ${minute(bundle, -3)}, NULL`),
    row(4, `NULL, NULL, NULL, NULL, 0.1, NULL, NULL`),
  ]
}

const before = (minutes: bigint) => 978_307_200_000_000_000n - minutes * 60_000_000_000n
const text = new TextEncoder()
export const nestedAnswers = {
  labels: ['', 'NULL', awkward],
  raws: [text.encode('[]'), new Uint8Array()],
  prices: ['1.50', '-0.01'],
  bigs: [-1n, -1n],
  // Rows are compared in their order, and -0.0 is 0.0 there.
  rates: [0.1, Number.POSITIVE_INFINITY, 0, Number.NaN],
  seens: [before(3n), before(2n)],
  days: ['2001-01-01', '1969-12-31'],
  quantiles: [0, Number.NaN],
  price_spread: Math.sqrt(4.5602 / 9),
  by_label: [
    ['', 1n],
    ['NULL', 1n],
    [awkward, 1n],
  ],
  price_by_big: [
    [-1n, '1.49'],
    [9_007_199_254_740_993n, '1.50'],
  ],
  seen_by_day: [
    ['1969-12-31', before(1n)],
    ['2001-01-01', before(2n)],
  ],
  seens_by_label: [
    ['', [before(3n)]],
    ['NULL', [before(2n)]],
    [awkward, [before(1n)]],
  ],
  labels_by_big: [
    [-1n, ['', 'NULL']],
    [9_007_199_254_740_993n, [awkward]],
  ],
  rates_by_none: [
    ['1969-12-31', Number.NaN],
    ['2001-01-01', 0],
  ],
}
