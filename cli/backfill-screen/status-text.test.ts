import { expect, test } from 'vitest'
import type { Backfill, BackfillProgress } from '../../core/ports/backfill-ledger.js'
import { etaMs, formatBackfill, progressLine } from './status-text.js'

const backfill: Backfill = {
  ...{ backfillId: 'abc', planId: 'abc', view: 'v', version: 1, state: 'running', retryOf: null, by: 'ann' },
  ...{ range: { start: 0n, end: 10n }, reason: 'x', askedAt: 0n, pretendedNow: null, endedAt: null, error: null },
  ...{ dollars: 0, costMax: null, awaits: null },
  options: { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 2 },
}
const progress: BackfillProgress = {
  ...{ total: 10, done: 4, failed: 1, held: 0, running: 2, left: 3, msPerInterval: 60_000, unpublished: 4 },
}
const line = (change: Partial<Backfill>, counts: Partial<BackfillProgress> = {}) =>
  progressLine({ ...backfill, ...change }, { ...progress, ...counts }, new Map())

test('the time that is left is of runs, of which its publish comes after', () => {
  expect(line({})).toBe(
    'backfill abc running: 4 of 10 done, 1 failed, 2 running, about 5 min 0 s of runs left, then its publish',
  )
  expect(line({}, { msPerInterval: null })).not.toContain('left')
  expect(etaMs({ ...backfill, endedAt: 1n }, progress)).toBeNull()
})

test('what is left of one that begins nothing more is what is under way', () => {
  const stopping = { ...backfill.options, onFailure: 'stop' } as const
  expect(etaMs({ ...backfill, state: 'cancelling' }, progress)).toBe(120_000)
  expect(etaMs({ ...backfill, options: stopping }, progress)).toBe(120_000)
  expect(etaMs({ ...backfill, options: stopping }, { ...progress, failed: 0 })).toBe(300_000)
})

test('runs are named with their version: another one may be applied by now', () => {
  const bad = [{ interval: { start: 0n, end: 10n }, runId: 'r', outcome: 'held', need: 'missing' }] as const
  expect(formatBackfill(backfill, progress, bad, { places: new Map(), work: null, givenOptions: '' })).toContain(
    'millcourse runs show v@v1@1970-01-01T00:00:00Z',
  )
})

test('one that publishes says what that is at, and what it failed of', () => {
  const lastFailure = { code: 'PUBLISH_UNREACHABLE', message: 'no answer in time' }
  const step = {
    kind: 'step',
    activity: 'publishBackfill',
    attempt: 4,
    state: 'pausing',
    worker: null,
    lastFailure,
  } as const
  const given = { places: new Map(), work: step, givenOptions: '' }
  expect(formatBackfill(backfill, { ...progress, running: 0, left: 0 }, [], given)).toContain(
    '\nits publish: publish, attempt 4, begins after a pause; the attempt before failed of PUBLISH_UNREACHABLE: no answer in time\n',
  )
})

test('whose runs are over is publishing, and not as good as done', () => {
  const over = { running: 0, left: 0, done: 9 }
  expect(line({}, over)).toBe('backfill abc running: 9 of 10 done, 1 failed, publishing 4 commits')
  expect(etaMs(backfill, { ...progress, ...over })).toBeNull()
  expect(line({ state: 'cancelling' }, { running: 0 })).toMatch(/publishing 4 commits$/)
  const stopping = { ...backfill.options, onFailure: 'stop' } as const
  expect(line({ options: stopping }, { running: 0 })).toMatch(/publishing 4 commits$/)
  for (const [change, counts] of [
    [{}, { running: 0 }],
    [{}, { ...over, unpublished: 0 }],
    [{ state: 'paused' }, over],
    [{ state: 'cancelling' }, {}],
    [{ state: 'done', endedAt: 1n }, over],
  ] as const)
    expect(line(change, counts)).not.toContain('publishing')
})
