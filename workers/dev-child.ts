/** The worker, the watcher and the server as children of `millcourse dev`, and how they see that it is gone. */
import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { MillcourseError } from '../core/errors.js'
import type { RunningPart } from './dev-parts.js'
import { builtProgram } from './stack-package.js'

export const childNames = ['worker', 'watcher', 'server'] as const
export type ChildName = (typeof childNames)[number]

export interface DevChildOptions {
  readonly command: ChildName
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly logFile: string
  /** A draining worker is given so long. */
  readonly stopTimeoutMs: number
}

const readyTimeoutMs = 60_000
const afterParentMs = 3_000

/** Starts `millcourse worker|watcher|server` and waits until it says that it works. @throws MillcourseError STACK_START_FAILED */
export async function startDevChild(options: DevChildOptions): Promise<RunningPart> {
  const log = openSync(options.logFile, 'a')
  const loggedBefore = fstatSync(log).size
  let child: ChildProcess
  try {
    child = fork(builtProgram('cli/main.js'), [options.command, ...options.args], {
      // A session of its own: a terminal's Ctrl-C must not end it before the stack has told it to.
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      execArgv: [],
      env: { ...options.environment },
    })
  } finally {
    closeSync(log)
  }
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    const lastResort = setTimeout(() => child.kill('SIGKILL'), options.stopTimeoutMs)
    await ended
    clearTimeout(lastResort)
  }
  if (await isReady(child, ended)) return { pid: child.pid!, ended, stop }
  await stop()
  const said = (await readFile(options.logFile)).subarray(loggedBefore).toString().split('\n')[0]
  throw new MillcourseError(
    'STACK_START_FAILED',
    `the ${options.command} did not come up: ${said || 'it said nothing'}`,
    {
      hint: `read ${options.logFile}`,
      facts: { log: options.logFile },
    },
  )
}

function isReady(child: ChildProcess, ended: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), readyTimeoutMs)
    child.once('message', () => resolve(true))
    void ended.then(() => resolve(false)).finally(() => clearTimeout(timer))
    child.once('message', () => clearTimeout(timer))
  })
}

/** In the child: aborted with `signal`, and when the process that started this one is gone, however it ended. */
export function signalOfParent(signal: AbortSignal): AbortSignal {
  if (!process.connected) return signal
  const controller = new AbortController()
  const stop = () => controller.abort()
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop)
  process.once('disconnect', () => {
    stop()
    // The stores end with the parent: there is nothing left to drain into.
    setTimeout(() => process.exit(1), afterParentMs).unref()
  })
  return controller.signal
}

/** In the child: it does its work now. */
export function tellParentReady(): void {
  if (process.connected) process.send?.('ready')
}

/** In the child: an open channel must not keep the process alive. */
export function leaveParent(): void {
  if (process.connected) process.disconnect()
}
