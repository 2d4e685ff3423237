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
import type { EnsuredTable, SettingDifference, TableFound } from '../../core/ports/online-store.js'
import type { DynamoDbOptions } from './client.js'
import { isNamed, isOutcomeUnknown } from './errors.js'
import { withPatience } from './patience.js'
import { settingDifferences } from './setting-differences.js'
import { applySettings } from './table-settings.js'

export class Tables {
  /** Identities of tables whose settings this process has seen to: its publishes ask no more. */
  private readonly settled = new Set<string>()

  constructor(
    private readonly client: DynamoDBClient,
    private readonly options: Pick<DynamoDbOptions, 'patienceMs' | 'tableWaitMs' | 'kmsKey'>,
  ) {}

  async ensure(table: string, tags: Readonly<Record<string, string>>): Promise<EnsuredTable> {
    const identity = identityOf((await this.waitUntilActive(table)) ?? (await this.make(table, tags)))
    return await this.settle(table, identity)
  }

  async createNew(table: string, tags: Readonly<Record<string, string>>): Promise<EnsuredTable | 'taken' | 'unknown'> {
    const created = await this.create(table, tags)
    if (created !== 'made') return created
    return await this.settle(table, identityOf(await this.made(table)))
  }

  private async settle(table: string, identity: string): Promise<EnsuredTable> {
    if (this.settled.has(identity)) return { identity, warnings: [] }
    // Of a table that was there, too: its maker may have died before them.
    const { warnings, isSettled } = await applySettings(this.client, table, this.options.patienceMs)
    if (isSettled) this.settled.add(identity)
    return { identity, warnings }
  }

  async describe(table: string): Promise<TableFound | null> {
    const found = await this.read(table)
    if (found === null || found.TableStatus === 'DELETING') return null
    const madeAt = found.CreationDateTime === undefined ? null : BigInt(found.CreationDateTime.getTime()) * 1_000_000n
    return { identity: identityOf(found), madeAt }
  }

  /** Null: there is no such table. */
  async differences(table: string): Promise<readonly SettingDifference[] | null> {
    const found = await this.read(table)
    return found === null ? null : await settingDifferences(this.client, found, this.options.kmsKey)
  }

  async orderDrop(table: string): Promise<void> {
    // That may take minutes, which nobody waits for: the order is given again later.
    if ((await this.delete(table)) === 'in-use')
      throw new MillcourseError('PUBLISH_UNREACHABLE', `online table ${table} is still being made or deleted`)
  }

  async drop(table: string): Promise<void> {
    // In use: the wait says what for.
    await this.delete(table)
    for (let waitedMs = 0; waitedMs < this.options.tableWaitMs; waitedMs += 100) {
      if ((await this.read(table)) === null) return
      await sleep(100)
    }
    throw new MillcourseError('PUBLISH_UNREACHABLE', `online table ${table} is still being deleted`)
  }

  private delete(table: string): Promise<'ordered' | 'in-use'> {
    return withPatience(table, this.options.patienceMs, async () => {
      try {
        await this.client.send(new DeleteTableCommand({ TableName: table }))
      } catch (error) {
        if (isNamed(error, 'ResourceInUseException')) return 'in-use'
        if (!isNamed(error, 'ResourceNotFoundException')) throw error
      }
      return 'ordered'
    })
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
  private async create(table: string, tags: Readonly<Record<string, string>>): Promise<'made' | 'taken' | 'unknown'> {
    const { kmsKey } = this.options
    let isAnswerLost = false
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
        // Another worker made it, or we did when the answer was lost.
        if (isNamed(error, 'ResourceInUseException')) return isAnswerLost ? 'unknown' : 'taken'
        isAnswerLost ||= isOutcomeUnknown(error)
        throw error
      }
    })
  }

  /** Null: there is no such table. */
  private async waitUntilActive(table: string): Promise<TableDescription | null> {
    for (let waitedMs = 0; waitedMs < this.options.tableWaitMs; waitedMs += 100) {
      const found = await this.read(table)
      if (found === null || found.TableStatus === 'ACTIVE' || found.TableStatus === 'UPDATING') return found
      await sleep(100)
    }
    throw new MillcourseError(
      'PUBLISH_UNREACHABLE',
      `online table ${table} is not ready after ${this.options.tableWaitMs / 1000} s`,
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
