/** The real parts of one benchmark, in a temporary folder of their own, and workers as the processes that a team runs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDynalite } from '../adapters/embedded/embedded-dynalite.js'
import { startEmbeddedPostgres } from '../adapters/embedded/embedded-postgres.js'
import { startEmbeddedTemporal } from '../adapters/embedded/embedded-temporal.js'
import type { FeatureRepo } from '../core/define/index.js'
import { startDynamoDbLocal } from '../test/support/dynamodb-local.js'
import { type Config, readConfig } from '../workers/config.js'
import { startDevChild } from '../workers/dev-child.js'
import type { RunningPart } from '../workers/dev-parts.js'
import { openStackPorts, type StackPorts } from '../workers/stack-ports.js'

export interface BenchStack {
  readonly dir: string
  /** A project of its own with these definitions applied; `settings` are further variables of the environment. */
  newProject(repo: FeatureRepo, settings?: Readonly<Record<string, string>>): Promise<BenchProject>
  /** Ends every part and removes the folder. */
  stop(): Promise<void>
}

export interface BenchProject {
  readonly config: Config
  readonly ports: StackPorts
  /** `millcourse worker`, from dist, in a process of its own. */
  startWorker(): Promise<RunningPart>
}

export interface BenchStackOptions {
  /** False where the steps are called without it. */
  readonly withTemporal: boolean
  /** DynamoDB Local where many items are written; it takes them in a memory of its own. */
  readonly online: 'dynalite' | 'dynamodb-local'
}

export async function startBenchStack(options: BenchStackOptions): Promise<BenchStack> {
  const dir = await mkdtemp(join(tmpdir(), 'millcourse-bench-'))
  const stops: (() => Promise<void>)[] = [() => rm(dir, { recursive: true, force: true })]
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    // As on a server: what a commit costs on this disk is part of a run. Statistics are gathered at once, as months would have done.
    const settings = { autovacuum_naptime: '5s' }
    const postgres = await startEmbeddedPostgres({ dir: join(dir, 'postgres'), settings })
    stops.push(() => postgres.stop())
    const online =
      options.online === 'dynalite'
        ? await startDynalite({ folder: join(dir, 'dynalite'), port: 0 })
        : await startDynamoDbLocal()
    stops.push(() => online.stop())
    const temporal = options.withTemporal
      ? await startEmbeddedTemporal({
          env: process.env,
          dbFile: join(dir, 'temporal.db'),
          logFile: join(dir, 'temporal.log'),
          withUi: false,
        })
      : null
    if (temporal) stops.push(() => temporal.stop())
    const newProject: BenchStack['newProject'] = async (repo, settings = {}) => {
      const environment = {
        MILLCOURSE_PROJECT: repo.project,
        MILLCOURSE_POSTGRES_URL: postgres.url,
        MILLCOURSE_LAKE: join(dir, repo.project, 'lake'),
        MILLCOURSE_SOURCES: join(dir, repo.project, 'sources'),
        MILLCOURSE_SPILL_DIR: join(dir, repo.project, 'spill'),
        MILLCOURSE_DYNAMODB_ENDPOINT: online.endpoint,
        TEMPORAL_ADDRESS: temporal?.address ?? '127.0.0.1:1',
        MILLCOURSE_LOG_LEVEL: 'warn',
        ...settings,
      }
      const config = readConfig(environment)
      const ports = openStackPorts(() => config)
      stops.push(() => ports.close())
      await ports.migrate()
      await (await ports.registry()).apply(repo, { by: 'bench' })
      const startWorker = async () => {
        const worker = await startDevChild({
          command: 'worker',
          args: [],
          environment: { PATH: process.env.PATH, ...environment },
          logFile: join(dir, `${repo.project}-worker.log`),
          stopTimeoutMs: 20_000,
        })
        stops.push(() => worker.stop())
        return worker
      }
      return { config, ports, startWorker }
    }
    return { dir, newProject, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
