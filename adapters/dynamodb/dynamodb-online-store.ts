/** The online store on DynamoDB: reads are consistent, writes are conditional (item-reader.ts, item-writer.ts, R36), a view version is a table (tables.ts). */
import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import type {
  EnsuredTable,
  ItemsAndEnd,
  LoadOutcome,
  OnlineLimits,
  OnlineStore,
  OnlineWrite,
  PutOutcome,
  SettingDifference,
  TableFound,
  WriteOptions,
} from '../../core/ports/online-store.js'
import type { OnlineItem, PublishedEnd } from '../../core/publish/online-item.js'
import { createClient, type DynamoDbOptions, dynamoDbDefaults } from './client.js'
import { fromStoredItem, isEnd, type StoredItem, toStoredEnd } from './item-format.js'
import { ItemLoader } from './item-loader.js'
import { ItemReader } from './item-reader.js'
import { ItemWriter } from './item-writer.js'
import { listTables, readLimits } from './limits.js'
import { withPatience } from './patience.js'
import { Tables } from './tables.js'

export class DynamoDbOnlineStore implements OnlineStore {
  private readonly options: DynamoDbOptions
  private readonly client: DynamoDBClient
  private readonly tables: Tables
  private readonly writer: ItemWriter
  private readonly reader: ItemReader
  private readonly loader: ItemLoader

  constructor(options: Partial<DynamoDbOptions> = {}) {
    this.options = { ...dynamoDbDefaults, ...options }
    this.client = createClient(this.options)
    this.tables = new Tables(this.client, this.options)
    this.writer = new ItemWriter(this.client, this.options)
    this.reader = new ItemReader(this.client, this.options)
    this.loader = new ItemLoader(this.client, this.options)
  }

  ensureTable(table: string, tags: Readonly<Record<string, string>> = {}): Promise<EnsuredTable> {
    return this.tables.ensure(table, tags)
  }

  describeTable(table: string): Promise<TableFound | null> {
    return this.tables.describe(table)
  }

  settingDifferences(table: string): Promise<readonly SettingDifference[] | null> {
    return this.tables.differences(table)
  }

  createTable(table: string, tags: Readonly<Record<string, string>> = {}): Promise<EnsuredTable | 'taken' | 'unknown'> {
    return this.tables.createNew(table, tags)
  }

  dropTable(table: string, { isAwaited }: { readonly isAwaited: boolean } = { isAwaited: true }): Promise<void> {
    return isAwaited ? this.tables.drop(table) : this.tables.orderDrop(table)
  }

  loadItems(table: string, items: readonly OnlineItem[], options: WriteOptions = {}): Promise<LoadOutcome> {
    return this.loader.load(table, items, options)
  }

  putItems(table: string, items: readonly OnlineWrite[], options: WriteOptions = {}): Promise<PutOutcome[]> {
    return this.writer.write(table, items, options)
  }

  putEnd(table: string, end: PublishedEnd): Promise<PutOutcome> {
    return this.writer.put(table, toStoredEnd(end), () => true)
  }

  getItems(table: string, keys: readonly Uint8Array[]): Promise<(OnlineItem | null)[]> {
    return this.reader.items(table, keys)
  }

  getItemsAndEnd(table: string, keys: readonly Uint8Array[]): Promise<ItemsAndEnd> {
    return this.reader.itemsAndEnd(table, keys)
  }

  getEnd(table: string): Promise<PublishedEnd | null> {
    return this.reader.end(table)
  }

  async *scan(
    table: string,
    { after, partItems }: { readonly after?: Uint8Array; readonly partItems?: number } = {},
  ): AsyncGenerator<OnlineItem[]> {
    let from: StoredItem | undefined = after === undefined ? undefined : { pk: { B: after } }
    const limit = partItems === undefined ? {} : { Limit: partItems }
    do {
      const page = await withPatience(table, this.options.patienceMs, () =>
        this.client.send(
          new ScanCommand({
            ...{ TableName: table, ConsistentRead: true, ...limit },
            ...(from ? { ExclusiveStartKey: from } : {}),
          }),
        ),
      )
      from = page.LastEvaluatedKey
      yield (page.Items ?? []).filter((stored) => !isEnd(stored)).map(fromStoredItem)
    } while (from !== undefined)
  }

  listTables(): Promise<string[]> {
    return listTables(this.client, this.options.patienceMs)
  }

  limits(): Promise<OnlineLimits> {
    return readLimits(this.client, this.options.tablesMax)
  }

  async close(): Promise<void> {
    this.client.destroy()
  }
}
