import { expect, test } from 'vitest'
import { retryPauseMs } from './index.js'

const pace = { firstMs: 1_000, maxMs: 300_000 }

test('a pause doubles up to its most, spread over its second half', () => {
  expect([1, 2, 3, 9, 10, 1_000].map((attempt) => retryPauseMs(attempt, pace, 0, null))).toEqual([
    500, 1_000, 2_000, 128_000, 150_000, 150_000,
  ])
  expect(retryPauseMs(3, pace, 0.5, null)).toBe(3_000)
})

test('what the receiver asks for is kept, an hour at most', () => {
  expect(retryPauseMs(1, pace, 0, 17_000)).toBe(17_000)
  expect(retryPauseMs(10, pace, 0, 17_000)).toBe(150_000)
  expect(retryPauseMs(1, pace, 0, 86_400_000)).toBe(3_600_000)
})
