/** What is wrong with a query as far as its definition tells, for those who do not compile. */
import { describe, expect, test } from 'vitest'
import { isMillcourseError } from '../errors.js'
import { asOf, definitionHash, diffRepos, entity, featureView, lookup, parquet, query, t } from './index.js'

const owner = 'test'
const orders = parquet('orders', {
  path: 'orders/*.parquet',
  eventTime: 'ts',
  schema: { ts: t.timestamp(), item: t.string(), amount: t.int64(), gone: t.boolean(), rate: t.float64() },
  tombstone: 'gone',
  owner,
})
const items = parquet('items', {
  path: 'items/*.parquet',
  eventTime: 'since',
  schema: { since: t.timestamp(), item: t.string(), size: t.int32(), rate: t.float64() },
  owner,
})
const daily = parquet('daily', { path: 'd/{yyyy-MM-dd}/*.parquet', eventTime: 'since', schema: items.schema, owner })
const schema = { ts: t.timestamp(), item: t.string() }
const given = { from: orders, sql: 'SELECT ts, item FROM orders', schema, tombstone: null, owner } as const

function said(options: object): string {
  try {
    query('q', { ...given, ...options } as never)
    return 'nothing'
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    return `${error.code} ${error.message}`
  }
}

test.each([
  [{}, 'nothing'],
  [{ from: undefined }, "DEFINE_INVALID source 'q' has no from"],
  [{ sql: ' ' }, "DEFINE_INVALID source 'q' has no sql"],
  [
    { schema: { item: t.string() } },
    "DEFINE_UNKNOWN_COLUMN source 'q': eventTime names column 'ts', which its schema does not have",
  ],
  [{ tombstone: undefined }, "DEFINE_INVALID source 'q' does not say what becomes of the tombstone 'gone' of 'orders'"],
  [{ tombstone: 'item' }, "DEFINE_INVALID source 'q': tombstone 'item' is string, it must be boolean"],
  [{ schema: { ...schema, __x: t.string() } }, "DEFINE_INVALID source 'q': column '__x' begins with __"],
  [{ form: orders }, "DEFINE_INVALID source 'q' has no option 'form'"],
  [{ with: { x: items } }, "DEFINE_INVALID source 'q': with.x is no dimension"],
  [{ with: { x: asOf(items, {}) } }, "DEFINE_INVALID source 'q': 'x' is joined on nothing"],
  [
    { with: { x: asOf(items, { itm: 'item' } as never) } },
    "DEFINE_UNKNOWN_COLUMN source 'q': 'x' is joined on 'itm', which source 'items' does not have",
  ],
  [
    { with: { x: asOf(items, { item: 'itm' }) } },
    "DEFINE_UNKNOWN_COLUMN source 'q': 'x' is joined on 'itm', which source 'orders' does not have",
  ],
  [
    { with: { x: asOf(items, { rate: 'rate' }) } },
    "DEFINE_INVALID source 'q': 'x' is joined where its 'rate', float64, equals 'rate', float64 (R12)",
  ],
  [
    { with: { item: asOf(items, { item: 'item' }) } },
    "DEFINE_DUPLICATE_NAME source 'q' with its dimensions has the columns 'item' and 'item', which differ only by case (R23)",
  ],
  [{ with: { orders: asOf(items, { item: 'item' }) } }, "DEFINE_INVALID source 'q': 'orders' has the name of from"],
  [
    { with: { x: asOf(daily, { item: 'item' }) } },
    "DEFINE_INVALID source 'q': 'x' does not say within which span its rows are looked for, and its path has time tokens",
  ],
  [{ with: { x: asOf(daily, { item: 'item' }, { within: '30d' }) } }, 'nothing'],
  [{ from: query('p', given) }, "DEFINE_INVALID source 'q' is a query over the query 'p'"],
])('%#: %o', (options, expected) => {
  expect(said(options)).toBe(expected)
})

describe('what decides values', () => {
  const shop = entity('shop', { keys: { item: t.string() }, owner })
  const bundle = (from: typeof orders, sql: string) => {
    const source = query('q', { ...given, from, sql, with: { x: asOf(items, { item: 'item' }) } })
    const view = featureView('v', {
      ...({ version: 1, entity: shop, source, since: '2001-01-01T00:00:00Z', every: '1h', owner } as const),
      features: { of: lookup('item') },
    })
    return { view: view.definition, entity: shop.definition, source: source.definition }
  }
  const sql = 'SELECT ts, item FROM orders WHERE amount > 1'
  const withSchema = (more: object) =>
    parquet('orders', {
      ...({ path: 'orders/*.parquet', eventTime: 'ts', tombstone: 'gone', owner } as const),
      schema: { ...orders.schema, ...more },
    }) as typeof orders

  test('the text, and the columns that it names; no other column', () => {
    const hash = definitionHash(bundle(orders, sql))
    expect(definitionHash(bundle(orders, sql))).toBe(hash)
    expect(definitionHash(bundle(orders, `${sql} AND x.size > 1`))).not.toBe(hash)
    expect(definitionHash(bundle(withSchema({ note: t.string() }), sql))).toBe(hash)
    expect(definitionHash(bundle(withSchema({ amount: t.float64() }), sql))).not.toBe(hash)
  })

  test('and a change of it is told as breaking, by name', () => {
    const repo = (one: ReturnType<typeof bundle>) => ({
      ...{ project: 'p', entities: [shop.definition], services: [] },
      ...{ sources: [orders.definition, items.definition, one.source], views: [one.view] },
    })
    const changes = diffRepos(repo(bundle(orders, sql)), repo(bundle(orders, sql.replace('1', '2'))))
    expect(changes.map(({ object, level, fields }) => [object, level, fields.map(({ path }) => path)])).toEqual([
      ['source', 'breaking', ['query.sql']],
      ['view', 'breaking', ['source.query.sql']],
    ])
  })
})
