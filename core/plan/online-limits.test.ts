import { expect, test } from 'vitest'
import { planTableWarnings } from './online-limits.js'

const limits = (tables: number, tablesMax: number) => ({
  tables: Array.from({ length: tables }, (_, index) => `table ${index}`),
  tablesMax,
})

test('far from the quota nothing is said', () => {
  expect(planTableWarnings(limits(10, 2_500), 2)).toEqual([])
  expect(planTableWarnings(limits(9, 10), 0)).toEqual([])
})
test('near the quota, how near; beyond it, how many will not be made', () => {
  expect(planTableWarnings(limits(8, 10), 2)).toEqual([
    expect.stringMatching(/has 8 tables of 10 in this region, this adds 2;/),
  ])
  expect(planTableWarnings(limits(8, 10), 5)).toEqual([
    expect.stringMatching(/adds 5: the last 3 will not be made; ask AWS/),
  ])
  expect(planTableWarnings(limits(12, 10), 1)).toEqual([expect.stringMatching(/adds 1: the last 1 will not be made;/)])
})
test('at the quota also a plan that adds none', () => {
  for (const count of [10, 12])
    expect(planTableWarnings(limits(count, 10), 0)).toEqual([
      expect.stringMatching(new RegExp(`has ${count} tables of 10 in this region; ask AWS`)),
    ])
})
test('more tables than DynamoDB makes at a time', () => {
  expect(planTableWarnings(limits(0, 2_500), 500)).toEqual([])
  expect(planTableWarnings(limits(0, 2_500), 501)).toEqual([expect.stringMatching(/501 tables/)])
})
