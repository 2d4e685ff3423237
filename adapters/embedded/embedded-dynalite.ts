/** The embedded DynamoDB endpoint: dynalite in a child process, its tables kept in a folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MillcourseError } from '../../core/errors.js'

export interface EmbeddedDynalite {
  readonly endpoint: string
  readonly port: number
  readonly pid: number
  /** Resolves when the process has ended, whoever ended it. */
  readonly exited: Promise<void>
  /** May be called again. */
  stop(): Promise<void>
}

export interface EmbeddedDynaliteOptions {
  /** Kept from start to start; made where it is absent. One process at a time. */
  readonly folder: string
  /** 0: a free one. */
  readonly port: number
}

const startTimeoutMs = 20_000
const stopTimeoutMs = 5_000

/** @throws MillcourseError STACK_START_FAILED */
export async function startDynalite(options: EmbeddedDynaliteOptions): Promise<EmbeddedDynalite> {
  await mkdir(options.folder, { recursive: true })
  const child = spawn(process.execPath, [...entry(), options.folder, String(options.port)], {
    // The open standard input is the leash: it closes when this process ends, even by kill -9.
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const stop = () => stopChild(child, exited)
  try {
    const port = await listeningPort(child, options)
    return { endpoint: `http://127.0.0.1:${port}`, port, pid: child.pid!, exited, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** From dist as JavaScript; from source, in tests, through tsx. */
function entry(): string[] {
  const path = fileURLToPath(new URL('./dynalite-process.js', import.meta.url))
  if (!import.meta.url.endsWith('.ts')) return [path]
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  return ['--import', tsx, path.replace(/\.js$/, '.ts')]
}

function listeningPort(child: ChildProcess, options: EmbeddedDynaliteOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    let complaint = ''
    const fail = (why: string) =>
      reject(
        new MillcourseError('STACK_START_FAILED', `the embedded DynamoDB endpoint did not start: ${why}`, {
          hint: 'another process may use the port or the folder: millcourse doctor',
          facts: { folder: options.folder, port: options.port },
        }),
      )
    const timer = setTimeout(() => fail(`no answer within ${startTimeoutMs / 1000} s`), startTimeoutMs)
    child.stderr?.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-2_000)
    })
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => {
      clearTimeout(timer)
      fail(complaint.trim() || `it ended with code ${code}`)
    })
    createInterface({ input: child.stdout! }).once('line', (line) => {
      clearTimeout(timer)
      resolve((JSON.parse(line) as { port: number }).port)
    })
  })
}

async function stopChild(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exited
  clearTimeout(timer)
}
