import { expect, test } from 'vitest'
import type { OnlineItem } from '../../core/publish/online-item.js'
import { fromStoredItem, type StoredItem, toStoredItem } from './item-format.js'

const item: OnlineItem = {
  key: Uint8Array.of(0x91, 1),
  sequence: 7n,
  eventAt: 8n,
  values: Uint8Array.of(0x90),
  schemaHash: 'abc',
  expiresAtSeconds: 9,
  held: '[[0,"5"]]',
}

test('R20: an item comes back as it was stored, the empty one too', () => {
  for (const one of [item, { ...item, eventAt: null, values: null, expiresAtSeconds: null }])
    expect(fromStoredItem(toStoredItem(one))).toEqual(one)
})

test('an item with attributes that no publish writes reads as one whose values nobody can read, never as an empty one', () => {
  const stored = toStoredItem(item)
  const { pk } = stored
  const values = { eventAt: null, values: new Uint8Array(), schemaHash: '', expiresAtSeconds: null }
  const none: StoredItem[] = [{}, { v: stored.v! }, { ...stored, seq: { S: '7' } }, { ...stored, seq: { N: '7.5' } }]
  for (const one of none)
    expect(fromStoredItem({ ...one, pk: pk! })).toEqual({ key: item.key, sequence: 0n, ...values })
  const fenced: StoredItem[] = [
    { seq: stored.seq! },
    { ...stored, schema: { N: '1' } },
    { ...stored, at: { S: '8' } },
    { ...stored, at: { N: '1'.padEnd(39, '0') } },
    { ...stored, v: { S: 'text' } },
    { ...stored, expires_at: { S: '9' } },
  ]
  // What it is fenced with counts all the same.
  for (const one of fenced)
    expect(fromStoredItem({ ...one, pk: pk! })).toEqual({ key: item.key, sequence: 7n, ...values })
})
