/** Making, describing and dropping a view version's table. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb'
import { MillcourseError } from '../../core/errors.js'
import type { EnsuredTable, SettingDifference } from '../../core/ports/online-store.js'
import { isNamed } from './errors.js'
import { withPatience } from './patience.js'
import { settingDifferences } from './setting-differences.js'
import { applySettings } from './table-settings.js'

const activeWaitMs = 120_000

export class Tables {
  /** Identities of tables whose settings this process has seen to: its publishes ask no more. */
  private readonly settled = new Set<string>()

  constructor(
    private readonly client: DynamoDBClient,
    private readonly options: { readonly patienceMs: number; readonly kmsKey: string | null },
  ) {}

  async ensure(table: string, tags: Readonly<Record<string, string>>): Promise<EnsuredTable> {
    const identity = identityOf((await this.waitUntilActive(table)) ?? (await this.make(table, tags)))
    return await this.settle(table, identity)
  }

  /** Null: it was not made here, or an answer was lost and nobody can tell. */
  async createNew(table: string, tags: Readonly<Record<string, string>>): Promise<EnsuredTable | null> {
    if ((await this.create(table, tags)) === 'exists') return null
    return await this.settle(table, identityOf(await this.made(table)))
  }

  private async settle(table: string, identity: string): Promise<EnsuredTable> {
    if (this.settled.has(identity)) return { identity, warnings: [] }
    // Of a table that was there, too: its maker may have died before them.
    const { warnings, isSettled } = await applySettings(this.client, table, this.options.patienceMs)
    if (isSettled) this.settled.add(identity)
    return { identity, warnings }
  }

  async describe(table: string): Promise<{ readonly identity: string } | null> {
    const found = await this.read(table)
    return found === null || found.TableStatus === 'DELETING' ? null : { identity: identityOf(found) }
  }

  /** Null: there is no such table. */
  async differences(table: string): Promise<readonly SettingDifference[] | null> {
    const found = await this.read(table)
    return found === null ? null : await settingDifferences(this.client, found, this.options.kmsKey)
  }

  async orderDrop(table: string): Promise<void> {
    await withPatience(table, this.options.patienceMs, async () => {
      try {
        await this.client.send(new DeleteTableCommand({ TableName: table }))
      } catch (error) {
        if (!isNamed(error, 'ResourceNotFoundException')) throw error
      }
    })
  }

  async drop(table: string): Promise<void> {
    await withPatience(table, this.options.patienceMs, async () => {
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

  private async make(table: string, tags: Readonly<Record<string, string>>): Promise<TableDescription> {
    await this.create(table, tags)
    return await this.made(table)
  }

  private async made(table: string): Promise<TableDescription> {
    const made = await this.waitUntilActive(table)
    if (made !== null) return made
    throw new MillcourseError('PUBLISH_TABLE_MISSING', `online table ${table} was dropped while it was being made`)
  }

  /** On demand, encrypted (by a key that AWS owns where no other is given). No deletion protection: no process may delete a table that is read. */
  private async create(table: string, tags: Readonly<Record<string, string>>): Promise<'made' | 'exists'> {
    const { kmsKey } = this.options
    const Tags = Object.entries(tags).map(([name, value]) => ({ Key: name, Value: tagText(value) }))
    return await withPatience(table, this.options.patienceMs, async () => {
      try {
        await this.client.send(
          new CreateTableCommand({
            TableName: table,
            BillingMode: 'PAY_PER_REQUEST',
            AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'B' }],
            KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
            ...(kmsKey === null
              ? {}
              : { SSESpecification: { Enabled: true, SSEType: 'KMS' as const, KMSMasterKeyId: kmsKey } }),
            ...(Tags.length === 0 ? {} : { Tags }),
          }),
        )
        return 'made'
      } catch (error) {
        // Another worker made it meanwhile, or the answer to our own request was lost.
        if (isNamed(error, 'ResourceInUseException')) return 'exists'
        throw error
      }
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
    return withPatience(table, this.options.patienceMs, async () => {
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

/** What AWS takes as a tag's value. */
function tagText(value: string): string {
  return value.replaceAll(/[^\p{L}\p{N}\s_.:/=+\-@]/gu, '_').slice(0, 256)
}
