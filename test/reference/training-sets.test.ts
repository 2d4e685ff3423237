import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIntervalQuery, buildLatestRows } from '../../core/compute/index.js'
import { featureView, lookup, type ViewBundle, type WindowFeature, window } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant } from '../../core/time/instant.js'
import { casesOf } from '../support/test-effort.js'
import { answerOfRows } from './aggregates.js'
import { askTrainingSet } from './ask-training-set.js'
import {
  account,
  asAnswer,
  asValue,
  Bench,
  files,
  type HistoryFile,
  hour,
  isWithinBound,
  keys,
  rowsOfFiles,
  type SourceShape,
  sameValue,
  shapes,
  sourceOf,
} from './generated-history.js'
import { lookup as lookupRow, type Row, type Rules, type Value, window as windowRows } from './point-in-time.js'

const lookups = {
  amount: lookup(),
  price: lookup(),
  rate: lookup(),
  words: lookup('label'),
  flag: lookup(),
  seen: lookup(),
} as const
const windows = {
  rows_2h: window.count({ over: '2h' }),
  amount_sum_5h: window.sum('amount', { over: '5h' }),
  rate_avg: window.avg('rate', { over: 'lifetime' }),
  label_last_5h: window.last('label', { over: '5h' }),
  labels_2h: window.count_distinct('label', { over: '2h' }),
  amount_spread_5h: window.stddev('amount', { over: '5h' }),
  seen_last_5h: window.last_n('seen', { n: 2, over: '5h' }),
  labels_recent: window.last_distinct_n('label', { n: 2, over: 'lifetime' }),
  rate_median: window.approx_quantile('rate', { q: 0.5, over: 'lifetime' }),
  seen_by_flag_5h: window.last('seen', { over: '5h', by: 'flag' }),
  rows_by_label_2h: window.count({ over: '2h', by: 'label' }),
} as const
const columnOf = (name: string): string => lookups[name as keyof typeof lookups].column ?? name

const since = -6n * hour
const interval = { start: since, end: 10n * hour }
const shared = { version: 1, entity: account, since: formatInstant(since), every: '16h', owner: 'test' } as const

function bundles(shape: SourceShape, ttl: string | null): { latest: ViewBundle; recent: ViewBundle } {
  const source = sourceOf(shape)
  const latest = featureView('latest', { ...shared, source, features: lookups, ...(ttl ? { ttl: '2h' as const } : {}) })
  const recent = featureView('recent', { ...shared, source, tile: '1h', features: windows })
  const rest = { entity: account.definition, source: source.definition, definitionHash: 'test' }
  return { latest: { ...rest, view: latest.definition }, recent: { ...rest, view: recent.definition } }
}

interface SpineRow {
  readonly t: bigint
  readonly key: readonly Value[]
}
const spines = fc.array(
  fc.record({
    t: fc
      .tuple(fc.integer({ min: -6, max: 9 }), fc.constantFrom(0n, 1n, -1n, 1_000n, hour / 2n))
      .map(([hours, offset]) => BigInt(hours) * hour + offset),
    key: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom<readonly Value[]>([1n, 'a'], [1n, 'A'], [9_007_199_254_740_993n, 'a']) },
      { weight: 2, arbitrary: keys },
      { weight: 1, arbitrary: fc.constantFrom<readonly Value[]>([null, 'a'], [1n, null]) },
    ),
  }),
  { maxLength: 25 },
)

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

async function commit(session: QuerySession, bundle: ViewBundle, paths: readonly string[]): Promise<string> {
  const fileTypes = await bench.fileTypes(session, paths)
  const query = buildIntervalQuery({ bundle, interval, files: { own: paths, within: [] }, fileTypes })
  for (const statement of query.statements) await session.execute(statement)
  return bench.write(session, query.output)
}

async function writeSpine(session: QuerySession, rows: readonly SpineRow[]): Promise<string> {
  const text = (value: Value): string => (value === null ? 'NULL' : `'${String(value).replaceAll("'", "''")}'`)
  const list = rows.map(({ t, key }, at) => `(${at}, ${t}, ${text(key[0]!)}, ${text(key[1]!)})`).join(', ')
  const columns = `CAST(n AS INTEGER) AS "__row", CAST(k AS BIGINT) AS "the shop", CAST(c AS VARCHAR) AS code, make_timestamp_ns(t) AS "when"`
  const from =
    rows.length > 0
      ? `(VALUES ${list}) v(n, t, k, c) ORDER BY n`
      : `(VALUES (0, 0, NULL, NULL)) v(n, t, k, c) WHERE false`
  return bench.write(session, `SELECT ${columns} FROM ${from}`)
}

async function writeAll(session: QuerySession, history: readonly HistoryFile[]): Promise<string[]> {
  const paths: string[] = []
  for (const file of history) paths.push(await bench.writeFile(session, file))
  return paths
}

function differ(what: object, got: Value, want: Value): void {
  if (!sameValue(got, want)) expect({ ...what, got }).toEqual({ ...what, got: want })
}

describe('training sets', () => {
  test('R1, R2, R3, R5, R6, R8, R9, R14, R16, R18, R19, R20: each spine row sees what the raw rows say', async () => {
    await bench.engine.withSession(async (session) => {
      await fc.assert(
        fc.asyncProperty(files, shapes, spines, fc.option(fc.constant('2h')), async (history, shape, spine, ttl) => {
          const { latest, recent } = bundles(shape, ttl)
          const paths = await writeAll(session, history)
          const mapping = { shop: 'the shop' }
          const got = await askTrainingSet(
            bench,
            session,
            { file: await writeSpine(session, spine), format: 'parquet', eventTimeColumn: 'when' },
            [
              {
                bundle: latest,
                features: Object.keys(lookups),
                mapping,
                files: [await commit(session, latest, paths)],
              },
              {
                bundle: recent,
                features: Object.keys(windows),
                mapping,
                files: [await commit(session, recent, paths)],
              },
            ],
          )
          const rows = rowsOfFiles(history, shape)
          const known = rows.filter((row) => row.event === null || (since <= row.event && row.event < interval.end))
          const rules: Rules = { visibility: shape.visibility, within: null, ttl: ttl ? 2n * hour : null }
          const tiled: Rules = { ...rules, within: shape.hasId ? shape.within : null }
          expect(got.length).toBe(spine.length)
          for (const [at, { t, key }] of spine.entries()) {
            const answer = got[at]!
            expect([answer.__row, answer['the shop'], answer.code, answer.when]).toEqual([at, ...key, t])
            const newest = lookupRow(known, key, t, rules)
            for (const name of Object.keys(lookups))
              differ({ at, name }, asValue(answer[`latest__${name}`]), newest?.columns[columnOf(name)] ?? null)
            const end = t - (((t % hour) + hour) % hour)
            for (const feature of recent.view.features as readonly WindowFeature[]) {
              const { name } = feature
              const over = feature.over === 'lifetime' ? null : parseDuration(feature.over)
              const inside = windowRows(rows, key, end, tiled, over).filter(
                (row) => row.event! >= since && row.event! < interval.end,
              )
              const got = asAnswer(answer[`recent__${name}`])
              const truth = answerOfRows(feature, recent.source, inside)
              if (!isWithinBound(feature, got, truth)) expect({ at, name, got }).toEqual({ at, name, got: truth })
            }
          }
        }),
        { numRuns: casesOf(10) },
      )
    })
  })

  test('R3, R18, R19, R22: the newest row of each key, whatever the order of files', async () => {
    await bench.engine.withSession(async (session) => {
      await fc.assert(
        fc.asyncProperty(files, shapes, fc.boolean(), async (history, shape, isReversed) => {
          const { latest } = bundles(shape, null)
          const paths = await writeAll(session, isReversed ? history.toReversed() : history)
          const committed: string[] = []
          // Each source file a run of its own: what online shows hangs on all committed rows together.
          for (const path of paths) committed.push(await commit(session, latest, [path]))
          const got = await session.all(buildLatestRows({ bundle: latest, files: committed }))
          const rows = rowsOfFiles(history, shape).filter(
            (row) => row.event === null || (since <= row.event && row.event < interval.end),
          )
          const rules: Rules = { visibility: shape.visibility, within: null, ttl: null }
          const end = 1_000n * hour
          const truth = new Map(rows.map((row) => [JSON.stringify(row.key.map(String)), row.key]))
          const answered = new Set(got.map((row) => JSON.stringify([row.shop, row.code].map(String))))
          for (const row of got) {
            const newest = lookupRow(rows, [row.shop as Value, row.code as Value], end, rules)
            expect(row.__is_deleted).toBe(newest === null)
            for (const name of Object.keys(lookups))
              differ({ name }, asValue(row[name]), newest?.columns[columnOf(name)] ?? null)
            if (newest) expect(row.__event_ns).toBe(newest.event)
          }
          for (const [text, key] of truth) if (!answered.has(text)) expect(lookupRow(rows, key, end, rules)).toBeNull()
        }),
        { numRuns: casesOf(10) },
      )
    })
  })

  /** One key's rows as [event, created, id, amount], asked at some times. */
  async function amounts(
    shape: SourceShape,
    cells: readonly (readonly [bigint, bigint | null, string | null, bigint | null])[],
    times: readonly bigint[],
  ) {
    return bench.engine.withSession(async (session) => {
      const rows = cells.map(([event, created, id, amount]): Row => {
        const columns = { shop: 1n, code: 'a', 'happened At': event, written: created, gone: null, id, amount }
        const rest = { price: null, rate: null, label: null, flag: null, seen: null }
        return { key: [1n, 'a'], event, created, id, isDeleted: null, columns: { ...columns, ...rest } }
      })
      const { latest } = bundles(shape, null)
      const paths = await writeAll(session, [{ unit: 1n, isUtc: false, isNarrow: false, rows }])
      const file = await writeSpine(
        session,
        times.map((t) => ({ t, key: [1n, 'a'] })),
      )
      const view = { bundle: latest, features: ['amount'], mapping: { shop: 'the shop' } }
      const files = [await commit(session, latest, paths)]
      const got = await askTrainingSet(bench, session, { file, format: 'parquet', eventTimeColumn: 'when' }, [
        { ...view, files },
      ])
      return got.map((row) => row.latest__amount)
    })
  }
  const plain: SourceShape = { visibility: 'event', hasTombstone: false, hasId: false, within: null }

  test('R3: ties on event and created time are settled by the whole row, null lowest, a null created time oldest', async () => {
    const tied = [
      [0n, 0n, null, null],
      [0n, 0n, null, 9n],
      [0n, 0n, null, 5n],
      [0n, null, null, 100n],
      [hour, 1n, null, 1n],
      [hour, 2n, null, null],
    ] as const
    for (const cells of [tied, tied.toReversed()])
      expect(await amounts(plain, cells, [-1n, 0n, hour - 1n, hour])).toEqual([null, 9n, 9n, null])
  })

  test('R16, R19: under created visibility a delivery counts from its creation to that of the next, to the nanosecond', async () => {
    const cells = [
      [0n, 10n, 'x', 1n],
      [5n, hour, 'x', 2n],
      [1n, 2n * hour, 'x', 3n],
      [3n, null, 'x', 4n],
    ] as const
    const times = [9n, 10n, hour - 1n, hour, 2n * hour - 1n, 2n * hour]
    expect(await amounts({ ...plain, visibility: 'created', hasId: true }, cells, times)).toEqual([
      null,
      1n,
      1n,
      2n,
      2n,
      3n,
    ])
    // Without ids the newest event that was known is seen, not the one written last.
    expect(await amounts({ ...plain, visibility: 'created' }, cells, times)).toEqual([null, 1n, 1n, 2n, 2n, 2n])
  })
})
