/** Source files as producers write them, at random: ties, redeliveries, tombstones, null keys and times, odd numbers, strays. */
import type { FeatureRepo } from '../../core/define/definitions.js'
import { featureView, lookup, window } from '../../core/define/index.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'
import { account, hour, type SourceShape, sourceOf } from '../reference/generated-history.js'
import type { Row, Value } from '../reference/point-in-time.js'

export const firstDay = parseInstant('2001-01-01T00:00:00Z')
export const day = 24n * hour
/** Below it a price is held by the checks of every view; an amount of its features alone. */
const suspicious = -500_000n

export type Random = () => number

/** mulberry32. */
export function seededRandom(start: number): Random {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)]!
const maybe = (random: Random, rate: number, value: Value): Value => (random() < rate ? null : value)

const price = { min: -1_000 } as const
const alone = { min: -1_000, severity: 'hold-feature' } as const

/** A lookup view and three window views: gaps that block, gaps that are marked, and windows long enough for coarse tiles. */
export function randomRepo(shape: SourceShape): (project: string) => FeatureRepo {
  const source = sourceOf(shape)
  const common = { version: 1, entity: account, source, lookback: '60d', owner: 'test' } as const
  const since = formatInstant(firstDay)
  const views = [
    featureView('newest', {
      ...{ ...common, since, every: '12h', ttl: '30h' },
      checks: { features: { price, amount: alone } },
      features: {
        price: lookup(),
        amount: lookup(),
        rate: lookup(),
        label: lookup(),
        flag: lookup(),
        seen: lookup(),
      },
    }),
    featureView('blocking', {
      ...{ ...common, since: formatInstant(firstDay + 12n * hour), every: '12h', tile: '3h', ttl: '20h' },
      checks: { features: { price, amounts: alone, amount_sum: alone } },
      features: {
        rows_6h: window.count({ over: '6h' }),
        amounts: window.count('amount', { over: '12h' }),
        amount_sum: window.sum('amount', { over: '12h' }),
        amount_avg: window.avg('amount', { over: '24h' }),
        price: window.max('price', { over: '24h' }),
        rate_avg: window.avg('rate', { over: '12h' }),
        rate_min: window.min('rate', { over: '24h' }),
        label_first: window.first('label', { over: '24h' }),
        seen_last: window.last('seen', { over: '12h' }),
        labels: window.count_distinct('label', { over: '24h' }),
      },
    }),
    featureView('marking', {
      ...{ ...common, since, every: '12h', tile: '12h', onGap: 'mark' },
      checks: { features: { price, amount_min: alone } },
      features: {
        rows: window.count({ over: '12h' }),
        amount_min: window.min('amount', { over: '24h' }),
        price: window.sum('price', { over: '36h' }),
        rate_last: window.last('rate', { over: '36h' }),
        labels: window.max('label', { over: 'lifetime' }),
      },
    }),
    featureView('long', {
      ...{ ...common, since, every: '12h', tile: '6h' },
      checks: { features: { price, amount_sum: alone, amount_spread: alone } },
      features: {
        rows_6h: window.count({ over: '6h' }),
        rows: window.count({ over: '60h' }),
        price: window.sum('price', { over: '3d' }),
        amount_sum: window.sum('amount', { over: 'lifetime' }),
        rate_sum: window.sum('rate', { over: '60h' }),
        rate_max: window.max('rate', { over: '3d' }),
        label_last: window.last('label', { over: '3d' }),
        seens: window.count_distinct('seen', { over: 'lifetime' }),
        amount_spread: window.stddev('amount', { over: '60h' }),
        labels_recent: window.last_distinct_n('label', { n: 3, over: '3d' }),
        rows_by_label: window.count({ over: 'lifetime', by: 'label' }),
      },
    }),
  ]

  return (project) => ({
    project,
    entities: [account.definition],
    sources: [source.definition],
    views: views.map((view) => view.definition),
    services: [],
  })
}

export const allKeys: readonly (readonly Value[])[] = [
  [1n, 'a'],
  [1n, 'A'],
  [9_007_199_254_740_993n, 'a'],
  [9_007_199_254_740_992n, 'a'],
  [-1n, ''],
  [2n, 'é"\''],
]

export function randomRows(random: Random, shape: SourceShape, start: bigint, unit: bigint): Row[] {
  const many = 3 + Math.floor(random() * 22)
  const [isSuspicious, isAlone] = [random() < 0.12, random() < 0.2]
  return Array.from({ length: many }, (_, at): Row => {
    const row = randomRow(random, shape, start, unit, isSuspicious && at === 0)
    return isAlone && at === 1 ? { ...row, columns: { ...row.columns, amount: suspicious } } : row
  })
}

function randomRow(random: Random, shape: SourceShape, start: bigint, unit: bigint, isSuspicious: boolean): Row {
  const floor = (ns: bigint): bigint => ns - (((ns % unit) + unit) % unit)
  // Whole hours, so that rows tie and lie on edges; now and then a day early or late.
  const stray = random() < 0.08 ? pick(random, [-day, -2n * day, day / 2n]) : 0n
  const offset = pick(random, [0n, 0n, 0n, 1n, -1n, 1_000n, -1_000_000n, hour / 2n])
  const event = floor(start + stray + BigInt(Math.floor(random() * 25)) * hour + offset)
  const written = floor(event + pick(random, [0n, 0n, hour, 3n * hour, -hour, 2n * hour - unit, 13n * hour, 2n * day]))
  const [shop, code] =
    random() < 0.04
      ? pick(random, [
          [null, 'a'],
          [1n, null],
        ])
      : pick(random, allKeys.slice(0, random() < 0.7 ? 2 : 5))
  const time = maybe(random, 0.03, event) as bigint | null
  const created = maybe(random, 0.1, written) as bigint | null
  const gone = maybe(random, 0.1, random() < 0.15) as boolean | null
  const id = maybe(random, 0.3, pick(random, ['x', 'y'])) as string | null
  const price = maybe(random, 0.1, pick(random, [0n, 150n, -1n, 999_999_999_999_999_999n]))
  const columns = {
    ...{ shop: shop!, code: code!, 'happened At': time, written: created, gone, id },
    amount: maybe(random, 0.1, pick(random, [0n, 1n, -3n, 9_007_199_254_740_993n, 9_223_372_036_854_775_807n])),
    price: isSuspicious ? suspicious : price,
    rate: maybe(random, 0.1, pick(random, [0, -0, 0.1, 0.2, -0.3, 1e-30, 1e15 + 0.3, 1 / 3, Number.NaN, 1e300])),
    label: maybe(random, 0.1, pick(random, ['', 'b', 'ä', 'B', '\u{1f600}', '\uffee'])),
    flag: maybe(random, 0.1, random() < 0.5),
    seen: maybe(random, 0.1, floor(event - hour)),
  }
  return {
    ...{ key: [shop!, code!], event: time, created, columns },
    id: shape.hasId ? id : null,
    isDeleted: shape.hasTombstone ? gone : null,
  }
}
