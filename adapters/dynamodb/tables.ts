/** Making, describing and dropping a view version's table. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  type TableDescription,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { MillcourseError } from '../../core/errors.js'
import { isNamed } from './errors.js'
import { withPatience } from './patience.js'

const activeWaitMs = 120_000

export class Tables {
  constructor(
    private readonly client: DynamoDBClient,
    private readonly patienceMs: number,
  ) {}

  async ensure(table: string): Promise<{ readonly identity: string }> {
    const found = await this.waitUntilActive(table)
    if (found !== null) return { identity: identityOf(found) }
    await this.create(table)
    const made = await this.waitUntilActive(table)
    if (made === null)
      throw new MillcourseError('PUBLISH_TABLE_MISSING', `online table ${table} was dropped while it was being made`)
    await this.enableExpiry(table)
    return { identity: identityOf(made) }
  }

  async describe(table: string): Promise<{ readonly identity: string } | null> {
    const found = await this.read(table)
    return found === null || found.TableStatus === 'DELETING' ? null : { identity: identityOf(found) }
  }

  async drop(table: string): Promise<void> {
    await withPatience(table, this.patienceMs, async () => {
      try {
        await this.client.send(new DeleteTableCommand({ TableName: table }))
      } catch (error) {
        // In use: it is already being made or deleted; the wait below says which.
        if (!isNamed(error, 'ResourceNotFoundException') && !isNamed(error, 'ResourceInUseException')) throw error
      }
    })
    for (let waitedMs = 0; waitedMs < activeWaitMs; waitedMs += 100) {
      if ((await this.read(table)) === null) return
      await sleep(100)
    }
    throw new MillcourseError('PUBLISH_UNREACHABLE', `online table ${table} is still being deleted`)
  }

  private async create(table: string): Promise<void> {
    await withPatience(table, this.patienceMs, async () => {
      try {
        await this.client.send(
          new CreateTableCommand({
            TableName: table,
            BillingMode: 'PAY_PER_REQUEST',
            AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'B' }],
            KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
          }),
        )
      } catch (error) {
        // Another worker made it meanwhile, or the answer to our own request was lost.
        if (!isNamed(error, 'ResourceInUseException')) throw error
      }
    })
  }

  /** Clean-up only (R36): reads go by the ttl of the definition, so an endpoint without the setting loses nothing. */
  private async enableExpiry(table: string): Promise<void> {
    await this.client
      .send(
        new UpdateTimeToLiveCommand({
          TableName: table,
          TimeToLiveSpecification: { AttributeName: 'expires_at', Enabled: true },
        }),
      )
      .catch((error: unknown) => {
        if (!isNamed(error, 'UnknownOperationException') && !isNamed(error, 'ValidationException')) throw error
      })
  }

  /** Null: there is no such table. */
  private async waitUntilActive(table: string): Promise<TableDescription | null> {
    for (let waitedMs = 0; waitedMs < activeWaitMs; waitedMs += 100) {
      const found = await this.read(table)
      if (found === null || found.TableStatus === 'ACTIVE' || found.TableStatus === 'UPDATING') return found
      await sleep(100)
    }
    throw new MillcourseError(
      'PUBLISH_UNREACHABLE',
      `online table ${table} is not ready after ${activeWaitMs / 1000} s`,
      {
        hint: 'look at its status in DynamoDB',
        facts: { table },
      },
    )
  }

  private read(table: string): Promise<TableDescription | null> {
    return withPatience(table, this.patienceMs, async () => {
      try {
        return (await this.client.send(new DescribeTableCommand({ TableName: table }))).Table ?? null
      } catch (error) {
        if (isNamed(error, 'ResourceNotFoundException')) return null
        throw error
      }
    })
  }
}

/** Another one once the table was dropped and made again. */
function identityOf(table: TableDescription): string {
  return table.TableId ?? `${table.TableArn ?? table.TableName}@${table.CreationDateTime?.getTime() ?? 0}`
}
