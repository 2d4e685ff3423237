/** At the end: ledger, lake and online against what a sequential reference makes of the delivered files. Every difference is a sentence. */
import { join } from 'node:path'
import { bundleFor } from '../../core/define/bundle.js'
import type { FeatureViewDefinition, ViewBundle } from '../../core/define/definitions.js'
import { versionTableName } from '../../core/publish/index.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant, type Instant, instantFromMs, parseInstant } from '../../core/time/instant.js'
import { intervalsBetween } from '../../core/time/interval.js'
import { type RawRows, type Truth, truthOf } from '../../demo/recompute.js'
import { verifyOnline, verifyTrainingSet } from '../../demo/verify.js'
import { filesOf, shops } from './soak-source.js'
import { project, type SoakWorld } from './soak-world.js'

const sampledRows = 200
const differencesShown = 5

export interface SoakComparison {
  readonly intervals: number
  readonly lakeRows: number
  readonly onlineValues: number
  readonly trainingValues: number
  readonly differences: readonly string[]
}

/** @param dueMs every interval that ends by then has to be there. The product has come to rest. */
export async function compareSoak(world: SoakWorld, dueMs: number): Promise<SoakComparison> {
  const { repo, ports, sourceRoot, stack, shape } = world
  const found: string[] = []
  const [ledger, online] = [await ports.ledger(), await ports.online()]
  const raws = new Map<string, RawRows>()
  for (const { name } of repo.sources) raws.set(name, await readRows(filesOf(sourceRoot, name)))
  const truths: { readonly bundle: ViewBundle; readonly truth: Truth }[] = []
  let [intervals, lakeRows, onlineValues] = [0, 0, 0]
  for (const view of repo.views) {
    const key = { view: view.name, version: view.version }
    const endAt = (await ledger.lastPublish(key))?.endAt ?? null
    if (endAt === null || endAt < instantFromMs(dueMs)) {
      found.push(`${view.name} is published up to ${endAt && formatInstant(endAt)}, not ${iso(dueMs)}`)
      continue
    }
    const bundle = bundleFor(repo, view)
    const raw = raws.get(bundle.source.name)!.filter((row) => (row.at as bigint) < endAt)
    const truth = truthOf(bundle, raw)
    truths.push({ bundle, truth })
    // What is not there at all is a difference, too.
    await compareView(view, bundle, raw, truth, endAt).catch((error: Error) => {
      found.push(`${view.name} cannot be compared: ${error.message}`)
    })
  }
  await compareBlind().catch((error: Error) => found.push(error.message))
  const checked = await compareTraining(world, truths, dueMs).catch((error: Error) => ({
    ...{ values: 0, differences: [`the training set cannot be compared: ${error.message}`] },
  }))
  found.push(...checked.differences.slice(0, differencesShown))
  return { intervals, lakeRows, onlineValues, trainingValues: checked.values, differences: found }

  /** A comparison that finds nothing may be one that looks at nothing: with the newest sales kept from it, it has to object. */
  async function compareBlind(): Promise<void> {
    const [first] = truths
    if (!first) return
    const { bundle } = first
    const named = await ledger.onlineTable({ view: bundle.view.name, version: bundle.view.version })
    const newest = instantFromMs(dueMs - shape.everyMs)
    const older = raws.get(bundle.source.name)!.filter((row) => (row.at as bigint) < newest)
    const table = versionTableName(project, bundle.view, named)
    const seen = await verifyOnline(online, bundle, table, truthOf(bundle, older), instantFromMs(dueMs))
    if (!seen.differences.some((difference) => difference.includes('recomputed')))
      found.push('the comparison did not notice that the newest sales were kept from it')
  }

  async function compareView(
    view: FeatureViewDefinition,
    bundle: ViewBundle,
    raw: RawRows,
    truth: Truth,
    endAt: Instant,
  ): Promise<void> {
    const inLedger = await compareLedger(world, view, endAt, raw)
    const inLake = view.viewKind === 'lookup' ? await compareLake(world, view, raw) : { rows: 0, differences: [] }
    const named = await ledger.onlineTable({ view: view.name, version: view.version })
    const seen = await verifyOnline(online, bundle, versionTableName(project, view, named), truth, endAt)
    intervals += inLedger.intervals
    lakeRows += inLake.rows
    onlineValues += seen.values
    for (const { differences } of [inLedger, inLake, seen]) found.push(...differences.slice(0, differencesShown))
  }

  async function readRows(files: string): Promise<RawRows> {
    const sql = `SELECT "at", shop_id, amount, price, item FROM read_parquet('${files}', hive_partitioning = false)`
    return (await stack.engine.withSession((session) => session.all({ sql }))) as RawRows
  }
}

type Found = { readonly differences: readonly string[] }

/** Every interval is committed and published, from exactly the rows that the sources have of it. */
async function compareLedger(
  { ports }: SoakWorld,
  view: FeatureViewDefinition,
  endAt: Instant,
  raw: RawRows,
): Promise<Found & { readonly intervals: number }> {
  const ledger = await ports.ledger()
  const since = parseInstant(view.since)
  const key = { view: view.name, version: view.version }
  const states = await ledger.intervalStates(key, { start: since, end: endAt })
  const byStart = new Map(states.map((state) => [state.interval.start, state]))
  const runs = new Map((await ledger.runs({ view: view.name, limit: 10_000 })).map((run) => [run.runId, run]))
  const differences: string[] = []
  let intervals = 0
  for (const { start, end } of intervalsBetween(since, endAt, parseDuration(view.every), since)) {
    intervals += 1
    const at = `${view.name} ${formatInstant(start)}`
    const state = byStart.get(start)
    const rows = raw.filter((row) => (row.at as bigint) >= start && (row.at as bigint) < end).length
    const kept = state?.committed ? (runs.get(state.committed.runId)?.candidate?.counts.kept ?? 0) : null
    if (!state?.committed?.isPublished)
      differences.push(`${at} is ${state?.latestRun?.outcome ?? 'missing'}, not published`)
    else if (state.reopenedBecause !== null) differences.push(`${at} is re-opened: ${state.reopenedBecause}`)
    else if (kept !== rows) differences.push(`${at} is committed from ${kept} rows, the sources have ${rows}`)
  }
  if (states.length > intervals)
    differences.push(`${view.name}: the ledger knows ${states.length} intervals of ${intervals}`)
  return { intervals, differences }
}

/** What lies in the lake for each commit of a lookup view is what the sources have of its interval, row by row. */
async function compareLake(
  { ports, stack }: SoakWorld,
  view: FeatureViewDefinition,
  raw: RawRows,
): Promise<Found & { readonly rows: number }> {
  const [ledger, lake] = [await ports.ledger(), await ports.lake()]
  const differences: string[] = []
  const columns = ['shop_id', ...view.features.map(({ column }) => column!)]
  const text = (rows: RawRows) => rows.map((row) => columns.map((name) => String(row[name])).join(' ')).sort()
  let rows = 0
  const range = { start: parseInstant(view.since), end: instantFromMs(Date.now()) }
  for (const { interval, data } of await ledger.currentCommits({ view: view.name, version: view.version }, range)) {
    const sql = `SELECT * FROM read_parquet('${data === null ? '' : lake.uri(data.path)}')`
    const lies = data === null ? [] : ((await stack.engine.withSession((session) => session.all({ sql }))) as RawRows)
    const expected = raw.filter((row) => (row.at as bigint) >= interval.start && (row.at as bigint) < interval.end)
    rows += lies.length
    if (text(lies).join() !== text(expected).join())
      differences.push(
        `${view.name} ${formatInstant(interval.start)}: the lake has ${lies.length} rows, the sources ${expected.length}, or others`,
      )
  }
  return { rows, differences }
}

/** What the lake answers of every interval and shop: a training set by the product's own command, recomputed in part. */
async function compareTraining(
  world: SoakWorld,
  views: readonly { readonly bundle: ViewBundle; readonly truth: Truth }[],
  dueMs: number,
): Promise<Found & { readonly values: number }> {
  if (views.length === 0) return { values: 0, differences: [] }
  const { stack, dir, shape } = world
  const [spine, out] = [join(dir, 'spine.parquet'), join(dir, 'training.parquet')]
  const hours = Math.floor((dueMs - shape.sinceMs) / shape.everyMs)
  const sql = `COPY (SELECT epoch_ms(${shape.sinceMs} + (i // ${shops} + 1) * ${shape.everyMs} - (i % 3) * 1)::TIMESTAMP AS at, (1 + i % ${shops})::BIGINT AS shop_id
    FROM range(${hours * shops}) rows(i)) TO '${spine}' (FORMAT parquet)`
  await stack.engine.withSession((session) => session.execute({ sql }))
  const features = views.map(({ bundle }) => `${bundle.view.name}:*`).join(',')
  await world.command(
    'training-set',
    '--spine',
    spine,
    '--event-time',
    'at',
    '--features',
    features,
    '--out',
    out,
    '--overwrite',
  )
  const checked = await verifyTrainingSet(stack.engine, out, 'at', views, sampledRows)
  const isWhole = checked.rows === hours * shops
  return {
    values: checked.values,
    differences: [
      ...(isWhole ? [] : [`the training set has ${checked.rows} rows, not ${hours * shops}`]),
      ...checked.differences,
    ],
  }
}

const iso = (ms: number): string => formatInstant(instantFromMs(ms))
