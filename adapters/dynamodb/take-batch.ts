/** What goes into one request. */
import type { OnlineItem } from '../../core/publish/online-item.js'
import { keyText, type StoredItem, toStoredItem } from './item-format.js'

/** Of the items of one request: well below what DynamoDB takes, and a repeat stays cheap. */
const batchBytesMax = 1_048_576

export interface BatchedItem {
  /** In the items given. */
  readonly index: number
  readonly item: StoredItem
}

/** From `from` on, as many as one request takes; never two writes on one item, which DynamoDB refuses. */
export function takeBatch(items: readonly OnlineItem[], from: number, itemsMax: number): BatchedItem[] {
  const batch: BatchedItem[] = []
  const keys = new Set<string>()
  let bytes = 0
  for (let index = from; index < items.length && batch.length < itemsMax; index++) {
    const { key, values } = items[index]!
    const text = keyText(key)
    bytes += key.length + (values?.length ?? 0)
    if (keys.has(text) || (bytes > batchBytesMax && batch.length > 0)) break
    keys.add(text)
    batch.push({ index, item: toStoredItem(items[index]!) })
  }
  return batch
}
