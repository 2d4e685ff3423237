import { expect, test } from 'vitest'
import { parseInstant } from '../time/instant.js'
import { carriedFaults, fileOfKey, type IntervalNow, isSameFault } from './carried-faults.js'
import type { KeyVerdict } from './judge-keys.js'
import type { Fault, FaultCause, QualityCheck } from './quality-check.js'

const interval = { start: '2001-01-01T00:00:00Z', end: '2001-01-01T01:00:00Z' }
const start = parseInstant(interval.start)
const item: Fault = {
  ...{ cause: 'online-item', key: { shop: 'x' }, keyHex: 'a1', interval: null, file: null, features: ['amount'] },
  ...{ expected: '1', found: '2', isRepairable: true },
}
const rows: Fault = { ...item, cause: 'committed-file', interval, file: 'own', commitId: '7', fileSha256: 'as found' }
const whole: Fault = { ...rows, key: null, keyHex: null }
const own = { uri: 'own', bucket: null, sizeBytes: 9 }
const now: IntervalNow = { commitId: '7', files: [own], isHere: true, isBeingReplaced: false }
/** Of a key in bucket 5 of 8. */
const halves = [0, 1].map((number) => ({ ...own, uri: `half ${number}`, bucket: { number, of: 2 } }))

function carried(
  fault: Fault,
  verdict: { judged?: FaultCause[]; compared?: bigint[] } | null | undefined,
  state: Partial<IntervalNow> | null = {},
  digest: string | null = 'as found',
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
    () => ({ number: 5, of: 8 }),
    new Map(['own', 'half 1'].map((file) => [file, digest])),
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
  expect(carried(rows, null, { commitId: null, files: [] })).toEqual([])
  // It has no accepted version any more.
  expect(carried(rows, null, null)).toEqual([])
})

test('in a compaction lies what the commit held: the fault moves with it, into the file of its key', () => {
  expect(carried(rows, null, { files: halves }, 'other')).toMatchObject([{ file: 'half 1', fileSha256: 'other' }])
})

test('whose source files are gone is not run again without them, and ends where its file is put back by hand', () => {
  expect(carried(rows, null, { isHere: false })).toMatchObject([{ isRepairable: false }])
  expect(carried(rows, null, { isHere: false, isBeingReplaced: true })).toMatchObject([{ isRepairable: true }])
  expect(carried(rows, null, { isHere: false }, 'put back')).toEqual([])
  expect(carried(rows, null, { isHere: false }, null)).toHaveLength(1)
  expect(carried(rows, null, { isHere: false, files: halves }, 'other')).toHaveLength(1)
  // What it held when it was found at fault tells, also after checks that could not say.
  const [later] = carried(rows, null, {}, 'put back')
  expect(later).toMatchObject({ fileSha256: 'as found' })
  expect(carried(later!, null, { isHere: false }, 'put back')).toEqual([])
})

test('whose file the ledger knows does not end where that is damaged and put back: it is what was committed, and wrong', () => {
  const files = [{ ...own, sha256: 'as committed' }]
  for (const digest of ['damaged', 'as committed', null])
    expect(carried(rows, null, { isHere: false, files }, digest)).toMatchObject([{ file: 'own' }])
  expect(carried(rows, { compared: [start] }, { files })).toEqual([])
  expect(carried(rows, null, { isHere: false, files, commitId: '8' })).toEqual([])
})

test('of a key that is none any more, or of a whole file, nothing is carried; as recorded before commits were, by its file', () => {
  expect(carried(item, undefined)).toEqual([])
  expect(carried(whole, null)).toEqual([])
  const { commitId: _, ...older } = rows
  expect(carried(older, null)).toHaveLength(1)
  expect(carried(older, null, { files: [{ ...own, uri: 'another' }] })).toEqual([])
})

test('faults are told apart by key and interval, of whole files by the file', () => {
  const later = { ...interval, start: '2001-01-01T01:00:00Z' }
  expect(isSameFault(rows, { ...rows, file: 'compaction', found: '3' })).toBe(true)
  expect(isSameFault(rows, { ...rows, interval: later })).toBe(false)
  expect(isSameFault(whole, { ...whole, interval: later })).toBe(true)
  expect(isSameFault(whole, { ...whole, file: 'another' })).toBe(false)
  expect(isSameFault(item, { ...item, cause: 'published-state' })).toBe(false)
})

test('of a compaction the file of a key is that of its bucket, where it is known', () => {
  const fileOf = (bucket?: { number: number; of: number }) => fileOfKey(halves, bucket)?.uri
  expect([fileOf({ number: 6, of: 8 }), fileOf({ number: 3, of: 4 }), fileOf()]).toEqual(['half 0', 'half 1', 'half 0'])
  expect(fileOfKey([own], { number: 3, of: 4 })).toBe(own)
  expect(fileOfKey([], { number: 3, of: 4 })).toBe(null)
})
