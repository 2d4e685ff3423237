import type { S3Client } from '@aws-sdk/client-s3'
import { createClient, type S3Options, s3Defaults } from './client.js'
import { formatS3Uri, type S3Location } from './location.js'
import { withPatience } from './patience.js'

/** One client and its credentials, for the lake, the sources and the query engine of a process. */
export class S3Connection {
  readonly options: S3Options
  readonly client: S3Client
  /** Known to exist. */
  readonly bucketsSeen = new Set<string>()

  /** @throws MillcourseError CONFIG_INVALID */
  constructor(options: Partial<S3Options>) {
    this.options = { ...s3Defaults, ...options }
    this.client = createClient(this.options)
  }

  /** @throws MillcourseError */
  ask<T>(
    at: S3Location,
    request: (client: S3Client, isRepeated: boolean) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const work = (isRepeated: boolean) => request(this.client, isRepeated)
    return withPatience(formatS3Uri(at), this.options.patienceMs, work, signal)
  }

  /** The SDK keeps them and renews them five minutes before they expire. */
  async credentials(): Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken: string | null }> {
    const found = await this.ask({ bucket: '', key: '' }, (client) => client.config.credentials())
    return { ...found, sessionToken: found.sessionToken ?? null }
  }

  close(): void {
    this.client.destroy()
  }
}
