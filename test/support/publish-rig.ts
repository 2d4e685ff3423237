/** Everything a publish touches, real: Postgres, a DynamoDB endpoint, DuckDB, a folder; and intervals committed from rows given in a test. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { promoteCandidate } from '../../activities/promote-candidate.js'
import { type PublishAttempt, type PublishOutcome, publishOnline } from '../../activities/publish-online.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { createFilesLake } from '../../adapters/files/files-lake.js'
import type { PostgresClient } from '../../adapters/postgres/client.js'
import { buildFileTypesQuery, buildIntervalQuery, fileTypesFrom, rowCountsFrom } from '../../core/compute/index.js'
import type { ViewBundle } from '../../core/define/definitions.js'
import type { CommitResult, DecisionOutcome } from '../../core/ports/ledger.js'
import { decodeKey, decodeValues, encodeKey, type PackedValue, versionTableName } from '../../core/publish/index.js'
import { assembleVector, type ViewRead } from '../../core/serve/index.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import { localCredentials, startTestDynalite } from './dynalite.js'
import { startTestPostgres } from './postgres.js'

export interface PublishRig {
  readonly deps: ActivityDeps
  /** Of the ledger's Postgres, for what is no worker's. */
  readonly client: PostgresClient
  /** Of DynamoDB, for a proxy in front of it. */
  readonly onlineEndpoint: string
  /** Another worker's parts: the same stores, with what a test puts in the way. */
  worker(changes: Partial<ActivityDeps>): ActivityDeps
  /** Runs the interval with this number over these rows (SQL VALUES, in the source's column order) and commits it. @param held features */
  commit(bundle: ViewBundle, interval: number, rows: readonly string[], held?: readonly string[]): Promise<CommitResult>
  /** Records a decision on the run that is committed for the interval, and carries it out. */
  decide(bundle: ViewBundle, interval: number, action: 'accept' | 'reject'): Promise<DecisionOutcome>
  publish(bundle: ViewBundle, attempt?: Partial<PublishAttempt>, deps?: ActivityDeps): Promise<PublishOutcome>
  read(bundle: ViewBundle, key: readonly unknown[], now?: Instant): Promise<ViewRead>
  /** All items online: key as JSON -> values, or null where it is empty. */
  online(bundle: ViewBundle): Promise<Map<string, Readonly<Record<string, PackedValue>> | null>>
  stop(): Promise<void>
}

let runs = 0

export async function startPublishRig(): Promise<PublishRig> {
  const root = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'publish-rig-'))
  const [postgres, dynalite] = await Promise.all([startTestPostgres(), startTestDynalite()])
  const { client, ledger, registry, project } = await postgres.newProject()
  const engine = await createDuckdbEngine({ memoryLimitMb: 512, spillDir: join(root, 'spill'), threads: 2 })
  const online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const lake = createFilesLake(pathToFileURL(join(root, 'lake')).href)
  const sources = createFilesLake(pathToFileURL(join(root, 'sources')).href)
  const settings = { project, leaseMs: 60_000, publishWaitMs: 2_000, publishPartItems: 10 }
  const deps: ActivityDeps = {
    ...{ ledger, registry, lake, sources, engine, online, log, settings },
    clock: new SystemClock(),
  }

  const commit: PublishRig['commit'] = async (bundle, number, rows, held = []) => {
    const runId = `run-${++runs}`
    const everyNs = parseDuration(bundle.view.every)
    const start = parseInstant(bundle.view.since) + BigInt(number) * everyNs
    const interval = { start, end: start + everyNs }
    const key = { view: bundle.view.name, version: bundle.view.version }
    const [before] = await ledger.intervalStates(key, interval)
    await ledger.startRun({
      ...{ ...key, runId, interval, kind: 'manual', definitionHash: bundle.definitionHash },
      ...{ workflowId: runId, temporalRunId: runId },
    })
    await ledger.pinRun(runId, { files: [], inputsHash: runId }, 0n)
    const path = `candidates/${runId}/1/data.parquet`
    await sources.prepareWrite(`${runId}.parquet`)
    await lake.prepareWrite(path)
    const counts = await engine.withSession(async (session) => {
      const file = sources.uri(`${runId}.parquet`)
      const columns = bundle.source.schema.map(({ name, kind }) => `CAST("${name}" AS ${sqlNames[kind]}) AS "${name}"`)
      const names = bundle.source.schema.map(({ name }) => `"${name}"`)
      const values = rows.length > 0 ? rows : [`(${names.map(() => 'NULL')})`]
      await session.execute({
        sql: `COPY (SELECT ${columns} FROM (VALUES ${values.join(', ')}) v(${names}) ${rows.length > 0 ? '' : 'WHERE false'}) TO '${file}' (FORMAT parquet)`,
      })
      const fileTypes = fileTypesFrom(await session.all(buildFileTypesQuery([file])))
      const query = buildIntervalQuery({ bundle, interval, files: { own: [file], within: [] }, fileTypes })
      for (const statement of query.statements) await session.execute(statement)
      await session.execute({ sql: `COPY (${query.output}) TO '${lake.uri(path)}' (FORMAT parquet)` })
      return rowCountsFrom((await session.all(query.counts))[0]!)
    })
    const data = counts.kept === 0 ? null : { path, rows: counts.kept, sizeBytes: (await lake.head(path))!.sizeBytes }
    await ledger.recordProgress(runId, { candidate: { runId, data, quarantine: null, counts, reopens: [] } })
    const record = (await ledger.run(runId))!
    return await ledger.commitRun({
      runId,
      data: await promoteCandidate(deps, bundle, record),
      supersedes: before?.committed?.commitId ?? null,
      heldFeatures: held,
    })
  }

  const decide: PublishRig['decide'] = async ({ view }, number, action) => {
    const everyNs = parseDuration(view.every)
    const start = parseInstant(view.since) + BigInt(number) * everyNs
    const key = { view: view.name, version: view.version }
    const interval = { start, end: start + everyNs }
    const [commit] = await ledger.currentCommits(key, interval)
    await ledger.endRun(commit!.runId, { outcome: 'done', error: null, keyCounts: null, measures: null })
    const { decisionId } = await ledger.recordDecision({
      ...{ ...key, interval, action, runId: commit!.runId, reason: 'looked at', by: 'ops' },
    })
    return await ledger.applyDecision(decisionId, action === 'accept' ? commit!.data : null)
  }

  let publishes = 0
  return {
    deps,
    client,
    onlineEndpoint: dynalite.endpoint,
    worker: (changes) => ({ ...deps, ...changes }),
    commit,
    decide,
    publish: (bundle, attempt = {}, worker = deps) =>
      publishOnline(worker, bundle, {
        ...{ workflowRunId: `publish-${++publishes}`, attempt: 1, cursor: null },
        ...{ signal: new AbortController().signal, heartbeat: () => {} },
        ...attempt,
      }),
    read: async (bundle, key, now = parseInstant('2001-01-02T00:00:00Z')) => {
      const table = await tableOf(deps, bundle)
      const [item = null] = await online.getItems(table, [encodeKey(bundle.entity.keys, key)])
      return assembleVector({ bundle, item, end: await online.getEnd(table), now })
    },
    online: async (bundle) => {
      const found = new Map<string, Readonly<Record<string, PackedValue>> | null>()
      for await (const page of online.scan(await tableOf(deps, bundle)))
        for (const { key, values, schemaHash } of page) {
          const name = decodeKey(bundle.entity.keys, key).map(String).join('|')
          const { features } = bundle.view
          const decoded = values === null ? null : decodeValues(features, values, schemaHash)
          found.set(name, decoded && Object.fromEntries(features.map((one, index) => [one.name, decoded[index]!])))
        }
      return found
    },
    stop: async () => {
      await engine.close()
      await online.close()
      await Promise.all([postgres.stop(), dynalite.stop()])
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** The one that counts: a first load's own until then has a name that only its publish knows. */
export async function tableOf({ ledger, settings }: ActivityDeps, { view }: ViewBundle): Promise<string> {
  return versionTableName(settings.project, view, await ledger.onlineTable({ view: view.name, version: view.version }))
}

/** Overwrites a file in the lake: what a disk or an operator may do to it. */
export async function damage(deps: ActivityDeps, path: string): Promise<void> {
  await writeFile(deps.lake.uri(path), 'not parquet any more')
}

/** Its footer stays whole, so that only who reads the values meets it. */
export async function damageBehindFooter(deps: ActivityDeps, path: string): Promise<void> {
  const bytes = await readFile(deps.lake.uri(path))
  const footerBytes = bytes.readUInt32LE(bytes.length - 8) + 8
  await writeFile(deps.lake.uri(path), bytes.fill(0xff, 4, bytes.length - footerBytes))
}

/** SQL text of an instant so many minutes after the view's since. */
export function minute(bundle: ViewBundle, minutes: number): string {
  return `'${formatInstant(parseInstant(bundle.view.since) + BigInt(minutes) * 60_000_000_000n).replace('Z', '')}'`
}

const sqlNames = {
  ...{ int8: 'TINYINT', int16: 'SMALLINT', int32: 'INTEGER', int64: 'BIGINT' },
  ...{ uint8: 'UTINYINT', uint16: 'USMALLINT', uint32: 'UINTEGER', uint64: 'UBIGINT' },
  ...{ float32: 'FLOAT', float64: 'DOUBLE', decimal: 'DECIMAL(18,2)', string: 'VARCHAR', boolean: 'BOOLEAN' },
  ...{ timestamp: 'TIMESTAMP', date: 'DATE', binary: 'BLOB' },
} as const
