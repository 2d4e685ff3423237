/**
 * Items as DynamoDB stores them: `pk` the encoded key, `seq` the publish sequence (the fence, R36), `at` the event time in nanoseconds, `v` the packed values
 * with `schema` their hash, `expires_at` for DynamoDB's own TTL, `held` which values are older than the row (R35), behind the `seq` that it
 * was written with: one of another `seq` counts no longer, so that nobody has to remove it. The published end is one item of the same table under a key
 * that no encoded key can be (R29).
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { MillcourseError } from '../../core/errors.js'
import { reservedKeyByte } from '../../core/publish/key-encoding.js'
import type { OnlineItem, PublishedEnd } from '../../core/publish/online-item.js'

export type StoredItem = Record<string, AttributeValue>

/** All attributes an item may have beside its key, but for `held`. */
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
    ...(item.held === undefined ? {} : { held: { S: `${item.sequence} ${item.held}` } }),
  }
}

/** Anybody may have put anything under a key: an item that is none of ours reads as one whose values nobody can read. */
export function fromStoredItem(stored: StoredItem): OnlineItem {
  const key = stored.pk!.B!
  const [heldAt, held] = stored.held?.S?.split(' ') ?? []
  const sequence = storedSequence(stored)
  if (sequence === null || !isOurs(stored)) {
    const nothing = { eventAt: null, values: new Uint8Array(), schemaHash: '', expiresAtSeconds: null }
    return { key, sequence: sequence ?? 0n, ...nothing }
  }
  return {
    key,
    sequence,
    eventAt: stored.at === undefined ? null : BigInt(stored.at.N!),
    values: stored.v?.B ?? null,
    schemaHash: stored.schema!.S!,
    expiresAtSeconds: stored.expires_at === undefined ? null : Number(stored.expires_at.N),
    ...(held !== undefined && heldAt === stored.seq!.N ? { held } : {}),
  }
}

/** Beside its sequence it has the attributes that a publish writes, of its types; nanoseconds have 38 digits at most. */
function isOurs({ schema, at, v, expires_at: expiresAt }: StoredItem): boolean {
  return (
    schema?.S !== undefined &&
    (at === undefined || /^-?\d{1,38}$/.test(at.N ?? '')) &&
    (v === undefined || v.B !== undefined) &&
    (expiresAt === undefined || expiresAt.N !== undefined)
  )
}

/** Null: the item has none. */
export function storedSequence({ seq }: StoredItem): bigint | null {
  return seq?.N !== undefined && /^-?\d+$/.test(seq.N) ? BigInt(seq.N) : null
}

export function toStoredEnd(end: PublishedEnd): StoredItem {
  return {
    pk: { B: endKey },
    seq: { N: end.sequence.toString() },
    at: { N: end.endAt.toString() },
    missing: { S: JSON.stringify(end.missing) },
    ...(end.held === undefined ? {} : { held: { S: JSON.stringify(end.held) } }),
  }
}

export function fromStoredEnd(stored: StoredItem): PublishedEnd {
  return {
    sequence: BigInt(stored.seq!.N!),
    endAt: BigInt(stored.at!.N!),
    missing: JSON.parse(stored.missing!.S!) as PublishedEnd['missing'],
    ...(stored.held === undefined ? {} : { held: JSON.parse(stored.held.S!) as NonNullable<PublishedEnd['held']> }),
  }
}

/** One text per key. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

export function isEnd(stored: StoredItem): boolean {
  return stored.pk?.B?.[0] === reservedKeyByte
}
