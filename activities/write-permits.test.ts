import { expect, test } from 'vitest'
import type { LedgerWriter } from '../core/ports/ledger.js'
import type { WriteUnitsRequest } from '../core/publish/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { scheduledSteps } from './make-way.js'
import { writePermits } from './write-permits.js'

const unitsPerSecond = 10_000

/** The sequence is the point: a ledger that notes what it is asked and grants all, and a clock that stands where it is put. */
function permits(by: WriteUnitsRequest['by']) {
  const asked: WriteUnitsRequest[] = []
  const now = { ms: 0, isWaitedFor: false }
  const takeWriteUnits: LedgerWriter['takeWriteUnits'] = async (request) => {
    asked.push(request)
    return { isGranted: true, waitMs: 0 }
  }
  const deps = {
    ledger: { takeWriteUnits },
    clock: { monotonicMs: () => now.ms },
    settings: { writeUnitsPerSecond: unitsPerSecond },
  } as unknown as Pick<ActivityDeps, 'ledger' | 'clock' | 'settings'>
  const { signal } = new AbortController()
  const found = writePermits(deps, { by, signal, onWaiting: () => {}, isWaitedFor: async () => now.isWaitedFor })
  return { asked, now, ...found }
}

const items = Array.from({ length: 3 * unitsPerSecond }, (_, at) => ({
  ...{ key: new Uint8Array([at]), sequence: 1n, eventAt: null, values: new Uint8Array(10) },
  ...{ schemaHash: 'h', expiresAtSeconds: null, isNew: true },
}))

test('a backfill’s publish takes its turns as a scheduled one from when such a one waits for its lease', async () => {
  const { asked, now, take } = permits('backfill')
  expect(await take(items)).toBe(unitsPerSecond / 2)
  now.isWaitedFor = true
  await take(items)
  expect(asked.map(({ by }) => by)).toEqual(['backfill', 'scheduled'])
})

test('a table that refuses writes slows its own publish, which asks for less at a time, and not before it may have written it', async () => {
  const { asked, now, take, throttled } = permits('scheduled')
  expect(await take(items)).toBe(unitsPerSecond)
  throttled()
  expect(await take(items)).toBe(0.7 * unitsPerSecond)
  // What it was granted is a second's at its pace: it waits for that long before it asks again.
  const again = take(items)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(asked).toHaveLength(2)
  now.ms = 60_000
  expect(await again).toBe(unitsPerSecond)
  expect(asked.map(({ isMore, by }) => [isMore, by])).toEqual(Array(3).fill([true, 'scheduled']))
})

test('without a budget a backfill’s publish pauses for scheduled steps of its worker before each part, a second at most, unless its lease is waited for', async () => {
  const now = { isWaitedFor: false }
  const scheduled = scheduledSteps({ stepMsMax: 60_000, restMs: 0, patienceMs: 0 })
  const deps = { settings: {}, scheduled } as unknown as ActivityDeps
  const { signal } = new AbortController()
  const takeBy = async (by: WriteUnitsRequest['by']) => {
    const { take } = writePermits(deps, { by, signal, onWaiting: () => {}, isWaitedFor: async () => now.isWaitedFor })
    const startedMs = performance.now()
    return { count: await take(items), ms: performance.now() - startedMs }
  }
  const atRest = await takeBy('backfill')
  expect([atRest.count, atRest.ms < 500]).toEqual([1_000, true])
  await scheduled.during(async () => {
    const [backfill, other] = await Promise.all([takeBy('backfill'), takeBy('scheduled')])
    expect([backfill.count, other.count]).toEqual([1_000, items.length])
    expect([backfill.ms >= 990, other.ms < 500]).toEqual([true, true])
    now.isWaitedFor = true
    expect((await takeBy('backfill')).count).toBe(items.length)
  })
  now.isWaitedFor = false
  let end = () => {}
  const during = scheduled.during(() => new Promise<void>((resolve) => (end = resolve)))
  const taken = takeBy('backfill')
  setTimeout(end, 100)
  expect((await taken).ms).toBeLessThan(900)
  await during
})
