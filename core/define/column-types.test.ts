import { expect, test } from 'vitest'
import { holdsKind } from './column-types.js'
import { entity, featureView, lookup, parquet, t } from './index.js'

test.each([
  ['int64', 'int32', true],
  ['int32', 'int64', false],
  ['int64', 'uint32', true],
  ['int32', 'uint32', false],
  ['uint64', 'int8', false],
  ['uint64', 'uint64', true],
  ['int64', 'uint64', false],
  ['string', 'string', true],
] as const)('%s holds every %s: %s', (kind, other, holds) => {
  expect(holdsKind({ kind, nullable: false }, { kind: other, nullable: false })).toBe(holds)
})

test('R12: a key that does not hold every value of its column is refused', () => {
  const ofKey = (key: typeof t.int64 | typeof t.uint32 | typeof t.int16) => {
    const user = entity('user', { keys: { user_id: key() }, owner: 'test' })
    const schema = { at: t.timestamp(), user_id: t.int32(), item: t.string() }
    const source = parquet('orders', { path: 'orders/*.parquet', eventTime: 'at', schema, owner: 'test' })
    const base = { version: 1, entity: user, source, since: '2001-01-01', every: '1h' } as const
    return featureView('v', { ...base, features: { item: lookup() } } as never)
  }
  expect(ofKey(t.int64).definition.name).toBe('v')
  for (const key of [t.uint32, t.int16])
    expect(() => ofKey(key)).toThrow(/key 'user_id' is u?int\d+, column 'user_id' of source 'orders' is int32 \(R12\)/)
})
