import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ViewChecks } from '../define/definitions.js'
import { type ColumnProfile, judgeProfile, type Profile } from './index.js'

const column = (rest: Partial<ColumnProfile> = {}): ColumnProfile => ({
  ...{ feature: 'delay', column: 'delay', values: 8, nulls: 2, nans: 0, mean: 1, standardDeviation: 1 },
  ...{ min: 0, max: 10, p1: 0, p25: 1, p50: 2, p75: 3, p99: 9, distinctApproximate: 5 },
  ...rest,
})
const profile = (rest: Partial<Profile> = {}): Profile => ({
  ...{ rowsRead: 10, rowsKept: 10, nullKeys: 0, nullEventTimes: 0, keysDistinctApproximate: 3, duplicateRows: 0 },
  columns: [column()],
  ...rest,
})
const checks = (rest: Partial<ViewChecks> = {}): ViewChecks => ({
  ...{ rows: null, rejectedRateMax: null, duplicateRateMax: null, features: {} },
  ...rest,
})

describe('verdict', () => {
  test('R26: a value equal to its limit passes, whatever the limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.nat(), (rows, some) => {
        const nulls = some % (rows + 1)
        const judged = (nullRateMax: number) =>
          judgeProfile(
            profile({ columns: [column({ nulls, values: rows - nulls })] }),
            checks({ features: { delay: { nullRateMax } } }),
          )
        expect(judged(nulls / rows).decision).toBe('publish')
        if (nulls > 0) expect(judged((nulls - 1) / rows).decision).toBe('hold')
      }),
    )
    const limits = checks({
      rows: { min: 10, max: 10 },
      rejectedRateMax: 0.1,
      duplicateRateMax: 0.3,
      features: { delay: { min: 0, max: 10 } },
    })
    expect(judgeProfile(profile({ nullKeys: 1, duplicateRows: 3 }), limits)).toEqual({
      decision: 'publish',
      findings: [],
    })
  })
  test('each limit has its finding, as data', () => {
    const limits = checks({
      rows: { min: 11 },
      rejectedRateMax: 0.1,
      duplicateRateMax: 0.2,
      features: { delay: { nullRateMax: 0.1, min: 1, max: 9 } },
    })
    const { decision, findings } = judgeProfile(profile({ nullEventTimes: 2, duplicateRows: 3 }), limits)
    expect(decision).toBe('hold')
    expect(findings).toEqual([
      { code: 'rows_below', severity: 'hold', feature: null, observed: 10, limit: 11 },
      { code: 'rejected_rate_above', severity: 'hold', feature: null, observed: 0.2, limit: 0.1 },
      { code: 'duplicate_rate_above', severity: 'hold', feature: null, observed: 0.3, limit: 0.2 },
      { code: 'null_rate_above', severity: 'hold', feature: 'delay', observed: 0.2, limit: 0.1 },
      { code: 'value_below', severity: 'hold', feature: 'delay', observed: 0, limit: 1 },
      { code: 'value_above', severity: 'hold', feature: 'delay', observed: 10, limit: 9 },
    ])
  })
  test('a warning is told and publishes; a limit of zero is a limit', () => {
    const warned = judgeProfile(
      profile(),
      checks({ rows: { max: 9, severity: 'warn' }, features: { delay: { max: 9, severity: 'warn' } } }),
    )
    expect([warned.decision, warned.findings.length]).toEqual(['publish', 2])
    expect(judgeProfile(profile(), checks({ features: { delay: { nullRateMax: 0 } } })).decision).toBe('hold')
  })
  test('a single limit may be of another severity than those it stands with', () => {
    const judged = (severities: object) => {
      const delay = { nullRateMax: 0.1, min: 1, max: 9, severities } as const
      const rows = { min: 11, severity: 'warn', severities: { min: 'hold' } } as const
      return judgeProfile(profile(), checks({ rows, features: { delay } })).findings.map(({ severity }) => severity)
    }
    expect(judged({})).toEqual(['hold', 'hold', 'hold', 'hold'])
    expect(judged({ min: 'warn' })).toEqual(['hold', 'hold', 'warn', 'hold'])
    expect(judged({ nullRateMax: 'warn', max: 'hold-feature' })).toEqual(['hold', 'warn', 'hold', 'hold-feature'])
  })
  test('each of the two rates of the view may be only told of', () => {
    const bad = profile({ nullKeys: 1, duplicateRows: 1 })
    const limits = { rejectedRateMax: 0, duplicateRateMax: 0 }
    const judged = (severities: object) => {
      const { decision, findings } = judgeProfile(bad, checks({ ...limits, ...severities }))
      return [decision, ...findings.map(({ severity }) => severity)]
    }
    expect(judged({})).toEqual(['hold', 'hold', 'hold'])
    expect(judged({ rejectedRateSeverity: 'warn' })).toEqual(['hold', 'warn', 'hold'])
    expect(judged({ duplicateRateSeverity: 'warn' })).toEqual(['hold', 'hold', 'warn'])
    expect(judged({ rejectedRateSeverity: 'warn', duplicateRateSeverity: 'warn' })).toEqual(['publish', 'warn', 'warn'])
  })
  test('R24: an empty interval has no rates, but may have too few rows', () => {
    const empty = profile({
      rowsRead: 0,
      rowsKept: 0,
      columns: [column({ values: 0, nulls: 0, min: null, max: null })],
    })
    const limits = { rejectedRateMax: 0, duplicateRateMax: 0, features: { delay: { nullRateMax: 0, min: 1, max: 2 } } }
    expect(judgeProfile(empty, checks(limits)).decision).toBe('publish')
    expect(judgeProfile(empty, checks({ rows: { min: 1 } })).decision).toBe('hold')
  })
  test('R20: NaN ranks above every number, so above every limit', () => {
    expect(
      judgeProfile(profile({ columns: [column({ nans: 1 })] }), checks({ features: { delay: { max: 1e300 } } }))
        .decision,
    ).toBe('hold')
    expect(
      judgeProfile(profile({ columns: [column({ nans: 1 })] }), checks({ features: { delay: { min: 0 } } })).decision,
    ).toBe('publish')
  })
})
