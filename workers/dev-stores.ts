/**
 * What keeps state in the local stack: Postgres, dynalite, Temporal. A store that the environment already names is used where it
 * is and not started. Ports are free ones at first and the same ones from then on, so that bookmarks and shells stay right.
 */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import getPort, { portNumbers } from 'get-port'
import { startDynalite } from '../adapters/embedded/embedded-dynalite.js'
import { startEmbeddedPostgres } from '../adapters/embedded/embedded-postgres.js'
import { startEmbeddedTemporal } from '../adapters/embedded/embedded-temporal.js'
import type { Environment } from './config.js'
import type { ChildName } from './dev-child.js'
import { type KeepOptions, type KeptPart, keepRunning } from './dev-parts.js'
import { readState, stateFolder, writeState } from './stack-file.js'

export interface DevStores {
  /** The variables of config.ts that name the stores, where the caller's environment did not. */
  readonly environment: Readonly<Record<string, string>>
  addresses(): Record<string, string>
  /** Of the processes' HTTP side. */
  readonly ports: Readonly<Record<ChildName, number>>
}

export interface DevStoresOptions {
  readonly repoDir: string
  readonly project: string
  readonly environment: Environment
  readonly keep: KeepOptions
  /** Called as soon as a part runs, so that it is stopped whatever happens to its siblings. */
  readonly onPart: (part: KeptPart) => void
  /** Gives up a start that takes minutes: the download or build of a program. */
  readonly signal?: AbortSignal
}

interface Ports {
  readonly postgres: number
  readonly dynamodb: number
  readonly temporal: number
  readonly temporalUi: number
  readonly worker: number
  readonly watcher: number
  readonly server: number
}

/** @throws MillcourseError STACK_START_FAILED, STACK_TOOL_MISSING */
export async function startDevStores(options: DevStoresOptions): Promise<DevStores> {
  const { environment, repoDir } = options
  const lake = environment.MILLCOURSE_LAKE || join(stateFolder(repoDir), 'lake')
  await mkdir(resolve(lake), { recursive: true })
  const ports = await choosePorts(repoDir)
  const starts = [
    environment.MILLCOURSE_POSTGRES_URL ? null : keepPostgres(options, ports),
    environment.MILLCOURSE_DYNAMODB_ENDPOINT ? null : keepDynalite(options, ports),
    environment.TEMPORAL_ADDRESS ? null : keepTemporal(options, ports),
  ] as const
  // All have settled before a failure is passed on: what came up beside it has to be stopped.
  const settled = await Promise.allSettled(starts)
  for (const result of settled) if (result.status === 'rejected') throw result.reason
  const [postgres, dynamodb, temporal] = await Promise.all(starts)
  return {
    environment: {
      MILLCOURSE_PROJECT: options.project,
      MILLCOURSE_LAKE: lake,
      MILLCOURSE_WATCH_STATE_DIR: environment.MILLCOURSE_WATCH_STATE_DIR || join(stateFolder(repoDir), 'watcher'),
      MILLCOURSE_SERVER_STATE_DIR: environment.MILLCOURSE_SERVER_STATE_DIR || join(stateFolder(repoDir), 'server'),
      MILLCOURSE_SPILL_DIR: environment.MILLCOURSE_SPILL_DIR || join(stateFolder(repoDir), 'spill'),
      MILLCOURSE_SOURCES: environment.MILLCOURSE_SOURCES || options.repoDir,
      ...(postgres ? { MILLCOURSE_POSTGRES_URL: postgres.running.url } : {}),
      ...(dynamodb ? { MILLCOURSE_DYNAMODB_ENDPOINT: dynamodb.running.endpoint } : {}),
      ...(temporal ? { TEMPORAL_ADDRESS: temporal.running.address } : {}),
      ...(temporal?.running.uiUrl ? { TEMPORAL_UI_URL: temporal.running.uiUrl } : {}),
    },
    ports,
    addresses: () => ({
      'Temporal UI': temporal?.running.uiUrl ?? environment.TEMPORAL_UI_URL ?? 'not known',
      Temporal: temporal?.running.address ?? `${environment.TEMPORAL_ADDRESS} (from the environment)`,
      Postgres: postgres ? `127.0.0.1:${postgres.running.port}` : 'from the environment',
      DynamoDB: dynamodb?.running.endpoint ?? `${environment.MILLCOURSE_DYNAMODB_ENDPOINT} (from the environment)`,
      lake,
    }),
  }
}

async function keepPostgres({ repoDir, keep, onPart }: DevStoresOptions, ports: Ports) {
  const start = () => startEmbeddedPostgres({ dir: join(stateFolder(repoDir), 'postgres'), port: ports.postgres })
  const part = await keepRunning({ name: 'postgres', start, where: ({ port }) => `127.0.0.1:${port}` }, keep)
  onPart(part)
  return part
}

async function keepDynalite({ repoDir, keep, onPart }: DevStoresOptions, ports: Ports) {
  const start = async () => {
    const server = await startDynalite({ folder: join(stateFolder(repoDir), 'dynamodb'), port: ports.dynamodb })
    return { ...server, ended: server.exited }
  }
  const part = await keepRunning({ name: 'dynamodb', start, where: ({ endpoint }) => endpoint }, keep)
  onPart(part)
  return part
}

async function keepTemporal({ repoDir, environment, keep, onPart, signal }: DevStoresOptions, ports: Ports) {
  const folder = join(stateFolder(repoDir), 'temporal')
  const start = async () => {
    const server = await startEmbeddedTemporal({
      env: environment,
      dbFile: join(folder, 'temporal.db'),
      logFile: join(stateFolder(repoDir), 'logs', 'temporal.log'),
      port: ports.temporal,
      uiPort: ports.temporalUi,
      endSilentAfterMs: 60_000,
      onProgress: (text) => keep.tell({ kind: 'note', part: 'temporal', text: `temporal: ${text}` }),
      ...(signal ? { signal } : {}),
    })
    return { ...server, ended: server.exited }
  }
  const part = await keepRunning({ name: 'temporal', start, where: ({ address }) => address }, keep)
  onPart(part)
  return part
}

/** Below those that kernels give to connections on their way out: such a one can take a port between its choice and its use. */
const [portMin, portMax, portsTried] = [20_000, 29_999, 200] as const

/** The ports of the last time where they are free; else from a place by chance, where another stack that starts now hardly looks. */
async function choosePorts(repoDir: string): Promise<Ports> {
  const last = await readState<Partial<Ports>>(repoDir, 'ports.json')
  const from = portMin + Math.floor(Math.random() * (portMax - portMin - portsTried))
  const others = [...portNumbers(from, from + portsTried)]
  const pick = (port: number | undefined) => getPort({ host: '127.0.0.1', port: port ? [port, ...others] : others })
  const ports = {
    postgres: await pick(last?.postgres),
    dynamodb: await pick(last?.dynamodb),
    temporal: await pick(last?.temporal),
    temporalUi: await pick(last?.temporalUi),
    worker: await pick(last?.worker),
    watcher: await pick(last?.watcher),
    server: await pick(last?.server),
  }
  await writeState(repoDir, 'ports.json', ports)
  return ports
}
