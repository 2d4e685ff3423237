/**
 * What a table is given beside its key: expiry and point-in-time recovery, by requests of their own, which a maker that died has not
 * sent. Neither decides a value (R36: reads go by the ttl of the definition, and what is online can be published again), so an endpoint
 * without them is fine, and one that denies them is told about.
 */
import {
  DescribeContinuousBackupsCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { isNamed, isPassing, toOnlineStoreError } from './errors.js'
import { withPatience } from './patience.js'

/** The items' attribute that DynamoDB's own expiry goes by. */
const expiryAttribute = 'expires_at'

export interface Setting {
  readonly name: 'expiry' | 'recovery'
  readonly words: string
  /** The IAM actions. */
  readonly actions: string
  /** How it is, in words; null: as it has to be. */
  find(client: DynamoDBClient, table: string): Promise<string | null>
  apply(client: DynamoDBClient, table: string): Promise<unknown>
}

export const settings: readonly Setting[] = [
  {
    name: 'expiry',
    words: 'expiry of old items',
    actions: 'dynamodb:DescribeTimeToLive and dynamodb:UpdateTimeToLive',
    find: async (client, table) => {
      const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }))
      const { TimeToLiveStatus: status, AttributeName: attribute } = TimeToLiveDescription ?? {}
      if (status !== 'ENABLED' && status !== 'ENABLING') return 'off'
      return attribute === expiryAttribute ? null : `by ${attribute}`
    },
    apply: (client, table) =>
      client.send(
        new UpdateTimeToLiveCommand({
          TableName: table,
          TimeToLiveSpecification: { AttributeName: expiryAttribute, Enabled: true },
        }),
      ),
  },
  {
    name: 'recovery',
    words: 'point-in-time recovery',
    actions: 'dynamodb:DescribeContinuousBackups and dynamodb:UpdateContinuousBackups',
    find: async (client, table) => {
      const { ContinuousBackupsDescription } = await client.send(
        new DescribeContinuousBackupsCommand({ TableName: table }),
      )
      const recovery = ContinuousBackupsDescription?.PointInTimeRecoveryDescription
      return recovery?.PointInTimeRecoveryStatus === 'ENABLED' ? null : 'off'
    },
    apply: (client, table) =>
      client.send(
        new UpdateContinuousBackupsCommand({
          TableName: table,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        }),
      ),
  },
]

export interface AppliedSettings {
  /** What could not be looked at or made, each with what to do. */
  readonly warnings: readonly string[]
  /** Nothing would be gained by trying again soon. */
  readonly isSettled: boolean
}

/** Asks how the table is and sends only what differs. */
export async function applySettings(
  client: DynamoDBClient,
  table: string,
  patienceMs: number,
): Promise<AppliedSettings> {
  const warnings: string[] = []
  let isSettled = true
  for (const { words, actions, find, apply } of settings) {
    try {
      await withPatience(table, patienceMs, async () => {
        try {
          if ((await find(client, table)) !== null) await apply(client, table)
        } catch (error) {
          if (!isUnknownOrMade(error)) throw error
        }
      })
    } catch (error) {
      const known = toOnlineStoreError(error, table)
      if (isPassing(known)) isSettled = false
      const advice = known.code === 'PUBLISH_ACCESS_DENIED' ? `grant ${actions}` : known.message
      warnings.push(`online table ${table} may have no ${words}: ${advice}, or set it by hand`)
    }
  }
  return { warnings, isSettled }
}

/** An endpoint that does not know the setting; or one where another worker has just made it. */
function isUnknownOrMade(error: unknown): boolean {
  if (isNamed(error, 'UnknownOperationException')) return true
  return isNamed(error, 'ValidationException') && /already enabled/i.test((error as Error).message)
}
