/**
 * A real PostgreSQL beside the process that asks for it, its state in a folder that is picked up again. It listens on
 * 127.0.0.1 only, with a password of its own, and ends with its parent however that one ends: a shell between the two waits
 * for a pipe from the parent to close.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Writable } from 'node:stream'
import getPort from 'get-port'
import { MillcourseError } from '../../core/errors.js'
import { choosePostgresAccount, type PostgresAccount } from './postgres-account.js'
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.js'

export interface EmbeddedPostgresOptions {
  /** Holds the cluster and its password; made where it is absent. */
  readonly dir: string
  /** Absent: a free one. */
  readonly port?: number
  /** Server settings, such as `fsync: 'off'` for tests. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface EmbeddedPostgres {
  /** With the password: never print it. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Ends open transactions and waits until the server is gone. May be repeated. */
  stop(): Promise<void>
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 20_000

/** @throws MillcourseError STACK_START_FAILED, STACK_TOOL_MISSING */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dir = resolve(options.dir)
  await mkdir(dir, { recursive: true })
  const binaries = await findPostgresBinaries()
  const account = choosePostgresAccount(dir, binaries.postgres)
  await initializeCluster(dir, binaries, account)
  const password = (await readFile(join(dir, 'password'), 'utf8')).trim()
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await getPort())
    try {
      const server = await startServer(dir, port, options.settings ?? {}, binaries, account)
      return { ...server, port, url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres` }
    } catch (error) {
      // Someone took the free port first; or the server of a parent that was killed is still shutting down.
      const message = (error as Error).message
      const isPassing =
        (options.port === undefined && /address already in use/i.test(message)) || /postmaster\.pid/.test(message)
      if (!isPassing || attempt === 10) throw error
      await new Promise((done) => setTimeout(done, 500))
    }
  }
}

/** All or nothing: a cluster half made by a killed process is made anew. */
async function initializeCluster(dir: string, binaries: PostgresBinaries, account: PostgresAccount): Promise<void> {
  const cluster = join(dir, 'cluster')
  if (existsSync(cluster)) return
  const unfinished = join(dir, 'cluster.new')
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { mode: 0o700 })
  const password = join(dir, 'password')
  await rm(password, { force: true })
  await writeFile(password, `${randomBytes(18).toString('hex')}\n`, { mode: 0o600 })
  if (account.ids !== null)
    for (const path of [unfinished, password]) await chown(path, account.ids.uid, account.ids.gid)
  const command = account.commandFor([
    binaries.initdb,
    `--pgdata=${unfinished}`,
    '--username=postgres',
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
  ])
  const child = spawn(command[0]!, command.slice(1), { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  const tail = keepTail(child)
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail)
    child.once('close', done)
  })
  if (code !== 0)
    throw new MillcourseError('STACK_START_FAILED', `initdb ended with ${code}: ${tail()}`, {
      hint: `see that ${dir} can be written and has 100 MB free`,
      facts: { dir },
    })
  await rename(unfinished, cluster)
}

/** `$@` is the server; descriptor 3 closes when the parent ends. SIGINT: roll back what is open and shut down at once. */
const guard = `
"$@" 3<&- & server=$!
{ read -r _ <&3; kill -INT "$server"; } 2>/dev/null & watch=$!
wait "$server"; code=$?
kill "$watch" 2>/dev/null
exit "$code"
`

async function startServer(
  dir: string,
  port: number,
  settings: Readonly<Record<string, string>>,
  binaries: PostgresBinaries,
  account: PostgresAccount,
): Promise<Pick<EmbeddedPostgres, 'pid' | 'stop' | 'ended'>> {
  const given = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    ...settings,
  }
  const flags = Object.entries(given).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = account.commandFor([binaries.postgres, '-D', join(dir, 'cluster'), '-p', String(port), ...flags])
  // Its own process group: Ctrl-C in the terminal reaches the parent, which stops its parts in order.
  const child = spawn('/bin/sh', ['-c', guard, 'postgres-guard', ...command], {
    cwd: dir,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const lifeline = child.stdio[3] as Writable
  lifeline.on('error', () => undefined)
  const tail = keepTail(child)
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  let stopping: Promise<void> | null = null
  const stop = () => {
    stopping ??= stopServer(child, lifeline, ended)
    return stopping
  }
  try {
    await waitUntilReady(child, tail)
  } catch (cause) {
    await stop()
    throw new MillcourseError('STACK_START_FAILED', `PostgreSQL did not start on port ${port}: ${tail()}`, {
      cause,
      hint: `its state is in ${dir}; is another server running on it?`,
      facts: { port, dir },
    })
  }
  return { pid: child.pid!, stop, ended }
}

async function stopServer(child: ChildProcess, lifeline: Writable, ended: Promise<void>): Promise<void> {
  lifeline.end()
  const kill = setTimeout(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // Gone in the meantime.
    }
  }, stopTimeoutMs)
  await ended
  clearTimeout(kill)
}

function waitUntilReady(child: ChildProcess, tail: () => string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  return new Promise<void>((done, fail) => {
    timer = setTimeout(() => fail(new Error(`not ready after ${startTimeoutMs} ms`)), startTimeoutMs)
    child.once('error', fail)
    child.once('close', (code) => fail(new Error(`the server ended with ${code}`)))
    child.stderr!.on('data', function look() {
      if (!tail().includes('database system is ready to accept connections')) return
      child.stderr!.off('data', look)
      done()
    })
  }).finally(() => {
    clearTimeout(timer)
    child.removeAllListeners('close')
  })
}

/** The last of what the process said, for the error message. */
function keepTail(child: ChildProcess): () => string {
  let text = ''
  child.stderr!.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(-4000)
  })
  return () => text.trim()
}
