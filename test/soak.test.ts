/** What a soak does and how it judges memory: the parts that need no product. The rest is `npm run bench -- soak`. */
import { expect, test } from 'vitest'
import { growthOf, type ProcessLife } from '../bench/soak/memory-lives.js'
import { planSoak } from '../bench/soak/soak-plan.js'

const length = { durationMs: 600_000, everyMs: 30_000, sources: 7 }
const seeds = Array.from({ length: 40 }, (_, at) => at)

test('a seed is a plan: the same faults at the same times', () => {
  expect(planSoak(7, length)).toEqual(planSoak(7, length))
  expect(planSoak(7, length)).not.toEqual(planSoak(8, length))
})

test('each plan kills, throttles, delays and backfills, and leaves time at the end', () => {
  for (const seed of seeds) {
    const plan = planSoak(seed, length)
    expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(['kill', 'throttle', 'late', 'backfill']))
    expect(plan.filter(({ kind }) => kind === 'backfill')).toHaveLength(1)
    expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
    for (const fault of plan) {
      const lastsMs = fault.kind === 'kill' ? fault.downMs : fault.kind === 'throttle' ? fault.forMs : 0
      expect(fault.atMs + lastsMs).toBeLessThan(length.durationMs)
    }
  }
})

test('in the half in which memory is judged one process of each kind is let live', () => {
  for (const seed of seeds)
    for (const fault of planSoak(seed, length))
      if (fault.kind === 'kill' && fault.atMs > 0.35 * length.durationMs) expect(fault.process).toBe('worker-2')
})

const times = { fromMs: 300_000, untilMs: 600_000, settlingMs: 100_000, livedMsMin: 120_000, spanMs: 60_000 }
const rules = { ...times, point: 'highest' } as const

/** A sample a second, up and down by 4 MiB within each interval. */
function lifeOf(startedMs: number, endedMs: number, mibPerMinute: number): ProcessLife {
  const samples = Array.from({ length: (endedMs - startedMs) / 1_000 }, (_, second) => ({
    atMs: startedMs + second * 1_000,
    rssBytes: (200 + (mibPerMinute * second) / 60 + 4 * Math.sin((2 * Math.PI * second) / 30)) * 2 ** 20,
  }))
  return { name: 'worker-1', pid: 1, startedMs, samples }
}

/** Pages go at times and come again: down by up to 40 MiB for 25 s of each 90. */
function trimmedLife(mibPerMinute: number): ProcessLife {
  const life = lifeOf(0, 600_000, mibPerMinute)
  const samples = life.samples.map(({ atMs, rssBytes }) => ({
    atMs,
    rssBytes: rssBytes - (atMs % 90_000 < 25_000 ? 40 * 2 ** 20 : 0),
  }))
  return { ...life, samples }
}

test('what is taken from a process at rest and comes again is no growth, and hides none', () => {
  const level = growthOf(trimmedLife(0), rules)!
  expect(Math.abs(level.mibPerMinute)).toBeLessThan(0.3)
  const grown = growthOf(trimmedLife(1.5), rules)!
  expect(grown.mibPerMinute).toBeGreaterThan(1)
  expect(grown.mibPerMinute).toBeGreaterThan(grown.plusMinus!)
})

test('growth is the slope over the judged half, with an interval that a saw-tooth does not widen', () => {
  const grown = growthOf(lifeOf(0, 600_000, 2), rules)!
  expect(grown.mibPerMinute).toBeCloseTo(2, 0)
  expect(grown.plusMinus!).toBeLessThan(0.2)
  expect([grown.fromMs, grown.untilMs]).toEqual([300_000, 599_000])
  expect(Math.abs(growthOf(lifeOf(0, 600_000, 0), rules)!.mibPerMinute)).toBeLessThan(0.5)
})

test('what a process keeps is the line through its lowest: what swings above it says nothing', () => {
  const swinging = (mibPerMinute: number): ProcessLife => {
    const life = lifeOf(0, 600_000, mibPerMinute)
    // Up by 59 MiB within 30 seconds and down again, as a heap that is collected.
    const samples = life.samples.map(({ atMs, rssBytes }) => ({
      atMs,
      rssBytes: rssBytes + (atMs % 30_000) * 2 * 1_024,
    }))
    return { ...life, samples }
  }
  const lowest = { ...rules, point: 'lowest' } as const
  const level = growthOf(swinging(0), lowest)!
  expect(Math.abs(level.mibPerMinute)).toBeLessThan(0.3)
  expect(level.firstMib).toBeLessThan(205)
  expect(growthOf(swinging(1.5), lowest)!.mibPerMinute).toBeGreaterThan(1.2)
})

test('a process that was started again is judged from then on, once it has settled and if it lived long enough', () => {
  expect(growthOf(lifeOf(350_000, 600_000, 3), rules)).toMatchObject({ fromMs: 450_000, untilMs: 599_000 })
  expect(growthOf(lifeOf(400_000, 600_000, 3), rules)).toBeNull()
  expect(growthOf(lifeOf(0, 310_000, 3), rules)).toBeNull()
})
