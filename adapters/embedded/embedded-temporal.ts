/** Temporal's dev server as a child process: the real server on SQLite, for one machine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import getPort from 'get-port'
import { MillcourseError } from '../../core/errors.js'
import { searchAttributes } from '../../core/ports/run-control.js'
import { answersFor, untilSilent } from './ask-temporal.js'
import { isListening } from './is-listening.js'
import { findTemporalBinary } from './temporal-binary.js'

export interface EmbeddedTemporalOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** SQLite file that keeps workflows over restarts; null: in memory. */
  readonly dbFile: string | null
  readonly logFile: string
  /** Absent: free ones. */
  readonly port?: number
  readonly uiPort?: number
  /** False: no web UI. */
  readonly withUi?: boolean
  readonly namespace?: string
  readonly startTimeoutMs?: number
  /** Ends a server that has answered nothing for so long though its process lives, so that whoever keeps it running starts it again. Absent: it may hang. */
  readonly endSilentAfterMs?: number
  readonly onProgress?: (line: string) => void
  /** Gives up fetching the program; a server that runs is ended by `stop`. */
  readonly signal?: AbortSignal
}

export interface EmbeddedTemporal {
  readonly address: string
  readonly uiUrl: string | null
  readonly pid: number
  /** Settles when the server ends, by `stop` or by itself. */
  readonly exited: Promise<void>
  /** Ends the server and waits for it; may be repeated. */
  stop(): Promise<void>
}

const ip = '127.0.0.1'

/** Another process may take a port that was free before the server binds it: the one drawn here, or one of those that the server draws for its own services. */
const startsMax = 3

/** Returns once the server answers for its namespace. @throws MillcourseError STACK_TOOL_MISSING, STACK_START_FAILED */
export async function startEmbeddedTemporal(options: EmbeddedTemporalOptions): Promise<EmbeddedTemporal> {
  const binary = await findTemporalBinary(options)
  for (const file of [options.logFile, options.dbFile]) if (file) await mkdir(dirname(file), { recursive: true })
  for (let starts = 1; ; starts++) {
    const started = await startOnce(binary, options)
    if ('server' in started) return started.server
    // Starting again helps nobody where somebody else listens on the port that was asked for.
    const isTaken = options.port !== undefined && (await isListening(options.port))
    if (!started.hasEnded || starts === startsMax || isTaken) throw started.failure
    options.onProgress?.(`${started.failure.message}; starting it again`)
  }
}

type Started =
  | { readonly server: EmbeddedTemporal }
  /** `hasEnded`: by itself, before it answered. */
  | { readonly failure: MillcourseError; readonly hasEnded: boolean }

async function startOnce(binary: string, options: EmbeddedTemporalOptions): Promise<Started> {
  const port = options.port ?? (await getPort({ host: ip }))
  const uiPort = options.withUi === false ? null : (options.uiPort ?? (await getPort({ host: ip })))
  const logFrom = await stat(options.logFile).then(
    ({ size }) => size,
    () => 0,
  )
  const server = spawnServer(binary, options, port, uiPort)
  const spawnErrors: Error[] = []
  server.once('error', (error) => spawnErrors.push(error))
  const exited = new Promise<void>((resolve) => server.once('close', () => resolve()))
  const watchdog = spawnWatchdog(server)
  void exited.then(() => endGroup(watchdog))
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) server.kill('SIGTERM')
    const lastResort = setTimeout(() => server.kill('SIGKILL'), 5_000)
    await exited
    clearTimeout(lastResort)
  }
  const address = `${ip}:${port}`
  const hasEnded = () => server.exitCode !== null || server.signalCode !== null
  if (await untilAnswers(() => spawnErrors.length > 0 || hasEnded(), address, options)) {
    const uiUrl = uiPort === null ? null : `http://${ip}:${uiPort}`
    void endOnceSilent(address, options, { exited, stop })
    return { server: { address, uiUrl, pid: server.pid!, exited, stop } }
  }
  const endedItself = hasEnded()
  await stop()
  return { hasEnded: endedItself, failure: await startFailed(address, options.logFile, logFrom, spawnErrors[0]) }
}

async function endOnceSilent(
  address: string,
  { namespace = 'default', endSilentAfterMs, onProgress }: EmbeddedTemporalOptions,
  { exited, stop }: Pick<EmbeddedTemporal, 'exited' | 'stop'>,
): Promise<void> {
  if (endSilentAfterMs === undefined) return
  const ending = new AbortController()
  void exited.then(() => ending.abort())
  try {
    await untilSilent({ address, namespace }, endSilentAfterMs, ending.signal)
  } catch {
    // It ended before.
    return
  }
  if (ending.signal.aborted) return
  onProgress?.(`the server at ${address} lives and has not answered for ${endSilentAfterMs / 1_000} s; it is ended`)
  await stop()
}

function spawnServer(
  binary: string,
  options: EmbeddedTemporalOptions,
  port: number,
  uiPort: number | null,
): ChildProcess {
  const args = ['server', 'start-dev', '--ip', ip, '--port', String(port), '--log-level', 'warn']
  args.push(...(uiPort === null ? ['--headless'] : ['--ui-ip', ip, '--ui-port', String(uiPort)]))
  if (options.dbFile) args.push('--db-filename', options.dbFile)
  if (options.namespace) args.push('--namespace', options.namespace)
  // Without it a server of this age takes tasks in the order they came, whatever their priority.
  args.push('--dynamic-config-value', 'matching.useNewMatcher=true')
  // And with several partitions it keeps the order within each of them only.
  for (const side of ['Read', 'Write']) args.push('--dynamic-config-value', `matching.numTaskqueue${side}Partitions=1`)
  for (const [name, type] of Object.entries(searchAttributes))
    args.push('--search-attribute', `${name}=${type === 'DATETIME' ? 'Datetime' : 'Keyword'}`)
  const log = openSync(options.logFile, 'a')
  try {
    // A session of its own: a terminal's Ctrl-C goes to the whole group, and the server must outlive the worker's draining.
    return spawn(binary, args, { detached: true, stdio: ['ignore', log, log], env: { ...options.env } })
  } finally {
    closeSync(log)
  }
}

/** Holds one end of a pipe whose other end is ours: when this process dies, however it dies, the pipe closes and the server is ended. */
function spawnWatchdog(server: ChildProcess): ChildProcess {
  const script = 'cat >/dev/null; kill -TERM "$1" 2>/dev/null; sleep 5; kill -KILL "$1" 2>/dev/null'
  const watchdog = spawn('/bin/sh', ['-c', script, 'sh', String(server.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Neither the watchdog nor its pipe keeps this process alive.
  watchdog.unref()
  ;(watchdog.stdin as unknown as { unref(): void }).unref()
  watchdog.stdin?.on('error', () => {})
  watchdog.on('error', () => {})
  return watchdog
}

/** The watchdog's shell with what it runs: killing the shell alone would leave the reader of the pipe behind. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

/** False: the server ended, or did not answer in time. */
async function untilAnswers(
  hasEnded: () => boolean,
  address: string,
  { namespace = 'default', startTimeoutMs = 30_000 }: EmbeddedTemporalOptions,
): Promise<boolean> {
  for (let tries = 0; tries < startTimeoutMs / 100 && !hasEnded(); tries++) {
    if (await answersFor(address, namespace)) return true
    await sleep(100)
  }
  return false
}

async function startFailed(
  address: string,
  logFile: string,
  logFrom: number,
  cause: Error | undefined,
): Promise<MillcourseError> {
  const log = (await readFile(logFile)).subarray(logFrom).toString()
  return new MillcourseError(
    'STACK_START_FAILED',
    `the Temporal server at ${address} did not start: ${reasonIn(log) || cause?.message}`,
    {
      hint: `read ${logFile}`,
      facts: { address, log: logFile },
      ...(cause ? { cause } : {}),
    },
  )
}

/** What a Go program says before its stack, else its last lines. */
function reasonIn(log: string): string {
  const lines = log.trim().split('\n')
  return lines.find((line) => /^(panic|fatal error): /.test(line)) ?? lines.slice(-3).join(' | ')
}
