/** Where rows of a key lie is found for keys of every type: by the key as files hold it. */
import { expect, test } from 'vitest'
import { entity, featureView, lookup, parquet, t } from '../../core/define/index.js'
import { keyText } from '../../core/explain/index.js'
import type { PackedValue } from '../../core/publish/index.js'
import { verifyKeys } from '../../core/quality/verify-keys.js'
import { Bench } from './generated-history.js'

const keys = {
  ...{ price: t.decimal(10, 2), at: t.timestamp(), day: t.date(), part: t.binary(), flag: t.boolean() },
  ...{ small: t.int8(), big: t.uint64(), code: t.string() },
}
const thing = entity('thing', { keys, owner: 'test' })
const source = parquet('things', {
  path: 'things/*.parquet',
  schema: { ...keys, made: t.timestamp(), n: t.int64() },
  ...{ eventTime: 'made', owner: 'test' },
})
const view = featureView('latest', {
  ...{ version: 1, entity: thing, source, since: '2001-01-01T00:00:00Z', every: '1d', owner: 'test' },
  features: { n: lookup() },
})
const bundle = {
  ...{ view: view.definition, entity: thing.definition, source: source.definition, definitionHash: 'test' },
}

test('the bucket of a key is known, whatever the types of its parts', async () => {
  const bench = await Bench.open()
  try {
    const key: readonly PackedValue[] = [
      ...['1.5', 978_307_200_000_000_001n, '2001-01-31', Uint8Array.of(0, 255), true, -1],
      ...[18_446_744_073_709_551_615n, 'ü|\u0000'],
    ]
    const files = [0, 1].map((number) => ({ path: `/compacted/${number}.parquet`, bucket: { number, of: 2 } }))
    const { buckets } = await bench.engine.withSession((session) =>
      verifyKeys(
        {
          execute: (query) => session.execute(query),
          all: (query) => session.all(query),
          keepFile: (name, parts) => session.keepFile(name, parts),
          open: () => ({ sizeBytes: 0, read: async () => new Uint8Array() }),
        },
        {
          ...{ bundle, keys: [key], intervals: [], dimensions: [], upstream: [], coarse: [], holding: null },
          ...{ compactions: [{ commitIds: [], removedIds: [], files }], endAt: 978_307_200_000_000_000n },
        },
      ),
    )
    expect([...buckets.keys()]).toEqual([keyText(bundle, key)])
  } finally {
    await bench.close()
  }
})
