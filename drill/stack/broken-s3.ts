/** A proxy between a drill's processes and an S3 server without TLS, of the drill's own or the stack's: cuts, throttles, fails. */
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startEmbeddedS3 } from '../../adapters/embedded/embedded-s3.js'
import { type S3Fault, startS3Proxy } from '../faults/s3-proxy.js'
import type { BreakablePart, Breakage } from './drill-stack.js'

const faults: Readonly<Record<Breakage, S3Fault>> = {
  gone: 'hang-up',
  throttled: { status: 503, code: 'SlowDown' },
  failing: { status: 500, code: 'InternalError' },
}

/** Path-style: a proxy has no host names for buckets. */
export async function s3BehindProxy(endpoint: string): Promise<BreakablePart> {
  const { origin, pathname } = new URL(endpoint)
  const proxy = await startS3Proxy(origin)
  return {
    environment: { MILLCOURSE_S3_ENDPOINT: new URL(pathname, proxy.endpoint).href },
    async break(how = 'gone') {
      proxy.choose = () => faults[how]
    },
    async mend() {
      proxy.choose = () => 'none'
    },
    stop: proxy.stop,
  }
}

/** Of this process: what it looks at itself goes by its own environment. */
const credentials = { accessKeyId: 'drill', secretAccessKey: randomBytes(16).toString('hex') }

/** The world's lake and sources lie in it. */
export async function embeddedS3(folder: string, onProgress: (text: string) => void): Promise<BreakablePart> {
  await mkdir(join(folder, 'drill'), { recursive: true })
  const server = await startEmbeddedS3({ folder, credentials, onProgress })
  const proxied = await s3BehindProxy(server.endpoint)
  const places = {
    ...proxied.environment,
    MILLCOURSE_LAKE: 's3://drill/lake',
    MILLCOURSE_SOURCES: 's3://drill/sources',
  }
  const environment = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  }
  Object.assign(process.env, environment)
  for (const name of ['AWS_PROFILE', 'AWS_SESSION_TOKEN']) delete process.env[name]
  return {
    ...proxied,
    environment: { ...places, ...environment },
    async stop() {
      await proxied.stop()
      await server.stop()
    },
  }
}
