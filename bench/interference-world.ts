/** A dozen small views that are ticked, and one with a large history to backfill, which is ticked, too; what should be online is asked of the source files. */
import { mkdir } from 'node:fs/promises'
import { bundleFor, entity, type FeatureRepo, featureView, lookup, parquet, t } from '../core/define/index.js'
import type { QueryEngine } from '../core/ports/query-engine.js'
import { decodeKey, decodeValues, versionTableName } from '../core/publish/index.js'
import { formatInstant, type Instant, parseInstant } from '../core/time/instant.js'
import type { BenchProject } from './bench-stack.js'

export const hourNs = 3_600_000_000_000n
export const since = parseInstant('2001-03-01T00:00:00Z')
/** More than run in all rounds: Temporal's dev server on a file does about three runs a second. */
export const historyHours = 800
/** Right before what is ticked. */
export const historySince = since - BigInt(historyHours) * hourNs
/** It is ticked, too, while its past is backfilled. */
export const historyView = 'history'
const views = Array.from({ length: 12 }, (_, at) => `fresh_${at}`)
export const tickedViews = [...views, historyView]
const keys = 300
const rowsPerHour = 1_000
const historyKeys = 20_000
const historyRowsPerHour = 5_000

export function interferenceRepo(project: string): FeatureRepo {
  const owner = 'bench'
  const shop = entity('shop', { keys: { shop_id: t.string() }, owner, description: 'A shop' })
  const columns = {
    schema: { at: t.timestamp(), shop_id: t.string(), amount: t.int64() },
    ...({ eventTime: 'at', owner, description: 'Sales' } as const),
  }
  const [fresh, past] = ['fresh', 'past'].map((name) =>
    parquet(name, { ...columns, path: `${name}/d={yyyy-MM-dd}/h={HH}/*.parquet` }),
  )
  const last = (name: string, source: NonNullable<typeof fresh>, from: Instant) =>
    featureView(name, {
      ...{ version: 1, entity: shop, source, since: formatInstant(from), every: '1h', owner, description: 'Last sale' },
      features: { amount: lookup() },
    })
  return {
    project,
    entities: [shop.definition],
    sources: [fresh!.definition, past!.definition],
    views: [...views.map((name) => last(name, fresh!, since)), last(historyView, past!, historySince)].map(
      ({ definition }) => definition,
    ),
    services: [],
  }
}

export const hourStart = (hour: number): Instant => since + BigInt(hour) * hourNs

export async function writeHour(engine: QueryEngine, sources: string, hour: number): Promise<void> {
  for (const source of ['fresh', 'past'])
    await writeRows(engine, `${sources}/${source}`, { from: hourStart(hour), hours: 1, rows: rowsPerHour, keys })
}

export const writeHistory = (engine: QueryEngine, sources: string): Promise<void> =>
  writeRows(engine, `${sources}/past`, {
    ...{ from: historySince, hours: historyHours, rows: historyRowsPerHour, keys: historyKeys },
  })

interface Rows {
  readonly from: Instant
  readonly hours: number
  /** Of each hour. */
  readonly rows: number
  readonly keys: number
}

/** No two rows of a key at one time: the newest is one. */
async function writeRows(engine: QueryEngine, dir: string, { from, hours, rows, keys }: Rows): Promise<void> {
  await mkdir(dir, { recursive: true })
  const first = from / hourNs
  const stepUs = Math.floor(3_600_000_000 / rows)
  await engine.withSession((session) =>
    session.execute({
      sql: `COPY (
        SELECT strftime("at", '%Y-%m-%d') AS d, strftime("at", '%H') AS h, * FROM (
          SELECT make_timestamp((${first} + i // ${rows}) * 3600000000 + (i % ${rows}) * ${stepUs}) AS "at",
            'shop-' || (hash(i + ${first}) % ${keys})::VARCHAR AS shop_id, (hash(i * 7 + ${first}) % 1000003)::BIGINT AS amount
          FROM range(${BigInt(hours) * BigInt(rows)}) t(i))
      ) TO '${dir}' (FORMAT parquet, PARTITION_BY (d, h), OVERWRITE_OR_IGNORE, FILENAME_PATTERN 'part-{i}')`,
    }),
  )
}

/** @returns how many were compared @throws Error where one is not the newest row of its key */
export async function checkItems(project: BenchProject, hours: number): Promise<number> {
  let compared = 0
  const fresh = await newest(project, 'fresh', [{ start: since, end: hourStart(hours) }])
  for (const view of views) compared += compare(view, fresh, await itemsOf(project, view))
  const all = { start: historySince, end: hourStart(hours) }
  const commits = await (await project.ports.ledger()).currentCommits({ view: historyView, version: 1 }, all)
  if (commits.some(({ publishedSequence }) => publishedSequence === null)) throw new Error('a commit is not published')
  const past = await newest(
    project,
    'past',
    commits.map(({ interval }) => interval),
  )
  return compared + compare(historyView, past, await itemsOf(project, historyView))
}

function compare(view: string, expected: Map<string, bigint>, found: Map<string, bigint>): number {
  const differing = [...expected].filter(([key, amount]) => found.get(key) !== amount)
  if (found.size !== expected.size || differing.length > 0)
    throw new Error(`${view}: ${differing.length} of ${expected.size} items differ, ${found.size} are online`)
  return found.size
}

async function newest(
  { config, ports }: BenchProject,
  folder: string,
  intervals: readonly { readonly start: Instant; readonly end: Instant }[],
): Promise<Map<string, bigint>> {
  const within = intervals.map(
    ({ start, end }) => `epoch_us("at") >= ${start / 1_000n} AND epoch_us("at") < ${end / 1_000n}`,
  )
  const sql = `SELECT shop_id, arg_max(amount, "at") AS amount
    FROM read_parquet('${config.sources}/${folder}/*/*/*.parquet', hive_partitioning = false)
    WHERE ${within.length === 0 ? 'false' : within.join(' OR ')} GROUP BY shop_id`
  const rows = await (await ports.engine()).withSession((session) => session.all({ sql }))
  return new Map(rows.map((row) => [row.shop_id as string, row.amount as bigint]))
}

async function itemsOf({ config, ports }: BenchProject, name: string): Promise<Map<string, bigint>> {
  const repo = interferenceRepo(config.project)
  const bundle = bundleFor(repo, repo.views.find((view) => view.name === name)!)
  const table = await tableOf({ config, ports }, name)
  const found = new Map<string, bigint>()
  for await (const page of (await ports.online()).scan(table))
    for (const { key, values, schemaHash } of page) {
      const [shop] = decodeKey(bundle.entity.keys, key)
      if (values !== null)
        found.set(shop as string, decodeValues(bundle.view.features, values, schemaHash)[0] as bigint)
    }
  return found
}

export async function tableOf(
  { config, ports }: Pick<BenchProject, 'config' | 'ports'>,
  name: string,
): Promise<string> {
  const named = await (await ports.ledger()).onlineTable({ view: name, version: 1 })
  return versionTableName(config.project, { name, version: 1 }, named)
}
