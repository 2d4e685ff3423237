import { describe, expect, test } from 'vitest'
import { nsPerMs, nsPerSecond } from '../time/instant.js'
import {
  fullBudget,
  fullPace,
  paceAt,
  slowedPace,
  takeWriteUnits,
  type WriteBudget,
  type WriteUnitsRequest,
  writeUnitsOf,
} from './index.js'

const unitsPerSecond = 100

interface Publisher {
  readonly by: WriteUnitsRequest['by']
  readonly fromMs: number
  readonly units: number
  /** What writing its share takes. */
  readonly writeMs: number
  /** When its table refuses writes; each refusal is met by several requests. */
  readonly throttledAtMs?: readonly number[]
}

interface Sent {
  readonly atMs: number
  readonly units: number
  readonly publisher: number
}

/** Publishes under a clock of their own, each asking as activities/write-permits.ts does, a second ahead or half of one. */
function play(publishers: readonly Publisher[]): Sent[] {
  let budget: WriteBudget = fullBudget(unitsPerSecond, 0n)
  const sent: Sent[] = []
  const turns = publishers.map(({ fromMs, units }, publisher) => ({
    publisher,
    atMs: fromMs,
    askedAtMs: fromMs,
    left: units,
    pace: fullPace,
    throttles: [...(publishers[publisher]!.throttledAtMs ?? [])],
  }))
  for (;;) {
    const turn = turns.filter(({ left }) => left > 0).sort((a, b) => a.atMs - b.atMs)[0]
    if (turn === undefined) return sent
    const { by, writeMs } = publishers[turn.publisher]!
    while ((turn.throttles[0] ?? Infinity) <= turn.atMs) turn.pace = slowedPace(turn.pace, turn.throttles.shift()!)
    const rate = unitsPerSecond * paceAt(turn.pace, turn.askedAtMs)
    const units = Math.min(turn.left, by === 'scheduled' ? rate : rate / 2)
    const isMore = units < turn.left
    const request = { units, unitsPerSecond, by, isMore, waitedMs: turn.atMs - turn.askedAtMs }
    const taken = takeWriteUnits(budget, request, BigInt(Math.round(turn.atMs * 1_000)) * (nsPerMs / 1_000n))
    budget = taken.budget
    turn.atMs += taken.answer.waitMs
    if (!taken.answer.isGranted) continue
    sent.push({ atMs: turn.atMs, units, publisher: turn.publisher })
    turn.left -= units
    turn.atMs += rate < unitsPerSecond ? Math.max(writeMs, (1_000 * units) / rate) : writeMs
    turn.askedAtMs = turn.atMs
  }
}

const unitsBetween = (sent: readonly Sent[], fromMs: number, toMs: number, publisher?: number): number =>
  sent
    .filter(({ atMs }) => fromMs <= atMs && atMs < toMs)
    .filter((one) => publisher === undefined || one.publisher === publisher)
    .reduce((sum, { units }) => sum + units, 0)

const endOf = (sent: readonly Sent[], publisher: number): number =>
  Math.max(...sent.filter((one) => one.publisher === publisher).map(({ atMs }) => atMs))

const scheduled: Publisher = { by: 'scheduled', fromMs: 0, units: 3_000, writeMs: 40 }
const backfill: Publisher = { ...scheduled, by: 'backfill' }

describe('the write budget', () => {
  test('is held by all together, whoever they are, and used up', () => {
    for (const publishers of [
      [scheduled],
      [backfill],
      [scheduled, scheduled, scheduled],
      [scheduled, { ...backfill, units: 500 }, { ...scheduled, fromMs: 4_000 }],
      [backfill, backfill],
    ]) {
      const sent = play(publishers)
      const total = publishers.reduce((sum, { units }) => sum + units, 0)
      const lastMs = Math.max(...sent.map(({ atMs }) => atMs))
      // A bucket lies there at first; and what was granted in a piece is sent in a piece.
      for (const { atMs } of sent)
        expect(unitsBetween(sent, atMs, atMs + 10_000)).toBeLessThanOrEqual(11.2 * unitsPerSecond)
      expect(total).toBe(sent.reduce((sum, { units }) => sum + units, 0))
      expect(lastMs).toBeLessThan((1_000 * total) / unitsPerSecond + 2_000)
    }
  })

  test('goes to scheduled publishes first: a backfill delays one by a bucket at most, and takes what it leaves', () => {
    const alone = endOf(play([{ ...scheduled, fromMs: 10_300, units: 800 }]), 0) - 10_300
    const sent = play([
      { ...scheduled, fromMs: 10_300, units: 800 },
      { ...backfill, units: 5_000 },
      { ...backfill, units: 5_000 },
    ])
    const beside = endOf(sent, 0) - 10_300
    expect(beside - alone).toBeLessThanOrEqual(1_000)
    expect(beside - alone).toBeGreaterThan(0)
    // While it is at it they get next to nothing, before and after everything.
    expect(
      unitsBetween(sent, 11_300, endOf(sent, 0), 1) + unitsBetween(sent, 11_300, endOf(sent, 0), 2),
    ).toBeLessThanOrEqual(100)
    expect(unitsBetween(sent, 0, 10_300)).toBeGreaterThan(1_000)
    expect(unitsBetween(sent, 20_300, 30_300)).toBeGreaterThan(800)
  })

  test('is kept for a scheduled publish that writes slower than it allows', () => {
    const slow = { ...scheduled, fromMs: 5_000, units: 1_000, writeMs: 1_500 }
    const delayedMs = endOf(play([slow, { ...backfill, units: 9_000 }]), 0) - endOf(play([slow]), 0)
    expect(delayedMs).toBeLessThanOrEqual(1_000)
  })

  test('is no standstill for a backfill, whose publish holds the lease of its view', () => {
    const sent = play([
      { ...scheduled, units: 6_000 },
      { ...backfill, fromMs: 100, units: 200 },
    ])
    expect(unitsBetween(sent, 0, 70_000, 1)).toBe(200)
    // Half a second's units each half minute; the rest once it is done.
    expect(unitsBetween(sent, 0, 59_000, 1)).toBe(50)
  })

  test('is left to the others where one table refuses writes: its publish slows down, and is back within a minute', () => {
    const calm = { ...scheduled, units: 20_000 }
    const hot = { ...calm, throttledAtMs: [20_000, 20_050, 20_100] }
    const alone = play([hot])
    const lost = 10 * unitsPerSecond - unitsBetween(alone, 22_000, 32_000)
    // Seven tenths of the rate, and a tenth more every six seconds.
    expect(lost).toBeGreaterThan(100)
    expect(lost).toBeLessThan(300)
    expect(unitsBetween(alone, 90_000, 100_000)).toBeGreaterThan(970)
    const always = { ...calm, throttledAtMs: Array.from({ length: 200 }, (_, second) => 1_000 * second) }
    // Never to nothing.
    expect(unitsBetween(play([always]), 20_000, 60_000)).toBeGreaterThanOrEqual(0.09 * 40 * unitsPerSecond)
    const sent = play([always, calm])
    expect(unitsBetween(sent, 20_000, 60_000, 0)).toBeLessThan(0.25 * 40 * unitsPerSecond)
    expect(unitsBetween(sent, 20_000, 60_000)).toBeGreaterThan(0.97 * 40 * unitsPerSecond)
  })

  test('goes on where the clock goes back, and lends an item that is larger than the bucket', () => {
    const full = fullBudget(10, 5n * nsPerSecond)
    const ask = {
      units: 10,
      unitsPerSecond: 10,
      by: 'scheduled',
      isMore: false,
      waitedMs: 0,
    } as const
    const first = takeWriteUnits(full, ask, 5n * nsPerSecond)
    expect(first.answer).toEqual({ isGranted: true, waitMs: 0 })
    const back = takeWriteUnits(first.budget, ask, 0n)
    expect(back.answer).toEqual({ isGranted: true, waitMs: 1_000 })
    // Filled from there on, not when the clock has caught up; and a backfill waits no longer than it would have.
    const soon = { ...ask, units: 5, by: 'backfill' } as const
    expect(takeWriteUnits(back.budget, soon, 2n * nsPerSecond).answer).toEqual({ isGranted: true, waitMs: 0 })
    const large = takeWriteUnits(full, { ...ask, units: 40, by: 'backfill' }, 5n * nsPerSecond)
    expect(large.answer).toEqual({ isGranted: true, waitMs: 0 })
    expect(takeWriteUnits(large.budget, ask, 5n * nsPerSecond).answer).toEqual({ isGranted: true, waitMs: 4_000 })
  })
})

test('an item takes the KiB that it begins', () => {
  const units = (bytes: number) => writeUnitsOf({ key: new Uint8Array(10), values: new Uint8Array(bytes) })
  expect([units(0), units(1_024 - 70), units(1_025 - 70), units(10_000)]).toEqual([1, 1, 2, 10])
  expect(writeUnitsOf({ key: new Uint8Array(10), values: null })).toBe(1)
})
