import { expect, test } from 'vitest'
import { planTableWarnings } from './online-limits.js'

const named = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `table ${from + index}`)

test('far from the quota, or with every table made, nothing is said', () => {
  expect(planTableWarnings({ tables: named(10), tablesMax: 2_500 }, named(12))).toEqual([])
  expect(planTableWarnings({ tables: named(2_500), tablesMax: 2_500 }, named(20))).toEqual([])
})
test('near the quota, how near; beyond it, how many will not be made', () => {
  expect(planTableWarnings({ tables: named(8), tablesMax: 10 }, named(2, 8))).toEqual([
    expect.stringMatching(/has 8 tables of 10 in this region, this adds 2;/),
  ])
  expect(planTableWarnings({ tables: named(8), tablesMax: 10 }, named(5, 8))).toEqual([
    expect.stringMatching(/adds 5: the last 3 will not be made; ask AWS/),
  ])
})
test('more tables than DynamoDB makes at a time', () => {
  expect(planTableWarnings({ tables: [], tablesMax: 2_500 }, named(500))).toEqual([])
  expect(planTableWarnings({ tables: [], tablesMax: 2_500 }, named(501))).toEqual([expect.stringMatching(/501 tables/)])
})
