/** R3: which of several rows of one key and time is the last. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIntervalQuery, buildLatestRows } from '../../core/compute/index.js'
import { featureView, lookup, parquet, t } from '../../core/define/index.js'
import { account, Bench, hour } from '../reference/generated-history.js'
import { type Cells, plain, publishedRows, rowOf, seenAt, trainingRows } from './rows-and-answers.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench?.close())

/** Pairs of rows that tie up to one column: the second of each is the higher. */
const ties: readonly (readonly [string, Cells, Cells])[] = [
  ['created time', { event: 0n, created: 1n }, { event: 0n, created: 2n }],
  ['a null created time is the oldest', { event: 0n, created: null, amount: 9n }, { event: 0n, created: -hour }],
  ['null is the lowest', { event: 0n, amount: null }, { event: 0n, amount: -5n }],
  [
    'whole numbers beyond 2^53',
    { event: 0n, amount: 9_007_199_254_740_992n },
    { event: 0n, amount: 9_007_199_254_740_993n },
  ],
  ['decimals', { event: 0n, price: -151n }, { event: 0n, price: -150n }],
  ['NaN is the highest', { event: 0n, rate: Number.POSITIVE_INFINITY }, { event: 0n, rate: Number.NaN }],
  ['0.0 is above -0.0', { event: 0n, rate: -0 }, { event: 0n, rate: 0 }],
  ['strings by bytes', { event: 0n, label: 'Z' }, { event: 0n, label: 'a' }],
  ['strings by bytes, not by UTF-16', { event: 0n, label: '\uffee' }, { event: 0n, label: '\u{1f600}' }],
  ['false before true', { event: 0n, flag: false }, { event: 0n, flag: true }],
  [
    'the columns in their order',
    { event: 0n, amount: 1n, rate: 9, label: 'z' },
    { event: 0n, amount: 2n, rate: -9, label: '' },
  ],
]

/** Each pair has a key of its own, so that one question asks for all. */
const keyOf = (at: number) => [BigInt(at), 'a'] as const
const keyed = (row: Cells, at: number): Cells => ({ ...row, key: keyOf(at) })
function valuesOf(row: Cells) {
  const { shop, code, written, id, gone, 'happened At': at, ...values } = rowOf(row).columns
  return values
}

describe('ties', () => {
  const lower = ties.map(([, row], at) => keyed(row, at))
  const higher = ties.map(([, , row], at) => keyed(row, at))
  const orders = [[[...lower, ...higher]], [[...higher, ...lower]], [lower, higher], [higher, lower]]
  const expected = Object.fromEntries(ties.map(([name, , row]) => [name, valuesOf(row)]))
  const byName = (answers: readonly object[]) => Object.fromEntries(ties.map(([name], at) => [name, answers[at]]))
  const asked = ties.map((_, at) => ({ t: hour, key: keyOf(at) }))

  test('R3: are settled by created time and then the whole row, in any order of rows and files', async () => {
    for (const files of orders) {
      expect(byName(await seenAt(bench, { files }, asked))).toMatchObject(expected)
      const online = (await publishedRows(bench, { files })).toSorted((a, b) => Number(a.shop) - Number(b.shop))
      expect(byName(online)).toMatchObject(expected)
    }
  })

  test('R3: are settled alike under created visibility, with event ids and without', async () => {
    const known = (rows: readonly Cells[]) => rows.map((row) => ({ created: 0n, ...row }))
    for (const [files, hasId] of [
      [orders[0]!.map(known), false],
      [orders[3]!.map(known), false],
      [orders[1]!.map(known), true],
    ] as const) {
      const shape = { ...plain, visibility: 'created' as const, hasId }
      // A created time that is null is never known there.
      const { 'a null created time is the oldest': _, ...rest } = expected
      expect(byName(await seenAt(bench, { files, shape }, asked))).toMatchObject(rest)
    }
  })

  test('R3: the created time settles them before any column, wherever it is declared', async () => {
    const columns = { shop: t.int64(), code: t.string(), at: t.timestamp(), amount: t.int64(), written: t.timestamp() }
    const source = parquet('late', {
      ...{ path: 'late/*.parquet', schema: columns, eventTime: 'at', createdTime: 'written', owner: 'test' },
      visibility: 'event',
    })
    const view = featureView('late', {
      ...{ version: 1, entity: account, source, since: '1970-01-01T00:00:00Z', every: '1h', owner: 'test' },
      features: { amount: lookup() },
    })
    const rest = { entity: account.definition, source: source.definition, definitionHash: 'test' }
    const bundle = { ...rest, view: view.definition }
    await bench.engine.withSession(async (session) => {
      const rows = `(1::BIGINT, 'a', make_timestamp(0), 9::BIGINT, make_timestamp(1)), (1, 'a', make_timestamp(0), 5, make_timestamp(2))`
      const own = [await bench.write(session, `SELECT * FROM (VALUES ${rows}) v(shop, code, "at", amount, written)`)]
      const fileTypes = await bench.fileTypes(session, own)
      const query = buildIntervalQuery({
        bundle,
        interval: { start: 0n, end: hour },
        files: { own, within: [] },
        fileTypes,
      })
      for (const statement of query.statements) await session.execute(statement)
      const files = [await bench.write(session, query.output)]
      expect(await session.all(buildLatestRows({ bundle, files }))).toMatchObject([{ amount: 5n }])
      const training = await trainingRows(bench, session, { bundle, files }, [{ t: 0n }])
      expect(training).toMatchObject([{ late__amount: 5n }])
    })
  })

  test('R3: what wins is one whole row, never a mixture', async () => {
    const rows = [
      { event: 0n, amount: 2n, rate: null, label: null },
      { event: 0n, amount: 1n, rate: 5, label: 'x' },
      { event: 0n, amount: null, rate: 7, label: 'y', flag: true },
    ]
    for (const files of [[rows], rows.toReversed().map((row) => [row])])
      expect(await seenAt(bench, { files }, [0n])).toMatchObject([{ amount: 2n, rate: null, label: null, flag: null }])
  })
})
