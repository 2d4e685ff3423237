/** The stores beside 500 views, each of which can be started anew, and `millcourse` as processes of their own against them. */
import { execFile } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startDynalite } from '../adapters/embedded/embedded-dynalite.js'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../adapters/embedded/embedded-postgres.js'
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../adapters/embedded/embedded-temporal.js'
import { writeManyViews } from './many-views-repo.js'

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const run = promisify(execFile)

/** What commands print as JSON, as far as it is looked at. */
export interface CommandData {
  readonly schedules?: Readonly<Record<'created' | 'unchanged', readonly string[]>>
  readonly runs?: readonly unknown[]
  readonly incidents?: readonly unknown[]
  readonly points?: readonly unknown[]
}

export interface ManyViewsStack {
  readonly dir: string
  /** Changes with each start. */
  postgresUrl(): string
  /** Without `settings` as on a server. */
  restartPostgres(settings?: Readonly<Record<string, string>>): Promise<void>
  /** One that knows nothing. */
  restartTemporal(): Promise<void>
  environment(project: string): Readonly<Record<string, string>>
  /** The process from its start to its end. @throws Error it did not end with 0 */
  command(project: string, args: readonly string[]): Promise<{ readonly ms: number; readonly data: CommandData }>
  /** Leaves the folder. */
  stop(): Promise<void>
}

export async function startManyViews(
  dir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<ManyViewsStack> {
  const repo = join(dir, 'repo')
  await writeManyViews(repo, 'many')
  const startPostgres = (given: Readonly<Record<string, string>> = {}) =>
    startEmbeddedPostgres({ dir: join(dir, 'postgres'), settings: { shared_buffers: '1GB', ...given } })
  let postgres: EmbeddedPostgres | null = null
  let temporal: EmbeddedTemporal | null = null
  const online = await startDynalite({ folder: join(dir, 'dynalite'), port: 0 })
  let temporals = 0
  const stop = async () => {
    await temporal?.stop()
    await postgres?.stop()
    await online.stop()
  }
  const environment: ManyViewsStack['environment'] = (project) => ({
    ...{ PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', MILLCOURSE_PROJECT: project },
    ...{ MILLCOURSE_POSTGRES_URL: postgres!.url, MILLCOURSE_LAKE: join(dir, 'lake') },
    ...{ MILLCOURSE_SOURCES: join(dir, 'sources'), MILLCOURSE_SPILL_DIR: join(dir, 'spill') },
    ...{ MILLCOURSE_DYNAMODB_ENDPOINT: online.endpoint, TEMPORAL_ADDRESS: temporal?.address ?? '127.0.0.1:1' },
    MILLCOURSE_LOG_LEVEL: 'warn',
  })
  try {
    postgres = await startPostgres(settings)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    dir,
    postgresUrl: () => postgres!.url,
    async restartPostgres(given) {
      await postgres!.stop()
      postgres = await startPostgres(given)
    },
    async restartTemporal() {
      await temporal?.stop()
      const dbFile = join(dir, `temporal${++temporals}.db`)
      for (const file of [dbFile, `${dbFile}-wal`, `${dbFile}-shm`]) await rm(file, { force: true })
      temporal = await startEmbeddedTemporal({
        ...{ env: process.env, dbFile, logFile: join(dir, 'temporal.log'), withUi: false },
      })
    },
    environment,
    async command(project, args) {
      await writeFile(join(repo, 'millcourse.json'), `${JSON.stringify({ project })}\n`)
      const startedMs = performance.now()
      const options = { cwd: repo, env: environment(project), maxBuffer: 2 ** 26 }
      const { stdout } = await run(process.execPath, [cli, ...args, '--json'], options)
      return { ms: performance.now() - startedMs, data: JSON.parse(stdout) }
    },
    stop,
  }
}
