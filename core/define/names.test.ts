import { expect, test } from 'vitest'
import { entity, parquet, t } from './index.js'

test('R23: columns and keys that are called as the product’s own columns are, in whatever case, are refused', () => {
  const schema = { at: t.timestamp(), __Event_ns: t.timestamp() }
  expect(() => parquet('s', { path: 'x/*.parquet', eventTime: 'at', schema, owner: 'test' })).toThrow(
    /source 's': column '__Event_ns' begins with __/,
  )
  expect(() => entity('e', { keys: { __tile: t.int64() } })).toThrow(/entity 'e': column '__tile' begins with __/)
})
