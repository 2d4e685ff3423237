/** The DynamoDB client: kept-alive sockets and hard timeouts. Each request is sent once: who may repeat it, and for how long, is patience.ts. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { SpendMeter } from '../../core/ports/spend-meter.js'
import type { Telemetry } from '../../core/ports/telemetry.js'
import { measureRequests } from './measure-requests.js'

export interface DynamoDbOptions {
  /** Null: the endpoint of the region. */
  readonly endpoint: string | null
  readonly region: string
  /** Null: the SDK's own chain (environment, profile, role). */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null
  /** Requests in flight; one socket each. */
  readonly concurrency: number
  /** One request may take at most so long; a write that timed out may have landed, which its condition makes harmless. */
  readonly requestTimeoutMs: number
  /** Throttles, server errors and timeouts are retried for so long before they become an error. */
  readonly patienceMs: number
  /** How long a table may take to be made or deleted before that becomes an error. */
  readonly tableWaitMs: number
  /** A customer's KMS key (id, ARN or alias) for new tables; null: a key that AWS owns. */
  readonly kmsKey: string | null
  /** The account's quota of tables in the region. */
  readonly tablesMax: number
  /** Absent: nobody measures. */
  readonly telemetry?: Telemetry
  /** Absent: nobody counts what is consumed. */
  readonly spending?: SpendMeter
}

export const dynamoDbDefaults = {
  endpoint: null,
  region: 'us-east-1',
  credentials: null,
  concurrency: 32,
  requestTimeoutMs: 5_000,
  patienceMs: 30_000,
  tableWaitMs: 120_000,
  kmsKey: null,
  tablesMax: 2_500,
} as const satisfies DynamoDbOptions

export function createClient(options: DynamoDbOptions): DynamoDBClient {
  // The SDK announces the end of its support for this Node on every start, into the output of every command.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = new DynamoDBClient({
    region: options.region,
    ...(options.endpoint === null ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === null ? {} : { credentials: options.credentials }),
    // The SDK would repeat a write without asking whether the lease still holds (R36).
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: options.requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: options.concurrency },
      httpsAgent: { keepAlive: true, maxSockets: options.concurrency },
    },
  })
  if (options.telemetry || options.spending) measureRequests(client, options)
  return client
}
