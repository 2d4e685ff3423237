/** The servers of `millcourse dev` for drills: started here and not kept alive, so that a drill can take one away. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import getPort from 'get-port'
import { startDynalite } from '../../adapters/embedded/embedded-dynalite.js'
import { startEmbeddedPostgres } from '../../adapters/embedded/embedded-postgres.js'
import { startEmbeddedTemporal } from '../../adapters/embedded/embedded-temporal.js'
import { keepRunning } from '../../workers/dev-parts.js'
import { processEnvironment } from '../world/process-environment.js'
import { dynamodbBehindProxy } from './broken-dynamodb.js'
import { embeddedS3 } from './broken-s3.js'
import { openDrillEngine } from './drill-engine.js'
import type { BreakablePart, DrillStack, PartName } from './drill-stack.js'

/** It all goes with the drill: nothing has to be on the disk. */
const postgresSettings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' }

export async function startEmbeddedStack(onProgress: (text: string) => void = () => {}): Promise<DrillStack> {
  const dir = await mkdtemp(join(tmpdir(), 'millcourse-drill-'))
  const shared: BreakablePart[] = []
  const stop = async () => {
    await Promise.all(shared.map((part) => part.stop()))
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const names = ['postgres', 'temporal', 'dynamodb'] as const
    const started = await Promise.allSettled(
      names.map(async (name) => shared.push(await startPart(name, join(dir, name), onProgress))),
    )
    for (const result of started) if (result.status === 'rejected') throw result.reason
    const engine = await openDrillEngine(dir)
    const environment: Record<string, string> = Object.assign(
      processEnvironment(),
      ...shared.map((part) => part.environment),
    )
    return {
      kind: 'embedded',
      dir,
      root: dir,
      environment,
      engine,
      breakable: (part, at) => {
        if (part === 'dynamodb') return dynamodbBehindProxy(environment.MILLCOURSE_DYNAMODB_ENDPOINT!)
        if (part === 's3') return embeddedS3(at, onProgress)
        return startPart(part, at, onProgress)
      },
      async stop() {
        await engine.close()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startPart(
  name: Exclude<PartName, 's3'>,
  dir: string,
  onProgress: (text: string) => void,
): Promise<BreakablePart> {
  switch (name) {
    case 'postgres': {
      const start = (port?: number) =>
        startEmbeddedPostgres({ dir, settings: postgresSettings, ...(port ? { port } : {}) })
      const first = await start()
      return restartable(first, () => start(first.port), { MILLCOURSE_POSTGRES_URL: first.url })
    }
    case 'temporal': {
      const port = await getPort({ host: '127.0.0.1' })
      // Kept in memory, one was seen to know its namespace no more after some minutes on a busy machine.
      const start = async () => {
        const server = await startEmbeddedTemporal({
          ...{ env: processEnvironment(), dbFile: join(dir, 'temporal.db'), logFile: join(dir, 'temporal.log') },
          ...{ port, withUi: false, endSilentAfterMs: 30_000, onProgress },
        })
        return { ...server, ended: server.exited }
      }
      const keep = () =>
        keepRunning(
          { name, start, where: ({ address }) => address },
          {
            tell: ({ text }) => onProgress(text),
            onRestarted: () => {},
            onGivenUp: ({ message }) => onProgress(message),
          },
        )
      return restartable(await keep(), keep, { TEMPORAL_ADDRESS: `127.0.0.1:${port}` })
    }
    case 'dynamodb': {
      const start = (port: number) => startDynalite({ folder: dir, port })
      const first = await start(0)
      return restartable(first, () => start(first.port), { MILLCOURSE_DYNAMODB_ENDPOINT: first.endpoint })
    }
  }
}

interface Stoppable {
  stop(): Promise<void>
}

function restartable(
  first: Stoppable,
  start: () => Promise<Stoppable>,
  environment: Readonly<Record<string, string>>,
): BreakablePart {
  let running: Stoppable | null = first
  const end = async () => {
    await running?.stop()
    running = null
  }
  return {
    environment,
    break: end,
    async mend() {
      running ??= await start()
    },
    stop: end,
  }
}
