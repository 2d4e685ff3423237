/**
 * What a new table is given beside its key: expiry and point-in-time recovery. Neither decides a value (R36: reads go by the ttl of the
 * definition, and what is online can be published again), so an endpoint without them is fine, and one that denies them is told about.
 */
import { type DynamoDBClient, UpdateContinuousBackupsCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import { toOnlineStoreError } from './errors.js'
import { withPatience } from './patience.js'

interface Setting {
  readonly name: string
  /** The IAM action. */
  readonly action: string
  apply(client: DynamoDBClient, table: string): Promise<unknown>
}

const settings: readonly Setting[] = [
  {
    name: 'expiry of old items',
    action: 'dynamodb:UpdateTimeToLive',
    apply: (client, table) =>
      client.send(
        new UpdateTimeToLiveCommand({
          TableName: table,
          TimeToLiveSpecification: { AttributeName: 'expires_at', Enabled: true },
        }),
      ),
  },
  {
    name: 'point-in-time recovery',
    action: 'dynamodb:UpdateContinuousBackups',
    apply: (client, table) =>
      client.send(
        new UpdateContinuousBackupsCommand({
          TableName: table,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        }),
      ),
  },
]

/** The settings that could not be made, each with what to do. */
export async function applySettings(client: DynamoDBClient, table: string, patienceMs: number): Promise<string[]> {
  const warnings: string[] = []
  for (const { name, action, apply } of settings) {
    try {
      await withPatience(table, patienceMs, () => apply(client, table).catch(unlessUnknown))
    } catch (error) {
      const known = toOnlineStoreError(error, table)
      const advice = known.code === 'PUBLISH_ACCESS_DENIED' ? `grant ${action}` : known.message
      warnings.push(`online table ${table} has no ${name}: ${advice}, or set it by hand`)
    }
  }
  return warnings
}

/** An endpoint that does not know the setting; or one where another worker has just made it. */
function unlessUnknown(error: unknown): void {
  const { name, message } = error as Error
  if (name === 'UnknownOperationException') return
  if (name === 'ValidationException' && /already enabled/i.test(message)) return
  throw error
}
