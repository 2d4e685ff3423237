/** R30: what online reads of the past would have answered, against a snapshot taken at each publish of a generated history. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildIntervalQuery, type Served } from '../../core/compute/index.js'
import { featureView, lookup, type ViewBundle, type WindowFeature, window } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { formatInstant } from '../../core/time/instant.js'
import {
  areWholeStates,
  neededCommits,
  planPublishedReads,
  type StateCommit,
  type StatePublish,
} from '../../core/training/index.js'
import { casesOf } from '../support/test-effort.js'
import { answerOfRows } from './aggregates.js'
import { askTrainingSet } from './ask-training-set.js'
import {
  account,
  asAnswer,
  asValue,
  Bench,
  files,
  hour,
  isWithinBound,
  rowsOfFiles,
  type SourceShape,
  sameValue,
  shapes,
  sourceOf,
} from './generated-history.js'
import { lookup as lookupRow, type Row, type Rules, type Value, window as windowRows } from './point-in-time.js'

const lookups = { amount: lookup(), words: lookup('label') } as const
const windows = {
  rows_4h: window.count({ over: '4h' }),
  amount_sum_8h: window.sum('amount', { over: '8h' }),
  label_last: window.last('label', { over: 'lifetime' }),
} as const
const since = -6n * hour
const everyNs = 4n * hour
const intervals = [0n, 1n, 2n, 3n].map((n) => ({ start: since + n * everyNs, end: since + (n + 1n) * everyNs }))
const endOfTime = 1n << 100n

interface Options {
  readonly shape: SourceShape
  readonly ttl: '2h' | '5h' | null
  readonly lag: '0s' | '30m' | '3h'
}
const hours = (text: string): bigint => (text.endsWith('m') ? hour / 2n : text === '0s' ? 0n : BigInt(text[0]!) * hour)

function bundlesOf({ shape, ttl, lag }: Options): { latest: ViewBundle; recent: ViewBundle } {
  const source = sourceOf(shape)
  const shared = {
    version: 1,
    entity: account,
    since: formatInstant(since),
    every: '4h',
    lag,
    owner: 'test',
    ...(ttl ? { ttl } : {}),
  } as const
  const latest = featureView('latest', { ...shared, source, features: lookups })
  const tiled = { ...shared, source, tile: '2h' } as const
  const { label_last: _, ...short } = windows
  // Without a lifetime window, what lies out of reach is not read.
  const recent =
    ttl === '5h'
      ? featureView('recent', { ...tiled, features: short })
      : featureView('recent', { ...tiled, features: windows })
  const rest = { entity: account.definition, source: source.definition, definitionHash: 'test' }
  return { latest: { ...rest, view: latest.definition }, recent: { ...rest, view: recent.definition } }
}

/** Commits an interval from the first so many files, or publishes up to the end of an interval. */
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ interval: fc.nat(3), files: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.record({ end: fc.nat(3), after: fc.constantFrom(0n, 1n, hour, 3n * hour) }) },
  ),
  { minLength: 1, maxLength: 12 },
)
type Step = (typeof steps extends fc.Arbitrary<infer S> ? S : never)[number]

interface Snapshot {
  readonly recordedAt: bigint
  readonly endAt: bigint
  readonly commits: readonly PlayedCommit[]
}
interface PlayedCommit {
  readonly id: bigint
  readonly interval: number
  readonly files: number
}

/** What a ledger would hold, and beside it what the reference goes by: the commits that counted at each publish. */
function play(list: readonly Step[]) {
  const current = new Map<number, PlayedCommit>()
  const commits: (StateCommit & PlayedCommit)[] = []
  const publishes: StatePublish[] = []
  const snapshots: Snapshot[] = []
  let [endAt, recordedAt] = [since, since - 2n * hour]
  for (const step of list) {
    if ('interval' in step) {
      const id = BigInt(commits.length + 1)
      const before = current.get(step.interval)
      if (before) commits[Number(before.id) - 1] = { ...commits[Number(before.id) - 1]!, supersededBy: id }
      const commit = { id, interval: step.interval, files: step.files }
      current.set(step.interval, commit)
      const data = { path: String(id), rows: 1, sizeBytes: 1 }
      commits.push({ ...commit, commitId: id, data, supersededBy: null, interval: intervals[step.interval]! } as never)
    } else {
      endAt = intervals[step.end]!.end > endAt ? intervals[step.end]!.end : endAt
      recordedAt += step.after + 1n
      const sequence = BigInt(publishes.length + 1)
      publishes.push({ sequence, endAt, recordedAt, newestCommitId: BigInt(commits.length) })
      snapshots.push({
        recordedAt,
        endAt,
        commits: [...current.values()].filter((one) => intervals[one.interval]!.end <= endAt),
      })
    }
  }
  return { history: { publishes, commits }, snapshots, now: [...current.values()] }
}

const spines = fc.array(
  fc.record({
    t: fc
      .tuple(fc.integer({ min: -9, max: 13 }), fc.constantFrom(0n, 1n, -1n, hour / 2n))
      .map(([n, offset]) => BigInt(n) * hour + offset),
    key: fc.constantFrom<readonly Value[]>(
      [1n, 'a'],
      [1n, 'A'],
      [9_007_199_254_740_993n, 'a'],
      [null, 'a'],
      [77n, 'nobody'],
    ),
  }),
  { maxLength: 20 },
)

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

async function commit(
  session: QuerySession,
  bundle: ViewBundle,
  paths: readonly string[],
  interval: number,
): Promise<string> {
  const fileTypes = await bench.fileTypes(session, paths)
  const query = buildIntervalQuery({
    bundle,
    interval: intervals[interval]!,
    files: { own: paths, within: [] },
    fileTypes,
  })
  for (const statement of query.statements) await session.execute(statement)
  return bench.write(session, query.output)
}

/** What stands online after the commits were published at `end`, and is read at `t`. */
function readOnline(
  options: Options,
  of: PlayedCommit[],
  rowsOf: (files: number) => readonly Row[],
  end: bigint,
  knownAt: bigint,
) {
  const { shape } = options
  const ttl = options.ttl === null ? null : hours(options.ttl)
  const rules: Rules = { visibility: shape.visibility, within: null, ttl: null }
  const tiled: Rules = { ...rules, within: shape.hasId ? shape.within : null }
  const isIn = (row: Row, interval: number) =>
    row.event !== null && intervals[interval]!.start <= row.event && row.event < intervals[interval]!.end
  const committed = of.flatMap((one) => rowsOf(one.files).filter((row) => isIn(row, one.interval)))
  return {
    lookup(key: readonly Value[], t: bigint): Row | null {
      const row = lookupRow(committed, key, knownAt, rules)
      return row === null || (ttl !== null && t - row.event! > ttl) ? null : row
    },
    window(key: readonly Value[], t: bigint, feature: WindowFeature) {
      const over = feature.over === 'lifetime' ? null : hours(feature.over)
      const isExpired = ttl !== null && t - end > ttl
      const inside = of.flatMap((one) =>
        windowRows(rowsOf(one.files), key, end, tiled, over).filter((row) => isIn(row, one.interval)),
      )
      const ordered = inside.toSorted((a, b) => (a.event! < b.event! ? -1 : a.event! > b.event! ? 1 : 0))
      return answerOfRows(feature, sourceOf(shape).definition, isExpired ? [] : ordered)
    },
  }
}

const optionsOf = fc.record({
  shape: shapes,
  ttl: fc.constantFrom('2h' as const, '5h' as const, null),
  lag: fc.constantFrom('0s' as const, '30m' as const, '3h' as const),
})

test.each(['as-served', 'as-published'] as const)('R30, R2, R8, R25, R29: %s', async (mode) => {
  await bench.engine.withSession(async (session) => {
    await fc.assert(
      fc.asyncProperty(files, steps, optionsOf, spines, async (given, list, options, spine) => {
        const bundles = bundlesOf(options)
        const rowsOf = (count: number) => rowsOfFiles(given.slice(0, count), options.shape)
        const paths: string[] = []
        for (const file of given) paths.push(await bench.writeFile(session, file))
        const { history, snapshots, now } = play(list)
        const times = spine.map(({ t }) => t).toSorted((a, b) => (a < b ? -1 : 1))
        const asked = times.length === 0 ? null : { min: times[0]!, max: times.at(-1)! }
        const views = []
        for (const bundle of [bundles.latest, bundles.recent]) {
          const files = async (commits: readonly StateCommit[]) => {
            const uris: string[] = []
            for (const { commitId } of commits) {
              const played = list.filter((step) => 'interval' in step)[Number(commitId) - 1]!
              if ('interval' in played)
                uris.push(await commit(session, bundle, paths.slice(0, played.files), played.interval))
            }
            return uris
          }
          const features = bundle.view.features.map(({ name }) => name)
          const view = { bundle, features, mapping: { shop: 'the shop' } }
          if (mode === 'as-served') {
            const current = history.commits.filter(({ supersededBy }) => supersededBy === null)
            views.push({
              ...view,
              files: await files(neededCommits(bundle, mode, asked, current)),
              served: { is: 'asServed' } as Served,
            })
            continue
          }
          const reads = []
          for (const read of planPublishedReads(bundle, history, asked))
            reads.push({ files: await files(read.commits), publishes: read.publishes })
          views.push({
            ...view,
            files: [],
            served: { is: 'asPublished', reads, areWholeStates: areWholeStates(bundle) } as Served,
          })
        }
        const list2 = spine.map(({ t, key }, at) => `(${at}, ${t}, ${key[0] ?? 'NULL'}, '${key[1]}')`).join(', ')
        const columns = `CAST(n AS INTEGER) AS "__row", CAST(k AS BIGINT) AS "the shop", CAST(c AS VARCHAR) AS code, make_timestamp_ns(t) AS "when"`
        const from =
          spine.length > 0
            ? `(VALUES ${list2}) v(n, t, k, c) ORDER BY n`
            : `(VALUES (0, 0, NULL, NULL)) v(n, t, k, c) WHERE false`
        const file = await bench.write(session, `SELECT ${columns} FROM ${from}`)
        const got = await askTrainingSet(bench, session, { file, format: 'parquet', eventTimeColumn: 'when' }, views)
        expect(got.length).toBe(spine.length)
        for (const [at, { t, key }] of spine.entries()) {
          const snapshot = snapshots.findLast(({ recordedAt }) => recordedAt <= t)
          const served = t - hours(options.lag) - since
          const end =
            mode === 'as-served'
              ? since + (served - (((served % everyNs) + everyNs) % everyNs))
              : (snapshot?.endAt ?? since)
          const commits =
            mode === 'as-published'
              ? (snapshot?.commits ?? [])
              : now.filter((one) => intervals[one.interval]!.start < end || options.shape.hasId)
          const online = readOnline(options, [...commits], rowsOf, end, mode === 'as-served' ? end - 1n : endOfTime)
          const row = online.lookup(key, t)
          const compare = (name: string, found: unknown, want: Value) => {
            if (!sameValue(asValue(found), want))
              expect({ at, t, name, mode, found: asValue(found) }).toEqual({ at, t, name, mode, found: want })
          }
          compare('amount', got[at]!.latest__amount, row?.columns.amount ?? null)
          compare('words', got[at]!.latest__words, row?.columns.label ?? null)
          for (const feature of bundles.recent.view.features as readonly WindowFeature[]) {
            const { name } = feature
            const found = asAnswer(got[at]![`recent__${name}`])
            const truth = online.window(key, t, feature)
            if (!isWithinBound(feature, found, truth))
              expect({ at, t, name, found }).toEqual({ at, t, name, found: truth })
          }
        }
      }),
      { numRuns: casesOf(12) },
    )
  })
})

/** One shop's rows at these times, the amount telling which; what is asked at each `t`: the lookup's amount and the count of 4 hours. */
async function ask(events: readonly bigint[], served: Served, times: readonly bigint[]) {
  return bench.engine.withSession(async (session) => {
    const shape = { visibility: 'event', hasTombstone: false, hasId: false, within: null } as const
    const bundles = bundlesOf({ shape, ttl: '2h', lag: '30m' })
    const empty = { price: null, rate: null, label: null, flag: null, seen: null, gone: null, id: null, written: null }
    const rows = events.map((event, at): Row => {
      const columns = { ...empty, shop: 1n, code: 'a', 'happened At': event, amount: BigInt(at) }
      return { key: [1n, 'a'], event, created: null, id: null, isDeleted: null, columns }
    })
    const path = await bench.writeFile(session, { unit: 1n, isUtc: false, isNarrow: false, rows })
    const list = times.map((t, at) => `(${at}, ${t})`).join(', ')
    const select = `SELECT 1::BIGINT AS shop, 'a' AS code, make_timestamp_ns(t) AS "when" FROM (VALUES ${list}) v(n, t) ORDER BY n`
    const views = []
    for (const bundle of [bundles.latest, bundles.recent]) {
      const files = [await commit(session, bundle, [path], 1), await commit(session, bundle, [path], 2)]
      const reads = served.is === 'asPublished' ? served.reads.map((read) => ({ ...read, files })) : []
      const features = bundle === bundles.latest ? ['amount'] : ['rows_4h']
      views.push({
        bundle,
        features,
        mapping: {},
        files,
        served: served.is === 'asPublished' ? { ...served, reads } : served,
      })
    }
    const file = await bench.write(session, select)
    const got = await askTrainingSet(bench, session, { file, format: 'parquet', eventTimeColumn: 'when' }, views)
    return got.map((row) => [row.latest__amount, row.recent__rows_4h])
  })
}

test('R30, R2, R25: the end met, the row before it and the ttl from t, one nanosecond to each side', async () => {
  const end = 2n * hour
  const half = hour / 2n
  const [none, seen] = [
    [null, 0n],
    [0n, 1n],
  ]
  const asServed = [end + half - 1n, end + half, end + 2n * hour - 1n, end + 2n * hour, end + 2n * hour + 1n]
  expect(await ask([end - 1n, end], { is: 'asServed' }, asServed)).toEqual([none, seen, seen, [null, 1n], none])
  const publishes = [{ recordedAt: end + 7n, endAt: end }]
  const published = { is: 'asPublished', areWholeStates: false, reads: [{ files: [], publishes }] } as const
  const times = [end + 6n, end + 7n, end + 2n * hour - 1n, end + 2n * hour, end + 2n * hour + 1n]
  expect(await ask([end - 1n, end], published, times)).toEqual([none, seen, seen, [null, 1n], none])
  // Nothing before the first publish, and nothing where there was none.
  expect(await ask([end - 1n], { ...published, reads: [] }, [end, end + hour])).toEqual([none, none])
})
