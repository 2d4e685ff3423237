/** A real S3 server on a folder of its own, for a test file. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedS3Options, startEmbeddedS3 } from '../../adapters/embedded/embedded-s3.js'

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

export async function startTestS3({ tls }: Pick<EmbeddedS3Options, 'tls'> = {}): Promise<TestS3> {
  const folder = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'millcourse-s3-'))
  const credentials = { accessKeyId: 'test-access', secretAccessKey: 'test-secret-that-no-message-shows' }
  const server = await startEmbeddedS3({ folder, credentials, ...(tls ? { tls } : {}) })
  return {
    endpoint: server.endpoint,
    credentials,
    environment: {
      MILLCOURSE_S3_ENDPOINT: server.endpoint,
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
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
