import { inspect } from 'node:util'
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity'
import { expect, test } from 'vitest'
import { type ErrorCode, errorCodes, MillcourseError } from '../core/errors.js'
import { toFirstFailure, toTemporalFailure } from './failure.js'

const codes = Object.keys(errorCodes) as ErrorCode[]

test.each(codes)('%s keeps its code, words and facts, and is retried only if the table says backoff', (code) => {
  const cause = new Error('vendor')
  const error = new MillcourseError(code, 'what went wrong', { cause, hint: 'do this', facts: { file: 'part-7' } })
  const failure = toTemporalFailure(error, 4) as ApplicationFailure
  expect(failure).toBeInstanceOf(ApplicationFailure)
  expect(failure.type).toBe(code)
  expect(failure.message).toBe('what went wrong')
  expect(failure.nonRetryable).toBe(errorCodes[code].retry !== 'backoff')
  expect(failure.details).toEqual([{ file: 'part-7' }, 'do this', 4, null, 0])
  expect(failure.cause).toMatchObject({ name: 'Error', message: 'vendor', stack: cause.stack })
})

test('what a vendor quotes of credentials goes no further: not in words, facts, causes or stacks', () => {
  const quoted = "should have been 'POST\nx-amz-security-token:FwoGZXIv\n' at postgresql://ml:hunter2@db/x"
  const cause = new TypeError(quoted, { cause: new Error(`below: ${quoted}`) })
  const error = new MillcourseError('PUBLISH_UNREACHABLE', quoted, { cause, hint: quoted, facts: { quoted, rows: 7 } })
  for (const failure of [toTemporalFailure(error, 1), toTemporalFailure(cause, 1), toFirstFailure(error)])
    expect(inspect(failure, { depth: 10 })).not.toMatch(/FwoGZXIv|hunter2/)
  const { type, details, cause: kept } = toTemporalFailure(error, 1) as ApplicationFailure
  expect([type, details?.[0]]).toEqual([
    'PUBLISH_UNREACHABLE',
    { quoted: expect.stringContaining('[redacted]'), rows: 7 },
  ])
  expect(kept).toMatchObject({ name: 'TypeError', cause: { message: expect.stringContaining('below: should have') } })
})

test('without hint, facts and cause the details keep their places', () => {
  const failure = toTemporalFailure(new MillcourseError('INTERNAL', 'x'), 1) as ApplicationFailure
  expect(failure.details).toEqual([{}, null, 1, null, 0])
  expect(failure.cause).toBeUndefined()
})

test('an error that nobody foresaw is INTERNAL and may be retried twice', () => {
  const retries = [1, 2, 3].map((attempt) => toTemporalFailure(new TypeError('no'), attempt) as ApplicationFailure)
  expect(retries.map(({ nonRetryable }) => nonRetryable)).toEqual([false, false, true])
  expect(retries[0]).toMatchObject({ type: 'INTERNAL', message: 'TypeError: no' })
  expect(toTemporalFailure('a string', 1)).toMatchObject({ type: 'INTERNAL', message: 'a string' })
})

test('the first failure travels beside the last', () => {
  const first = toFirstFailure(new MillcourseError('PUBLISH_THROTTLED', 'slow', { facts: { table: 't' } }))
  expect(first).toEqual({ code: 'PUBLISH_THROTTLED', message: 'slow', hint: null, facts: { table: 't' } })
  const gone = new MillcourseError('PUBLISH_UNREACHABLE', 'gone')
  const last = toTemporalFailure(gone, 2, { first, triedForMs: 500 }) as ApplicationFailure
  expect(last.details?.slice(2)).toEqual([2, first, 500])
  expect([
    last.nonRetryable,
    (toTemporalFailure(gone, 2, { isLast: true }) as ApplicationFailure).nonRetryable,
  ]).toEqual([...[false, true]])
})

test('a cancellation passes unchanged: Temporal knows it by its class', () => {
  const cancelled = new CancelledFailure('CANCELLED')
  expect(toTemporalFailure(cancelled, 1)).toBe(cancelled)
})
