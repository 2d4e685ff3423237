/**
 * Years of hourly runs in minutes: tiles, coarse tiles, runs, commits and publishes as real runs leave them, written by the product's
 * own SQL and ledger, a day at a time. The ledger publishes once a day; eight publishes, the last one among them, write online.
 */

import type { ActivityDeps } from '../activities/activity-deps.js'
import { publishOnline } from '../activities/publish-online.js'
import { sourceFiles } from '../activities/source-files.js'
import {
  buildCoarseTile,
  buildFileTypesQuery,
  buildIntervalQuery,
  type CommittedTiles,
  fileTypesFrom,
  printCommittedFile,
  rowCountsFrom,
} from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { inParallel } from '../core/in-parallel.js'
import { buildProfileQueries, type Profile, profileFrom, sketchesFrom } from '../core/judge/index.js'
import {
  coarseTilePath,
  committedPath,
  onlineTableName,
  windowReach,
  writeCoarseTileSql,
} from '../core/publish/index.js'
import { inputsHash } from '../core/source/index.js'
import type { Instant } from '../core/time/instant.js'
import { formatInstant } from '../core/time/instant.js'
import { type Interval, intervalsBetween } from '../core/time/interval.js'
import { dayNs, hourNs, viewKey } from './hour-view.js'

const ledgerCallsAtOnce = 8
/** The same in every history, so that the published state has as many files. */
const publishesOnline = 8

export async function writeHistory(deps: ActivityDeps, since: Instant, end: Instant): Promise<void> {
  const bundle = await deps.registry.view(viewKey.view, viewKey.version)
  const days = Number((end - since) / dayNs)
  const onlineAfter = new Set(
    Array.from({ length: publishesOnline }, (_, index) => Math.ceil((days * (index + 1)) / publishesOnline)),
  )
  for (let day = 1; day <= days; day++) {
    const span = { start: since + BigInt(day - 1) * dayNs, end: since + BigInt(day) * dayNs }
    const commits = await writeDay(deps, bundle, span)
    await writeCoarse(deps, bundle, span, commits, day)
    if (onlineAfter.has(day)) await publishNow(deps, bundle, day)
    else await publishInLedger(deps, bundle, day)
  }
}

async function writeDay(deps: ActivityDeps, bundle: ViewBundle, day: Interval): Promise<CommittedTiles[]> {
  const files = await sourceFiles(deps, bundle.source, day)
  const hours = [...intervalsBetween(day.start, day.end, hourNs, 0n)]
  const runIdOf = (hour: Interval) => `history-${formatInstant(hour.start)}`
  const { profiles, sketches, parts } = await deps.engine.withSession(async (session) => {
    const uris = files.map(({ uri }) => uri)
    const fileTypes = fileTypesFrom(await session.all(buildFileTypesQuery(uris)))
    const query = buildIntervalQuery({ bundle, interval: day, files: { own: uris, within: [] }, fileTypes })
    for (const statement of query.statements) await session.execute(statement)
    const counts = rowCountsFrom((await session.all(query.counts))[0]!)
    const { columns, keys, sketches } = buildProfileQueries(bundle, query.kept)
    const sketched = sketchesFrom(bundle, await session.all({ sql: sketches }))
    const profile: Profile = profileFrom(
      bundle,
      counts,
      (await session.all({ sql: columns }))[0]!,
      (await session.all({ sql: keys }))[0]!,
      sketched,
    )
    await session.execute({ sql: `CREATE TEMP TABLE tiles AS ${query.output}` })
    const written = []
    for (const hour of hours) {
      const path = committedPath(bundle.view, hour.start, runIdOf(hour))
      await deps.lake.prepareWrite(path)
      const tile = `SELECT * FROM tiles WHERE __tile = ${hour.start / hourNs} ORDER BY shop_id`
      const [copied] = await session.all(printCommittedFile(tile, deps.lake.uri(path)))
      written.push({
        path,
        rows: Number(Object.values(copied!)[0]),
        sizeBytes: (await deps.lake.head(path))!.sizeBytes,
      })
    }
    return { profiles: profile, sketches: sketched.sketches, parts: written }
  })
  return await inParallel(hours, ledgerCallsAtOnce, async (interval) => {
    const runId = runIdOf(interval)
    const at = hours.indexOf(interval)
    const own = files.filter((file) => file.partition?.start === interval.start)
    const pins = own.map(({ uri, etag, sizeBytes }) => ({ uri, etag, sizeBytes, role: 'own' as const }))
    const kept = Math.round(profiles.rowsKept / hours.length)
    const counts = { read: kept, kept, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 }
    await deps.ledger.startRun({
      ...{ ...viewKey, runId, interval, kind: 'scheduled', definitionHash: bundle.definitionHash },
      ...{ workflowId: `materialize/${runId}`, temporalRunId: runId },
    })
    await deps.ledger.pinRun(runId, { files: pins, inputsHash: inputsHash(own) }, 0n)
    const candidate = { runId, data: parts[at]!, quarantine: null, counts, reopens: [] }
    await deps.ledger.recordProgress(runId, {
      candidate,
      profile: { ...profiles, rowsRead: kept, rowsKept: kept },
      sketches,
      verdict: { decision: 'publish', findings: [] },
    })
    const committed = await deps.ledger.commitRun({ runId, data: parts[at]!, supersedes: null })
    if (committed.kind !== 'committed') throw new Error(`${runId} is ${committed.kind}`)
    const measures = { durationMs: 1_000, bytesRead: 1, peakMemoryBytes: 1, itemsWritten: 0 }
    await deps.ledger.endRun(runId, { outcome: 'committed', error: null, keyCounts: null, measures })
    return { commitId: committed.commitId, interval, file: deps.lake.uri(parts[at]!.path) }
  })
}

async function writeCoarse(
  deps: ActivityDeps,
  bundle: ViewBundle,
  span: Interval,
  commits: readonly CommittedTiles[],
  day: number,
): Promise<void> {
  const path = coarseTilePath(bundle.view, span, { sequence: BigInt(day), owner: 'history' })
  await deps.lake.prepareWrite(path)
  const tiles = commits.map(({ file }) => file!)
  const rows = await deps.engine.withSession(async (session) => {
    const { sql } = buildCoarseTile({ bundle, tiles, span })
    const [copied] = await session.all({ sql: writeCoarseTileSql(sql, deps.lake.uri(path)) })
    return Number(Object.values(copied!)[0])
  })
  const data = { path, rows, sizeBytes: (await deps.lake.head(path))!.sizeBytes }
  await deps.ledger.recordCoarseTile(viewKey, { span, data, commitIds: commits.map(({ commitId }) => commitId) })
}

async function publishNow(deps: ActivityDeps, bundle: ViewBundle, day: number): Promise<void> {
  const workflowRunId = `publish-${day}`
  const attempt = { workflowRunId, attempt: 1, signal: new AbortController().signal, cursor: null, heartbeat: () => {} }
  const outcome = await publishOnline(deps, bundle, attempt)
  if (outcome.kind !== 'finished') throw new Error(`the publish of day ${day} is ${outcome.kind}`)
}

/** A publish that the ledger knows of and that wrote nothing. */
async function publishInLedger(deps: ActivityDeps, bundle: ViewBundle, day: number): Promise<void> {
  const owner = `publish-${day}/1`
  const opened = await deps.ledger.openPublish({
    ...{ ...viewKey, owner, workflowRunId: `publish-${day}`, leaseMs: 60_000, everyNs: hourNs, firstLoadsMax: 0 },
    table: onlineTableName(deps.settings.project, bundle.view.name, bundle.view.version),
    window: windowReach(bundle.view),
    since: BigInt(Date.parse(bundle.view.since)) * 1_000_000n,
  })
  if (opened.kind !== 'opened') throw new Error(`the publish of day ${day} is ${opened.kind}`)
  const { sequence, table } = opened.publish
  const { identity } = await deps.online.ensureTable(table)
  const keyCounts = { touched: 0, published: 0, unchanged: 0, superseded: 0, takenBack: 0, rewritten: 0 }
  await deps.ledger.recordDelta(viewKey, sequence, owner, { path: 'none', digest: '0-0', keys: 0, counts: keyCounts })
  const finish = { keyCounts, itemsWritten: 0, tableIdentity: identity, newBase: null }
  const finished = await deps.ledger.finishPublish(viewKey, sequence, owner, finish)
  if (finished !== 'ok') throw new Error(`the publish of day ${day} is ${finished}`)
}
