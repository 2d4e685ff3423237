import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  buildCoarseTile,
  buildIntervalQuery,
  buildWindowValues,
  type CommittedTiles,
  chooseTileFiles,
  coarseLengths,
  type KnownCoarseTile,
  planCoarseTiles,
  reopensFrom,
  rowCountsFrom,
} from '../../core/compute/index.js'
import { featureView, type ViewBundle, type WindowFeature } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant } from '../../core/time/instant.js'
import { casesOf } from '../support/test-effort.js'
import { answerOfRows } from './aggregates.js'
import {
  account,
  asAnswer,
  asValue,
  Bench,
  files,
  type HistoryFile,
  hour,
  isWithinBound,
  rowsOfFiles,
  type SourceShape,
  shapes,
  sourceOf,
} from './generated-history.js'
import { type Answer, type Row, type Rules, type Value, window as windowRows } from './point-in-time.js'
import { someFeatures, type WindowFeatures, windowFeatures } from './window-features.js'

const since = -8n * hour
const every = 4n * hour
const until = 8n * hour

function viewOf(shape: SourceShape, features: WindowFeatures): ViewBundle {
  const source = sourceOf(shape)
  const view = featureView('activity', {
    version: 1,
    entity: account,
    source,
    since: formatInstant(since),
    every: '4h',
    tile: '1h',
    coarseTile: ['4h', '8h'],
    features: features as typeof windowFeatures & WindowFeatures,
    owner: 'test',
  })
  return { view: view.definition, entity: account.definition, source: source.definition, definitionHash: 'test' }
}

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

async function commitAll(session: QuerySession, bundle: ViewBundle, history: readonly HistoryFile[]) {
  const paths: string[] = []
  for (const file of history) paths.push(await bench.writeFile(session, file))
  const fileTypes = await bench.fileTypes(session, paths)
  const commits: (CommittedTiles & { counts: ReturnType<typeof rowCountsFrom>; reopens: string[] })[] = []
  for (let start = since; start < until; start += every) {
    const interval = { start, end: start + every }
    const query = buildIntervalQuery({ bundle, interval, files: { own: paths, within: [] }, fileTypes })
    for (const statement of query.statements) await session.execute(statement)
    const file = await bench.write(session, query.output)
    const counts = rowCountsFrom((await session.all(query.counts))[0]!)
    const reopens = query.reopens ? reopensFrom(await session.all(query.reopens)) : []
    commits.push({ commitId: BigInt(commits.length), interval, file, counts, reopens })
  }
  return commits
}

/** What the reference says, or null where the key has no row in reach. */
function expected(
  { view, source }: ViewBundle,
  rows: readonly Row[],
  key: readonly Value[],
  t: bigint,
  rules: Rules,
): Record<string, Answer> {
  return Object.fromEntries(
    (view.features as readonly WindowFeature[]).map((feature) => {
      const over = feature.over === 'lifetime' ? null : parseDuration(feature.over)
      const inside = windowRows(rows, key, t, rules, over).filter((row) => row.event! >= since)
      return [feature.name, answerOfRows(feature, source, inside)]
    }),
  )
}

describe('windows from tiles', () => {
  test('R7, R8, R9, R16, R19: any mixture of fine and coarse tiles answers as the raw rows do', async () => {
    await bench.engine.withSession(async (session) => {
      await fc.assert(
        fc.asyncProperty(
          files,
          shapes,
          fc.integer({ min: -3, max: 8 }),
          fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
          someFeatures,
          async (history, shape, end, withCoarse, asked) => {
            const bundle = viewOf(shape, asked)
            const rows = rowsOfFiles(history, shape)
            const rules = { visibility: shape.visibility, within: shape.hasId ? shape.within : null, ttl: null }
            const commits = await commitAll(session, bundle, history)
            const endNs = BigInt(end) * hour
            const coarse: KnownCoarseTile[] = []
            for (const length of coarseLengths(bundle)) {
              const plans = planCoarseTiles({ bundle, endNs: until, commits, coarse, length })
              for (const [index, plan] of plans.entries()) {
                if (!withCoarse[index % 4]) continue
                const query = buildCoarseTile({ bundle, tiles: plan.tiles, span: plan.span })
                coarse.push({ span: plan.span, commitIds: plan.commitIds, file: await bench.write(session, query.sql) })
              }
            }
            const chosen = chooseTileFiles({ bundle, endNs, commits, coarse })
            const answers = await session.all(buildWindowValues({ bundle, endNs, ...chosen }))
            const seen = new Set<string>()
            for (const answer of answers) {
              const key = [answer.shop as bigint, answer.code as string]
              seen.add(JSON.stringify(key.map(String)))
              const truth = expected(bundle, rows, key, endNs, rules)
              for (const feature of bundle.view.features as readonly WindowFeature[]) {
                const { name } = feature
                const got = asAnswer(answer[name])
                if (!isWithinBound(feature, got, truth[name]!))
                  expect({ key, name, got }).toEqual({ key, name, got: truth[name] })
              }
            }
            for (const row of rows) {
              if (row.key.some((part) => part === null) || seen.has(JSON.stringify(row.key.map(String)))) continue
              // R8: a key without a row in reach is one never seen.
              const truth = Object.values(expected(bundle, rows, row.key, endNs, rules))
              expect(truth.filter((value) => value !== null && value !== 0n)).toEqual([])
            }
          },
        ),
        { numRuns: casesOf(10) },
      )
    })
  })

  test('R9: where windows read shorter and longer coarse tiles of one span, each event counts once in each', async () => {
    await bench.engine.withSession(async (session) => {
      const shape: SourceShape = { visibility: 'event', hasTombstone: false, hasId: false, within: null }
      const { rows_2h, amount_sum_5h, rate_sum_9h, amount_avg } = windowFeatures
      const bundle = viewOf(shape, { rows_2h, amount_sum_5h, rate_sum_9h, amount_avg })
      const nothing = { written: null, gone: null, id: null, price: null, label: null, flag: null, seen: null }
      const rows = [...Array(16).keys()].map((at): Row => {
        const event = since + BigInt(at) * hour
        const columns = { shop: 1n, code: 'a', 'happened At': event, ...nothing, amount: BigInt(at), rate: at }
        return { key: [1n, 'a'], event, created: null, id: null, isDeleted: null, columns }
      })
      const commits = await commitAll(session, bundle, [{ unit: 1n, isUtc: false, isNarrow: false, rows }])
      const coarse: KnownCoarseTile[] = []
      for (const length of coarseLengths(bundle))
        for (const { span, tiles, commitIds } of planCoarseTiles({ bundle, endNs: until, commits, coarse, length }))
          coarse.push({
            span,
            commitIds,
            file: await bench.write(session, buildCoarseTile({ bundle, tiles, span }).sql),
          })
      const chosen = chooseTileFiles({ bundle, endNs: until, commits, coarse })
      const lengths = chosen.coarse.map(({ span }) => Number((span.end - span.start) / hour))
      expect(lengths).toEqual([4, 8, 8])
      const [answer] = await session.all(buildWindowValues({ bundle, endNs: until, ...chosen }))
      const sums = { amount_sum_5h: asValue(answer!.amount_sum_5h), rate_sum_9h: answer!.rate_sum_9h }
      expect({ ...sums, rows_2h: answer!.rows_2h, amount_avg: answer!.amount_avg }).toEqual({
        ...{ amount_sum_5h: 65n, rate_sum_9h: 99, rows_2h: 2n, amount_avg: 7.5 },
      })
    })
  })

  test('R16, R19: under created visibility a replaced row counts until its successor is known', async () => {
    await bench.engine.withSession(async (session) => {
      const shape: SourceShape = { visibility: 'created', hasTombstone: false, hasId: true, within: 3n * hour }
      const row = (event: bigint, created: bigint, amount: bigint): Row => ({
        key: [1n, 'a'],
        event,
        created,
        id: 'x',
        isDeleted: null,
        columns: {
          ...{ shop: 1n, code: 'a', 'happened At': event, written: created, gone: null, id: 'x', amount },
          ...{ price: null, rate: null, label: null, flag: null, seen: null },
        },
      })
      // Delivered at 00:05; corrected at 02:00 sharp, known at T = 02:00; corrected again half an hour after 03:00.
      const rows = [row(0n, hour / 12n, 1n), row(0n, 2n * hour, 5n), row(1n, 3n * hour + hour / 2n, 7n)]
      const bundle = viewOf(shape, { amount_sum_5h: windowFeatures.amount_sum_5h, rows_2h: windowFeatures.rows_2h })
      const commits = await commitAll(session, bundle, [{ unit: 1n, isUtc: false, isNarrow: false, rows }])
      const sums: unknown[] = []
      for (let end = 0n; end <= 6n; end++) {
        const endNs = end * hour
        const chosen = chooseTileFiles({ bundle, endNs, commits, coarse: [] })
        const [answer] = await session.all(buildWindowValues({ bundle, endNs, ...chosen }))
        sums.push(answer ? asValue(answer.amount_sum_5h) : null)
      }
      expect(sums).toEqual([null, 1n, 5n, 5n, 7n, 7n, null])
    })
  })
})
