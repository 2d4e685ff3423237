/** Rows written by hand, and what a training set, a publish or a run answers from them: the least that shows one rule. */
import {
  buildIntervalQuery,
  buildLatestRows,
  buildWindowValues,
  type CommittedFile,
  rowCountsFrom,
  type TrainingViewRequest,
} from '../../core/compute/index.js'
import { featureView, lookup, type ViewBundle, window } from '../../core/define/index.js'
import type { EngineRow, QuerySession } from '../../core/ports/query-engine.js'
import { maxInt64 } from '../../core/time/instant.js'
import type { Interval } from '../../core/time/interval.js'
import { askTrainingSet } from '../reference/ask-training-set.js'
import {
  account,
  asAnswer,
  type Bench,
  type HistoryFile,
  hour,
  type SourceShape,
  sourceOf,
} from '../reference/generated-history.js'
import type { Answer, Row, Value } from '../reference/point-in-time.js'

export const plain: SourceShape = { visibility: 'event', hasTombstone: false, hasId: false, within: null }

/** A row of `sourceOf`: where it stands, and the columns that matter. */
export interface Cells {
  readonly key?: readonly [Value, Value]
  readonly event: bigint | null
  readonly created?: bigint | null
  readonly gone?: boolean | null
  readonly id?: string | null
  readonly amount?: bigint | null
  /** Unscaled: 150n is 1.50. */
  readonly price?: bigint | null
  readonly rate?: number | null
  readonly label?: string | null
  readonly flag?: boolean | null
  readonly seen?: bigint | null
}

export function rowOf({ key = [1n, 'a'], event, created = null, gone = null, id = null, ...values }: Cells): Row {
  const { amount = null, price = null, rate = null, label = null, flag = null, seen = null } = values
  const columns = {
    ...{ shop: key[0], code: key[1], 'happened At': event, written: created, gone, id },
    ...{ amount, price, rate, label, flag, seen },
  }
  return { key, event, created, id, isDeleted: gone, columns }
}

export interface Given {
  readonly shape?: Partial<SourceShape>
  readonly ttl?: '2h'
  /** One list per file. */
  readonly files: readonly (readonly Cells[])[]
  /** Nanoseconds per tick of the files' times. */
  readonly unit?: bigint
  /** When a lookup view begins; 1909 if left out. */
  readonly since?: string
  /** The runs whose commits are asked, `whole` if left out. */
  readonly intervals?: readonly Interval[]
}

export interface Asked {
  readonly t: bigint
  readonly key?: readonly [Value, Value]
}

/** From 1909 to 2030: every row of a case. */
export const whole: Interval = { start: -534_722n * hour, end: 525_960n * hour }

const lookups = {
  amount: lookup(),
  price: lookup(),
  rate: lookup(),
  label: lookup(),
  flag: lookup(),
  seen: lookup(),
} as const

const shared = { version: 1, entity: account, since: '1909-01-01T00:00:00Z', owner: 'test' } as const

export function lookupView({ shape, ttl, since = shared.since }: Given): ViewBundle {
  const source = sourceOf({ ...plain, ...shape })
  const view = featureView('latest', {
    ...shared,
    since,
    source,
    every: '1h',
    features: lookups,
    ...(ttl ? { ttl } : {}),
  })
  const rest = { entity: account.definition, source: source.definition, definitionHash: 'test' }
  return { ...rest, view: view.definition }
}

/** For the compiler; the definition is checked as it is. */
const anyWindows = { n: window.count({ over: '2h' }) } as const

/** Tiles of an hour, in intervals of four. */
export function windowView({ shape }: Given, features: object): ViewBundle {
  const source = sourceOf({ ...plain, ...shape })
  const view = featureView('recent', {
    ...{ ...shared, source, every: '4h', tile: '1h', coarseTile: ['4h', '8h'] },
    features: features as typeof anyWindows,
  })
  const rest = { entity: account.definition, source: source.definition, definitionHash: 'test' }
  return { ...rest, view: view.definition }
}

export interface Committed {
  readonly files: readonly string[]
  readonly counts: readonly ReturnType<typeof rowCountsFrom>[]
}

/** Every interval as a run of its own, over all files. */
export async function commit(
  bench: Bench,
  session: QuerySession,
  bundle: ViewBundle,
  given: Given,
): Promise<Committed> {
  const paths: string[] = []
  for (const rows of given.files) {
    const file: HistoryFile = { unit: given.unit ?? 1n, isUtc: false, isNarrow: false, rows: rows.map(rowOf) }
    if (rows.length > 0) paths.push(await bench.writeFile(session, file))
  }
  const fileTypes = await bench.fileTypes(session, paths)
  const files: string[] = []
  const counts: ReturnType<typeof rowCountsFrom>[] = []
  for (const interval of given.intervals ?? [whole]) {
    const query = buildIntervalQuery({ bundle, interval, files: { own: paths, within: [] }, fileTypes })
    for (const statement of query.statements) await session.execute(statement)
    files.push(await bench.write(session, query.output))
    counts.push(rowCountsFrom((await session.all(query.counts))[0]!))
  }
  return { files, counts }
}

/** The rows of a training set over `asked`, with the spine's columns `shop`, `code` and `when`. */
export async function trainingRows(
  bench: Bench,
  session: QuerySession,
  view: Omit<TrainingViewRequest, 'features' | 'mapping'> & { readonly files: readonly CommittedFile[] },
  asked: readonly Asked[],
): Promise<EngineRow[]> {
  const features = view.bundle.view.features.map(({ name }) => name)
  const spine = { file: await writeSpine(bench, session, asked), format: 'parquet', eventTimeColumn: 'when' } as const
  return await askTrainingSet(bench, session, spine, [{ ...view, features, mapping: {} }])
}

export async function writeSpine(bench: Bench, session: QuerySession, asked: readonly Asked[]): Promise<string> {
  const text = (value: Value): string => (value === null ? 'NULL' : `'${String(value).replaceAll("'", "''")}'`)
  const rows = asked.map(({ t, key: [shop, code] = [1n, 'a'] }, at) => `(${at}, ${t}, ${text(shop)}, ${text(code)})`)
  // Beyond 64 bits times are of whole microseconds.
  const when = asked.some(({ t }) => t > maxInt64 || t < -maxInt64)
    ? 'make_timestamp(CAST(t // 1000 AS BIGINT))'
    : 'make_timestamp_ns(t)'
  const columns = `CAST(k AS BIGINT) AS shop, CAST(c AS VARCHAR) AS code, ${when} AS "when"`
  const from = rows.length > 0 ? `(VALUES ${rows.join(', ')})` : '(SELECT 0, 0, NULL, NULL WHERE false)'
  return await bench.write(session, `SELECT ${columns} FROM ${from} AS v(n, t, k, c) ORDER BY n`)
}

/** What a lookup of each column answers, at each time. */
export async function seenAt(bench: Bench, given: Given, asked: readonly (bigint | Asked)[]) {
  return await bench.engine.withSession(async (session) => {
    const bundle = lookupView(given)
    const { files } = await commit(bench, session, bundle, given)
    const rows = await trainingRows(bench, session, { bundle, files }, asked.map(toAsked))
    return rows.map((row) => answersOf(row, 'latest', lookups))
  })
}

/** The same of one column. */
export async function amountsAt(bench: Bench, given: Given, asked: readonly (bigint | Asked)[]): Promise<Answer[]> {
  return (await seenAt(bench, given, asked)).map(({ amount }) => amount!)
}

/** What windows answer, at each time: by a training set, and by a publish at that end. */
export async function windowsAt(bench: Bench, given: Given, features: object, asked: readonly (bigint | Asked)[]) {
  return await bench.engine.withSession(async (session) => {
    const bundle = windowView(given, features)
    const { files } = await commit(bench, session, bundle, given)
    const rows = await trainingRows(bench, session, { bundle, files }, asked.map(toAsked))
    return rows.map((row) => answersOf(row, 'recent', features))
  })
}

/** What a publish of a window view at `endNs` shows of each key. */
export async function publishedWindows(bench: Bench, given: Given, features: object, endNs: bigint) {
  return await bench.engine.withSession(async (session) => {
    const bundle = windowView(given, features)
    const { files } = await commit(bench, session, bundle, given)
    const rows = await session.all(buildWindowValues({ bundle, endNs, tiles: files, coarse: [] }))
    return rows.map((row) => plainValues(row, ['shop', 'code', ...Object.keys(features)]))
  })
}

/** What a publish of a lookup view shows of each key. */
export async function publishedRows(bench: Bench, given: Given) {
  return await bench.engine.withSession(async (session) => {
    const bundle = lookupView(given)
    const { files } = await commit(bench, session, bundle, given)
    const rows = await session.all(buildLatestRows({ bundle, files }))
    return rows.map((row) => plainValues(row, ['shop', 'code', '__event_ns', '__is_deleted', ...Object.keys(lookups)]))
  })
}

const toAsked = (asked: bigint | Asked): Asked => (typeof asked === 'bigint' ? { t: asked } : asked)

function answersOf(row: EngineRow, view: string, features: object): Record<string, Answer> {
  return Object.fromEntries(Object.keys(features).map((name) => [name, asAnswer(row[`${view}__${name}`])]))
}

function plainValues(row: EngineRow, names: readonly string[]): Record<string, Answer> {
  return Object.fromEntries(names.map((name) => [name, asAnswer(row[name])]))
}
