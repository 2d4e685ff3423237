/**
 * The online store on DynamoDB. Every write is a conditional PutItem, so the fence of R36 holds whatever is repeated, late or lost;
 * `putItems` is the one place where a faster conditional path may be chosen by what the endpoint knows.
 */
import {
  BatchGetItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  paginateScan,
} from '@aws-sdk/client-dynamodb'
import { assert, MillcourseError } from '../../core/errors.js'
import type { OnlineStore, PutOutcome, WriteOptions } from '../../core/ports/online-store.js'
import type { OnlineItem, PublishedEnd } from '../../core/publish/online-item.js'
import { createClient, type DynamoDbOptions, dynamoDbDefaults } from './client.js'
import { isNamed, toOnlineStoreError } from './errors.js'
import {
  endKey,
  fromStoredEnd,
  fromStoredItem,
  isEnd,
  type StoredItem,
  toStoredEnd,
  toStoredItem,
} from './item-format.js'
import { withPatience } from './patience.js'
import { Tables } from './tables.js'

/** DynamoDB's limit on the keys of one BatchGetItem. */
const batchGetKeysMax = 100

export class DynamoDbOnlineStore implements OnlineStore {
  private readonly options: DynamoDbOptions
  private readonly client: DynamoDBClient
  private readonly tables: Tables

  constructor(options: Partial<DynamoDbOptions> = {}) {
    this.options = { ...dynamoDbDefaults, ...options }
    this.client = createClient(this.options)
    this.tables = new Tables(this.client, this.options.patienceMs)
  }

  ensureTable(table: string): Promise<{ readonly identity: string }> {
    return this.tables.ensure(table)
  }

  describeTable(table: string): Promise<{ readonly identity: string } | null> {
    return this.tables.describe(table)
  }

  dropTable(table: string): Promise<void> {
    return this.tables.drop(table)
  }

  async putItems(table: string, items: readonly OnlineItem[], options: WriteOptions = {}): Promise<PutOutcome[]> {
    const mayWrite = () => options.signal?.aborted !== true && (options.mayWrite?.() ?? true)
    const outcomes = new Array<PutOutcome>(items.length).fill('refused')
    let next = 0
    let failure: unknown = null
    const writeOn = async (): Promise<void> => {
      while (next < items.length && failure === null && mayWrite()) {
        const index = next++
        outcomes[index] = await this.put(table, toStoredItem(items[index]!), mayWrite)
      }
    }
    const writers = Array.from({ length: Math.min(this.options.concurrency, items.length) }, () =>
      writeOn().catch((error: unknown) => {
        failure ??= error
      }),
    )
    await Promise.all(writers)
    if (failure !== null) throw failure
    return outcomes
  }

  putEnd(table: string, end: PublishedEnd): Promise<PutOutcome> {
    return this.put(table, toStoredEnd(end), () => true)
  }

  async getItems(table: string, keys: readonly Uint8Array[]): Promise<(OnlineItem | null)[]> {
    const found = new Map<string, OnlineItem>()
    // One request must not name a key twice.
    const wanted = [...new Map(keys.map((key) => [hexOf(key), key])).values()]
    for (let from = 0; from < wanted.length; from += batchGetKeysMax) {
      for (const stored of await this.getBatch(table, wanted.slice(from, from + batchGetKeysMax)))
        found.set(hexOf(stored.pk!.B!), fromStoredItem(stored))
    }
    return keys.map((key) => found.get(hexOf(key)) ?? null)
  }

  async getEnd(table: string): Promise<PublishedEnd | null> {
    const { Item } = await withPatience(table, this.options.patienceMs, () =>
      this.client.send(new GetItemCommand({ TableName: table, Key: { pk: { B: endKey } }, ConsistentRead: true })),
    )
    return Item === undefined ? null : fromStoredEnd(Item)
  }

  async *scan(table: string): AsyncGenerator<OnlineItem[]> {
    try {
      for await (const page of paginateScan({ client: this.client }, { TableName: table, ConsistentRead: true }))
        yield (page.Items ?? []).filter((stored) => !isEnd(stored)).map(fromStoredItem)
    } catch (error) {
      throw toOnlineStoreError(error, table)
    }
  }

  async close(): Promise<void> {
    this.client.destroy()
  }

  /** A refused condition is an answer. A repeat after a lost answer meets its own sequence and lands again, unchanged. */
  private async put(table: string, item: StoredItem, isWanted: () => boolean): Promise<PutOutcome> {
    const command = new PutItemCommand({
      TableName: table,
      Item: item,
      ConditionExpression: 'attribute_not_exists(pk) OR #seq <= :seq',
      ExpressionAttributeNames: { '#seq': 'seq' },
      ExpressionAttributeValues: { ':seq': item.seq! },
    })
    const send = async (): Promise<PutOutcome> => {
      try {
        await this.client.send(command)
        return 'written'
      } catch (error) {
        if (isNamed(error, 'ConditionalCheckFailedException')) return 'refused'
        throw error
      }
    }
    try {
      return await withPatience(table, this.options.patienceMs, send, isWanted)
    } catch (error) {
      // The lease went while the request was being retried: not written, as the port says.
      if (!isWanted()) return 'refused'
      throw error
    }
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

function hexOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex')
}
