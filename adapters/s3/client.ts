/** The S3 client: kept-alive sockets, timeouts on silence, the SDK's own chain of credentials. Retries are patience.ts. */
import { readFileSync } from 'node:fs'
import { S3Client } from '@aws-sdk/client-s3'
import { fromNodeProviderChain, fromTemporaryCredentials } from '@aws-sdk/credential-providers'
import { MillcourseError } from '../../core/errors.js'
import type { SpendMeter } from '../../core/ports/spend-meter.js'
import { countRequests } from './count-requests.js'

export interface S3Options {
  /** Null: S3 of the region. */
  readonly endpoint: string | null
  readonly isPathStyle: boolean
  readonly region: string
  /** Taken on with the credentials of the chain; null: those are used as they are. */
  readonly roleArn: string | null
  /** PEM file; null: those that Node trusts. */
  readonly caFile: string | null
  /** Sockets, and so requests in flight. */
  readonly concurrency: number
  /** So long a connection may be silent. */
  readonly silenceMaxMs: number
  /** Throttles, server errors and timeouts are retried for so long before they become an error. */
  readonly patienceMs: number
  /** Files are uploaded, and copied, in parts of this size where they are larger; S3 wants at least 5 MiB. */
  readonly uploadPartBytes: number
  readonly copyPartBytes: number
  /** Absent: nobody counts requests. */
  readonly spending?: SpendMeter
}

export const s3Defaults = {
  endpoint: null,
  isPathStyle: false,
  region: 'us-east-1',
  roleArn: null,
  caFile: null,
  concurrency: 32,
  silenceMaxMs: 15_000,
  patienceMs: 20_000,
  uploadPartBytes: 16 * 1024 ** 2,
  // One request copies at most 5 GiB; smaller parts go side by side.
  copyPartBytes: 1024 ** 3,
} as const satisfies S3Options

/** @throws MillcourseError CONFIG_INVALID */
export function createClient(options: S3Options): S3Client {
  // The SDK announces the end of its support for this Node on every start, into the output of every command.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const agent = { keepAlive: true, maxSockets: options.concurrency }
  const client = new S3Client({
    region: options.region,
    ...(options.endpoint === null ? {} : { endpoint: options.endpoint }),
    forcePathStyle: options.isPathStyle,
    ...(options.roleArn === null ? {} : { credentials: assumedRole(options.roleArn, options.region) }),
    // Other stores know If-None-Match, but not all of them the checksums that S3 itself has learnt since.
    ...(options.endpoint === null
      ? {}
      : { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }),
    // A repeated conditional write must be known as one: the SDK would hide it.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 3_000,
      socketTimeout: options.silenceMaxMs,
      requestTimeout: 4 * options.silenceMaxMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: { ...agent, ...(options.caFile === null ? {} : { ca: readAuthority(options.caFile) }) },
    },
  })
  if (options.spending) countRequests(client, options.spending)
  return client
}

/** Asks STS of the region (AWS_ENDPOINT_URL_STS: another one), for an hour each time. */
function assumedRole(roleArn: string, region: string) {
  return fromTemporaryCredentials({
    masterCredentials: fromNodeProviderChain(),
    params: { RoleArn: roleArn, RoleSessionName: 'millcourse' },
    clientConfig: { region },
  })
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new MillcourseError('CONFIG_INVALID', `MILLCOURSE_S3_CA: ${file} cannot be read`, {
      cause: error,
      hint: 'name a PEM file that this process may read',
      facts: { variables: 'MILLCOURSE_S3_CA', file },
    })
  }
}
