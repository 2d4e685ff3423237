/**
 * Items as DynamoDB stores them: `pk` the encoded key, `seq` the publish sequence (the fence, R36), `at` the event time in nanoseconds, `v` the packed values
 * with `schema` their hash, `expires_at` for DynamoDB's own TTL. The published end is one item of the same table under a key
 * that no encoded key can be (R29).
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { MillcourseError } from '../../core/errors.js'
import { reservedKeyByte } from '../../core/publish/key-encoding.js'
import type { OnlineItem, PublishedEnd } from '../../core/publish/online-item.js'

export type StoredItem = Record<string, AttributeValue>

/** All attributes an item may have beside its key. */
export const itemAttributes = ['seq', 'schema', 'at', 'v', 'expires_at'] as const

/** DynamoDB's limit on a partition key. */
const keyBytesMax = 2_048

export const endKey: Uint8Array = Uint8Array.of(reservedKeyByte, ...Buffer.from('end'))

/** @throws MillcourseError PUBLISH_ITEM_TOO_LARGE */
export function toStoredItem(item: OnlineItem): StoredItem {
  if (item.key.length > keyBytesMax)
    throw new MillcourseError(
      'PUBLISH_ITEM_TOO_LARGE',
      `a key takes ${item.key.length} bytes, DynamoDB holds ${keyBytesMax}`,
      {
        hint: 'choose a shorter join key',
        facts: { bytes: item.key.length },
      },
    )
  return {
    pk: { B: item.key },
    seq: { N: item.sequence.toString() },
    schema: { S: item.schemaHash },
    ...(item.eventAt === null ? {} : { at: { N: item.eventAt.toString() } }),
    ...(item.values === null ? {} : { v: { B: item.values } }),
    ...(item.expiresAtSeconds === null ? {} : { expires_at: { N: item.expiresAtSeconds.toString() } }),
  }
}

export function fromStoredItem(stored: StoredItem): OnlineItem {
  return {
    key: stored.pk!.B!,
    sequence: BigInt(stored.seq!.N!),
    eventAt: stored.at === undefined ? null : BigInt(stored.at.N!),
    values: stored.v?.B ?? null,
    schemaHash: stored.schema!.S!,
    expiresAtSeconds: stored.expires_at === undefined ? null : Number(stored.expires_at.N),
  }
}

export function toStoredEnd(end: PublishedEnd): StoredItem {
  return {
    pk: { B: endKey },
    seq: { N: end.sequence.toString() },
    at: { N: end.endAt.toString() },
    missing: { S: JSON.stringify(end.missing) },
  }
}

export function fromStoredEnd(stored: StoredItem): PublishedEnd {
  return {
    sequence: BigInt(stored.seq!.N!),
    endAt: BigInt(stored.at!.N!),
    missing: JSON.parse(stored.missing!.S!) as PublishedEnd['missing'],
  }
}

/** One text per key. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

export function isEnd(stored: StoredItem): boolean {
  return stored.pk?.B?.[0] === reservedKeyByte
}
