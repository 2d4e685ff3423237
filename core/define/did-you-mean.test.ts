import { expect, test } from 'vitest'
import { didYouMean } from './did-you-mean.js'

test.each([
  ['dealy', 'did you mean "delay"? '],
  ['Delay', 'did you mean "delay"? '],
  ['dela', 'did you mean "delay"? '],
  ['distanse', 'did you mean "distance"? '],
  ['origin', ''],
  ['', ''],
])('%s', (asked, answer) => {
  expect(didYouMean(asked, ['delay', 'distance', 'at'])).toBe(answer)
})
