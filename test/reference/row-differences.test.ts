/** Where more rows differ than are looked at: each is told with its twin, as another value, not as a row that is missing. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { entity, featureView, lookup, parquet, t, type ViewBundle } from '../../core/define/index.js'
import { createKeys } from '../../core/explain/index.js'
import { buildDifferenceQuery, rowDifferences } from '../../core/quality/file-difference.js'
import { Bench } from './generated-history.js'

const shop = entity('shop', { keys: { shop: t.string() }, owner: 'test' })
const source = parquet('sales', {
  path: 'sales/*.parquet',
  schema: { shop: t.string(), at: t.timestamp(), amount: t.int64() },
  ...{ eventTime: 'at', owner: 'test' },
})
const view = featureView('latest', {
  ...{ version: 1, entity: shop, source, since: '2001-01-01T00:00:00Z', every: '1d', owner: 'test' },
  features: { amount: lookup() },
})
const bundle: ViewBundle = {
  ...{ view: view.definition, entity: shop.definition, source: source.definition, definitionHash: 'test' },
}
let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

test('rows of one place are told together, however many others there are', async () => {
  await bench.engine.withSession(async (session) => {
    const committed = (amount: string, rows: number) =>
      bench.write(
        session,
        `SELECT 'x' AS shop, CAST(range AS DECIMAL(38, 0)) AS "at", CAST(${amount} AS BIGINT) AS amount, range AS __event_ns, NULL::DECIMAL(38, 0) AS __created_ns FROM range(${rows})`,
      )
    const stored = [await committed('range + 1', 15_000)]
    await session.execute(createKeys(bundle, [{ key: ['x'], at: 0n }], 'asked'))
    const found = async (recomputed: string) =>
      rowDifferences(bundle, await session.all(buildDifferenceQuery(bundle, stored, [recomputed], 'asked')))
    const others = await found(await committed('range', 15_000))
    expect(others.length).toBeGreaterThan(9_000)
    expect(new Set(others.map(({ columns }) => columns.join()))).toEqual(new Set(['amount']))
    const lacking = await found(await committed('range + 1', 14_000))
    expect(lacking.map(({ columns }) => columns)).toEqual(Array(1_000).fill([]))
  })
})
