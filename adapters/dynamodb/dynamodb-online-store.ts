/** The online store on DynamoDB: reads are consistent, writes are conditional (item-writer.ts, R36), a view version is a table (tables.ts). */
import { BatchGetItemCommand, type DynamoDBClient, GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { assert, MillcourseError } from '../../core/errors.js'
import type {
  EnsuredTable,
  OnlineLimits,
  OnlineStore,
  OnlineWrite,
  PutOutcome,
  SettingDifference,
  WriteOptions,
} from '../../core/ports/online-store.js'
import type { OnlineItem, PublishedEnd } from '../../core/publish/online-item.js'
import { createClient, type DynamoDbOptions, dynamoDbDefaults } from './client.js'
import { endKey, fromStoredEnd, fromStoredItem, isEnd, keyText, type StoredItem, toStoredEnd } from './item-format.js'
import { ItemWriter } from './item-writer.js'
import { readLimits } from './limits.js'
import { withPatience } from './patience.js'
import { Tables } from './tables.js'

/** DynamoDB's limit on the keys of one BatchGetItem. */
const batchGetKeysMax = 100

export class DynamoDbOnlineStore implements OnlineStore {
  private readonly options: DynamoDbOptions
  private readonly client: DynamoDBClient
  private readonly tables: Tables
  private readonly writer: ItemWriter

  constructor(options: Partial<DynamoDbOptions> = {}) {
    this.options = { ...dynamoDbDefaults, ...options }
    this.client = createClient(this.options)
    this.tables = new Tables(this.client, this.options)
    this.writer = new ItemWriter(this.client, this.options)
  }

  ensureTable(table: string, tags: Readonly<Record<string, string>> = {}): Promise<EnsuredTable> {
    return this.tables.ensure(table, tags)
  }

  describeTable(table: string): Promise<{ readonly identity: string } | null> {
    return this.tables.describe(table)
  }

  settingDifferences(table: string): Promise<readonly SettingDifference[] | null> {
    return this.tables.differences(table)
  }

  dropTable(table: string): Promise<void> {
    return this.tables.drop(table)
  }

  putItems(table: string, items: readonly OnlineWrite[], options: WriteOptions = {}): Promise<PutOutcome[]> {
    return this.writer.write(table, items, options)
  }

  putEnd(table: string, end: PublishedEnd): Promise<PutOutcome> {
    return this.writer.put(table, toStoredEnd(end), () => true)
  }

  async getItems(table: string, keys: readonly Uint8Array[]): Promise<(OnlineItem | null)[]> {
    const found = new Map<string, OnlineItem>()
    // One request must not name a key twice.
    const wanted = [...new Map(keys.map((key) => [keyText(key), key])).values()]
    for (let from = 0; from < wanted.length; from += batchGetKeysMax) {
      for (const stored of await this.getBatch(table, wanted.slice(from, from + batchGetKeysMax)))
        found.set(keyText(stored.pk!.B!), fromStoredItem(stored))
    }
    return keys.map((key) => found.get(keyText(key)) ?? null)
  }

  async getEnd(table: string): Promise<PublishedEnd | null> {
    const { Item } = await withPatience(table, this.options.patienceMs, () =>
      this.client.send(new GetItemCommand({ TableName: table, Key: { pk: { B: endKey } }, ConsistentRead: true })),
    )
    return Item === undefined ? null : fromStoredEnd(Item)
  }

  async *scan(table: string): AsyncGenerator<OnlineItem[]> {
    let from: StoredItem | undefined
    do {
      const page = await withPatience(table, this.options.patienceMs, () =>
        this.client.send(
          new ScanCommand({ TableName: table, ConsistentRead: true, ...(from ? { ExclusiveStartKey: from } : {}) }),
        ),
      )
      from = page.LastEvaluatedKey
      yield (page.Items ?? []).filter((stored) => !isEnd(stored)).map(fromStoredItem)
    } while (from !== undefined)
  }

  limits(): Promise<OnlineLimits> {
    return readLimits(this.client, this.options.tablesMax)
  }

  async close(): Promise<void> {
    this.client.destroy()
  }

  private async getBatch(table: string, keys: readonly Uint8Array[]): Promise<StoredItem[]> {
    const items: StoredItem[] = []
    let left = keys.map((key): StoredItem => ({ pk: { B: key } }))
    await withPatience(table, this.options.patienceMs, async () => {
      const answer = await this.client.send(
        new BatchGetItemCommand({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } }),
      )
      items.push(...(answer.Responses?.[table] ?? []))
      left = answer.UnprocessedKeys?.[table]?.Keys ?? []
      if (left.length > 0)
        throw new MillcourseError('PUBLISH_THROTTLED', `online table ${table}: ${left.length} keys were left unread`)
    })
    assert(left.length === 0, 'every key was read')
    return items
  }
}
