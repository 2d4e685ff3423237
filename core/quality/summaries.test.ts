import { expect, test } from 'vitest'
import type { Fault, QualityCheck } from './quality-check.js'
import { faultsBeyond, firstOfEach, isRebuildHeld, mostTelling, reachedIn } from './summaries.js'

const rowsAt = (at: number): Fault => ({
  ...{ cause: 'committed-file', key: { shop: 'x' }, keyHex: 'a1', features: [], isRepairable: true },
  ...{ interval: { start: `${at}`, end: `${at + 1}` }, file: `${at}`, expected: '1', found: '2' },
})
const wholeAt = (at: number): Fault => ({ ...rowsAt(at), key: null, keyHex: null, found: 'holds wrong rows' })

test('of more faults than are kept whole files stay, and what holds a rebuild, in the order of all', () => {
  const faults = firstOfEach([
    ...Array.from({ length: 9 }, (_, at) => rowsAt(at)),
    { ...rowsAt(20), isRepairable: false },
    wholeAt(21),
    { ...wholeAt(22), isRepairable: false },
  ])
  const kept = (max: number) => mostTelling(faults, max, () => true).map(({ file }) => file)
  expect(kept(4)).toEqual(['0', '20', '21', '22'])
  expect(kept(1)).toEqual(['22'])
  expect(kept(99)).toHaveLength(12)
})

const hourAt = (at: number) => ({ start: `2001-01-01T0${at}:00:00Z`, end: `2001-01-01T0${at + 1}:00:00Z` })
const fileAt = (at: number, isRepairable: boolean): Fault => ({
  ...{ ...wholeAt(at), interval: hourAt(at), isRepairable },
})
const instantOf = (at: number) => BigInt(Date.parse(hourAt(at).start)) * 1_000_000n

test('files that online is merged from are kept before older ones, and hold a rebuild also beyond the list', () => {
  const isReached = reachedIn({ start: instantOf(4), end: instantOf(6) })
  const [older, near, lost] = [fileAt(3, false), fileAt(4, true), fileAt(5, false)]
  const kept = (max: number) => mostTelling([older, near, lost], max, isReached)
  expect([kept(1), kept(2)]).toEqual([[lost], [near, lost]])
  expect(isRebuildHeld([older, near, lost], [older, near], isReached)).toBe(true)
  expect(isRebuildHeld([older, near], [older, near], isReached)).toBe(false)
  expect(isRebuildHeld([{ ...lost, isSpare: true }], [], isReached)).toBe(false)
  // What is not listed is not mended by this repair.
  expect(isRebuildHeld([older, near], [older], isReached)).toBe(true)
  expect(isRebuildHeld([older, near], [near], isReached)).toBe(false)
  expect(isRebuildHeld([older, near], [older], reachedIn(null))).toBe(false)
  expect(isReached({ ...near, cause: 'online-item', interval: null })).toBe(true)
})

test('faults beyond the list stand while one of the listed can be put right, but for those found since, and while none has gone', () => {
  const [lost, mended, other] = [fileAt(1, false), fileAt(2, true), fileAt(3, true)]
  const before = { faults: [lost, mended], faultsLeft: 5 } as unknown as QualityCheck
  const beyond = (...all: Fault[]) => faultsBeyond(before, all, all)
  expect(beyond(lost, mended)).toBe(5)
  expect(beyond(lost, mended, other)).toBe(4)
  expect(beyond(mended)).toBe(5)
  expect(beyond(lost)).toBe(0)
  expect(beyond(lost, other)).toBe(0)
  expect(beyond()).toBe(0)
  expect(faultsBeyond({ ...before, faults: [lost] }, [lost], [lost])).toBe(5)
  expect(faultsBeyond(null, [lost, mended, other], [lost])).toBe(2)
})
