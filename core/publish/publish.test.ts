import { describe, expect, test } from 'vitest'
import { parseInstant } from '../time/instant.js'
import { keyCountsFrom } from './key-counts.js'
import { committedPath, publishedPath } from './lake-paths.js'
import { onlineExpirySeconds } from './online-expiry.js'
import {
  firstLoadTableName,
  isTableOfVersion,
  onlineTableName,
  sequenceOfTable,
  versionTableName,
} from './online-table-name.js'

const view = { name: 'v', version: 2, viewKind: 'window' } as const
const day = 86_400n * 1_000_000_000n
const seconds = (text: string) => Date.parse(text) / 1000

describe('expiry', () => {
  const realNow = parseInstant('2026-01-01T00:00:00Z')

  test('R36: an empty item stays 30 days of real time', () => {
    const item = { isEmpty: true, eventAt: null, ttlNs: null, realNow }
    expect(onlineExpirySeconds(item)).toBe(seconds('2026-01-31T00:00:01Z'))
  })

  test('R36: a lookup item stays 30 days past its ttl, and at least 30 days from its writing', () => {
    const item = { isEmpty: false, ttlNs: 10n * day, realNow }
    const future = parseInstant('2026-01-01T00:00:00Z')
    expect(onlineExpirySeconds({ ...item, eventAt: future })).toBe(seconds('2026-02-10T00:00:01Z'))
    const old = parseInstant('2001-01-01T00:00:00Z')
    expect(onlineExpirySeconds({ ...item, eventAt: old })).toBe(seconds('2026-01-31T00:00:01Z'))
  })

  test('R36: window values and lookups without a ttl carry none', () => {
    expect(onlineExpirySeconds({ isEmpty: false, eventAt: null, ttlNs: day, realNow })).toBeNull()
    expect(onlineExpirySeconds({ isEmpty: false, eventAt: realNow, ttlNs: null, realNow })).toBeNull()
  })
})

describe('counts', () => {
  const row = { published: 1n, unchanged: 2n, superseded: 3n, takenBack: 1n, rewritten: 4n, seen: 7n, lost: 1n }

  test('R28: touched = published + unchanged + superseded, taken back and rewritten apart', () => {
    const counts = { touched: 6, published: 1, unchanged: 2, superseded: 3, takenBack: 1, rewritten: 4 }
    expect(keyCountsFrom(row, false)).toEqual(counts)
    // Where every key is compared, a key that lost all its rows is in no answer.
    expect(keyCountsFrom({ ...row, seen: 6n }, true)).toEqual(counts)
  })

  test('R28: a key lost on the way fails the run', () => {
    expect(() => keyCountsFrom({ ...row, seen: 8n }, false)).toThrowError(
      expect.objectContaining({ code: 'RUN_COUNTS_DO_NOT_RECONCILE' }),
    )
  })
})

describe('names', () => {
  test('paths hold only what every file system and object store takes', () => {
    const start = parseInstant('2001-01-01T05:00:00Z')
    expect(committedPath(view, start, '../a b:c')).toBe('tiles/v/v2/20010101T050000Z/.._a_b_c.parquet')
    expect(publishedPath(view, 'delta', { sequence: 7n, owner: 'wf/1' })).toBe(
      'published/v/v2/000000000007-wf_1-delta.parquet',
    )
  })

  test('tables of different projects, views and versions have different names', () => {
    const names = [
      ['a', 'b', 1],
      ['a-b', 'b', 1],
      ['a', 'b', 11],
    ].map((of) => onlineTableName(...(of as [string, string, number])))
    expect(new Set(names).size).toBe(3)
    expect(() => onlineTableName('a.b', 'c', 1)).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  test('R36: a first load’s own table belongs to its version and to no other', () => {
    const plain = onlineTableName('a', 'b', 1)
    const own = firstLoadTableName(plain, 1_000_002n)!
    expect(own).toBe('millcourse.a.b.v1.s1000002')
    expect([plain, own].map((table) => isTableOfVersion(table, plain))).toEqual([true, true])
    for (const other of [onlineTableName('a', 'b', 11), `${plain}1.s2`, `${plain}.s`, `${plain}.s2.s3`, `${plain}.sx`])
      expect(isTableOfVersion(other, plain), other).toBe(false)
    expect([plain, own, `${plain}.s${'9'.repeat(19)}`].map((table) => sequenceOfTable(table, plain))).toEqual([
      null,
      1_000_002n,
      null,
    ])
    expect(versionTableName('a', { name: 'b', version: 1 }, null)).toBe(plain)
    expect(versionTableName('a', { name: 'b', version: 1 }, own)).toBe(own)
    expect(firstLoadTableName('x'.repeat(253), 1n)).toBeNull()
  })
})
