import { expect, test } from 'vitest'
import { MillcourseError } from '../core/errors.js'
import { exitCodeOf, exitCodes } from './exit-codes.js'

test('scripts can rely on the codes that README names', () => {
  expect(exitCodes).toEqual({ done: 0, failed: 1, partly: 2, interrupted: 130 })
})

test('an error ends with its own code of the table, anything else as our mistake', () => {
  expect(exitCodeOf(new MillcourseError('STACK_NOT_RUNNING', 'x'))).toBe(69)
  expect(exitCodeOf(new TypeError('x'))).toBe(70)
})
