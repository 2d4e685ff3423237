/**
 * Everything at once: lookups and windows of all operations, under two mappings, over composite keys, ties, tombstones, event ids, either
 * visibility, with a ttl and without, from files compacted and not, tiles fine and coarse, in training and online, against the slow
 * reference.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Bucket,
  buildCoarseTile,
  buildCompaction,
  buildIntervalQuery,
  buildLatestRows,
  buildWindowValues,
  type CommittedFile,
  type CommittedTiles,
  type CompactedCommits,
  chooseTileFiles,
  coarseLengths,
  type FeatureGroup,
  featureGroups,
  groupFilesOf,
  type KnownCoarseTile,
  planCoarseTiles,
  usableCoarse,
} from '../../core/compute/index.js'
import { featureView, lookup, type ViewBundle, type WindowFeature } from '../../core/define/index.js'
import type { EngineRow, QuerySession } from '../../core/ports/query-engine.js'
import { groupedRowsSql, groupedWindowsSql } from '../../core/publish/index.js'
import { formatInstant } from '../../core/time/instant.js'
import { casesOf } from '../support/test-effort.js'
import { testSeed } from '../support/test-seed.js'
import { askTrainingSet } from './ask-training-set.js'
import {
  account,
  asAnswer,
  Bench,
  everyShape,
  type HistoryFile,
  hour,
  isWithinBound,
  rowsOfFiles,
  type SourceShape,
  sameValue,
  sourceOf,
} from './generated-history.js'
import { type HoldingCommit, rowsToLookUp, windowAt } from './held-features.js'
import { type AskedRow, type History, histories, shuffled, togetherInFiles } from './many-histories.js'
import { narrowed } from './narrow-history.js'
import { type Answer, lookup as lookupRow, type Row, type Rules, type Value } from './point-in-time.js'
import { featuresOfPart, someFeatures, type WindowFeatures, type windowFeatures } from './window-features.js'

const seed = testSeed('MILLCOURSE_TEST_SEED', 20_011)
const lookups = {
  amount: lookup(),
  price: lookup(),
  rate: lookup(),
  words: lookup('label'),
  flag: lookup(),
  seen: lookup(),
} as const
const columnOf = (name: string): string => (name === 'words' ? 'label' : name)

const since = -8n * hour
const every = 4n * hour
const until = 12n * hour
const shared = { version: 1, entity: account, since: formatInstant(since), every: '4h', owner: 'test' } as const

function viewsOf(shape: SourceShape, ttl: string | null, features: WindowFeatures) {
  const source = sourceOf(shape)
  const latest = featureView('latest', { ...shared, source, features: lookups, ...(ttl ? { ttl: '2h' as const } : {}) })
  const recent = featureView('recent', {
    ...{ ...shared, source, tile: '1h', coarseTile: ['4h', '8h'] },
    features: features as typeof windowFeatures & WindowFeatures,
  })
  const rest = { entity: account.definition, source: source.definition, definitionHash: 'test' }
  return { latest: { ...rest, view: latest.definition }, recent: { ...rest, view: recent.definition } }
}

let bench: Bench
beforeAll(async () => {
  console.log(`seed ${seed}: MILLCOURSE_TEST_SEED=${seed} replays it`)
  bench = await Bench.open()
})
afterAll(() => bench?.close())

async function commitAll(
  session: QuerySession,
  bundle: ViewBundle,
  paths: readonly string[],
): Promise<CommittedTiles[]> {
  const fileTypes = await bench.fileTypes(session, paths)
  const commits: CommittedTiles[] = []
  for (let start = since; start < until; start += every) {
    const interval = { start, end: start + every }
    const query = buildIntervalQuery({ bundle, interval, files: { own: paths, within: [] }, fileTypes })
    for (const statement of query.statements) await session.execute(statement)
    commits.push({ commitId: BigInt(commits.length), interval, file: await bench.write(session, query.output) })
    for (const statement of query.cleanup) await session.execute(statement)
  }
  return commits
}

/** R35: which features an interval's commit leaves out; in half of all cases none does, in the others one many and one the first. */
function leftOutOf({ view }: ViewBundle, start: bigint, salt: number): string[] {
  if (salt % 2 === 0) return []
  const [place, names] = [Number((start - since) / every), view.features.map(({ name }) => name)]
  const many = place === (salt >> 1) % 5 ? names.filter((_, at) => (salt >> (4 + at)) % 2 === 1) : []
  return place === (salt >> 2) % 5 ? [...new Set([names[0]!, ...many])] : many
}

type Committed = CommittedTiles & {
  readonly data: { readonly path: string }
  readonly held: { readonly features: readonly string[] }
}
type Group = FeatureGroup<Committed> & { readonly names: readonly string[]; readonly files: readonly CommittedFile[] }

/** What is read together; the first of it is what no commit leaves out. */
function groupsOf(
  bundle: ViewBundle,
  tiles: readonly CommittedTiles[],
  compaction: CompactedCommits,
  salt: number,
): Group[] {
  const commits = tiles.map(
    (one): Committed => ({
      ...{ ...one, data: { path: one.file! } },
      held: { features: leftOutOf(bundle, one.interval.start, salt) },
    }),
  )
  return featureGroups(bundle.view, commits).map((group) => ({
    ...{ ...group, names: group.features.map(({ name }) => name) },
    files: shuffled(
      groupFilesOf(bundle, group, [compaction], (path) => path),
      salt,
    ),
  }))
}

/** Half of them in the files of a compaction, one of which is read in part: a commit inside it counts by a file of its own. */
async function compactSome(
  session: QuerySession,
  bundle: ViewBundle,
  commits: readonly CommittedTiles[],
  salt: number,
): Promise<CompactedCommits> {
  const from = salt % (commits.length / 2)
  const held = commits.slice(from, from + commits.length / 2)
  const anew = held[salt % held.length]!
  const span = { start: held[0]!.interval.start, end: held.at(-1)!.interval.end }
  const of = salt % 3 === 0 ? 4 : 2
  const query = buildCompaction({ bundle, files: held.map(({ file }) => file!), span, buckets: of })
  for (const statement of query.statements) await session.execute(statement)
  const files: { path: string; bucket: Bucket }[] = []
  for (const { bucket } of await session.all(query.counts))
    files.push({
      path: await bench.write(session, query.output(Number(bucket))),
      bucket: { number: Number(bucket), of },
    })
  for (const statement of query.cleanup) await session.execute(statement)
  const commitIds = held.map((commit) => (commit === anew ? -1n : commit.commitId))
  return { commitIds, removedIds: commitIds, files }
}

async function coarseOf(session: QuerySession, bundle: ViewBundle, commits: readonly CommittedTiles[], salt: number) {
  const coarse: KnownCoarseTile[] = []
  let planned = 0
  for (const length of coarseLengths(bundle))
    for (const { span, tiles, commitIds } of planCoarseTiles({ bundle, endNs: until, commits, coarse, length })) {
      if ((salt >> (planned++ % 8)) % 2 === 0) continue
      coarse.push({ span, commitIds, file: await bench.write(session, buildCoarseTile({ bundle, tiles, span }).sql) })
    }
  return coarse
}

async function writeSpine(session: QuerySession, asked: readonly AskedRow[]): Promise<string> {
  const text = (value: Value): string => (value === null ? 'NULL' : `'${String(value).replaceAll("'", "''")}'`)
  const list = asked.map(({ t, from, to }, at) => `(${at}, ${t}, ${[...from, ...to].map(text).join(', ')})`)
  const columns = `CAST(a AS BIGINT) AS "the shop", CAST(b AS VARCHAR) AS code, CAST(c AS BIGINT) AS "other ""shop", CAST(d AS VARCHAR) AS "Other", make_timestamp_ns(t) AS "when"`
  const rows = list.length > 0 ? `(VALUES ${list.join(', ')})` : '(SELECT 0, 0, NULL, NULL, NULL, NULL WHERE false)'
  return await bench.write(session, `SELECT ${columns} FROM ${rows} v(n, t, a, b, c, d) ORDER BY n`)
}
const mappings = { here: { shop: 'the shop' }, there: { shop: 'other "shop', code: 'Other' } } as const
/** Times are looked at before the set is written; without any, rows of compactions are read by the output itself. */
const asksOf = (as: string): string[] => Object.keys(lookups).filter((name) => as === 'here' || name !== 'seen')

interface Truth {
  readonly rows: readonly Row[]
  readonly rules: Rules
  readonly views: { readonly latest: ViewBundle; readonly recent: ViewBundle }
  readonly salt: number
}

function heldCommits(bundle: ViewBundle, salt: number): HoldingCommit[] {
  const starts = Array.from({ length: Number((until - since) / every) }, (_, at) => since + BigInt(at) * every)
  return starts.map((start) => ({
    ...{ start, end: start + every, held: leftOutOf(bundle, start, salt), isRejected: false },
  }))
}

function windowsOf(
  { rows, rules, views: { recent }, salt }: Truth,
  key: readonly Value[],
  end: bigint,
): [WindowFeature, Answer][] {
  const features = recent.view.features as readonly WindowFeature[]
  const input = { features, source: recent.source, rows, rules, commits: heldCommits(recent, salt) }
  return features.map((feature) => [feature, windowAt(input, feature, key, end)])
}

/** Null: it has no value. @param feature '': of what nothing leaves out */
function newestOf(
  { rows, rules, views: { latest }, salt }: Truth,
  key: readonly Value[],
  t: bigint,
  ttl: bigint | null,
  feature = '',
): Row | null {
  const { visibility, eventId } = latest.source
  const areTiesSettled = visibility === 'event' && eventId === null
  const own = rowsToLookUp(rows, heldCommits(latest, salt), feature, { areTiesSettled })
  return lookupRow(own, key, t, { ...rules, within: null, ttl })
}

function compare(where: object, name: string, got: unknown, truth: Answer, feature: WindowFeature | null = null): void {
  const answer = asAnswer(got)
  const isSame = feature === null ? sameValue(answer, truth) : isWithinBound(feature, answer, truth)
  if (!isSame) expect({ ...where, name, got: answer }).toEqual({ ...where, name, got: truth })
}

function compareTraining(truth: Truth, asked: readonly AskedRow[], answers: readonly EngineRow[], ttl: bigint | null) {
  for (const [at, row] of asked.entries()) {
    const answer = answers[at]!
    const own = [answer['the shop'], answer.code, answer['other "shop'], answer.Other, answer.when]
    expect(own).toEqual([...row.from, ...row.to, row.t])
    for (const [as, key] of [
      ['here', row.from],
      ['there', row.to],
    ] as const) {
      const isThere = newestOf(truth, key, row.t, ttl) !== null
      for (const name of asksOf(as)) {
        const own = isThere ? newestOf(truth, key, row.t, ttl, name) : null
        const value = own?.columns[columnOf(name)] ?? null
        compare({ at, as, key, t: row.t }, name, answer[`${as}_latest__${name}`], value)
      }
      const end = row.t - (((row.t % hour) + hour) % hour)
      for (const [feature, value] of windowsOf(truth, key, end))
        compare({ at, as, key, t: row.t }, feature.name, answer[`${as}_recent__${feature.name}`], value, feature)
    }
  }
}

const textOf = (key: readonly unknown[]): string => JSON.stringify(key.map(String))

function compareOnline(
  truth: Truth,
  latest: ReadonlyMap<string, EngineRow>,
  recent: ReadonlyMap<string, EngineRow>,
  end: bigint,
) {
  const keys = new Map(truth.rows.filter(({ key }) => !key.includes(null)).map(({ key }) => [textOf(key), key]))
  for (const [text, key] of keys) {
    const newest = newestOf(truth, key, 1_000n * hour, null)
    const item = latest.get(text)
    for (const name of newest ? Object.keys(lookups) : []) {
      const own = newestOf(truth, key, 1_000n * hour, null, name)
      compare({ key }, name, item?.[name] ?? null, own?.columns[columnOf(name)] ?? null)
    }
    if (newest) expect(item).toMatchObject({ __event_ns: newest.event, __is_deleted: false })
    else expect(item?.__is_deleted ?? true).toBe(true)
    const windows = recent.get(text)
    // R8: a key without an item.
    for (const [feature, value] of windowsOf(truth, key, end))
      if (windows) compare({ key, end }, feature.name, windows[feature.name], value, feature)
      else expect([null, 0n]).toContain(value)
  }
}

const byKey = (rows: readonly EngineRow[]) => new Map(rows.map((row) => [textOf([row.shop, row.code]), row]))

interface Drawn {
  readonly shape: SourceShape
  readonly ttl: string | null
  readonly features: WindowFeatures
  readonly end: bigint
  readonly salt: number
}

async function check(session: QuerySession, many: readonly History[], { shape, ttl, features, end, salt }: Drawn) {
  const views = viewsOf(shape, ttl, features)
  const paths: string[] = []
  for (const file of togetherInFiles(many, salt)) paths.push(await bench.writeFile(session, file))
  const rows = await commitAll(session, views.latest, paths)
  const tiles = await commitAll(session, views.recent, paths)
  const rowGroups = groupsOf(views.latest, rows, await compactSome(session, views.latest, rows, salt), salt)
  const tileGroups = groupsOf(views.recent, tiles, await compactSome(session, views.recent, tiles, salt), salt)
  const heldOf = ([, ...groups]: readonly Group[]) =>
    groups.map(({ names, files }) => ({ features: names, files, served: null }))
  const spine = shuffled(
    many.flatMap(({ asked }, of) => asked.map((row) => ({ of, row }))),
    salt,
  )
  const file = await writeSpine(
    session,
    spine.map(({ row }) => row),
  )
  const coarse = await coarseOf(session, views.recent, tiles, salt)
  const requests = Object.entries(mappings).flatMap(([as, mapping]) => [
    {
      bundle: views.latest,
      features: asksOf(as),
      mapping,
      as: `${as}_latest`,
      ...{ files: rowGroups[0]!.files, held: heldOf(rowGroups) },
    },
    {
      ...{ bundle: views.recent, features: views.recent.view.features.map(({ name }) => name), mapping },
      ...{ as: `${as}_recent`, files: tileGroups[0]!.files, held: heldOf(tileGroups) },
      coarse: usableCoarse({ bundle: views.recent, commits: tiles, coarse }),
    },
  ])
  const answers = await askTrainingSet(bench, session, { file, format: 'parquet', eventTimeColumn: 'when' }, requests)
  expect(answers.length).toBe(spine.length)
  const lookedUp = rowGroups.map(({ names, files: of }) => ({
    features: names,
    sql: buildLatestRows({ bundle: views.latest, files: shuffled(of, salt + 1) }).sql,
  }))
  const latest = byKey(await session.all({ sql: groupedRowsSql(views.latest, lookedUp) }))
  const merged = tileGroups.map(({ names, commits }) => {
    const chosen = chooseTileFiles({ bundle: views.recent, endNs: end, commits, coarse })
    return { features: names, sql: buildWindowValues({ bundle: views.recent, endNs: end, ...chosen }).sql }
  })
  const recent = byKey(await session.all({ sql: groupedWindowsSql(views.recent, merged) }))
  for (const [of, one] of many.entries()) {
    const rules = { visibility: shape.visibility, within: shape.hasId ? shape.within : null, ttl: null }
    const truth = { rows: rowsOfFiles(one.files as readonly HistoryFile[], shape), rules, views, salt }
    const own = [...spine.keys()].filter((at) => spine[at]!.of === of)
    const ask = own.map((at) => spine[at]!.row)
    compareTraining(
      truth,
      ask,
      own.map((at) => answers[at]!),
      ttl ? 2n * hour : null,
    )
    compareOnline(truth, latest, recent, end)
  }
}

const drawn: fc.Arbitrary<Omit<Drawn, 'shape'>> = fc.record({
  ttl: fc.option(fc.constant('2h'), { nil: null }),
  features: someFeatures,
  end: fc.integer({ min: -6, max: 12 }).map((hours) => BigInt(hours) * hour),
  salt: fc.nat(),
})

test(`R1-R3, R5-R9, R13, R14, R16, R18-R20, R22, R35: thousands of histories answer as their rows say (seed ${seed})`, async () => {
  let played = 0
  await bench.engine.withSession(async (session) => {
    for (const [nth, shape] of everyShape.entries()) {
      // All operations are played in each run, whatever is drawn.
      const part = featuresOfPart(nth, everyShape.length)
      const asked = (how: Omit<Drawn, 'shape'>): Drawn => ({ ...how, shape, features: { ...part, ...how.features } })
      const property = fc.asyncProperty(histories, drawn, async (many, how) => {
        await check(session, many, asked(how))
        played += many.length
      })
      const { counterexample } = await fc.check(property, { numRuns: casesOf(5), seed: seed + nth, endOnFailure: true })
      if (counterexample === null) continue
      const [many, how] = counterexample
      const fails = (some: readonly History[]) =>
        check(session, some, asked(how)).then(
          () => false,
          () => true,
        )
      const least = await narrowed(many, fails)
      console.error(fc.stringify({ how: asked(how), least }).slice(0, 20_000))
      await check(session, least, asked(how))
      throw new Error('fails only beside what went before it in the session')
    }
  })
  console.log(`${played} histories`)
}, 3_600_000)
