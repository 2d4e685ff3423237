import { expect, test } from 'vitest'
import { type MergedFrom, mayBePutBack, putBackFaults } from './put-back-faults.js'
import type { Fault, QualityCheck } from './quality-check.js'
import { atFault } from './summaries.js'

const hourAt = (at: number) => ({ start: `2001-01-01T0${at}:00:00Z`, end: `2001-01-01T0${at + 1}:00:00Z` })
const whole: Fault = {
  ...{ cause: 'committed-file', key: null, keyHex: null, interval: hourAt(1), file: 'own', features: [] },
  ...{ expected: null, found: 'is not what was committed', isRepairable: false },
}
const rows: Fault = { ...whole, key: { shop: 'x' }, keyHex: 'a1', commitId: '7', found: '{"total":2}' }
const suspect: Fault = { ...whole, found: 'holds wrong rows' }
const gone: Fault = { ...whole, found: 'cannot be read' }

const now: MergedFrom = {
  ...{ files: new Set(['own']), commits: new Set(['7']), lastSequence: 5n, rebuiltSequence: 0n },
}
const checkOf = (...faults: Fault[]) =>
  ({ checkedAt: '2001-01-02T00:00:00Z', sequence: '4', faults }) as unknown as QualityCheck
const left = (old: Fault, found: readonly Fault[] = [], state: Partial<MergedFrom> | null = {}) =>
  putBackFaults(checkOf(old), found, state && { ...now, ...state })

test('of a file that held something else and is what it was again a fault is left, however it was told', () => {
  const made = {
    ...{ cause: 'published-from', key: null, keyHex: null, interval: hourAt(1), file: 'own', features: [] },
    ...{ expected: null, found: 'held something else', isRepairable: true, sequenceSeen: '5' },
  }
  for (const fault of [whole, rows, suspect]) expect(left(fault)).toEqual([made])
  // One of each file, over all its intervals.
  const before = checkOf({ ...whole, interval: hourAt(3) }, whole, { ...whole, interval: hourAt(2) })
  const span = { start: hourAt(1).start, end: hourAt(3).end }
  expect(putBackFaults(before, [], now)).toEqual([{ ...made, interval: span }])
})

test('also where it went meanwhile: it was read before', () => {
  expect(left(whole, [gone])).toHaveLength(1)
  expect(left(gone)).toEqual([])
})

test('nothing is left while it is at fault, of what nothing online is merged from, and of what has a new accepted version', () => {
  for (const fault of [whole, rows, suspect]) {
    for (const found of [whole, rows, suspect]) expect(left(fault, [found])).toEqual([])
    expect(left(fault, [], { files: new Set() })).toEqual([])
    expect(left(fault, [], null)).toEqual([])
    expect(left({ ...fault, isSpare: true })).toEqual([])
  }
  expect(left(rows, [], { commits: new Set(['8']) })).toEqual([])
  // A compaction took its place, and holds the same.
  expect(left(rows, [{ ...rows, file: 'compaction' }])).toEqual([])
  // The wrong rows beside it ran again, and the rebuild that waited for them has finished.
  expect(left(suspect, [], { rebuiltSequence: 5n })).toEqual([])
  for (const cause of ['online-item', 'coarse-tile'] as const) expect(left({ ...whole, cause })).toEqual([])
  expect(putBackFaults(null, [], now)).toEqual([])
})

test('who asks first whether any may be loses none: not of a file that could be read, nor what stands', () => {
  const [made] = left(whole)
  for (const fault of [whole, rows, suspect, made!]) expect(mayBePutBack(checkOf(gone, fault))).toBe(true)
  for (const fault of [gone, { ...whole, isSpare: true }, { ...whole, cause: 'online-item' }] as const)
    expect(mayBePutBack(checkOf(fault))).toBe(false)
  expect(mayBePutBack(checkOf())).toBe(false)
})

test('it stands until a rebuild has finished that began after the file was seen to be itself, and since when is said', () => {
  // One that finished meanwhile may have read what the file held.
  const [made] = left(whole, [], { rebuiltSequence: 5n })
  expect(made).toBeDefined()
  const stands = [{ ...made, judgedAt: '2001-01-02T00:00:00Z' }]
  expect(left(made!)).toEqual(stands)
  expect(left(made!, [], { files: new Set(), rebuiltSequence: 5n, lastSequence: 9n })).toEqual(stands)
  expect(left({ ...made!, judgedAt: '2001-01-01T00:00:00Z' })).toMatchObject([{ judgedAt: '2001-01-01T00:00:00Z' }])
  expect(left(made!, [], { rebuiltSequence: 6n })).toEqual([])
  expect(left(made!, [], null)).toEqual([])
})

test('a file that was damaged again, and put back again, waits for a later rebuild; it is not computed again meanwhile', () => {
  const [made] = left(whole) as [Fault]
  expect(putBackFaults(checkOf(made, whole), [], { ...now, lastSequence: 9n })).toEqual([
    { ...made, sequenceSeen: '9' },
  ])
  expect(putBackFaults(checkOf(made, whole), [whole], now)).toMatchObject([{ sequenceSeen: '5' }])
  expect(atFault(checkOf(made)).files).toEqual(new Set())
})
