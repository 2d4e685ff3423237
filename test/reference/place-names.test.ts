/** Source columns that are named as the engine names the places of rows: read beside these places, whatever their case and type. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { entity, featureView, lookup, parquet, t, type ViewBundle } from '../../core/define/index.js'
import { createKeys, readSourceRows } from '../../core/explain/index.js'
import { Bench } from './generated-history.js'

const shop = entity('shop', { keys: { shop: t.string() }, owner: 'test' })
const source = parquet('sales', {
  path: 'sales/*.parquet',
  schema: { shop: t.string(), file_row_number: t.timestamp(), amount: t.int64() },
  ...{ eventTime: 'file_row_number', owner: 'test' },
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

test('R11, R23: a declared one keeps its value, of nanoseconds, too, beside others of both names', async () => {
  await bench.engine.withSession(async (session) => {
    const time = `TIMESTAMP_NS '2001-01-01 00:00:00.123456789'`
    const files = [
      await bench.write(session, `SELECT 'x' AS shop, ${time} AS file_row_number, 1::BIGINT AS amount`),
      await bench.write(
        session,
        `SELECT 9 AS file_row_number_of_file, [1] AS __FILE, 'x' AS shop, 2::BIGINT AS amount, ${time} AS file_row_number`,
      ),
    ]
    const bytes = new Map(await Promise.all(files.map(async (path) => [path, await readFile(path)] as const)))
    await session.execute(createKeys(bundle, [{ key: ['x'], at: 0n }], 'asked'))
    const tools = {
      execute: (query: { readonly sql: string }) => session.execute(query),
      all: (query: { readonly sql: string }) => session.all(query),
      keepFile: (name: string, parts: AsyncIterable<Uint8Array>) => session.keepFile(name, parts),
      open: (file: string) => ({
        sizeBytes: bytes.get(file)!.length,
        read: async (start: number, length: number) => bytes.get(file)!.subarray(start, start + length),
      }),
    }
    const asFiles = files.map((uri) => ({ uri }))
    const { origins } = await readSourceRows(tools, bundle, asFiles, 'asked', 'found')
    const rows = await session.all({
      sql: 'SELECT amount, CAST(__event_ns AS HUGEINT) AS at, __file, __file_row FROM found ORDER BY amount',
    })
    const at = 978_307_200_123_456_789n
    expect(rows.map((row) => [row.amount, row.at, origins.get(String(row.__file)), Number(row.__file_row)])).toEqual([
      [1n, at, files[0], 1],
      [2n, at, files[1], 1],
    ])
  })
})
