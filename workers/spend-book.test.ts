import { expect, test, vi } from 'vitest'
import { nothingSpent } from '../core/measure/index.js'
import type { SpendRecord } from '../core/ports/spend-ledger.js'
import { parseInstant } from '../core/time/instant.js'
import { SpendBook, type Spender } from './spend-book.js'
import { spenderOf } from './spend-interceptor.js'

const run = (subject: string): Spender => ({ view: 'orders', version: 1, work: 'run', subject, backfillId: null })
const pause = () => new Promise((resolve) => setImmediate(resolve))

/** What a ledger that answers as it is told has been told, by subject: the last total of each id, summed. */
function told() {
  const last = new Map<string, SpendRecord>()
  const state = { isAway: false, answer: Promise.resolve(), now: '2026-11-22T23:59:59Z', calls: 0 }
  const deps = {
    ledger: {
      async recordSpend(records: readonly SpendRecord[]) {
        state.calls++
        // The ledger has taken it, and its answer is lost.
        for (const one of records) last.set(one.spendId, one)
        await pause()
        await state.answer
        if (state.isAway) throw new Error('away')
      },
    },
    clock: { realNow: () => parseInstant(state.now) },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  }
  const units = (subject: string, day = '2026-11-22') =>
    [...last.values()]
      .filter((one) => one.subject === subject && one.day === day)
      .reduce((sum, { spend }) => sum + spend.writeUnits, 0)
  return { deps, state, units, last }
}

test('what is spent is whose work it was, wherever it goes on and whatever goes on beside it; outside of work it is nobody’s', async () => {
  const { deps, units, last } = told()
  const book = new SpendBook()
  const { tell, close } = book.tellTo(deps)
  book.add({ writeUnits: 1_000 })
  const work = async (each: number) => {
    for (let turn = 0; turn < 5; turn++) {
      await pause()
      book.add({ writeUnits: each })
    }
  }
  await Promise.all([book.run(run('one'), () => work(1)), book.run(run('other'), () => work(10))])
  await expect(
    book.run(run('failed'), async () => {
      book.add({ writeUnits: 7 })
      throw new Error('an attempt that fails has spent, too')
    }),
  ).rejects.toThrow()
  await book.run(run('idle'), async () => book.add({ ...nothingSpent }))
  await tell()
  expect([units('one'), units('other'), units('failed')]).toEqual([5, 50, 7])
  expect(last.size).toBe(3)
  await close()
})

test('what the ledger did not answer to is told again as the same total; what was taken is not told again', async () => {
  const { deps, state, units } = told()
  const book = new SpendBook()
  const { tell, close } = book.tellTo(deps)
  const spend = (writeUnits: number) => book.run(run('one'), async () => book.add({ writeUnits }))
  await spend(5)
  state.isAway = true
  await tell()
  await spend(3)
  await tell()
  state.isAway = false
  // Spent while it is being told.
  const telling = tell()
  await spend(2)
  await telling
  await tell()
  expect(units('one')).toBe(10)
  const { calls } = state
  await tell()
  expect(state.calls).toBe(calls)
  // Quiet since: it goes on under another id, and nothing is counted twice.
  await spend(1)
  state.now = '2026-11-23T00:00:01Z'
  await spend(100)
  await close()
  expect([units('one'), units('one', '2026-11-23')]).toEqual([11, 100])
})

test('a ledger that does not answer holds the end of a run no longer than a moment, and is told of it later', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const { deps, state, units } = told()
    const book = new SpendBook()
    const { tell, close } = book.tellTo(deps)
    const spend = (writeUnits: number) => book.run(run('one'), async () => book.add({ writeUnits }))
    await spend(5)
    let answer = () => {}
    state.answer = new Promise((resolve) => {
      answer = resolve
    })
    for (let times = 0; times < 2; times++) {
      const ended = tell()
      await vi.advanceTimersByTimeAsync(2_000)
      await ended
    }
    await spend(1)
    answer()
    await tell()
    expect(units('one')).toBe(6)
    await close()
  } finally {
    vi.useRealTimers()
  }
})

test('a step’s work is its run’s, its backfill’s, or its workflow’s', () => {
  const workflowExecution = { workflowId: 'wf', runId: 'id' }
  const spender = (activityType: string, ...args: unknown[]) => spenderOf({ activityType, workflowExecution }, { args })
  const input = { view: 'orders', version: 2, interval: {}, kind: 'scheduled' }
  const backfill = { backfillId: 'b-1', isForced: false }
  expect(spender('planRun', input)).toEqual({ ...run('id'), version: 2 })
  expect(spender('planRun', { ...input, replans: 1 })).toMatchObject({ subject: 'id.2' })
  expect(spender('recordRun', { ...input, runId: 'id.2' }, {})).toMatchObject({ subject: 'id.2', view: 'orders' })
  expect(spender('recordFailure', { input, error: {} })).toMatchObject({ subject: 'id', view: 'orders', work: 'run' })
  expect(spender('computeInterval', { ...input, runId: 'r', backfill })).toMatchObject({
    ...{ work: 'backfill', subject: 'r', backfillId: 'b-1' },
  })
  expect(spender('publishBackfill', { backfillId: 'b-1', view: 'orders', version: 2 })).toMatchObject({
    ...{ work: 'backfill', subject: 'b-1', backfillId: 'b-1' },
  })
  expect(spender('publishView', input)).toMatchObject({ work: 'publish', subject: 'wf', version: 2 })
  expect(spender('planQuality', { views: null })).toMatchObject({ work: 'check', view: '', version: 0 })
})
