/** What a training set is refused for, and spines of either format (R4, R12, R13, R14, R23, R24). */
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIntervalQuery } from '../../core/compute/index.js'
import { entity, featureView, lookup, parquet, t, type ViewBundle, window } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { askTrainingSet } from './ask-training-set.js'
import { Bench } from './generated-history.js'

const shop = entity('shop', { keys: { id: t.int32(), code: t.string() }, owner: 'test' })
const source = parquet('sales', {
  path: 'sales/*.parquet',
  schema: {
    id: t.int32(),
    code: t.string(),
    at: t.timestamp(),
    value: t.decimal(12, 2).nullable(),
    seen: t.timestamp().nullable(),
  },
  eventTime: 'at',
  owner: 'test',
})
const view = featureView('sales', {
  version: 1,
  entity: shop,
  source,
  since: '2001-01-01T00:00:00Z',
  every: '1d',
  features: { value: lookup(), seen: lookup() },
  owner: 'test',
})
const bundle: ViewBundle = {
  view: view.definition,
  entity: shop.definition,
  source: source.definition,
  definitionHash: 'test',
}
let bench: Bench
let rows: string
beforeAll(async () => {
  bench = await Bench.open()
  rows = await bench.engine.withSession((session) =>
    commit(
      session,
      `SELECT CAST(id AS INTEGER) AS id, code, make_timestamp("at") AS "at", CAST(value AS DECIMAL(12,2)) AS value, make_timestamp_ns(seen) AS seen FROM
       (VALUES (1, 'a', 978307200000000, '1.10', 1), (1, 'b', 978307200000000, '2.00', NULL), (2, '007', 978307200000000, '7.00', 2000)) v(id, code, "at", value, seen)`,
    ),
  )
})
afterAll(() => bench.close())

async function commit(session: QuerySession, select: string, of = bundle): Promise<string> {
  const path = await bench.write(session, select)
  const fileTypes = await bench.fileTypes(session, [path])
  const interval = { start: 0n, end: 10n ** 19n }
  const query = buildIntervalQuery({ bundle: of, interval, files: { own: [path], within: [] }, fileTypes })
  for (const statement of query.statements) await session.execute(statement)
  return bench.write(session, query.output)
}

async function ask(
  spine: { select?: string; csv?: string; time?: string },
  request: {
    features?: string[]
    mapping?: Record<string, string>
    as?: string
    twice?: boolean
    of?: ViewBundle
  } = {},
) {
  return bench.engine.withSession(async (session) => {
    const file = spine.csv === undefined ? await bench.write(session, spine.select!) : `${bench.path()}.csv`
    if (spine.csv !== undefined) await writeFile(file, spine.csv)
    const { features = ['value'], mapping = {}, as } = request
    const asked = {
      bundle: request.of ?? bundle,
      features,
      mapping,
      files: request.of ? [] : [rows],
      ...(as ? { as } : {}),
    }
    const format = spine.csv === undefined ? 'parquet' : 'csv'
    const views = request.twice ? [asked, { ...asked, as: 'again' }] : [asked]
    return askTrainingSet(bench, session, { file, format, eventTimeColumn: spine.time ?? 'when' }, views)
  })
}
const when = `make_timestamp(978307200000000) AS "when"`

const keys = { price: t.decimal(30, 2) }
const priced = entity('priced', { keys, owner: 'test' })
const prices = parquet('prices', {
  path: 'prices/*.parquet',
  schema: { ...keys, at: t.timestamp(), n: t.int64() },
  ...{ eventTime: 'at', owner: 'test' },
})
const shared = { version: 1, entity: priced, source: prices, since: '2001-01-01T00:00:00Z', owner: 'test' } as const
const ofPrices = [
  featureView('latest', { ...shared, every: '1d', features: { n: lookup() } }),
  featureView('least', { ...shared, every: '1d', tile: '1d', features: { n: window.min('n', { over: '1d' }) } }),
].map(
  ({ definition }): ViewBundle => ({
    ...{ view: definition, entity: priced.definition, source: prices.definition, definitionHash: 'test' },
  }),
)

/** What a spine of one row, a day later, finds in each view. @param of the prices that are committed */
function priceFound(of: readonly string[], select: string) {
  return bench.engine.withSession(async (session) => {
    const rows = `SELECT unnest([${of.map((price) => `'${price}'::DECIMAL(30, 2)`).join(', ')}]) AS price, TIMESTAMP '2001-01-01' AS "at", 1::BIGINT AS n`
    const file = await bench.write(session, `SELECT ${select}, TIMESTAMP '2001-01-02' AS "when"`)
    const asked = { file, format: 'parquet', eventTimeColumn: 'when' } as const
    const views = []
    for (const bundle of ofPrices)
      views.push({ bundle, features: ['n'], mapping: {}, files: [await commit(session, rows, bundle)] })
    const found = await askTrainingSet(bench, session, asked, views)
    return found.map(({ latest__n, least__n }) => [latest__n, least__n])
  })
}

describe('requests for training sets', () => {
  test('R4: a spine row without a time is refused with its number', async () => {
    const select = `SELECT 1 AS id, 'a' AS code, CASE WHEN n = 3 THEN NULL ELSE make_timestamp(n) END AS "when" FROM range(9) r(n)`
    await expect(ask({ select })).rejects.toMatchObject({
      code: 'TRAINING_SPINE_INVALID',
      message: 'row 4 of the spine has no when',
      detail: { facts: { row: 4 } },
    })
    await expect(ask({ csv: 'id,code,when\n1,a,2001-01-01\n1,a,yesterday\n' })).rejects.toMatchObject({
      code: 'TRAINING_SPINE_INVALID',
      message: 'row 2 of the spine has a "when" that cannot be read',
    })
    await expect(ask({ csv: 'id,code,when\n1.5,a,2001-01-01\n' })).rejects.toMatchObject({
      message: 'row 1 of the spine has a "id" that cannot be read',
    })
  })

  test('R12: keys of another family are refused by column, integers of another width are not', async () => {
    for (const id of [`'1'`, '1.0::DOUBLE', '1::DECIMAL(9,0)'])
      await expect(ask({ select: `SELECT ${id} AS id, 'a' AS code, ${when}` })).rejects.toMatchObject({
        code: 'TRAINING_KEY_TYPE',
        detail: { facts: { column: 'id' } },
      })
    for (const id of ['1::TINYINT', '1::UBIGINT', '1::BIGINT'])
      expect(await ask({ select: `SELECT ${id} AS id, 'a' AS code, ${when}` })).toMatchObject([
        { sales__value: '1.10' },
      ])
    // 4294967297 is 1 in 32 bits.
    const wide = await ask({ select: `SELECT 4294967297::BIGINT AS id, 'a' AS code, ${when}` })
    expect(wide).toMatchObject([{ sales__value: null }])
  })

  test('R12, R14: a CSV spine keeps its text, its order and its quotes; keys are read as their type', async () => {
    const csv =
      'id,code,when,note\n2,007,2001-01-01T05:00:00+05:00,"a, b"\n2,7,2001-01-01T00:00:00Z,\n1,a,2000-12-31 23:59:59.999999999,00\n1,a,2001-01-01,1.10\n'
    const got = await ask({ csv })
    expect(got.map((row) => [row.id, row.code, row.note, row.sales__value])).toEqual([
      ['2', '007', 'a, b', '7.00'],
      ['2', '7', null, null],
      ['1', 'a', '00', null],
      ['1', 'a', '1.10', '1.10'],
    ])
  })

  test('R12: of a CSV spine a day is read where a day is written', async () => {
    const daily = entity('daily', { keys: { id: t.date() }, owner: 'test' })
    const days = parquet('days', {
      path: 'days/*.parquet',
      schema: { id: t.date(), at: t.timestamp(), value: t.int64() },
      ...{ eventTime: 'at', owner: 'test' },
    })
    const { definition } = featureView('daily', {
      ...{ version: 1, entity: daily, source: days, since: '2001-01-01T00:00:00Z', every: '1d', owner: 'test' },
      features: { value: lookup() },
    })
    const ofDays = { view: definition, entity: daily.definition, source: days.definition, definitionHash: 'test' }
    const onDay = (day: string) => ask({ csv: `id,when\n${day},2001-01-01\n` }, { of: ofDays })
    for (const day of ['2001-01-31', '2001-1-31', '10000-01-01', '0044-03-15 (BC)'])
      expect(await onDay(day)).toMatchObject([{ id: day, daily__value: null }])
    for (const day of ['2001-01-31 12:00:00', '2001-01-31T12:00:00Z', '2001-01-31 x', 'epoch', '2001-02-30'])
      await expect(onDay(day)).rejects.toMatchObject({
        code: 'TRAINING_SPINE_INVALID',
        message: 'row 1 of the spine has a "id" that cannot be read',
      })
  })

  test('R12: a decimal that the type of the spine has no room for is in nobody’s way', async () => {
    const spine = `'1.5'::DECIMAL(38, 20) AS price`
    expect(await priceFound(['1.50', '9'.repeat(28)], spine)).toEqual([[1n, 1n]])
  })

  test('R12, R14: a decimal of the spine for which the digits of the key leave no room is a key that nobody has', async () => {
    const found = (price: string) => priceFound(['2.00'], `CAST('${price}' AS DECIMAL(38, 0)) AS price`)
    expect(await found('2')).toEqual([[1n, 1n]])
    for (const large of ['9'.repeat(36), '9'.repeat(37), '9'.repeat(38), `-${'9'.repeat(38)}`])
      expect(await found(large)).toEqual([[null, null]])
  })

  test('R14: of a CSV spine no row is a comment or a note, and no letter a quote but the double one', async () => {
    const codes = Array.from({ length: 40 }, (_, n) => (n % 5 === 0 ? '#N/A' : `${n}`))
    for (const spine of [codes, ['a', '#b'], ["'a'", "'b'"], ['a\\', 'b']]) {
      const lines = spine.map((code) => `${code},1,2001-01-01`)
      const got = await ask({ csv: `code,id,when\n${lines.join('\n')}\n` })
      expect(got.map(({ code }) => code)).toEqual(spine)
    }
    await expect(ask({ csv: 'code,id,when\na,1,2001-01-01,5\nb,1,2001-01-01,5\n' })).rejects.toMatchObject({
      code: 'TRAINING_SPINE_INVALID',
    })
  })

  test('R14: a long spine keeps its order, from Parquet and from CSV', async () => {
    const count = 150_000
    const select = `SELECT n, CAST(n % 2 + 1 AS INTEGER) AS id, 'a' AS code, ${when} FROM range(${count}) r(n) ORDER BY hash(n)`
    const fromParquet = await ask({ select })
    expect(fromParquet.length).toBe(count)
    const order = fromParquet.map((row) => row.n as bigint)
    const lines = order.map((n) => `${n},${(n % 2n) + 1n},a,2001-01-01T00:00:00Z`)
    const fromCsv = await ask({ csv: `n,id,code,when\n${lines.join('\n')}\n` })
    expect(fromCsv.map((row) => BigInt(row.n as string))).toEqual(order)
    expect(fromCsv.slice(0, 100).map((row) => row.sales__value)).toEqual(
      fromParquet.slice(0, 100).map((row) => row.sales__value),
    )
  })

  test('R13: a mapping, and the same view twice', async () => {
    const select = `SELECT 1 AS id, 'zz' AS code, 'b' AS other, ${when}`
    expect(await ask({ select }, { mapping: { code: 'other' } })).toMatchObject([{ sales__value: '2.00' }])
    const twice = await ask({ select }, { mapping: { code: 'other' }, twice: true })
    expect(twice).toMatchObject([{ sales__value: '2.00', again__value: '2.00' }])
    await expect(ask({ select }, { mapping: { nokey: 'other' } })).rejects.toMatchObject({ code: 'SERVE_KEY_INVALID' })
    await expect(ask({ select }, { mapping: { code: 'nocolumn' } })).rejects.toMatchObject({
      code: 'TRAINING_SPINE_INVALID',
      detail: { facts: { column: 'nocolumn' } },
    })
  })

  test('R14, R23: names taken twice, and spine columns that differ only by case, are refused', async () => {
    const select = `SELECT 1 AS id, 'a' AS code, 5 AS "Sales__Value", ${when}`
    await expect(ask({ select })).rejects.toMatchObject({ code: 'TRAINING_NAME_TAKEN' })
    await expect(
      ask({ select: `SELECT 1 AS id, 'a' AS code, ${when}` }, { features: ['value', 'value'] }),
    ).rejects.toMatchObject({
      code: 'TRAINING_NAME_TAKEN',
      message: '"sales__value" is asked for twice: feature value of view sales',
    })
    await expect(ask({ csv: 'id,code,when,\n1,a,2001-01-01,5\n' })).rejects.toMatchObject({
      message: 'column 4 of the spine has no name',
    })
    await expect(ask({ csv: 'id,code,when,Code\n' })).rejects.toMatchObject({ code: 'TRAINING_SPINE_INVALID' })
    await expect(ask({ select: `SELECT 1 AS id, 'a' AS code, 5 AS "when"` })).rejects.toMatchObject({
      code: 'TRAINING_SPINE_INVALID',
    })
    await expect(ask({ select: `SELECT 1 AS id, 'a' AS code, ${when}` }, { features: ['nope'] })).rejects.toMatchObject(
      {
        code: 'REGISTRY_UNKNOWN_FEATURE',
      },
    )
  })

  test('R23: columns of the spine that need quoting, or are named like ours, come out as they were', async () => {
    const got = await ask({
      select: `SELECT 1 AS id, 'a' AS code, ${when}, 5 AS "__row", 6 AS "a ""b'; --", 7 AS "__t", [1, 2] AS list`,
    })
    expect(got).toMatchObject([{ __row: 5, 'a "b\'; --': 6, __t: 7, list: [1, 2], sales__value: '1.10' }])
  })

  test('R11, R20: a timestamp feature keeps its nanoseconds', async () => {
    const select = `SELECT * FROM (VALUES (1, 'a'), (2, '007')) v(id, code), (SELECT ${when}) ORDER BY id`
    expect(await ask({ select }, { features: ['seen'] })).toMatchObject([{ sales__seen: 1n }, { sales__seen: 2000n }])
    const onlyMicros = await ask({ select: `SELECT 2 AS id, '007' AS code, ${when}` }, { features: ['seen'] })
    expect(onlyMicros).toMatchObject([{ sales__seen: 2000n }])
  })

  test('R24: an empty spine gives an empty training set with all columns', async () => {
    expect(await ask({ select: `SELECT 1 AS id, 'a' AS code, ${when} WHERE false` })).toEqual([])
    expect(await ask({ csv: 'id,code,when\n' })).toEqual([])
  })
})
