import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { compileFiles, compileSnippets } from './compile-snippets.js'

const given = `
import { asOf, entity, featureService, featureView, fromView, lookup, parquet, query, t, window } from 'millcourse'
const user = entity('user', { keys: { user_id: t.int64() } })
const shop = entity('shop', { keys: { shop_id: t.int64() } })
const orders = parquet('orders', {
  path: 'orders/*.parquet',
  eventTime: 'ts',
  schema: {
    ts: t.timestamp(), user_id: t.int32(), code: t.string(), amount: t.float64().nullable(), item: t.string(),
    price: t.decimal(12, 2), raw: t.binary(), gone: t.boolean(),
  },
})
const items = parquet('items', { path: 'items/*.parquet', eventTime: 'since', schema: { since: t.timestamp(), item: t.string(), size: t.int32() } })
const made = { from: orders, sql: '', schema: { ts: t.timestamp(), user_id: t.int64(), size: t.int32(), id: t.string() } } as const
const base = { version: 1, entity: user, source: orders, since: '2001-01-01T00:00:00Z', every: '1h' } as const
const count = window.count({ over: '24h' })
`

/** What must compile: name -> code. */
const good = {
  'every aggregate on what it takes': `featureView('v', { ...base, features: {
    rows: window.count({ over: '24h' }), values: window.count('amount', { over: '1h30m' }), sum: window.sum('price', { over: '7d' }),
    avg: window.avg('amount', { over: 'lifetime' }), min: window.min('item', { over: '7d' }), max: window.max('ts', { over: '7d' }),
    first: window.first('raw', { over: '7d' }), last: window.last('gone', { over: '7d' }), ids: window.count_distinct('item', { over: '7d' }),
    spread: window.stddev('amount', { over: '7d' }), all: window.var_pop('price', { over: '7d' }), lasts: window.last_n('raw', { n: 3, over: '7d' }),
    seen: window.last_distinct_n('item', { n: 3, over: '7d' }), about: window.approx_count_distinct('item', { over: '7d' }),
    median: window.approx_quantile('amount', { q: 0.5, over: '7d' }), both: window.approx_quantile('amount', { quantiles: [0.5, 0.9], over: '7d' }),
  } })`,
  'buckets by what compares exactly': `featureView('v', { ...base, features: {
    rows: window.count({ over: '24h', by: 'item' }), sum: window.sum('price', { over: '7d', by: 'gone' }), lasts: window.last_n('item', { n: 3, over: '7d', by: 'user_id' }),
  } })`,
  'a query with dimensions, and a view of it': `const q = query('q', { ...made, with: { thing: asOf(items, { item: 'item' }, { within: '30d' }) }, eventId: { column: 'id', within: '1h' }, tombstone: null })
    featureView('v', { ...base, source: q, features: { size: window.sum('size', { over: '1d' }) } })`,
  'a view on a view': `const below = featureView('below', { ...base, features: { count } })
    const rows = fromView('rows', { view: below, eventTime: 'end', schema: { end: t.timestamp(), user_id: t.int64(), count: t.int64() } })
    featureView('v', { ...base, source: rows, features: { most: window.max('count', { over: '1d' }) } })`,
  'lookups by their own name and by another': `featureView('v', { ...base, features: { item: lookup(), paid: lookup('amount') } })`,
  'R12: keys of one family': `featureView('v', { ...base, features: { count } })`,
  'R13: a mapped key': `featureView('v', { ...base, entity: shop, keys: { shop_id: 'user_id' }, features: { count } })`,
  'R16: visibility with a created time': `parquet('p', { path: 'x', eventTime: 'ts', createdTime: 'c', visibility: 'created',
    tombstone: 'gone', eventId: { column: 'id', within: '6h' }, ready: { delay: '5m', deadline: '2h' },
    schema: { ts: t.timestamp(), c: t.timestamp().nullable(), gone: t.boolean().nullable(), id: t.string() } })`,
  'checks of features that have a column': `featureView('v', { ...base,
    features: { count, spent: window.avg('amount', { over: '1d' }), item: window.last('item', { over: '1d' }) },
    checks: { rows: { min: 1 }, rejectedRateMax: 0.1, rejectedRateSeverity: 'warn', features: { spent: { min: 0, nullRateMax: 0.1 }, item: { nullRateMax: 0.5, severity: 'warn' } } } })`,
  'a service of chosen and of all features': `const v = featureView('v', { ...base, features: { count, item: window.last('item', { over: '1d' }) } })
    featureService('s', { version: 1, features: [v.pick('item', 'count'), v.all()] })`,
}

/** What must not compile: name -> code and the sentence. */
const bad: Record<string, readonly [code: string, ...sentences: string[]]> = {
  'a column that is not there': [
    `featureView('v', { ...base, features: { a: window.avg('amonut', { over: '1d' }) } })`,
    `DefineError<"view 'v': feature 'a' reads column 'amonut', which source 'orders' does not have">`,
  ],
  'a lookup of a column that is not there': [
    `featureView('v', { ...base, features: { itm: lookup(), why: lookup('wy'), item: lookup() } })`,
    `DefineError<"view 'v': feature 'itm' reads column 'itm', which source 'orders' does not have">`,
    `DefineError<"view 'v': feature 'why' reads column 'wy', which source 'orders' does not have">`,
  ],
  'an aggregate that its column does not suit': [
    `featureView('v', { ...base, features: { a: window.sum('item', { over: '1d' }), b: window.min('raw', { over: '1d' }) } })`,
    `DefineError<"view 'v': feature 'a' takes sum of 'item', which is string, not a number">`,
    `DefineError<"view 'v': feature 'b' takes min of 'raw', which is binary, not an ordered type">`,
  ],
  'buckets by a column that is not there, or that does not compare exactly': [
    `featureView('v', { ...base, features: { a: window.count({ over: '1d', by: 'itm' }), b: window.sum('price', { over: '1d', by: 'amount' }) } })`,
    `DefineError<"view 'v': feature 'a' reads column 'itm', which source 'orders' does not have">`,
    `DefineError<"view 'v': feature 'b' has buckets by 'amount', which is float64, not an integer, a string, a boolean or a date">`,
  ],
  'an operation without what it must be told, and with what it is not told': [
    `window.last_n('item', { over: '1d' })
     window.sum('price', { over: '1d', n: 3 })
     window.approx_quantile('amount', { over: '1d' })`,
    `Property 'n' is missing in type`,
    `'n' does not exist in type`,
    `is not assignable to parameter of type`,
  ],
  'a feature of a column that a query does not answer with': [
    `featureView('v', { ...base, source: query('q', made), features: { item: lookup() } })`,
    `DefineError<"view 'v': feature 'item' reads column 'item', which source 'q' does not have">`,
  ],
  'a dimension joined on columns that are not there': [
    `asOf(items, { itm: 'item' })`,
    `DefineError<"asOf: source 'items' is joined on 'itm', which it does not have">`,
  ],
  'a dimension joined on what the rows do not have, or on another type': [
    `query('q', { ...made, with: { thing: asOf(items, { item: 'itm' }), other: asOf(items, { item: 'user_id' }) } })`,
    `DefineError<"source 'q': 'thing' is joined on 'itm', which source 'orders' does not have">`,
    `DefineError<"source 'q': 'other' is joined where its 'item', string, equals 'user_id', int32 (R12)">`,
  ],
  'times of a view below that its schema does not have': [
    `fromView('rows', { view: featureView('below', { ...base, features: { count } }), eventTime: 'end', schema: { count: t.int64() } })
     fromView('rows', { view: featureView('below', { ...base, features: { count } }), eventTime: 'count', schema: { count: t.int64() } })`,
    `DefineError<"source 'rows': eventTime names column 'end', which its schema does not have">`,
    `DefineError<"source 'rows': eventTime 'count' is int64, it must be timestamp">`,
  ],
  'a role of a query that its schema does not have': [
    `query('q', { ...made, tombstone: 'gone' })`,
    `DefineError<"source 'q': tombstone names column 'gone', which its schema does not have">`,
  ],
  'lookups beside windows': [
    `featureView('v', { ...base, features: { item: lookup(), count } })`,
    `DefineError<"view 'v': lookup 'item' stands beside windows; make it a view of its own, a feature service puts the two together">`,
  ],
  'a key without a column': [
    `featureView('orders_7d', { ...base, entity: shop, features: { count } })`,
    `DefineError<"view 'orders_7d' joins on 'shop_id', which source 'orders' does not have">`,
  ],
  'R12: a key of another family': [
    `featureView('v', { ...base, entity: entity('u', { keys: { user_id: t.string() } }), features: { count } })`,
    `DefineError<"view 'v': key 'user_id' is string, column 'user_id' of source 'orders' is int32 (R12)">`,
  ],
  'R13: a mapping to a column that is not there, or of another family': [
    `featureView('v', { ...base, keys: { user_id: 'usr' }, features: { count } })
     featureView('w', { ...base, keys: { user_id: 'code' }, features: { count } })
     featureView('x', { ...base, keys: { usr: 'user_id' }, features: { count } })`,
    `DefineError<"view 'v' joins on 'usr', which source 'orders' does not have">`,
    `DefineError<"view 'w': key 'user_id' is int64, column 'code' of source 'orders' is string (R12)">`,
    `DefineError<"view 'x' maps the key 'usr', which entity 'user' does not have">`,
  ],
  'R12, R5: keys that are floating-point or nullable': [
    `entity('e', { keys: { id: t.float64(), ok: t.string(), n: t.int64().nullable() } })`,
    `DefineError<"entity 'e': key 'id' is floating-point, which never compares exactly (R12)">`,
    `DefineError<"entity 'e': key 'n' cannot be nullable: a null in a key matches nothing (R5)">`,
  ],
  'an event time that is not there, or no timestamp': [
    `parquet('p', { path: 'x', eventTime: 'time', schema: { ts: t.timestamp() } })
     parquet('q', { path: 'x', eventTime: 'id', schema: { ts: t.timestamp(), id: t.int64() } })`,
    `DefineError<"source 'p': eventTime names column 'time', which its schema does not have">`,
    `DefineError<"source 'q': eventTime 'id' is int64, it must be timestamp">`,
  ],
  'R18, R19: a tombstone that is not boolean, an event id that is floating-point': [
    `parquet('p', { path: 'x', eventTime: 'ts', tombstone: 'ts', eventId: { column: 'f' }, schema: { ts: t.timestamp(), f: t.float32() } })`,
    `DefineError<"source 'p': tombstone 'ts' is timestamp, it must be boolean">`,
    `DefineError<"source 'p': eventId 'f' is float32, it must be anything but floating-point">`,
  ],
  'R16: a created time without visibility': [
    `parquet('p', { path: 'x', eventTime: 'ts', createdTime: 'c', schema: { ts: t.timestamp(), c: t.timestamp() } })`,
    `Property 'visibility' is missing in type`,
  ],
  'R16: visibility created without a created time': [
    `parquet('p', { path: 'x', eventTime: 'ts', visibility: 'created', schema: { ts: t.timestamp() } })`,
    `Type '"created"' is not assignable to type '"event"'`,
  ],
  'a duration in words': [
    `window.count({ over: '1 day' })`,
    `Type '"1 day"' is not assignable to type 'Duration | "lifetime"'`,
  ],
  'a check of a feature that is not there': [
    `featureView('v', { ...base, features: { count }, checks: { features: { cuont: { nullRateMax: 1 } } } })`,
    `'cuont' does not exist in type 'FeatureChecks<"v"`,
  ],
  'a check of a feature that reads no column': [
    `featureView('v', { ...base, features: { count }, checks: { features: { count: { min: 1 } } } })`,
    `DefineError<"view 'v': feature 'count' counts rows and reads no column; limit checks.rows instead">`,
  ],
  'a limit of what is not a number': [
    `featureView('v', { ...base, features: { item: lookup() }, checks: { features: { item: { max: 3 } } } })`,
    `DefineError<"view 'v': feature 'item' limits 'item', which is string, not a number">`,
  ],
  'an option that does not exist': [
    `featureView('v', { ...base, tll: '1d', features: { count } })`,
    `'tll' does not exist in type 'ViewOptions<"v"`,
  ],
  'a service of a feature that is not there': [
    `featureService('s', { version: 1, features: [featureView('v', { ...base, features: { count } }).pick('cuont')] })`,
    `Argument of type '"cuont"' is not assignable to parameter of type '"count"'`,
  ],
}

const slug = (name: string) => name.replace(/\W+/g, '-')
const messages = compileSnippets(
  Object.fromEntries([
    ...Object.entries(good).map(([name, code]) => [slug(name), given + code]),
    ...Object.entries(bad).map(([name, [code]]) => [slug(name), given + code]),
  ]),
)

test.each(Object.keys(good))('compiles: %s', (name) => {
  expect(messages[slug(name)]).toEqual([])
})

test.each(Object.keys(bad))('does not compile, and says why: %s', (name) => {
  const [, ...sentences] = bad[name]!
  expect(messages[slug(name)]).toEqual(sentences.map((sentence) => expect.stringContaining(sentence)))
})

test('the sample of `millcourse init` compiles', () => {
  const folder = join(import.meta.dirname, '../../templates/sample')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const said = compileFiles(files.map((file) => join(folder, file)))
  expect(Object.keys(said).length).toBeGreaterThan(5)
  expect(Object.values(said).flat()).toEqual([])
})

test.each([
  ['docs/definitions.md', "import { entity, featureService, featureView, parquet, t, window } from 'millcourse'\n"],
  ['README.md', ''],
  [
    'docs/transformations.md',
    "import { asOf, fromView, parquet, query, t } from 'millcourse'\nimport { flights } from '../sources/flights.js'\nimport { airportDelays } from '../views/airport_delays.js'\n",
  ],
])('the TypeScript of %s compiles', (file, imports) => {
  const text = readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
  const blocks = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => imports + code)
  expect(blocks.length).toBeGreaterThan(0)
  const snippets = blocks.map((code, index) => [`docs-${index}`, code.replaceAll("'../", "'../../feature_repo/")])
  expect(Object.values(compileSnippets(Object.fromEntries(snippets))).flat()).toEqual([])
})
