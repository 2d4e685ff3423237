import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FeatureDrift, ViewChecks } from '../define/definitions.js'
import { encodeHistogram } from './histogram.js'
import {
  type Baseline,
  baselineRanges,
  type ColumnProfile,
  chooseBaseline,
  historyMinOf,
  judgeProfile,
  type ProfilePart,
} from './index.js'

const hourNs = 3_600_000_000_000n
const dayNs = 24n * hourNs
const start = 1_000n * 7n * dayNs + 30n * hourNs

describe('the baseline', () => {
  const choose = (everyNs: bigint, hoursBefore: readonly number[]) =>
    chooseBaseline(
      start,
      everyNs,
      hoursBefore.map((hours) => ({ runId: String(hours), start: start - BigInt(hours) * hourNs })),
    )
  const all = (days: number) => Array.from({ length: days * 24 }, (_, at) => at + 1)

  test('is the same hour of the week, give or take one, where four such runs are good', () => {
    expect(choose(hourNs, all(28))).toMatchObject({ kind: 'hour-of-week', weekRuns: 168 })
    expect(choose(hourNs, all(28)).runIds.map(Number)).toEqual([
      ...[167, 168, 169, 335, 336, 337, 503, 504, 505, 671, 672],
    ])
  })
  test('else the same hour of the day, else the last seven days', () => {
    expect(choose(hourNs, all(7)).runIds.map(Number)).toEqual(
      [1, 2, 3, 4, 5, 6, 7].flatMap((day) => [day * 24 - 1, day * 24, day * 24 + 1].filter((hours) => hours <= 168)),
    )
    expect(choose(hourNs, all(7)).kind).toBe('hour-of-day')
    expect(choose(hourNs, [1, 2, 24, 168])).toEqual({ kind: 'week', runIds: ['1', '2', '24', '168'], weekRuns: 4 })
    expect(choose(7n * dayNs, [168, 336, 504])).toMatchObject({ kind: 'week', weekRuns: 3 })
    expect(choose(hourNs, [169, 170])).toEqual({ kind: 'week', runIds: [], weekRuns: 0 })
  })
  test('never holds the run under test, nor what comes after it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -200, max: 800 }), { maxLength: 60 }), (hours) => {
        const chosen = choose(hourNs, hours)
        expect(chosen.runIds.every((hour) => Number(hour) > 0)).toBe(true)
        expect(chosen.weekRuns).toBe(hours.filter((hour) => hour > 0 && hour <= 168).length)
      }),
    )
  })
  test('lies in the ranges that the ledger is asked for', () => {
    const ranges = baselineRanges(start, hourNs)
    const hours = all(28).filter((hour) =>
      ranges.some((range) => {
        const at = start - BigInt(hour) * hourNs
        return at >= range.start && at < range.end
      }),
    )
    expect(choose(hourNs, hours)).toEqual(choose(hourNs, all(28)))
    expect(hours.length).toBeLessThan(180)
  })
  test('asks for the runs of a day, at least four', () => {
    expect([hourNs, dayNs, 7n * dayNs, hourNs / 4n, 5n * hourNs].map(historyMinOf)).toEqual([24, 4, 4, 96, 5])
  })
})

const column = (rest: Partial<ColumnProfile> = {}): ColumnProfile => ({
  ...{ feature: 'delay', column: 'delay', values: 100, nulls: 0, nans: 0, numbers: 100, mean: 10 },
  ...{ standardDeviation: 2, min: 0, max: 10, p1: 0, p25: 1, p50: 2, p75: 3, p99: 9, distinctApproximate: 40 },
  ...rest,
})
const part = (rows = 100, delay: Partial<ColumnProfile> = {}, bin = 16_000): ProfilePart => ({
  profile: {
    ...{ rowsRead: rows, rowsKept: rows, nullKeys: 0, nullEventTimes: 0, keysDistinctApproximate: 20 },
    ...{ duplicateRows: 0, columns: [column({ values: rows, numbers: rows, ...delay })] },
  },
  sketches: {
    hash: null,
    keys: '',
    columns: { delay: { distinct: '', histogram: encodeHistogram({ bits: 4, bins: [[bin, rows]] }) } },
  },
})
const checks = (delay: FeatureDrift, drift: ViewChecks['drift'] = {}): ViewChecks => ({
  ...{ rows: null, rejectedRateMax: null, duplicateRateMax: null },
  ...{ features: { delay: { drift: delay } }, drift },
})
const judge = (run: ProfilePart, runs: readonly ProfilePart[], limits: ViewChecks, more: Partial<Baseline> = {}) =>
  judgeProfile(run.profile, limits, {
    sketches: run.sketches,
    baseline: { kind: 'week', weekRuns: runs.length, runs, ...more },
    historyMin: 4,
  })
const calm = [part(), part(), part(), part()]

describe('drift', () => {
  test('R26: a value equal to its limit passes; each limit has its finding, with what it was compared with', () => {
    const run = part(150, { mean: 16, values: 120, nulls: 30, distinctApproximate: 10 }, 17_000)
    const deviation = Math.sqrt((4 * 99 * 4) / 399)
    const sigma = 6 / deviation
    const stays = { sigmaMax: sigma, nullRateChangeMax: 0.2, cardinalityChangeMax: 0.75 }
    expect(judge(run, calm, checks(stays, { volumeChangeMax: 0.5, cardinalityChangeMax: 0 })).findings).toEqual([])
    const breaks = { sigmaMax: sigma - 0.01, nullRateChangeMax: 0.19, cardinalityChangeMax: 0.74, psiMax: 0.25 }
    const { decision, findings } = judge(run, calm, checks(breaks, { volumeChangeMax: 0.49, severity: 'warn' }))
    expect(decision).toBe('hold')
    expect(findings.map(({ code, severity, feature, baseline }) => [code, severity, feature, baseline])).toEqual([
      ['rows_drifted', 'warn', null, { kind: 'week', runs: 4, was: 100, is: 150 }],
      ['mean_drifted', 'hold', 'delay', { kind: 'week', runs: 4, was: 10, is: 16 }],
      ['null_rate_drifted', 'hold', 'delay', { kind: 'week', runs: 4, was: 0, is: 0.2 }],
      ['distribution_drifted', 'hold', 'delay', { kind: 'week', runs: 4, was: null, is: null }],
      ['cardinality_drifted', 'hold', 'delay', { kind: 'week', runs: 4, was: 40, is: 10 }],
    ])
    expect(findings[1]).toMatchObject({ observed: sigma, limit: sigma - 0.01 })
  })
  test('less history than asked for judges nothing; as much does', () => {
    const shifted = part(100, { mean: 99 })
    const limits = (historyMin?: number) =>
      checks(historyMin === undefined ? { sigmaMax: 1 } : { sigmaMax: 1, historyMin })
    expect(judge(shifted, calm, limits()).decision).toBe('hold')
    expect(judge(shifted, calm, limits(5)).decision).toBe('publish')
    expect(judge(shifted, calm, limits(), { weekRuns: 3 }).decision).toBe('publish')
    expect(judge(shifted, calm, limits(5), { weekRuns: 5 }).decision).toBe('hold')
    expect(judge(shifted, calm.slice(1), limits(1)).decision).toBe('publish')
  })
  test('a baseline that never changed is left by any change, none of it by none', () => {
    const still = calm.map(() => part(100, { standardDeviation: 0 }))
    const { findings } = judge(part(100, { mean: 10.5 }), still, checks({ sigmaMax: 1e300 }))
    expect(findings).toMatchObject([{ observed: Number.MAX_VALUE }])
    expect(JSON.parse(JSON.stringify(findings))).toEqual(findings)
    expect(judge(part(), still, checks({ sigmaMax: 0 })).findings).toEqual([])
    const empty = calm.map(() => part(0, { mean: null, standardDeviation: null }))
    expect(judge(part(), empty, checks({}, { volumeChangeMax: 9 })).findings).toMatchObject([{ code: 'rows_drifted' }])
    expect(judge(empty[0]!, empty, checks({}, { volumeChangeMax: 0 })).findings).toEqual([])
  })
  test('a column of one value has not moved, however the means of its sums are rounded', () => {
    // What DuckDB makes of as many rows of 0.1.
    const ofTenths = (rows: number, mean: number, value = 0.1) =>
      part(rows, { mean, standardDeviation: 0, min: value, max: value })
    const past = [
      ofTenths(3, 0.10000000000000002),
      ofTenths(1_000, 0.09999999999999859),
      ofTenths(50_000, 0.10000000000001318),
      ofTenths(1_000, 0.09999999999999859),
    ]
    for (const runs of [past, past.map(() => ofTenths(1_000, 0.09999999999999859))]) {
      expect(judge(ofTenths(1_003, 0.09999999999999858), runs, checks({ sigmaMax: 0 })).findings).toEqual([])
      expect(judge(ofTenths(1_003, 0.2, 0.2), runs, checks({ sigmaMax: 1e6 })).findings).toMatchObject([
        { code: 'mean_drifted' },
      ])
    }
  })
  test('a single limit may be of another severity than those it stands with', () => {
    const flood = part(100, { mean: 99, nulls: 100, distinctApproximate: 99 }, 17_000)
    const limits = { sigmaMax: 1, nullRateChangeMax: 0, psiMax: 0, cardinalityChangeMax: 0 }
    const judged = (drift: FeatureDrift) =>
      judge(flood, calm, checks({ ...limits, ...drift })).findings.map(({ severity }) => severity)
    const severities = { sigmaMax: 'hold', psiMax: 'hold-feature' } as const
    expect(judged({ severity: 'warn', severities })).toEqual(['hold', 'warn', 'hold-feature', 'warn'])
    const ofView = { volumeChangeMax: 0.1, severities: { volumeChangeMax: 'warn' } } as const
    expect(judge(part(50), calm, checks({}, ofView)).findings).toMatchObject([
      { code: 'rows_drifted', severity: 'warn' },
    ])
  })
  test('R24: an empty interval has drifted in number of rows, and in nothing else', () => {
    const empty = part(0, { mean: null, standardDeviation: null, distinctApproximate: 0 })
    const strict = { sigmaMax: 0, nullRateChangeMax: 0, psiMax: 0, cardinalityChangeMax: 0 }
    const { findings } = judge(empty, calm, checks(strict, { volumeChangeMax: 0.5, cardinalityChangeMax: 0 }))
    expect(findings).toMatchObject([{ code: 'rows_drifted', observed: 1 }])
  })
  test('nights without a row are no baseline of keys, nor of a feature', () => {
    const night = part(0, { mean: null, standardDeviation: null, distinctApproximate: 0 })
    const empty = { ...night, profile: { ...night.profile, keysDistinctApproximate: 0 } }
    const past = [...calm, empty, empty, empty, empty]
    const limits = checks({ cardinalityChangeMax: 0, nullRateChangeMax: 0 }, { cardinalityChangeMax: 0 })
    expect(judge(part(), past, limits).findings).toEqual([])
    expect(judge(part(90), past.slice(1), checks({ nullRateChangeMax: 0 }, limits.drift)).findings).toEqual([])
  })
  test('R35: a feature that was held alone in some runs is compared with the others, wherever these lie', () => {
    const heldAlone = { ...part(), profile: { ...part().profile, columns: [] } }
    const limits = { sigmaMax: 1, nullRateChangeMax: 0, psiMax: 0, cardinalityChangeMax: 0 }
    const flood = part(100, { mean: 99, nulls: 100, distinctApproximate: 99 }, 17_000)
    const found = (runs: readonly ProfilePart[]) =>
      judge(flood, runs, checks(limits)).findings.map(({ code, baseline }) => [code, baseline!.runs])
    const all = ['mean_drifted', 'null_rate_drifted', 'distribution_drifted', 'cardinality_drifted']
    for (const runs of [
      [...calm, heldAlone],
      [heldAlone, ...calm],
    ])
      expect(found(runs)).toEqual(all.map((code) => [code, 4]))
    expect(found([heldAlone, ...calm.slice(1)])).toEqual([])
  })
  test('one odd run moves no median; profiles of an older release judge all but the distribution', () => {
    const odd = [...calm, part(100_000)]
    expect(judge(part(), odd, checks({}, { volumeChangeMax: 0 })).findings).toEqual([])
    const old = calm.map(({ profile }) => ({ profile, sketches: null }))
    const run = part(100, { mean: 99 }, 17_000)
    expect(judge(run, old, checks({ sigmaMax: 1, psiMax: 0 })).findings).toMatchObject([{ code: 'mean_drifted' }])
  })
})
