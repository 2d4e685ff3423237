/** Lake, sources and the engine's way to S3, by the scheme of their roots. The SDK is loaded only when something lies in S3. */
import type { S3Access } from '../adapters/duckdb/httpfs.js'
import { createFilesLake } from '../adapters/files/files-lake.js'
import type { S3Connection } from '../adapters/s3/s3-connection.js'
import type { Lake } from '../core/ports/lake.js'
import type { SpendMeter } from '../core/ports/spend-meter.js'
import type { S3Config } from './config.js'
import { RoutedLake } from './routed-lake.js'

export interface StackLakes {
  /** @param root a folder, `file:///…` or `s3://bucket/prefix` */
  lakeAt(root: string): Promise<Lake>
  /** Relative paths lie below `root`, others where they say. */
  sourcesAt(root: string): Promise<Lake>
  readonly s3Access: S3Access
  close(): Promise<void>
}

export function openStackLakes(config: S3Config & { readonly spending?: SpendMeter }): StackLakes {
  let opened: Promise<S3Connection> | null = null
  const s3 = () => {
    opened ??= import('../adapters/s3/s3-connection.js').then(({ S3Connection }) => new S3Connection(config))
    return opened
  }
  const lakeAt = async (root: string): Promise<Lake> => {
    if (!root.startsWith('s3://')) return createFilesLake(root)
    const { createS3Lake } = await import('../adapters/s3/s3-lake.js')
    return createS3Lake(await s3(), root)
  }
  return {
    lakeAt,
    async sourcesAt(root) {
      // Any bucket would do: absolute names are taken as they are.
      const inS3 = () => lakeAt(root.startsWith('s3://') ? root : 's3://sources')
      return new RoutedLake({ root: await lakeAt(root), files: createFilesLake('/'), s3: inS3 })
    },
    s3Access: {
      ...config,
      credentials: async () => (await s3()).credentials(),
      async upload(file, uri, signal) {
        const { uploadFile } = await import('../adapters/s3/upload-file.js')
        await uploadFile(await s3(), file, uri, signal)
      },
    },
    close: async () => (await opened)?.close(),
  }
}
