import { expect, test } from 'vitest'
import { entity, featureView, lookup, parquet, t } from './index.js'
import { checkVersion } from './names.js'

test('R23: columns and keys that are called as the product’s own columns are, in whatever case, are refused', () => {
  const schema = { at: t.timestamp(), __Event_ns: t.timestamp() }
  expect(() => parquet('s', { path: 'x/*.parquet', eventTime: 'at', schema, owner: 'test' })).toThrow(
    /source 's': column '__Event_ns' begins with __/,
  )
  expect(() => entity('e', { keys: { __tile: t.int64() } })).toThrow(/entity 'e': column '__tile' begins with __/)
})

test('R23: a feature that has the name of a key but for its case is refused: the engine takes the two for one', () => {
  const schema = { at: t.timestamp(), Amount: t.int64(), paid: t.int64() }
  const source = parquet('s', { path: 'x/*.parquet', eventTime: 'at', schema, owner: 'test' })
  const paid = entity('e', { keys: { Amount: t.int64() }, owner: 'test' })
  const shared = {
    version: 1,
    entity: paid,
    source,
    since: '2001-01-01T00:00:00Z',
    every: '1h',
    owner: 'test',
  } as const
  expect(() => featureView('v', { ...shared, features: { amount: lookup('paid') } })).toThrow(
    /feature 'amount' has the name of a key, 'Amount', but for its case \(R23\)/,
  )
  expect(featureView('v', { ...shared, features: { amounts: lookup('paid') } }).name).toBe('v')
})

test('versions are those that the ledger can hold', () => {
  for (const version of [1, 7, 20260101, 2 ** 31 - 1]) expect(checkVersion('view v', version)).toEqual([])
  const problem = (version: unknown) => checkVersion('view v', version).map(({ code, message }) => `${code} ${message}`)
  for (const version of [0, -1, 1.5, '1', Number.NaN])
    expect(problem(version)).toEqual([`DEFINE_INVALID view v: version ${version} is not 1, 2, 3, …`])
  for (const version of [2 ** 31, 202601011200])
    expect(problem(version)).toEqual([`DEFINE_INVALID view v: version ${version} is not 1, 2, 3, … up to 2147483647`])
})
