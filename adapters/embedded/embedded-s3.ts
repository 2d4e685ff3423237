/** A real S3 server on a folder: `versitygw` as it is found, or built by Go once into the cache. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import getPort from 'get-port'
import { MillcourseError } from '../../core/errors.js'
import { cacheFolder, findProgram } from './find-program.js'
import { isListening } from './is-listening.js'

const version = 'v1.8.0'
const goPackage = `github.com/versity/versitygw/cmd/versitygw@${version}`

export interface EmbeddedS3 {
  readonly endpoint: string
  /** May be repeated. */
  stop(): Promise<void>
}

export interface EmbeddedS3Options {
  /** Its folders are buckets, the files in them objects. */
  readonly folder: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** PEM files: it then speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly onProgress?: (line: string) => void
}

/** @throws MillcourseError STACK_TOOL_MISSING, STACK_START_FAILED */
export async function startEmbeddedS3({
  folder,
  credentials,
  tls,
  onProgress,
}: EmbeddedS3Options): Promise<EmbeddedS3> {
  const program = await findVersitygw(onProgress)
  const port = await getPort()
  const child = spawn(
    program,
    ['--port', `127.0.0.1:${port}`, ...(tls ? ['--cert', tls.cert, '--key', tls.key] : []), 'posix', folder],
    {
      env: { ...process.env, ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  await untilListening(port, child)
  return {
    endpoint: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    async stop() {
      process.off('exit', kill)
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM')) await ended
    },
  }
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-2_000)
  })
  const untilMs = performance.now() + 20_000
  while (!(await isListening(port))) {
    if (child.exitCode !== null || performance.now() > untilMs)
      throw new MillcourseError('STACK_START_FAILED', `versitygw did not start: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

/** On the PATH, in the cache, where Go installs, else built: about a minute, once. @throws MillcourseError STACK_TOOL_MISSING */
export async function findVersitygw(onProgress: (line: string) => void = () => {}): Promise<string> {
  const folder = join(cacheFolder(process.env), `versitygw-${version}`)
  const found = await findProgram('versitygw', process.env, folder)
  if (found) return found
  onProgress(`building versitygw ${version} with Go: about a minute, this once`)
  await mkdir(folder, { recursive: true })
  const scratch = await mkdtemp(join(folder, 'build-'))
  try {
    await promisify(execFile)('go', ['install', goPackage], { env: { ...process.env, GOBIN: scratch } })
    await rename(join(scratch, 'versitygw'), join(folder, 'versitygw'))
  } catch (error) {
    throw new MillcourseError('STACK_TOOL_MISSING', `no versitygw, the S3 server: ${(error as Error).message}`, {
      hint: `put versitygw ${version} on the PATH, or Go, which builds it`,
    })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return join(folder, 'versitygw')
}
