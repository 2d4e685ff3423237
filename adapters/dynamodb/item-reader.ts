/** Consistent reads of items and of the published end, in batches that go out together. */
import { BatchGetItemCommand, type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { assert, MillcourseError } from '../../core/errors.js'
import type { ItemsAndEnd } from '../../core/ports/online-store.js'
import type { OnlineItem, PublishedEnd } from '../../core/publish/online-item.js'
import { endKey, fromStoredEnd, fromStoredItem, keyText, type StoredItem } from './item-format.js'
import { withPatience } from './patience.js'

/** DynamoDB's limit on the keys of one BatchGetItem. */
const batchKeysMax = 100
/** Of one call: the client's sockets are shared by many. */
const batchesAtOnce = 8

export class ItemReader {
  constructor(
    private readonly client: DynamoDBClient,
    private readonly options: { readonly patienceMs: number },
  ) {}

  async items(table: string, keys: readonly Uint8Array[]): Promise<(OnlineItem | null)[]> {
    return itemsAt(keys, await this.read(table, keys))
  }

  async itemsAndEnd(table: string, keys: readonly Uint8Array[]): Promise<ItemsAndEnd> {
    const found = await this.read(table, [endKey, ...keys])
    const end = found.get(keyText(endKey))
    return { items: itemsAt(keys, found), end: end === undefined ? null : fromStoredEnd(end) }
  }

  async end(table: string): Promise<PublishedEnd | null> {
    const { Item } = await withPatience(table, this.options.patienceMs, () =>
      this.client.send(new GetItemCommand({ TableName: table, Key: { pk: { B: endKey } }, ConsistentRead: true })),
    )
    return Item === undefined ? null : fromStoredEnd(Item)
  }

  /** What is stored, by its key's text. */
  private async read(table: string, keys: readonly Uint8Array[]): Promise<Map<string, StoredItem>> {
    // One request must not name a key twice.
    const wanted = [...new Map(keys.map((key) => [keyText(key), key])).values()]
    const found = new Map<string, StoredItem>()
    let next = 0
    const reader = async (): Promise<void> => {
      while (next < wanted.length) {
        const batch = wanted.slice(next, next + batchKeysMax)
        next += batchKeysMax
        try {
          for (const stored of await this.batch(table, batch)) found.set(keyText(stored.pk!.B!), stored)
        } catch (error) {
          // The call has failed: its other batches need not go out.
          next = wanted.length
          throw error
        }
      }
    }
    await Promise.all(Array.from({ length: batchesAtOnce }, reader))
    return found
  }

  private async batch(table: string, keys: readonly Uint8Array[]): Promise<StoredItem[]> {
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

function itemsAt(keys: readonly Uint8Array[], found: ReadonlyMap<string, StoredItem>): (OnlineItem | null)[] {
  return keys.map((key) => {
    const stored = found.get(keyText(key))
    return stored === undefined ? null : fromStoredItem(stored)
  })
}
