import { expect, test } from 'vitest'
import { type ColumnProfile, compareProfiles, type Profile } from './index.js'

const column = (name: string, rest: Partial<ColumnProfile> = {}): ColumnProfile => ({
  ...{ feature: name, column: name, values: 100, nulls: 0, nans: 0, mean: 10, standardDeviation: 4 },
  ...{ min: 0, max: 10, p1: 0, p25: 1, p50: 2, p75: 3, p99: 9, distinctApproximate: 5 },
  ...rest,
})
const profile = (...columns: ColumnProfile[]): Profile => ({
  ...{ rowsRead: 100, rowsKept: 100, nullKeys: 0, nullEventTimes: 0, keysDistinctApproximate: 3, duplicateRows: 0 },
  columns,
})

test('the largest shift comes first, and an ordinary hour is no shift', () => {
  const was = profile(column('calm'), column('mean'), column('nulls'))
  const is = profile(
    column('calm', { mean: 11.9, values: 999, nulls: 1 }),
    column('mean', { mean: 13 }),
    column('nulls', { values: 60, nulls: 40 }),
  )
  expect(compareProfiles(was, is)).toMatchObject([
    { column: 'nulls', nullRate: { was: 0, is: 0.4 }, isShifted: true },
    { column: 'mean', mean: { was: 10, is: 13 }, deviations: 0.75, isShifted: true },
    { column: 'calm', isShifted: false },
  ])
})

test('features of one column are one entry; count, which is of rows, and columns that are new are none', () => {
  const count = { column: null, mean: null }
  const was = profile(column('delay'), column('flights', count))
  const is = profile(
    column('delay_avg', { column: 'delay' }),
    column('delay_max', { column: 'delay' }),
    column('new'),
    column('flights', count),
  )
  expect(compareProfiles(was, is)).toMatchObject([{ column: 'delay', features: ['delay_avg', 'delay_max'] }])
})

test('a constant that changes, a mean that goes and an empty side are told without a deviation', () => {
  const shift = (was: Partial<ColumnProfile>, is: Partial<ColumnProfile>) =>
    compareProfiles(profile(column('c', was)), profile(column('c', is)))[0]
  expect(shift({ standardDeviation: 0 }, { mean: 10.1 })).toMatchObject({ deviations: null, isShifted: true })
  expect(shift({ standardDeviation: 0 }, {})).toMatchObject({ deviations: null, isShifted: false })
  const tenth = { min: 0.1, max: 0.1, mean: 0.1, standardDeviation: 0 }
  expect(shift(tenth, { ...tenth, mean: 0.09999999999999859 })).toMatchObject({ isShifted: false })
  expect(shift({}, { values: 0, nulls: 0, mean: null })).toMatchObject({
    nullRate: { was: 0, is: null },
    isShifted: true,
  })
})
