/** A real S3 server on a folder, for a test file: `versitygw` as it is found, or built by Go once into the cache. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import getPort from 'get-port'
import { cacheFolder } from '../../adapters/embedded/temporal-binary.js'

const version = 'v1.8.0'
const goPackage = `github.com/versity/versitygw/cmd/versitygw@${version}`

export interface TestS3 {
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** What a process needs to reach it as its S3. */
  readonly environment: Readonly<Record<string, string>>
  /** Where the buckets are folders, and objects files. */
  readonly folder: string
  newBucket(name: string): Promise<string>
  stop(): Promise<void>
}

export interface TestS3Options {
  /** PEM files: it then speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export async function startTestS3({ tls }: TestS3Options = {}): Promise<TestS3> {
  const program = await findVersitygw()
  const folder = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'millcourse-s3-'))
  const port = await getPort()
  const credentials = { accessKeyId: 'test-access', secretAccessKey: 'test-secret-that-no-message-shows' }
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
    credentials,
    environment: {
      MILLCOURSE_S3_ENDPOINT: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    folder,
    // A folder of the gateway's is a bucket.
    newBucket: async (name) => {
      await mkdir(join(folder, name))
      return name
    },
    async stop() {
      process.off('exit', kill)
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM')) await ended
      await rm(folder, { recursive: true, force: true })
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
    if (child.exitCode !== null || performance.now() > untilMs) throw new Error(`versitygw did not start: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** On the PATH, where Go installs, in the cache, else built: about a minute, once. */
export async function findVersitygw(onProgress: (line: string) => void = () => {}): Promise<string> {
  const folder = join(cacheFolder(process.env), `versitygw-${version}`)
  const places = [...(process.env.PATH ?? '').split(delimiter), join(homedir(), 'go', 'bin'), folder]
  for (const place of places) {
    const program = join(place, 'versitygw')
    if (place !== '' && (await isProgram(program))) return program
  }
  onProgress(`building versitygw ${version} with Go: about a minute, this once`)
  await mkdir(folder, { recursive: true })
  const scratch = await mkdtemp(join(folder, 'build-'))
  try {
    await promisify(execFile)('go', ['install', goPackage], { env: { ...process.env, GOBIN: scratch } })
    await rename(join(scratch, 'versitygw'), join(folder, 'versitygw'))
  } catch (error) {
    throw new Error(`tests of S3 need versitygw on the PATH, or Go to build it: ${(error as Error).message}`)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return join(folder, 'versitygw')
}

function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
