/** What of a table is not as the product makes it: for `doctor`, which a person waits for, so patience is short. */
import type { DynamoDBClient, TableDescription } from '@aws-sdk/client-dynamodb'
import type { SettingDifference } from '../../core/ports/online-store.js'
import { isNamed } from './errors.js'
import { withPatience } from './patience.js'
import { settings } from './table-settings.js'

const patienceMs = 2_000

/** @param kmsKey the customer's key (id, ARN or alias) that tables are to have; null: any */
export async function settingDifferences(
  client: DynamoDBClient,
  description: TableDescription,
  kmsKey: string | null,
): Promise<SettingDifference[]> {
  const table = description.TableName!
  const found: SettingDifference[] = []
  for (const { name, find } of settings) {
    const how = await withPatience(table, patienceMs, () => find(client, table).catch(asUnknown))
    // Embedded endpoints know some settings, or claim to, and can be given none that lasts: nothing of theirs is judged.
    if (how === 'unknown') return []
    if (how !== null) found.push({ setting: name, found: how })
  }
  // AWS leaves it out of tables that never had another mode.
  const billing = description.BillingModeSummary?.BillingMode ?? 'PROVISIONED'
  if (billing !== 'PAY_PER_REQUEST') found.push({ setting: 'billing', found: billing.toLowerCase() })
  const key = description.SSEDescription?.KMSMasterKeyArn ?? null
  if (kmsKey !== null && !isKey(key, kmsKey)) found.push({ setting: 'encryption', found: key ?? 'a key that AWS owns' })
  return found
}

/** An alias is not told apart from other keys of the customer's: DynamoDB names the key behind it. */
function isKey(arn: string | null, wanted: string): boolean {
  if (arn === null) return false
  if (/^alias\/|:alias\//.test(wanted)) return true
  return arn === wanted || arn.endsWith(`:key/${wanted}`)
}

function asUnknown(error: unknown): 'unknown' {
  if (isNamed(error, 'UnknownOperationException')) return 'unknown'
  throw error
}
