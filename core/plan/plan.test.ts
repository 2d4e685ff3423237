import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { errorCodes } from '../errors.js'
import { formatInterval, type Interval, intervalsBetween } from '../time/interval.js'
import {
  dueIntervals,
  type IntervalState,
  isBeingReplaced,
  isUnchanged,
  mergeRanges,
  needsRun,
  type RunOutcome,
  touchedRange,
} from './index.js'

const grid = { everyNs: 10n, since: 3n }
const interval = (n: number): Interval => ({ start: 3n + BigInt(n) * 10n, end: 13n + BigInt(n) * 10n })

describe('due intervals', () => {
  test('are the oldest of what never ran and what runs again, with the newest where that is asked for, each once; the rest is counted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('gap', 'again', 'done'), { maxLength: 40 }),
        fc.nat(12),
        fc.boolean(),
        (kinds, runsMax, withNewest) => {
          const wanted = kinds.flatMap((kind, n) => (kind === 'done' ? [] : [interval(n)]))
          const gaps = mergeRanges(kinds.flatMap((kind, n) => (kind === 'gap' ? [interval(n)] : [])))
          const again = kinds.flatMap((kind, n) => (kind === 'again' ? [interval(n)] : []))
          const { due, left } = dueIntervals(gaps, again.toReversed(), grid, { runsMax, withNewest })
          const oldest = wanted.slice(0, runsMax)
          const expected =
            withNewest && runsMax > 1 && wanted.length > 0 ? [...oldest.slice(0, -1), wanted.at(-1)!] : oldest
          expect(due.map(formatInterval)).toEqual(expected.map(formatInterval))
          expect(left).toBe(wanted.length - due.length)
        },
      ),
    )
  })
  test('the range a file touches holds exactly the ended intervals that it overlaps', () => {
    fc.assert(
      fc.property(fc.bigInt(-50n, 90n), fc.bigInt(1n, 60n), fc.bigInt(-20n, 80n), (start, length, until) => {
        const span = { start, end: start + length }
        const overlapped = [...intervalsBetween(grid.since, until, grid.everyNs, grid.since)].filter(
          (one) => one.start < span.end && span.start < one.end,
        )
        const range = touchedRange(span, grid, until)
        const found = range ? [...intervalsBetween(range.start, range.end, grid.everyNs, grid.since)] : []
        expect(found.map(formatInterval)).toEqual(overlapped.map(formatInterval))
      }),
    )
  })
})

describe('R27: what runs again', () => {
  const commit = { commitId: 1n, runId: 'r', number: 1, isEmpty: false, isPublished: true }
  const state = (outcome: RunOutcome, rest: Partial<IntervalState> & { errorCode?: string } = {}): IntervalState => ({
    interval: interval(0),
    committed: ['done', 'committed', 'accepted'].includes(outcome) ? commit : null,
    latestRun: {
      runId: 'r',
      number: 1,
      outcome,
      errorCode: rest.errorCode ?? null,
      inputsHash: 'same',
      definitionHash: 'd',
    },
    reopenedBecause: rest.reopenedBecause ?? null,
    reopens: 0n,
  })
  const runs = (one: IntervalState, context: object = {}) =>
    needsRun(one, { definitionHash: 'd', inputsHash: null, isAsked: false, ...context })
  test('finished, held and rejected ones only for other files, or when re-opened', () => {
    for (const outcome of ['done', 'committed', 'accepted', 'held', 'rejected'] as const) {
      expect(runs(state(outcome)), outcome).toBe(false)
      expect(runs(state(outcome), { inputsHash: 'same', isAsked: true, definitionHash: 'other' }), outcome).toBe(false)
      expect(runs(state(outcome), { inputsHash: 'other' }), outcome).toBe(true)
      expect(runs(state(outcome, { reopenedBecause: 'x' })), outcome).toBe(true)
    }
  })
  test('failed ones by their error, files and definition, or when asked', () => {
    for (const [code, { retry }] of Object.entries(errorCodes))
      expect(runs(state('failed', { errorCode: code })), code).toBe(retry !== 'after-fix')
    const failed = state('failed', { errorCode: 'SOURCE_SCHEMA_CHANGED' })
    expect(runs(failed, { inputsHash: 'same' })).toBe(false)
    for (const context of [{ inputsHash: 'other' }, { definitionHash: 'other' }, { isAsked: true }])
      expect(runs(failed, context)).toBe(true)
  })
  test('open, unready and unfinished ones always', () => {
    for (const outcome of ['running', 'not-ready', 'superseded'] as const)
      expect(runs(state(outcome)), outcome).toBe(true)
    expect(runs({ ...state('done'), latestRun: null, committed: null })).toBe(true)
    expect(runs({ ...state('done'), latestRun: null })).toBe(false)
  })
  test('what is committed is replaced by a run that is to come, or that is numbered and under way; not by one that still plans', () => {
    const under = (number: number | null, runId = 'later'): IntervalState => {
      const done = state('done')
      return { ...done, latestRun: { ...done.latestRun!, runId, number, outcome: 'running' } }
    }
    expect([isBeingReplaced(under(2)), isBeingReplaced(under(null)), isBeingReplaced(under(1, 'r'))]).toEqual([
      true,
      false,
      false,
    ])
    expect(isBeingReplaced({ ...under(null), reopenedBecause: 'x' })).toBe(true)
    expect(isBeingReplaced({ ...under(2), committed: null })).toBe(false)
  })
  test('R21: a run is unchanged only after an end, with the same files and definition, unasked', () => {
    const now = { kind: 'scheduled', inputsHash: 'i', definitionHash: 'd', reopenedBecause: null } as const
    const previous = { outcome: 'done', inputsHash: 'i', definitionHash: 'd' } as const
    expect(isUnchanged(previous, now)).toBe(true)
    expect(isUnchanged(null, now)).toBe(false)
    for (const outcome of ['running', 'failed', 'not-ready', 'superseded', 'skipped'] as const)
      expect(isUnchanged({ ...previous, outcome }, now), outcome).toBe(false)
    for (const change of [
      { kind: 'rerun' },
      { inputsHash: 'j' },
      { definitionHash: 'e' },
      { reopenedBecause: 'x' },
    ] as const)
      expect(isUnchanged(previous, { ...now, ...change })).toBe(false)
  })
})
