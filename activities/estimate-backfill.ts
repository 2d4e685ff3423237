/**
 * What a plan stands on: sizes by listing, rows by footers, durations by the ledger, and what would change online by drawing keys from a
 * few of its intervals and looking them up. An interval that cannot be read is left out of the sample: its run will say why.
 */
import { Context } from '@temporalio/activity'
import { buildIntervalQuery } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError } from '../core/errors.js'
import {
  type BackfillEstimate,
  defaultPrices,
  estimateBackfill,
  filesByRole,
  type OnlineFacts,
  type PinnedFile,
  type PlanContent,
  type PlannedInterval,
  type SampledInterval,
} from '../core/plan/index.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import {
  encodeKey,
  itemOverheadBytes,
  type OnlineItem,
  type PackedValue,
  versionTableName,
  windowReach,
} from '../core/publish/index.js'
import { buildKeysQuery } from '../core/quality/index.js'
import { dimensionsOf, indexName, isCommitUri, rowSource, type SourceFile } from '../core/source/index.js'
import { parseInstant } from '../core/time/instant.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { DimensionFile } from './dimension-files.js'
import { readFileTypes } from './read-file-types.js'
import { pinnedCommits } from './upstream-commits.js'

const samplesMax = 5
const keysPerSample = 100
/** An interval with more than that is not read for an estimate. */
const sampleBytesMax = 512 * 1_024 * 1_024
const runsMeasured = 20

export interface PlannedWork {
  readonly bundle: ViewBundle
  readonly content: PlanContent
  /** Of what runs, oldest first. */
  readonly due: readonly {
    readonly interval: Interval
    readonly planned: PlannedInterval
    readonly own: readonly SourceFile[]
  }[]
  readonly dimensionsAt: (interval: Interval) => readonly DimensionFile[]
}

type Due = PlannedWork['due'][number]

export async function estimate(deps: ActivityDeps, work: PlannedWork): Promise<BackfillEstimate> {
  const { bundle, due, content } = work
  const reads = due.flatMap((one) => one.own)
  const files = new Map(reads.map((file) => [file.uri, file]))
  const known = await deps.ledger.indexedFilesByUri(indexName(rowSource(bundle.source)), [...files.keys()])
  const counted = known.filter(({ uri, etag }) => files.get(uri)?.etag === etag)
  const runs = await deps.ledger.runs({ view: content.view, outcomes: ['done', 'committed'], limit: runsMeasured })
  const measured = runs.flatMap(({ measures }) => (measures === null ? [] : [measures.durationMs]))
  return estimateBackfill({
    runs: due.length,
    atOnce: content.options.atOnce,
    files: files.size,
    fileReads: reads.length,
    bytesRead: reads.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    rows: counted.length === files.size ? counted.reduce((sum, { rows }) => sum + rows, 0) : null,
    online: bundle.view.online ? await onlineFacts(deps, work) : null,
    runMs:
      measured.length === 0
        ? null
        : { mean: measured.reduce((sum, ms) => sum + ms, 0) / measured.length, of: measured.length },
    isLakeInS3: deps.lake.uri('x').startsWith('s3://'),
    prices: deps.settings.prices ?? defaultPrices,
    writeUnitsPerSecond: deps.settings.writeUnitsPerSecond ?? null,
  })
}

async function onlineFacts(deps: ActivityDeps, work: PlannedWork): Promise<OnlineFacts> {
  const { view } = work.bundle
  const key = { view: view.name, version: view.version }
  const inReach = await reaching(deps, work)
  const readable = inReach.filter(({ own }) => {
    const bytes = own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    return own.length > 0 && bytes <= sampleBytesMax
  })
  const looked = await sample(deps, work, spread(readable, samplesMax))
  return {
    runsInReach: inReach.length,
    // Without a file there is no key.
    samples: inReach.some(({ own }) => own.length > 0) ? looked.samples : [nothingThere],
    itemBytes: looked.itemBytes,
    itemsPerSecond: await deps.ledger.publishRate(key),
  }
}

const nothingThere: SampledInterval = { keysSoFar: 0, drawn: 0, changed: 0 }

/** R29: what lies before all windows at the end that is online changes no value there. */
async function reaching(deps: ActivityDeps, { bundle, due }: PlannedWork): Promise<readonly Due[]> {
  const window = windowReach(bundle.view)
  const last = await deps.ledger.lastPublish({ view: bundle.view.name, version: bundle.view.version })
  if (window === null || last === null || window.reachNs === 'lifetime') return due
  const from = last.endAt - window.reachNs
  return due.filter(({ interval }) => interval.end > from)
}

/** The first, the last, and others evenly between. */
function spread<T>(entries: readonly T[], max: number): T[] {
  if (entries.length <= max) return [...entries]
  return Array.from({ length: max }, (_, at) => entries[Math.round((at * (entries.length - 1)) / (max - 1))]!)
}

interface Looked {
  /** Null: nothing could be read. */
  readonly samples: readonly SampledInterval[] | null
  readonly itemBytes: number | null
}

async function sample(deps: ActivityDeps, work: PlannedWork, drawn: readonly Due[]): Promise<Looked> {
  const samples: SampledInterval[] = []
  const sizes: number[] = []
  const table = await onlineTable(deps, work.bundle)
  await deps.engine.withSession(
    async (session) => {
      await session.execute({ sql: 'CREATE TEMP TABLE __sampled_keys (h UBIGINT)' })
      for (const one of drawn) {
        const found = await readKeys(deps, session, work, one)
        if (found === null) continue
        const items = table === null ? found.keys.map(() => null) : await itemsThere(deps, table, found.keys)
        // Another interval would wait for it as long.
        if (items === null) break
        for (const item of items) if (item?.values) sizes.push(item.key.length + item.values.length + itemOverheadBytes)
        const changed = items.filter((item) => isChanged(work.bundle, one, item)).length
        samples.push({ keysSoFar: found.keysSoFar, drawn: found.keys.length, changed })
      }
    },
    { signal: Context.current().cancellationSignal },
  )
  const itemBytes = sizes.length === 0 ? null : sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length
  return { samples: samples.length === 0 ? null : samples, itemBytes }
}

/** Null: the store does not answer. Its price is not worth an outage's wait: who asks then needs the plan. */
async function itemsThere(
  { online, log }: ActivityDeps,
  table: string,
  keys: readonly Uint8Array[],
): Promise<readonly (OnlineItem | null)[] | null> {
  try {
    return await online.getItems(table, keys)
  } catch (error) {
    if (!isMillcourseError(error) || error.code !== 'PUBLISH_UNREACHABLE') throw error
    log.warn({ table, error }, 'what a backfill writes is not estimated')
    return null
  }
}

async function onlineTable({ ledger, settings }: ActivityDeps, { view }: ViewBundle): Promise<string | null> {
  const key = { view: view.name, version: view.version }
  if ((await ledger.lastPublish(key)) === null) return null
  return versionTableName(settings.project, view, await ledger.onlineTable(key))
}

/**
 * R22: of a lookup view a key changes that has nothing newer online than the interval; of a window view each key with rows in it. The same
 * rows once more change nothing (R21).
 */
function isChanged({ view }: ViewBundle, { planned }: Due, item: OnlineItem | null): boolean {
  if (planned.need === 'forced') return false
  if (view.viewKind === 'window' || item === null || item.values === null || item.eventAt === null) return true
  return item.eventAt < parseInstant(planned.end)
}

/** Null: it cannot be read. */
async function readKeys(
  deps: ActivityDeps,
  session: QuerySession,
  { bundle, dimensionsAt }: PlannedWork,
  { interval, own }: Due,
): Promise<{ readonly keys: Uint8Array[]; readonly keysSoFar: number } | null> {
  const pins: PinnedFile[] = [
    ...own.map(({ uri, etag, sizeBytes }) => ({ uri, etag, sizeBytes, role: 'own' as const })),
    ...dimensionsAt(interval).map(({ uri, etag, sizeBytes, alias }) => ({
      ...{ uri, etag, sizeBytes, alias, role: 'dimension' as const },
    })),
  ]
  try {
    const aliases = dimensionsOf(bundle.source).map(({ alias }) => alias)
    const query = buildIntervalQuery({
      ...{ bundle, interval, prefix: '__estimate' },
      files: {
        ...filesByRole(pins, aliases),
        upstream: await pinnedCommits(deps, rowSource(bundle.source), interval, pins),
      },
      fileTypes: await readFileTypes(session, [
        ...new Set(pins.map(({ uri }) => uri).filter((uri) => !isCommitUri(uri))),
      ]),
    })
    for (const statement of query.statements) await session.execute(statement)
    const { hashes, drawn } = buildKeysQuery(bundle, query.kept, keysPerSample)
    await session.execute({ sql: `INSERT INTO __sampled_keys ${hashes.sql}` })
    const rows = await session.all(drawn)
    const [count] = await session.all({ sql: 'SELECT count(DISTINCT h) AS keys FROM __sampled_keys' })
    for (const statement of query.cleanup) await session.execute(statement)
    const { keys } = bundle.entity
    return {
      keys: rows.map((row) =>
        encodeKey(
          keys,
          keys.map((_, part) => row[`k${part}`] as PackedValue),
        ),
      ),
      keysSoFar: Number(count?.keys ?? 0),
    }
  } catch (error) {
    if (!isMillcourseError(error) || !/^(SOURCE|COMPUTE|LAKE|PLAN)_/.test(error.code)) throw error
    deps.log.warn({ view: bundle.view.name, interval, error }, 'an interval was left out of the estimate')
    return null
  }
}
