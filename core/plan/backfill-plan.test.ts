import { describe, expect, test } from 'vitest'
import {
  type BackfillNeed,
  backfillNeed,
  backfillPlanId,
  type CostLimits,
  costAwaits,
  defaultPrices,
  estimateBackfill,
  type IntervalState,
  intervalsToRun,
  type OnlineFacts,
  type PlanContent,
  parsePrices,
  planChanges,
  type RunOutcome,
  withoutIntervals,
} from './index.js'

const content: PlanContent = {
  ...{ view: 'v', version: 1, definitionHash: 'd' },
  range: { start: '2001-01-01T00:00:00Z', end: '2001-01-01T03:00:00Z' },
  options: { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 4 },
  intervals: (['missing', 'done', 'failed'] as const).map((need, hour) => ({
    ...{ start: `2001-01-01T0${hour}:00:00Z`, end: `2001-01-01T0${hour + 1}:00:00Z`, need, inputsHash: `i${hour}` },
  })),
  files: [
    { uri: 's3://a/1', etag: 'x' },
    { uri: 's3://a/2', etag: 'y' },
  ],
}

describe('what an interval is to a backfill', () => {
  const commit = { commitId: 1n, runId: 'r', number: 1, isEmpty: false, isPublished: true }
  const state = (outcome: RunOutcome, changes: Partial<IntervalState> = {}): IntervalState => ({
    interval: { start: 0n, end: 1n },
    committed: ['done', 'committed', 'accepted', 'rejected'].includes(outcome) ? commit : null,
    latestRun: { runId: 'r', number: 1, outcome, errorCode: 'JUDGE_STOPPED', inputsHash: 'same', definitionHash: 'd' },
    reopenedBecause: null,
    reopens: 0n,
    ...changes,
  })
  const need = (one: IntervalState | undefined, changes: object = {}): BackfillNeed =>
    backfillNeed(one, { definitionHash: 'd', inputsHash: 'same', isForced: false, ...changes })
  test('by its runs, its files and what is asked', () => {
    expect(need(undefined)).toBe('missing')
    expect(need(state('not-ready'))).toBe('missing')
    expect(need(state('running'))).toBe('running')
    expect(need(state('failed'))).toBe('failed')
    expect(need(state('failed'), { inputsHash: 'other' })).toBe('failed')
    expect(need(state('failed', { committed: commit }))).toBe('failed')
    expect(need(state('held'))).toBe('held')
    expect(need(state('held'), { inputsHash: 'other' })).toBe('changed')
    for (const outcome of ['done', 'committed', 'accepted', 'rejected'] as const) {
      expect(need(state(outcome)), outcome).toBe('done')
      expect(need(state(outcome), { isForced: true }), outcome).toBe('forced')
      expect(need(state(outcome), { inputsHash: 'other' }), outcome).toBe('changed')
      expect(need(state(outcome, { reopenedBecause: 'x' })), outcome).toBe('reopened')
    }
    // R37: awaits a decision, whatever is forced.
    expect(need(state('held'), { isForced: true })).toBe('held')
  })
})

describe('a plan', () => {
  test('runs what is not done or held, from the end that was asked for', () => {
    const hours = (order: 'oldest' | 'newest') =>
      intervalsToRun({ ...content, options: { ...content.options, order } }).map(({ start }) => start.slice(11, 13))
    expect(hours('oldest')).toEqual(['00', '02'])
    expect(hours('newest')).toEqual(['02', '00'])
  })
  test('has another id for whatever changes what is done', () => {
    const [first, ...rest] = content.intervals
    const others: PlanContent[] = [
      { ...content, definitionHash: 'e' },
      { ...content, version: 2 },
      { ...content, options: { ...content.options, order: 'newest' } },
      { ...content, options: { ...content.options, isForced: true } },
      { ...content, intervals: [{ ...first!, need: 'failed' }, ...rest] },
      { ...content, intervals: [{ ...first!, inputsHash: 'j' }, ...rest] },
      { ...content, files: [{ uri: 's3://a/1', etag: 'z' }, content.files[1]!] },
      { ...content, retryOf: 'abc' },
      { ...content, retryOf: 'abd' },
    ]
    const ids = [content, ...others].map(backfillPlanId)
    expect(new Set(ids).size).toBe(ids.length)
    expect(backfillPlanId({ ...content })).toBe(ids[0])
  })
  test('says what has moved since', () => {
    expect(planChanges(content, content)).toEqual([])
    const [first, ...rest] = content.intervals
    expect(
      planChanges(content, {
        ...content,
        definitionHash: 'e',
        intervals: [{ ...first!, need: 'done' }, ...rest],
        files: [
          { uri: 's3://a/2', etag: 'z' },
          { uri: 's3://a/3', etag: 'x' },
        ],
      }),
    ).toEqual([
      'the definition of v was changed',
      '2001-01-01T00:00:00Z was missing, is done',
      's3://a/3 is new',
      's3://a/2 was replaced',
      's3://a/1 is no longer among its files',
    ])
  })
})

describe('its price', () => {
  const online: OnlineFacts = {
    ...{ runsInReach: 10, itemBytes: 1_500, itemsPerSecond: 50 },
    samples: [
      { keysSoFar: 100, drawn: 50, changed: 50 },
      { keysSoFar: 120, drawn: 50, changed: 0 },
    ],
  }
  const facts = {
    ...{ runs: 10, atOnce: 2, files: 10, fileReads: 20, bytesRead: 5, rows: 7, isLakeInS3: true },
    ...{ online, runMs: { mean: 60_000, of: 3 }, prices: defaultPrices, writeUnitsPerSecond: null },
  }
  test('is of the keys that change: each once, a further interval adding what the last sample did', () => {
    const { writes, writeUnits, minutes, s3, dollars } = estimateBackfill(facts)
    // 120 + 8 × 20 keys, half of them changed, two write units each.
    expect([writes, writeUnits]).toEqual([{ changed: 140, unchanged: 140 }, 280])
    expect(minutes).toEqual({ runs: 5, publish: 140 / 50 / 60 })
    expect(s3).toEqual({ writes: 120, reads: 1_300 })
    expect(dollars.total).toBeCloseTo(0.12 * 0.005 + 1.3 * 0.0004 + 0.00028 * 0.625)
  })
  test('takes no less time than the write budget allows', () => {
    const minutes = (itemsPerSecond: number | null, writeUnitsPerSecond: number | null) =>
      estimateBackfill({ ...facts, online: { ...online, itemsPerSecond }, writeUnitsPerSecond }).minutes.publish
    // Two units an item.
    expect(minutes(50, 20)).toBe(140 / 10 / 60)
    expect(minutes(50, 200)).toBe(140 / 50 / 60)
    expect(minutes(null, 20)).toBe(140 / 10 / 60)
    expect(minutes(null, null)).toBeNull()
  })
  test('is said to be unknown where nothing was sampled, and nothing where nothing is in reach', () => {
    const unknown = estimateBackfill({ ...facts, online: { ...online, samples: null } })
    expect([unknown.writes, unknown.writeUnits, unknown.dollars.writeUnits]).toEqual([null, null, null])
    expect(estimateBackfill({ ...facts, online: { ...online, runsInReach: 0 } }).writes).toEqual({
      ...{ changed: 0, unchanged: 0 },
    })
    expect(estimateBackfill({ ...facts, online: null, runMs: null }).minutes).toEqual({ runs: null, publish: 0 })
  })
  test('awaits approval beyond a limit, and where nobody knows what it is', () => {
    const awaits = (total: number, limits: Partial<CostLimits>, writeUnits: number | null = 5) => {
      const all = { costMax: null, costMaxOfAll: null, ...limits }
      return costAwaits({ dollars: { writeUnits: null, s3: 0, total }, writeUnits }, all, 3)
    }
    expect([awaits(2, { costMax: 2 }), awaits(7, { costMaxOfAll: 10 }), awaits(99, {})]).toEqual([null, null, null])
    expect(awaits(2.01, { costMax: 2 })).toEqual({ costMax: 2, costMaxOfAll: null, openDollars: 3 })
    expect(awaits(7.01, { costMaxOfAll: 10 })).toEqual({ costMax: null, costMaxOfAll: 10, openDollars: 3 })
    expect(awaits(0, { costMax: 2 }, null)).toMatchObject({ isUnknown: true })
    expect(awaits(0, { costMaxOfAll: 10 }, null)).toMatchObject({ isUnknown: true })
    expect(awaits(2.01, { costMax: 2 }, null)).not.toHaveProperty('isUnknown')
    expect(awaits(0, {}, null)).toBeNull()
  })
  test('is written in dollars by name', () => {
    expect(parsePrices('write-units=0.7, s3-reads=0')).toEqual({
      ...defaultPrices,
      ...{ millionWriteUnits: 0.7, thousandS3Reads: 0 },
    })
    for (const text of ['', 'write-units', 'write-units=x', 'gold=1', 'toString=1'])
      expect(() => parsePrices(text), text).toThrow(/is no price/)
  })
})

test('ranges without some intervals', () => {
  const range = (start: number, end: number) => ({ start: BigInt(start), end: BigInt(end) })
  expect(
    withoutIntervals([range(0, 10), range(20, 30)], [range(2, 3), range(3, 5), range(9, 21), range(29, 30)]),
  ).toEqual([...[range(0, 2), range(5, 9), range(21, 29)]])
  expect(withoutIntervals([range(0, 10)], [])).toEqual([range(0, 10)])
  expect(withoutIntervals([range(0, 10)], [range(0, 10)])).toEqual([])
})
