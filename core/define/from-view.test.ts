/** What is wrong with a source that is built on a view, for those who do not compile; and that what decides below decides above. */
import { expect, test } from 'vitest'
import { isMillcourseError } from '../errors.js'
import {
  definitionHash,
  entity,
  type FeatureRepo,
  featureView,
  fromView,
  lookup,
  parquet,
  type Source,
  t,
  validateRepo,
  window,
} from './index.js'

const owner = 'test'
const shop = entity('shop', { keys: { shop: t.string() }, owner })
const schema = {
  at: t.timestamp(),
  made: t.timestamp(),
  shop: t.string(),
  amount: t.int64(),
  gone: t.boolean(),
  id: t.string(),
}
const sales = parquet('sales', { path: 's/*.parquet', eventTime: 'at', schema, owner })
const corrected = parquet('corrected', {
  ...({
    path: 's/*.parquet',
    eventTime: 'at',
    schema,
    owner,
    createdTime: 'made',
    visibility: 'created',
    tombstone: 'gone',
  } as const),
})
const redelivered = parquet('redelivered', {
  ...({ path: 's/*.parquet', eventTime: 'at', schema, owner, eventId: { column: 'id', within: '1h' } } as const),
})
const base = { version: 1, entity: shop, since: '2001-01-01T00:00:00Z', every: '1h', owner } as const
const sums = (over: '2h' | '3h' = '2h') =>
  featureView('sums', { ...base, source: sales, features: { n: window.count({ over }) } })
const last = (source: Source<string, typeof schema>) =>
  featureView('last', { ...base, source, features: { amount: lookup() } })
const timed = (column: 'at' | 'made') =>
  featureView('timed', { ...base, source: sales, features: { amount: lookup(), at: lookup(column) } })
const columns = { end: t.timestamp(), shop: t.string(), n: t.int64() }

function said(options: object): string {
  try {
    fromView('rows', { view: sums(), eventTime: 'end', schema: columns, owner, ...options } as never)
    return 'nothing'
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    return `${error.code} ${error.message}`
  }
}

const rows = { end: t.timestamp(), shop: t.string(), amount: t.int64() }
const timedRows = { at: t.timestamp(), shop: t.string(), amount: t.int64() }
test.each([
  [{}, 'nothing'],
  [{ view: undefined }, "DEFINE_INVALID source 'rows' has no view"],
  [
    { schema: { ...columns, m: t.int64() } },
    "DEFINE_UNKNOWN_COLUMN source 'rows': view 'sums' has no key or feature 'm'",
  ],
  [{ schema: { ...columns, n: t.int32() } }, "DEFINE_INVALID source 'rows': 'n' is int32, of view 'sums' it is int64"],
  [
    { eventTime: 'at' },
    "DEFINE_UNKNOWN_COLUMN source 'rows': eventTime names column 'at', which its schema does not have",
  ],
  [
    { schema: { ...columns, gone: t.boolean() }, tombstone: 'gone' },
    "DEFINE_INVALID source 'rows' has a tombstone, and the rows of view 'sums' have none",
  ],
  [{ view: last(sales), schema: rows }, 'nothing'],
  [{ view: timed('at'), schema: timedRows, eventTime: 'at' }, 'nothing'],
  [
    { view: timed('made'), schema: timedRows, eventTime: 'at' },
    "DEFINE_INVALID source 'rows': its eventTime 'at' is also a feature of view 'timed', which is something else",
  ],
  [
    { view: last(corrected), schema: rows },
    "DEFINE_INVALID source 'rows' has no createdTime, and the rows of view 'last' have (R16)",
  ],
  [
    { view: last(corrected), schema: { ...rows, made: t.timestamp() }, createdTime: 'made' },
    "DEFINE_INVALID source 'rows' has no tombstone, and the rows of view 'last' have (R18)",
  ],
  [
    { view: last(redelivered), schema: rows },
    "DEFINE_INVALID source 'rows' is built on lookup view 'last', whose source has event ids: which of its rows counts is known only with all of them (R19)",
  ],
])('%#', (options, expected) => {
  expect(said(options)).toBe(expected)
})

function above(view: ReturnType<typeof sums>) {
  const source = fromView('rows', { view, eventTime: 'end', schema: columns, owner })
  return {
    source,
    view: featureView('peaks', { ...base, source, features: { peak: window.max('n', { over: '4h' }) } }),
  }
}

test('what decides a value of the view below decides those of the view above', () => {
  const hash = (view: ReturnType<typeof sums>) => {
    const { source, view: peaks } = above(view)
    return definitionHash({ view: peaks.definition, entity: shop.definition, source: source.definition })
  }
  expect(hash(sums())).toBe(hash(sums()))
  expect(hash(sums('3h'))).not.toBe(hash(sums()))
})

test('a view below that the repo does not have, or has in another version, is refused', () => {
  const { source, view } = above(sums())
  const repo = (...views: FeatureRepo['views']): FeatureRepo => ({
    ...{ project: 'p', entities: [shop.definition], services: [] },
    ...{ sources: [sales.definition, source.definition], views: [view.definition, ...views] },
  })
  const messages = (one: FeatureRepo) => validateRepo(one).map(({ message }) => message)
  expect(messages(repo(sums().definition))).toEqual([])
  expect(messages(repo())).toEqual(["source 'rows' is built on version 1 of view 'sums', which the repo does not have"])
  expect(messages(repo({ ...sums().definition, version: 2 }))).toEqual([
    "source 'rows' is built on version 1 of view 'sums', which is at version 2",
  ])
})
