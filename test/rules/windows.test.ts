/** R7, R7b, R8, R9, R20: what a window holds and answers, each edge a nanosecond to both sides. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  buildCoarseTile,
  buildWindowValues,
  type CommittedTiles,
  chooseTileFiles,
  planCoarseTiles,
} from '../../core/compute/index.js'
import { featureView, window } from '../../core/define/index.js'
import { account, asAnswer, Bench, hour, sourceOf } from '../reference/generated-history.js'
import { commit, plain, publishedWindows, windowsAt, windowView } from './rows-and-answers.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

const rows_2h = window.count({ over: '2h' })
const first_2h = window.first('amount', { over: '2h' })
const last_2h = window.last('amount', { over: '2h' })

describe('the edges of a window', () => {
  test('R7: [t - w, t): the event at t is not in it, the one at t - w is, to the nanosecond', async () => {
    for (const base of [0n, -300_000n * hour, 250_000n * hour]) {
      const at = (events: readonly bigint[]) => [events.map((event) => ({ event: base + event, amount: event }))]
      const files = at([-2n * hour - 1n, -2n * hour, -2n * hour + 1n, -1n, 0n, 1n])
      const answers = await windowsAt(bench, { files }, { rows_2h, first_2h, last_2h }, [base, base + hour])
      expect(answers).toEqual([
        { rows_2h: 3n, first_2h: -2n * hour, last_2h: -1n },
        { rows_2h: 3n, first_2h: -1n, last_2h: 1n },
      ])
      const online = await publishedWindows(bench, { files }, { rows_2h, first_2h, last_2h }, base)
      expect(online).toMatchObject([{ rows_2h: 3n, first_2h: -2n * hour, last_2h: -1n }])
    }
  })

  test('R7: windows that follow one another share nothing and miss nothing; a lifetime has no start', async () => {
    const events = [-3n * hour - 1n, -3n * hour, -1n, 0n, 1n, hour - 1n, hour, 2n * hour, 5n * hour - 1n]
    const files = [events.map((event) => ({ event, amount: 1n }))]
    const times = [-4n, -2n, 0n, 2n, 4n, 6n].map((hours) => hours * hour)
    const answers = await windowsAt(bench, { files }, { rows_2h, rows: window.count({ over: 'lifetime' }) }, times)
    expect(answers.map((answer) => answer.rows_2h)).toEqual([0n, 2n, 1n, 4n, 1n, 1n])
    expect(answers.map((answer) => answer.rows)).toEqual([0n, 2n, 3n, 7n, 8n, 9n])
  })

  test('R9: a view answers at the last tile edge at or before t, before 1970 too', async () => {
    const files = [[-hour - 1n, -hour, -1n, 0n, hour - 1n].map((event) => ({ event, amount: event }))]
    const times = [-hour - 1n, -hour, -1n, 0n, hour - 1n, hour]
    const answers = await windowsAt(bench, { files }, { rows: window.count({ over: '1h' }) }, times)
    expect(answers.map((answer) => answer.rows)).toEqual([0n, 1n, 1n, 2n, 2n, 2n])
  })

  test('R9: a window or an interval that is no multiple of the tile is refused', () => {
    const shared = {
      version: 1,
      entity: account,
      source: sourceOf(plain),
      since: '2001-01-01T00:00:00Z',
      owner: 'test',
    }
    const of = (over: string, every: string) => () =>
      featureView('v', {
        ...shared,
        every: every as '1h',
        tile: '1h',
        features: { n: window.count({ over: over as '2h' }) },
      })
    expect(of('2h', '2h')).not.toThrow()
    expect(of('90m', '1h')).toThrow(/R9/)
    expect(of('2h', '90m')).toThrow(/R9/)
  })
})

describe('answers over tiles', () => {
  test('R9: are those of the raw rows: no average of averages, no sum of distinct counts, and extremes forget', async () => {
    const files = [
      [
        { event: 0n, amount: 90n, rate: 9, label: 'a' },
        { event: hour, amount: 1n, rate: 1, label: 'a' },
        { event: hour + 1n, amount: 2n, rate: 1, label: 'b' },
        { event: hour + 2n, amount: 3n, rate: 1, label: 'a' },
        { event: 3n * hour, amount: 4n, rate: 2, label: 'b' },
      ],
    ]
    const over = '2h'
    const features = {
      mean: window.avg('rate', { over }),
      labels: window.count_distinct('label', { over }),
      highest: window.max('amount', { over }),
      lowest: window.min('amount', { over }),
      spread: window.var_pop('rate', { over }),
    }
    expect(
      await windowsAt(
        bench,
        { files },
        features,
        [2n, 3n, 4n, 9n].map((hours) => hours * hour),
      ),
    ).toEqual([
      { mean: 3, labels: 2n, highest: 90n, lowest: 1n, spread: 12 },
      { mean: 1, labels: 2n, highest: 3n, lowest: 1n, spread: 0 },
      { mean: 2, labels: 1n, highest: 4n, lowest: 4n, spread: 0 },
      { mean: null, labels: 0n, highest: null, lowest: null, spread: null },
    ])
  })

  test('R9: coarse tiles stand for fine ones only in windows that hold them whole', async () => {
    await bench.engine.withSession(async (session) => {
      const events = [...Array(12).keys()].map((at) => BigInt(at) * hour)
      const features = {
        n_4h: window.count({ over: '4h' }),
        n_6h: window.count({ over: '6h' }),
        n: window.count({ over: 'lifetime' }),
      }
      const given = {
        files: [events.map((event) => ({ event, amount: 1n }))],
        intervals: [0n, 4n, 8n].map((start) => ({ start: start * hour, end: (start + 4n) * hour })),
      }
      const bundle = windowView(given, features)
      const { files } = await commit(bench, session, bundle, given)
      const commits = files.map(
        (file, at): CommittedTiles => ({ commitId: BigInt(at), interval: given.intervals[at]!, file }),
      )
      const [plan] = planCoarseTiles({ bundle, endNs: 12n * hour, commits, coarse: [], length: 4n }).filter(
        ({ span }) => span.start === 4n * hour,
      )
      const file = await bench.write(session, buildCoarseTile({ bundle, tiles: plan!.tiles, span: plan!.span }).sql)
      const coarse = [{ span: plan!.span, commitIds: plan!.commitIds, file }]
      const answers: unknown[] = []
      for (const end of [7n, 8n, 10n, 12n]) {
        const chosen = chooseTileFiles({ bundle, endNs: end * hour, commits, coarse })
        const [row] = await session.all(buildWindowValues({ bundle, endNs: end * hour, ...chosen }))
        answers.push([row!.n_4h, row!.n_6h, row!.n, chosen.coarse.length])
      }
      expect(answers).toEqual([
        [4n, 6n, 7n, 0],
        [4n, 6n, 8n, 1],
        [4n, 6n, 10n, 1],
        [4n, 6n, 12n, 1],
      ])
    })
  })

  test('R9, R16: under created visibility a window holds what was known at T: written at T sharp is known', async () => {
    const shape = { ...plain, visibility: 'created' as const }
    const files = [
      [
        { event: 0n, created: hour - 1n },
        { event: 1n, created: hour },
        { event: 2n, created: hour + 1n },
        { event: 3n, created: 3n * hour },
        { event: 4n, created: null },
        // Written down before it happens.
        { event: hour, created: 0n },
      ],
    ]
    const times = [hour, 2n * hour, 3n * hour]
    const answers = await windowsAt(bench, { files, shape }, { rows: window.count({ over: 'lifetime' }) }, times)
    expect(answers.map(({ rows }) => rows)).toEqual([2n, 4n, 5n])
  })

  test('R18: a tombstone is no event', async () => {
    const files = [
      [
        { event: 0n, gone: true },
        { event: 1n, gone: false },
        { event: 2n, gone: null },
      ],
    ]
    const shape = { ...plain, hasTombstone: true }
    expect(await windowsAt(bench, { files, shape }, { rows_2h }, [hour])).toEqual([{ rows_2h: 2n }])
  })

  test('R19: a redelivered event counts once, at its corrected time', async () => {
    const files = [
      [
        { event: 0n, created: 0n, id: 'x', amount: 1n },
        { event: hour, created: 5n, id: 'x', amount: 2n },
        { event: 0n, created: 0n, id: 'y', amount: 10n },
        { event: 0n, created: 0n, id: null, amount: 100n },
        { event: 0n, created: 0n, id: null, amount: 100n },
      ],
    ]
    const features = { sum: window.sum('amount', { over: '1h' }) }
    const shape = { ...plain, hasId: true, within: 3n * hour }
    expect(await windowsAt(bench, { files, shape }, features, [hour, 2n * hour])).toEqual([{ sum: 210n }, { sum: 2n }])
  })

  test('R19: a redelivery is looked for within its span, not a nanosecond beyond', async () => {
    const shape = { ...plain, hasId: true, within: 3n * hour }
    for (const [apart, sum] of [
      [3n * hour, 20n],
      [-3n * hour, 20n],
      [3n * hour + 1n, 21n],
      [-3n * hour - 1n, 21n],
    ] as const) {
      const files = [
        [
          { event: 0n, created: 0n, id: 'x', amount: 1n },
          { event: apart, created: 1n, id: 'x', amount: 20n },
        ],
      ]
      const features = { sum: window.sum('amount', { over: 'lifetime' }) }
      expect(await windowsAt(bench, { files, shape }, features, [9n * hour])).toEqual([{ sum }])
    }
  })
})

describe('nothing and null', () => {
  const over = '2h'
  const features = {
    rows: window.count({ over }),
    amounts: window.count('amount', { over }),
    distinct: window.count_distinct('amount', { over }),
    about: window.approx_count_distinct('amount', { over }),
    sum: window.sum('amount', { over }),
    mean: window.avg('amount', { over }),
    first: window.first('amount', { over }),
    last: window.last('amount', { over }),
    newest: window.last_n('amount', { n: 2, over }),
    median: window.approx_quantile('amount', { q: 0.5, over }),
    by_label: window.count({ over, by: 'label' }),
  }
  const nothing = {
    ...{ rows: 0n, amounts: 0n, distinct: 0n, about: 0n, sum: null, mean: null, first: null, last: null },
    ...{ newest: null, median: null, by_label: null },
  }

  test('R8: nothing in the window is 0 for counts and else null, also for a key never seen, or null', async () => {
    const files = [[{ event: 0n, amount: 1n, label: 'x' }]]
    const asked = [{ t: 0n }, { t: 3n * hour }, { t: hour, key: [7n, 'a'] }, { t: hour, key: [null, 'a'] }] as const
    expect(await windowsAt(bench, { files }, features, asked)).toEqual([nothing, nothing, nothing, nothing])
  })

  test('R8: nulls are left out of every aggregate; count(*) counts rows, and an average divides by values', async () => {
    const amounts = [null, 4n, null, 8n, null]
    const files = [amounts.map((amount, at) => ({ event: BigInt(at), amount, label: at === 1 ? 'x' : null }))]
    expect(await windowsAt(bench, { files }, features, [hour])).toEqual([
      {
        ...{ rows: 5n, amounts: 2n, distinct: 2n, about: 2n, sum: 12n, mean: 6, first: 4n, last: 8n },
        ...{ newest: [8n, 4n], median: expect.closeTo(4, 1), by_label: [['x', 1n]] },
      },
    ])
  })

  test('R8, R24: a window view without any row answers the same', async () => {
    expect(await windowsAt(bench, { files: [] }, features, [0n])).toEqual([nothing])
    expect(await windowsAt(bench, { files: [[{ event: 0n }]] }, features, [])).toEqual([])
  })
})

describe('values', () => {
  const over = '2h'

  test('R20: sums of whole numbers and decimals are exact beyond 2^53, next to nulls too', async () => {
    const max = 9_223_372_036_854_775_807n
    const files = [
      [max, max, null, -1n, 9_007_199_254_740_993n].map((amount, at) => ({
        event: BigInt(at),
        amount,
        price: amount === null ? null : 999_999_999_999_999_999n,
      })),
    ]
    const features = {
      sum: window.sum('amount', { over }),
      highest: window.max('amount', { over }),
      prices: window.sum('price', { over }),
    }
    expect(await windowsAt(bench, { files }, features, [hour])).toEqual([
      { sum: 2n * max - 1n + 9_007_199_254_740_993n, highest: max, prices: 4n * 999_999_999_999_999_999n },
    ])
  })

  test('R20: NaN is counted, spreads, and ranks above every number; it is not null', async () => {
    const rates = [1, Number.NaN, Number.POSITIVE_INFINITY, null]
    const files = [rates.map((rate, at) => ({ event: BigInt(at), rate }))]
    const features = {
      n: window.count('rate', { over }),
      sum: window.sum('rate', { over }),
      highest: window.max('rate', { over }),
      lowest: window.min('rate', { over }),
      distinct: window.count_distinct('rate', { over }),
    }
    expect(await windowsAt(bench, { files }, features, [hour])).toEqual([
      { n: 3n, sum: Number.NaN, highest: Number.NaN, lowest: 1, distinct: 3n },
    ])
  })

  test('R7b: last(n) and the like are exact over tiles, in the order of R3', async () => {
    const labels = ['a', 'b', 'a', null, 'c', 'b']
    const files = [labels.map((label, at) => ({ event: (BigInt(at) * hour) / 3n, label, rate: at }))]
    const features = {
      three: window.last_n('label', { n: 3, over: '4h' }),
      distinct: window.last_distinct_n('label', { n: 2, over: '4h' }),
      oldest: window.first('label', { over: '4h' }),
      spread: window.stddev('rate', { over: '4h' }),
    }
    expect(await windowsAt(bench, { files }, features, [2n * hour])).toEqual([
      { three: ['b', 'c', 'a'], distinct: ['b', 'c'], oldest: 'a', spread: Math.sqrt(3.5) },
    ])
  })

  test('R7b: approximate answers keep within what they state, merged from many tiles', async () => {
    await bench.engine.withSession(async (session) => {
      const count = 1_500
      const features = {
        about: window.approx_count_distinct('amount', { over: 'lifetime' }),
        p90: window.approx_quantile('amount', { q: 0.9, over: 'lifetime' }),
      }
      const given = {
        files: [
          [...Array(count).keys()].map((at) => ({
            event: (BigInt(at) * hour) / 100n,
            amount: BigInt((at * 7_919) % count) + 1n,
          })),
        ],
      }
      const bundle = windowView(given, features)
      const { files } = await commit(bench, session, bundle, given)
      const [row] = await session.all(buildWindowValues({ bundle, endNs: 100n * hour, tiles: files, coarse: [] }))
      expect(Math.abs(Number(asAnswer(row!.about)) - count) / count).toBeLessThan(0.05)
      expect(Math.abs(Number(row!.p90) - 0.9 * count) / (0.9 * count)).toBeLessThan(0.004)
    })
  })
})
