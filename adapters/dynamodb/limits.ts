/** What the account holds and may hold. A command waits for it, so patience is short. */
import { DescribeLimitsCommand, type DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb'
import type { OnlineLimits } from '../../core/ports/online-store.js'
import { allTables, isNamed } from './errors.js'
import { withPatience } from './patience.js'

const patienceMs = 2_000

/** @throws MillcourseError PUBLISH_UNREACHABLE, PUBLISH_THROTTLED, PUBLISH_ACCESS_DENIED */
export async function readLimits(client: DynamoDBClient, tablesMax: number): Promise<OnlineLimits> {
  const tables = await listTables(client, patienceMs)
  const limits = await withPatience(allTables, patienceMs, async () => {
    try {
      return await client.send(new DescribeLimitsCommand({}))
    } catch (error) {
      // Embedded endpoints have none.
      if (isNamed(error, 'UnknownOperationException')) return null
      throw error
    }
  })
  return {
    tables,
    tablesMax,
    accountWriteUnitsMax: limits?.AccountMaxWriteCapacityUnits ?? null,
    tableWriteUnitsMax: limits?.TableMaxWriteCapacityUnits ?? null,
  }
}

export async function listTables(client: DynamoDBClient, patienceMs: number): Promise<string[]> {
  const tables: string[] = []
  let from: string | undefined
  do {
    const command = new ListTablesCommand(from === undefined ? {} : { ExclusiveStartTableName: from })
    const page = await withPatience(allTables, patienceMs, () => client.send(command))
    tables.push(...(page.TableNames ?? []))
    from = page.LastEvaluatedTableName
  } while (from !== undefined)
  return tables
}
