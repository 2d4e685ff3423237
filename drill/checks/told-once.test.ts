import { expect, test } from 'vitest'
import type { Heard } from '../receiver/incident-receiver.js'
import { openKeys, toldDifferences } from './told-once.js'

const expects = { alarm: 'held', keyHas: 'totals' } as const
const [undoingMs, everyMs] = [50_000, 10_000]

function heard(event: Heard['event'], atMs: number, more: Partial<Heard> = {}): Heard {
  return {
    atMs,
    event,
    alarm: 'held',
    key: 'held/totals@v1',
    summary: 'was held',
    openedAtMs: atMs,
    hits: null,
    ...more,
  }
}

test('one incident that ends after the fault was undone is what there has to be, whatever is told of it meanwhile', () => {
  const told = [heard('opened', 40_000), heard('updated', 45_000), heard('resolved', 60_000)]
  expect(toldDifferences(expects, told, undoingMs, everyMs)).toEqual([])
  // Undoing takes its time, and the cause may be gone before it is done.
  expect(toldDifferences(expects, [heard('opened', 40_000), heard('resolved', 50_000)], undoingMs, everyMs)).toEqual([])
})

test('an incident that is opened again is doubled, the drill’s own and any other', () => {
  const again = [heard('opened', 40_000), heard('resolved', 60_000), heard('opened', 61_000), heard('resolved', 62_000)]
  expect(toldDifferences(expects, again, undoingMs, everyMs)).toEqual([
    'held/totals@v1 was opened again at 1970-01-01T00:01:01.000Z, for what it had been opened for before',
  ])
  const stale = { alarm: 'stale', key: 'stale/latest@v1' } as const
  const others = [heard('opened', 41_000, stale), heard('resolved', 42_000, stale), heard('opened', 43_000, stale)]
  expect(toldDifferences(expects, others, undoingMs, everyMs)).toEqual([
    'stale/latest@v1 was opened again at 1970-01-01T00:00:43.000Z, for what it had been opened for before',
  ])
})

test('another interval that is late while the world catches up is not the same again', () => {
  const about = (fromMs: number, count = 1) => ({ hits: { fromMs, count } })
  const [opened, resolved] = [heard('opened', 40_000, about(20_000)), heard('resolved', 60_000, about(20_000))]
  const updated = heard('updated', 45_000, about(20_000, 2))
  const again = (fromMs: number) => [heard('opened', 65_000, about(fromMs)), heard('resolved', 70_000, about(fromMs))]
  const countOf = (told: Heard[]) => toldDifferences(expects, told, undoingMs, everyMs).length
  expect(countOf([opened, resolved, ...again(30_000)])).toBe(0)
  expect(countOf([opened, resolved, ...again(20_000)])).toBe(1)
  expect(countOf([opened, updated, resolved, ...again(30_000)])).toBe(1)
  expect(countOf([opened, updated, resolved, ...again(40_000)])).toBe(0)
})

test('an end before the fault was undone is told, with both times', () => {
  const told = [heard('opened', 40_000), heard('resolved', 49_999)]
  expect(toldDifferences(expects, told, undoingMs, everyMs)).toEqual([
    'held/totals@v1 was resolved at 1970-01-01T00:00:49.999Z, before the fault was undone from 1970-01-01T00:00:50.000Z on',
  ])
  // What follows from the fault may end while it lasts.
  const stale = { alarm: 'stale', key: 'stale/latest@v1' } as const
  expect(
    toldDifferences(expects, [heard('opened', 1, stale), heard('resolved', 2, stale)], undoingMs, everyMs),
  ).toEqual([])
})

test('an end without a beginning is of the round before', () => {
  expect(toldDifferences(expects, [heard('resolved', 30_000)], undoingMs, everyMs)).toEqual([])
})

test('of two views that one fault hits each incident has to end', () => {
  const latest = { key: 'held/latest@v1' }
  const told = [heard('opened', 40_000), heard('opened', 40_000, latest), heard('resolved', 60_000)]
  expect(openKeys({ alarm: 'held' }, told)).toEqual(['held/latest@v1'])
  expect(toldDifferences({ alarm: 'held' }, told, undoingMs, everyMs)).toEqual(['held/latest@v1 was not resolved'])
  expect(toldDifferences(expects, told, undoingMs, everyMs)).toEqual([])
})
