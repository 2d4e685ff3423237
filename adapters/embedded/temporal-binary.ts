/** Where a Temporal server comes from when nobody says: found, downloaded or built once, then kept in the cache. */
import { execFile, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { MillcourseError } from '../../core/errors.js'
import { cacheFolder, type Env, findOnPath, findProgram } from './find-program.js'

const version = 'v1.5.1'
const goPackage = `github.com/temporalio/cli/cmd/temporal@${version}`
/** Where the SDK downloads its dev server from. */
const downloadInfoUrl = 'https://temporal.download/cli'

export interface FindOptions {
  readonly env: Env
  /** Told what is being done when it takes longer than a moment: one line each. */
  readonly onProgress?: (line: string) => void
  /** The download is given up when nothing has arrived for so long. */
  readonly downloadStallMs?: number
  readonly buildTimeoutMs?: number
  /** Gives up what is under way, and leaves nothing of it. */
  readonly signal?: AbortSignal
}

/**
 * The `temporal` program: on the PATH, in the cache, where Go installs, from the SDK's download site, or built by Go (about 3
 * minutes, once). (A `TEMPORAL_ADDRESS` comes before all of these; the caller then starts no server.)
 * @throws MillcourseError STACK_TOOL_MISSING, saying what was tried; STACK_START_FAILED when `signal` ended it
 */
export async function findTemporalBinary(options: FindOptions): Promise<string> {
  const found = await lookForTemporalBinary(options.env)
  if (found) return found
  const folder = cachedIn(options.env)
  const cached = join(folder, 'temporal')
  const tried = ['no `temporal` on the PATH', `none in ${folder}`]
  let isCutShort = false
  await mkdir(folder, { recursive: true })
  for (const attempt of [download, build]) {
    try {
      await attempt(cached, options)
      return cached
    } catch (error) {
      if (options.signal?.aborted)
        throw new MillcourseError('STACK_START_FAILED', 'stopped while the Temporal CLI was being fetched', {
          hint: 'start again; nothing half-made is left',
        })
      tried.push((error as Error).message)
      isCutShort = (error as Error).cause instanceof BuildTimedOut
      options.onProgress?.((error as Error).message)
    }
  }
  throw new MillcourseError('STACK_TOOL_MISSING', `no Temporal server was found: ${tried.join('; ')}`, {
    hint: isCutShort
      ? 'start again: Go goes on from what it has compiled; or install the Temporal CLI (https://docs.temporal.io/cli)'
      : 'install the Temporal CLI (https://docs.temporal.io/cli), or Go 1.23 or newer, or set TEMPORAL_ADDRESS to a running server',
  })
}

/** On the PATH, in the cache or where Go installs; null: it would have to be downloaded or built first. */
export function lookForTemporalBinary(env: Env): Promise<string | null> {
  return findProgram('temporal', env, cachedIn(env))
}

function cachedIn(env: Env): string {
  return join(cacheFolder(env), `temporal-${version}`)
}

async function download(target: string, options: FindOptions): Promise<void> {
  const scratch = await mkdtemp(`${target}-download-`)
  const stall = stallSignal(options.downloadStallMs ?? 10_000)
  const signal = options.signal ? AbortSignal.any([stall.signal, options.signal]) : stall.signal
  try {
    options.onProgress?.(`downloading the Temporal CLI ${version} from temporal.download`)
    const arch = process.arch === 'x64' ? 'amd64' : process.arch
    const query = new URLSearchParams({ platform: process.platform, arch, format: 'tar.gz' })
    const info = await fetch(`${downloadInfoUrl}/${version}?${query}`, { signal })
    if (!info.ok) throw new Error(`HTTP ${info.status}`)
    const { archiveUrl, fileToExtract } = (await info.json()) as { archiveUrl: string; fileToExtract: string }
    const archive = await fetch(archiveUrl, { signal })
    if (!archive.ok || !archive.body) throw new Error(`HTTP ${archive.status}`)
    const body = Readable.fromWeb(archive.body as import('node:stream/web').ReadableStream)
    body.on('data', stall.moved)
    await pipeline(body, createWriteStream(join(scratch, 'temporal.tar.gz')), { signal })
    stall.end()
    await promisify(execFile)('tar', ['-xzf', 'temporal.tar.gz', fileToExtract], { cwd: scratch })
    await chmod(join(scratch, fileToExtract), 0o755)
    await rename(join(scratch, fileToExtract), target)
  } catch (error) {
    const { message, cause } = error as Error
    throw new Error(`the download failed (${cause instanceof Error ? cause.message : message})`)
  } finally {
    stall.end()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Aborts when `moved` was not called for so long: a slow download goes on, a dead one does not. */
function stallSignal(stallMs: number) {
  const controller = new AbortController()
  const abort = () => controller.abort(new Error(`nothing arrived for ${stallMs / 1000} s`))
  let timer = setTimeout(abort, stallMs)
  return {
    signal: controller.signal,
    moved: () => {
      clearTimeout(timer)
      timer = setTimeout(abort, stallMs)
    },
    end: () => clearTimeout(timer),
  }
}

async function build(target: string, options: FindOptions): Promise<void> {
  const go = await findOnPath('go', options.env)
  if (!go) throw new Error('no `go` on the PATH to build it with')
  const scratch = await mkdtemp(`${target}-build-`)
  let elapsedS = 0
  options.onProgress?.(`building the Temporal CLI ${version} with Go: about 3 minutes, this once`)
  const ticker = setInterval(() => {
    elapsedS += 15
    options.onProgress?.(`building the Temporal CLI: ${elapsedS} s`)
  }, 15_000)
  try {
    await runToEnd(go, ['install', goPackage], { ...options, env: { ...options.env, GOBIN: scratch } })
    await rename(join(scratch, 'temporal'), target)
  } catch (error) {
    throw new Error(`go install ${goPackage} failed (${(error as Error).message})`, { cause: error })
  } finally {
    clearInterval(ticker)
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Go itself is well: a second build goes on from what it has in its cache. */
class BuildTimedOut extends Error {
  constructor(limitMs: number) {
    super(`not done after ${Math.round(limitMs / 1000)} s, so it was ended`)
  }
}

function runToEnd(
  program: string,
  args: readonly string[],
  { env, signal, buildTimeoutMs = 900_000 }: FindOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    // Go ends its compilers when interrupted; the scratch folder may go only after them.
    const interrupt = () => child.kill('SIGINT')
    signal?.addEventListener('abort', interrupt)
    let isTooLong = false
    const limit = setTimeout(() => {
      isTooLong = true
      interrupt()
    }, buildTimeoutMs)
    let lastLine = ''
    child.stderr.on('data', (chunk: Buffer) => {
      lastLine = chunk.toString().trim().split('\n').at(-1) ?? lastLine
    })
    child.once('error', (error) => {
      clearTimeout(limit)
      reject(error)
    })
    child.once('close', (code, endedBy) => {
      clearTimeout(limit)
      signal?.removeEventListener('abort', interrupt)
      if (code === 0) resolve()
      else if (isTooLong) reject(new BuildTimedOut(buildTimeoutMs))
      else reject(new Error(endedBy ? `ended by ${endedBy}` : `code ${code}: ${lastLine}`))
    })
  })
}
