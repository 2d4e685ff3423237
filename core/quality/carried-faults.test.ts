import { expect, test } from 'vitest'
import { parseInstant } from '../time/instant.js'
import { carriedFaults, digestOfFiles, type IntervalNow, isSameFault } from './carried-faults.js'
import type { KeyVerdict } from './judge-keys.js'
import type { Fault, FaultCause, QualityCheck } from './quality-check.js'

const interval = { start: '2001-01-01T00:00:00Z', end: '2001-01-01T01:00:00Z' }
const start = parseInstant(interval.start)
const item: Fault = {
  ...{ cause: 'online-item', key: { shop: 'x' }, keyHex: 'a1', interval: null, file: null, features: ['amount'] },
  ...{ expected: '1', found: '2', isRepairable: true },
}
const rows: Fault = { ...item, cause: 'committed-file', interval, file: 'own', commitId: '7', filesDigest: 'as found' }
const whole: Fault = { ...rows, key: null, keyHex: null }
const now: IntervalNow = { commitId: '7', file: 'own', filesDigest: 'as found', isHere: true, isBeingReplaced: false }

function carried(
  fault: Fault,
  verdict: { judged?: FaultCause[]; compared?: bigint[] } | null | undefined,
  state: Partial<IntervalNow> | null = {},
): Fault[] {
  const before = { checkedAt: '2001-01-02T00:00:00Z', faults: [fault] } as unknown as QualityCheck
  const { judged = [], compared = [] } = verdict ?? {}
  const isGiven = verdict !== null && verdict !== undefined
  const given: Pick<KeyVerdict, 'judged' | 'compared'> | null = isGiven
    ? { judged: new Set(judged), compared: new Set(compared) }
    : null
  return carriedFaults(
    before,
    new Map(verdict === undefined ? [] : [['a1', given] as const]),
    new Map(state === null ? [] : [[start, { ...now, ...state }]]),
  )
}

test('a fault of an item stands until its key is judged, and says since when', () => {
  const stands = [{ ...item, judgedAt: '2001-01-02T00:00:00Z' }]
  expect(carried(item, null)).toEqual(stands)
  expect(carried(item, { judged: ['coarse-tile'] })).toEqual(stands)
  expect(carried({ ...item, judgedAt: '2001-01-01T00:00:00Z' }, null)[0]!.judgedAt).toBe('2001-01-01T00:00:00Z')
  expect(carried(item, { judged: ['online-item'] })).toEqual([])
})

test('a fault of rows stands until they are compared, or another commit took their place', () => {
  expect(carried(rows, null)).toHaveLength(1)
  expect(carried(rows, { judged: ['committed-file'] })).toHaveLength(1)
  expect(carried(rows, { compared: [start] })).toEqual([])
  expect(carried(rows, null, { commitId: '8' })).toEqual([])
  expect(carried(rows, null, { commitId: null, file: null })).toEqual([])
  // It has no accepted version any more.
  expect(carried(rows, null, null)).toEqual([])
})

test('in a compaction lies what the commit held: the fault moves with it', () => {
  expect(carried(rows, null, { file: 'compaction', filesDigest: 'other' })).toMatchObject([
    { file: 'compaction', filesDigest: 'other' },
  ])
})

test('whose source files are gone is not run again without them, and ends where its file is put back by hand', () => {
  expect(carried(rows, null, { isHere: false })).toMatchObject([{ isRepairable: false }])
  expect(carried(rows, null, { isHere: false, isBeingReplaced: true })).toMatchObject([{ isRepairable: true }])
  expect(carried(rows, null, { isHere: false, filesDigest: 'put back' })).toEqual([])
  expect(carried(rows, null, { isHere: false, file: 'compaction', filesDigest: 'other' })).toHaveLength(1)
  expect(carried(rows, null, { filesDigest: 'put back' })).toHaveLength(1)
})

test('of a key that is none any more, or of a whole file, nothing is carried; as recorded before commits were, by its file', () => {
  expect(carried(item, undefined)).toEqual([])
  expect(carried(whole, null)).toEqual([])
  const { commitId: _, ...older } = rows
  expect(carried(older, null)).toHaveLength(1)
  expect(carried(older, null, { file: 'another' })).toEqual([])
})

test('faults are told apart by key and interval, of whole files by the file', () => {
  const later = { ...interval, start: '2001-01-01T01:00:00Z' }
  expect(isSameFault(rows, { ...rows, file: 'compaction', found: '3' })).toBe(true)
  expect(isSameFault(rows, { ...rows, interval: later })).toBe(false)
  expect(isSameFault(whole, { ...whole, interval: later })).toBe(true)
  expect(isSameFault(whole, { ...whole, file: 'another' })).toBe(false)
  expect(isSameFault(item, { ...item, cause: 'published-state' })).toBe(false)
})

test('the state of files is another as soon as one of them is', () => {
  expect(digestOfFiles(['a', 'b'])).toBe(digestOfFiles(['a', 'b']))
  expect(digestOfFiles(['a', 'c'])).not.toBe(digestOfFiles(['a', 'b']))
})
