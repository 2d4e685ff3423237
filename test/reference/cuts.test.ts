/** R7b, R9, R29: whatever tiles, files and coarse tiles the rows are cut into, an answer is the same to the last bit. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerOfNothing, buildCoarseTile, buildIntervalQuery, buildWindowValues } from '../../core/compute/index.js'
import { featureView, type ViewBundle, type WindowFeature, window } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { formatDuration } from '../../core/time/duration.js'
import { casesOf } from '../support/test-effort.js'
import { answerOfRows } from './aggregates.js'
import { account, asAnswer, Bench, hour, isWithinBound, sourceOf } from './generated-history.js'
import type { Row } from './point-in-time.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench?.close())

const source = sourceOf({ visibility: 'event', hasTombstone: false, hasId: false, within: null })
const over = 'lifetime'
const features = {
  rate_sum: window.sum('rate', { over }),
  rate_avg: window.avg('rate', { over }),
  rate_var: window.var('rate', { over }),
  rate_spread: window.stddev_pop('rate', { over }),
  amount_var: window.var('amount', { over }),
  price_spread: window.stddev('price', { over }),
  rate_last: window.last_n('rate', { n: 3, over }),
  rates_recent: window.last_distinct_n('rate', { n: 3, over }),
  rates: window.count_distinct('rate', { over }),
  rates_about: window.approx_count_distinct('rate', { over }),
  rate_quantiles: window.approx_quantile('rate', { quantiles: [0.1, 0.5, 0.9], over }),
  rate_by_label: window.var('rate', { over, by: 'label' }),
} as const

function viewOf(asked: Partial<typeof features>, tile: bigint): ViewBundle {
  const view = featureView('cut', {
    ...{ version: 1, entity: account, source, since: '1970-01-01T00:00:00Z', owner: 'test' },
    ...{ every: '4h', tile: formatDuration(tile) as '1h', coarseTile: tile < 4n * hour ? '4h' : '8h' },
    features: asked as typeof features,
  })
  return { view: view.definition, entity: account.definition, source: source.definition, definitionHash: 'test' }
}

/** Answers of the one key at 08:00. */
async function answersOf(session: QuerySession, bundle: ViewBundle, files: readonly string[], withCoarse: boolean) {
  const fileTypes = await bench.fileTypes(session, files)
  const tiles: string[] = []
  for (const start of [0n, 4n * hour]) {
    const interval = { start, end: start + 4n * hour }
    const query = buildIntervalQuery({ bundle, interval, files: { own: files, within: [] }, fileTypes })
    for (const statement of query.statements) await session.execute(statement)
    tiles.push(await bench.write(session, query.output))
  }
  const span = { start: 0n, end: 4n * hour }
  const coarse = withCoarse
    ? [{ span, file: await bench.write(session, buildCoarseTile({ bundle, tiles, span }).sql) }]
    : []
  const rows = await session.all(buildWindowValues({ bundle, endNs: 8n * hour, tiles, coarse }))
  return Object.fromEntries(
    (bundle.view.features as readonly WindowFeature[]).map((feature) => [
      feature.name,
      rows.length === 0 ? answerOfNothing(feature) : asAnswer(rows[0]![feature.name]),
    ]),
  )
}

const near = fc.constantFrom(0, 1e9, -1e9, 1e15).chain((base) => {
  const offset = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(0.001, 0.002, 1 / 3, -0.1, 2 ** -20))
  return offset.map((by) => base + by)
})
const rates = fc.oneof(
  { weight: 8, arbitrary: near },
  {
    weight: 2,
    arbitrary: fc.double({ min: -(2 ** 79), max: 2 ** 79, noNaN: true }).filter((x) => Math.abs(x) > 1e-30),
  },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 5e-324, 2 ** 80, Number.NaN, Number.NEGATIVE_INFINITY) },
)
const amounts = fc.oneof(
  fc.bigInt({ min: -9n, max: 9n }),
  fc.constantFrom(9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n, 9_007_199_254_740_993n),
)
const rows = fc.array(
  fc.record({
    event: fc.integer({ min: 0, max: 8 * 60 - 1 }),
    rate: fc.option(rates, { nil: null, freq: 8 }),
    amount: fc.option(amounts, { nil: null, freq: 8 }),
    price: fc.option(fc.constantFrom(1n, -1n, 999_999_999_999_999_999n), { nil: null, freq: 8 }),
    label: fc.option(fc.constantFrom('a', 'b'), { nil: null, freq: 4 }),
  }),
  { maxLength: 20 },
)

function rowOf({ event, ...values }: { readonly event: number }): Row {
  const at = BigInt(event) * (hour / 60n)
  const rest = { written: null, gone: null, id: null, flag: null, seen: null, amount: null, price: null, rate: null }
  const columns = { shop: 1n, code: 'a', 'happened At': at, ...rest, label: null, ...values }
  return { key: [1n, 'a'], event: at, created: null, id: null, isDeleted: null, columns }
}

describe('answers do not depend on the cut', () => {
  test('R7b, R9: other tiles, coarse tiles, files and orders of rows give the same bits, those of the raw rows', async () => {
    await bench.engine.withSession(async (session) => {
      const some = fc.subarray(Object.entries(features), { minLength: 2, maxLength: 4 })
      await fc.assert(
        fc.asyncProperty(rows, some, fc.integer({ min: 0, max: 20 }), async (given, entries, cut) => {
          const all = given.map(rowOf)
          const write = (part: readonly Row[]) =>
            bench.writeFile(session, { unit: 1n, isUtc: false, isNarrow: false, rows: part })
          const parts = [all.slice(cut), all.slice(0, cut).toReversed()].filter((part) => part.length > 0)
          const whole = all.length === 0 ? [] : [await write(all)]
          const cutFiles = await Promise.all(parts.map(write))
          const asked = Object.fromEntries(entries) as Partial<typeof features>
          const fine = viewOf(asked, hour)
          const answers = await answersOf(session, fine, whole, false)
          expect(await answersOf(session, fine, cutFiles, true)).toStrictEqual(answers)
          expect(await answersOf(session, viewOf(asked, 4n * hour), cutFiles, false)).toStrictEqual(answers)
          const sorted = all.toSorted((a, b) => Number(a.event! - b.event!))
          for (const feature of fine.view.features as readonly WindowFeature[]) {
            // Rows that tie are settled by columns that these values do not have in order.
            if (feature.operation.startsWith('last')) continue
            const truth = answerOfRows(feature, fine.source, sorted)
            const got = answers[feature.name]!
            if (!isWithinBound(feature, got, truth))
              expect({ name: feature.name, got }).toEqual({ name: feature.name, got: truth })
          }
        }),
        { numRuns: casesOf(10) },
      )
    })
  })
})

describe('approximate answers keep within what they state', () => {
  const ask = async (feature: object, amount: string, rate: string, count: number) =>
    await bench.engine.withSession(async (session) => {
      const path = bench.path()
      const columns = `CAST(1 AS BIGINT) AS shop, 'a' AS code, make_timestamp_ns(i * ${8n * hour} // ${count}) AS "happened At",
        CAST(NULL AS TIMESTAMP) AS written, NULL::BOOLEAN AS gone, NULL::VARCHAR AS id, CAST(${amount} AS BIGINT) AS amount,
        NULL::DECIMAL(20,2) AS price, CAST(${rate} AS DOUBLE) AS rate, NULL::VARCHAR AS label, NULL::BOOLEAN AS flag, NULL::TIMESTAMP AS seen`
      await session.execute({
        sql: `COPY (SELECT ${columns} FROM range(${count}) r(i)) TO '${path}' (FORMAT parquet)`,
      })
      return (await answersOf(session, viewOf({ f: feature } as never, hour), [path], true)).f
    })

  test.each([1, 10, 100, 1_000, 5_000, 20_000, 100_000])(
    'R7b: %i distinct values are counted within five of a hundred',
    async (n) => {
      const found = Number(await ask(window.approx_count_distinct('amount', { over }), 'i * 7919', 'NULL', n))
      expect(Math.abs(found - n) / n).toBeLessThan(0.05)
    },
  )

  test('R8: a key whose values are all null has counts of 0, and nothing else', async () => {
    const of = (feature: object) => ask(feature, 'NULL', 'NULL', 3)
    expect(await of(window.approx_count_distinct('amount', { over }))).toBe(0n)
    expect(await of(window.approx_quantile('rate', { q: 0.5, over }))).toBeNull()
    expect(await of(window.last_distinct_n('amount', { n: 2, over }))).toBeNull()
    expect(await of(window.count('amount', { over, by: 'code' }))).toBeNull()
  })

  test('R7b: quantiles are within 0.4 % of the value of their rank', async () => {
    const n = 30_001
    const quantiles = [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999] as const
    // Over thirty powers of ten, in no order.
    const rate = `pow(10.0, ((i * 7919) % ${n}) / 1000.0 - 15)`
    const found = (await ask(window.approx_quantile('rate', { quantiles, over }), 'NULL', rate, n)) as readonly number[]
    for (const [at, q] of quantiles.entries()) {
      const truth = 10 ** ((Math.max(1, Math.ceil(q * n)) - 1) / 1000 - 15)
      expect(Math.abs(found[at]! - truth) / truth, `q ${q}`).toBeLessThan(0.004)
    }
  })

  test('R7b: the rank of a quantile is that of the share as it is written, not of the double nearest to it', async () => {
    const quantiles = [0.07, 0.28, 0.55, 0.56, 1e-7] as const
    expect(await ask(window.approx_quantile('amount', { quantiles, over }), 'i + 1', 'NULL', 100)).toEqual([
      7, 28, 55, 56, 1,
    ])
  })
})
