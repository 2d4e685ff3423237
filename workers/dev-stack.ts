/**
 * The local stack, as `millcourse dev`, the demo and the tests start it: Postgres, dynalite and the Temporal dev server, then a
 * worker, a watcher and a server, each a process of its own below this one.
 *
 * No part is in this process's terminal session (Ctrl-C goes to all processes of one session at once: Postgres would be gone
 * before the worker had drained) and each holds one end of a pipe to this process, so that it ends with it, however it ends.
 * A part that dies is reported and started again at the same address; one that keeps dying stops the stack.
 */
import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { readProject } from '../adapters/feature-repo/project-file.js'
import { createPostgresClient } from '../adapters/postgres/client.js'
import { isMillcourseError, MillcourseError } from '../core/errors.js'
import type { Environment } from './config.js'
import { outerAddresses } from './context-environment.js'
import { type ChildName, childNames, startDevChild } from './dev-child.js'
import { type DevLock, takeDevLock } from './dev-lock.js'
import { type KeepOptions, type KeptPart, keepRunning, type StackEvent } from './dev-parts.js'
import { type DevStores, startDevStores } from './dev-stores.js'
import { type PartName, removeStackFile, type StackFile, stateFolder, writeStackFile } from './stack-file.js'
import { livingProcess } from './stack-process.js'

export interface DevStackOptions {
  /** A feature repo; its state lies in `.millcourse/` there. */
  readonly repoDir: string
  readonly withWorker?: boolean
  readonly withWatcher?: boolean
  readonly withServer?: boolean
  /** `--now` of the worker, the watcher and the server. */
  readonly now?: string | null
  /** Added to this process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly log?: (event: StackEvent) => void
  /** Stops the stack, also while it starts. */
  readonly signal?: AbortSignal
}

export interface DevStack {
  readonly stack: StackFile
  /** Settles when the stack has ended: null after `stop`, else why. */
  readonly ended: Promise<MillcourseError | null>
  /** Stops all parts, those that write first, and waits for them. May be repeated. */
  stop(): Promise<void>
  /** Stops one part and leaves it stopped: for drills. */
  stopPart(name: PartName): Promise<void>
}

const stopTimeoutMs = { worker: 45_000, watcher: 10_000, server: 15_000 } as const
/** Nobody outside this machine reaches the processes' HTTP side. */
const httpHost = '127.0.0.1'

/** @throws MillcourseError STACK_START_FAILED (another stack runs in this repo, a part did not come up), STACK_TOOL_MISSING */
export async function startDevStack(options: DevStackOptions): Promise<DevStack> {
  const repoDir = await realpath(options.repoDir)
  const project = await readProject(repoDir)
  const stack = new LocalStack(repoDir, await takeDevLock(repoDir), options)
  try {
    const file = await stack.start(project)
    return { stack: file, ended: stack.ended, stop: () => stack.stop(null), stopPart: (name) => stack.stopPart(name) }
  } catch (error) {
    await stack.stop(isMillcourseError(error) ? error : null)
    throw error
  }
}

class LocalStack {
  readonly ended: Promise<MillcourseError | null>
  readonly #parts: KeptPart[] = []
  readonly #startedAt = new Date().toISOString()
  readonly #keep: KeepOptions
  #stores: DevStores | null = null
  #isUp = false
  #isStopAsked = false
  #stopping: Promise<void> | null = null
  #end: (error: MillcourseError | null) => void = () => {}

  constructor(
    private readonly repoDir: string,
    private readonly lock: DevLock,
    private readonly options: DevStackOptions,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#keep = {
      tell: (event) => options.log?.(event),
      onRestarted: () => void this.#writeFile().catch(() => {}),
      onGivenUp: (error) => void this.stop(error),
    }
    const onAbort = () => this.#askToStop()
    options.signal?.addEventListener('abort', onAbort)
    // On a busy machine Ctrl-C comes while the modules are still being read.
    if (options.signal?.aborted) onAbort()
    void this.ended.then(() => options.signal?.removeEventListener('abort', onAbort))
  }

  async start(project: string): Promise<StackFile> {
    this.#failIfStopAsked()
    const environment = { ...process.env, ...this.options.environment }
    await mkdir(join(stateFolder(this.repoDir), 'logs'), { recursive: true })
    this.#stores = await startDevStores({
      project,
      repoDir: this.repoDir,
      environment,
      keep: this.#keep,
      onPart: (part) => this.#parts.push(part),
      ...(this.options.signal ? { signal: this.options.signal } : {}),
    })
    await this.#migrate(project, { ...environment, ...this.#stores.environment })
    // The children and the other commands read it: it has to stand before they start.
    await this.#writeFile()
    const { withWorker, withWatcher, withServer } = this.options
    const wanted = { worker: withWorker !== false, watcher: withWatcher !== false, server: withServer !== false }
    const starts = childNames.filter((name) => wanted[name]).map((name) => this.#startChild(name, environment))
    // All have settled before a failure is passed on: what came up beside it has to be stopped.
    for (const result of await Promise.allSettled(starts)) if (result.status === 'rejected') throw result.reason
    const file = await this.#writeFile()
    this.#isUp = true
    return file
  }

  async #migrate(project: string, environment: Environment): Promise<void> {
    const client = createPostgresClient({ project, url: environment.MILLCOURSE_POSTGRES_URL ?? '' })
    await client.migrate().finally(() => client.close())
  }

  /** While it starts, nobody knows all of its parts yet: `start` itself then fails at its next step. */
  #askToStop(): void {
    this.#isStopAsked = true
    if (this.#isUp) void this.stop(null)
  }

  stop(error: MillcourseError | null): Promise<void> {
    this.#stopping ??= this.#stopParts().finally(() => this.#end(error))
    return this.#stopping
  }

  async stopPart(name: PartName): Promise<void> {
    await this.#parts.find((part) => part.name === name)?.stop()
  }

  async #stopParts(): Promise<void> {
    try {
      await Promise.all([this.stopPart('watcher'), this.stopPart('server')])
      await this.stopPart('worker')
      await Promise.all(this.#parts.map((part) => part.stop()))
    } finally {
      await removeStackFile(this.repoDir)
      await this.lock.release()
    }
  }

  async #startChild(name: ChildName, environment: NodeJS.ProcessEnv): Promise<void> {
    this.#failIfStopAsked()
    const start = () =>
      startDevChild({
        command: name,
        args: ['--repo', this.repoDir, ...(this.options.now ? ['--now', this.options.now] : [])],
        environment: {
          ...environment,
          ...this.#stores?.environment,
          MILLCOURSE_HTTP_HOST: httpHost,
          MILLCOURSE_HTTP_PORT: String(this.#stores?.ports[name]),
          // No load balancer stands before it.
          MILLCOURSE_DRAIN_DELAY: '0s',
        },
        logFile: join(stateFolder(this.repoDir), 'logs', `${name}.log`),
        stopTimeoutMs: stopTimeoutMs[name],
      })
    this.#parts.push(await keepRunning({ name, start, where: ({ pid }) => `process ${pid}` }, this.#keep))
  }

  async #writeFile(): Promise<StackFile> {
    this.#failIfStopAsked()
    const http = this.#httpAddresses()
    const file: StackFile = {
      owner: livingProcess(process.pid)!,
      startedAt: this.#startedAt,
      environment: this.#stores!.environment,
      outer: outerAddresses({ ...process.env, ...this.options.environment }),
      addresses: {
        ...this.#stores!.addresses(),
        ...(http.server ? { 'Serving API': http.server } : {}),
        logs: join(stateFolder(this.repoDir), 'logs'),
      },
      pids: Object.fromEntries(this.#parts.map((part) => [part.name, part.running.pid])),
      http,
    }
    await writeStackFile(this.repoDir, file)
    return file
  }

  #httpAddresses(): StackFile['http'] {
    const running = childNames.filter((name) => this.#parts.some((part) => part.name === name))
    return Object.fromEntries(running.map((name) => [name, `http://${httpHost}:${this.#stores!.ports[name]}`]))
  }

  #failIfStopAsked(): void {
    if (this.#isStopAsked) throw new MillcourseError('STACK_START_FAILED', 'the stack was stopped while it started')
  }
}
