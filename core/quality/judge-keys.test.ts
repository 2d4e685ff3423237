import { expect, test } from 'vitest'
import { entity, featureView, lookup, parquet, t } from '../define/index.js'
import { keyText } from '../explain/index.js'
import { encodeKey, type PackedValue } from '../publish/index.js'
import { judgeKeys } from './judge-keys.js'

const keys = { price: t.decimal(10, 2), at: t.timestamp(), part: t.binary() }
const priced = entity('priced', { keys, owner: 'test' })
const source = parquet('prices', {
  path: 'prices/*.parquet',
  schema: { ...keys, made: t.timestamp(), n: t.int64() },
  ...{ eventTime: 'made', owner: 'test' },
})
const view = featureView('latest', {
  ...{ version: 1, entity: priced, source, since: '2001-01-01T00:00:00Z', every: '1d', owner: 'test' },
  features: { n: lookup() },
})
const bundle = {
  ...{ view: view.definition, entity: priced.definition, source: source.definition, definitionHash: 'test' },
}

test('a committed row that is wrong is told of its key, however the key was come by', () => {
  const part = Uint8Array.of(0, 255)
  // As an item has it, and as files do.
  const [asked, stored]: (readonly PackedValue[])[] = [
    ['1.5', 978_307_200_000_000_000n, part],
    ['1.50', '978307200000000000', Uint8Array.of(0, 255)],
  ]
  const [start, nothing] = [978_307_200_000_000_000n, new Map()]
  const [verdict] = judgeKeys({
    bundle,
    keys: [
      {
        ...{ key: asked!, text: keyText(bundle, asked!), encoded: encodeKey(bundle.entity.keys, asked!) },
        ...{ item: null, isCachedOtherwise: false },
      },
    ],
    verified: {
      ...{ stored: nothing, truth: nothing, coarse: nothing, now: nothing, held: null, buckets: nothing, rows: [] },
      differences: [{ key: stored!, intervalStart: start, columns: ['n'], stored: 2n, recomputed: 1n }],
    },
    ...{ online: null, isTruthKnown: true, isCoarseKnown: true, isCacheKnown: true, compared: new Set([start]) },
    heldOf: () => new Set(),
    fileAt: () => ({ interval: { start, end: start + 1n }, file: 'rows/file.parquet', commitId: '1' }),
    standingOf: () => null,
  })
  expect(verdict!.faults).toMatchObject([{ cause: 'committed-file', file: 'rows/file.parquet', expected: '"1"' }])
})
