import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorCodes, MillcourseError } from '../../core/errors.js'
import { exitCodeOf } from '../exit-codes.js'
import { errorJson, errorText, problemsError } from './error-text.js'

const error = new MillcourseError('SOURCE_SCHEMA_CHANGED', 'column "amount" was DOUBLE, is VARCHAR', {
  cause: new Error('cannot cast', { cause: new MillcourseError('LAKE_FULL', 'no space') }),
  hint: 'fix the producer',
  facts: { file: 's3://lake/part-7.parquet', column: 'amount' },
})

describe('errors on the command line', () => {
  test('say code, message, facts, each cause, and what to do, in that order', () => {
    expect(errorText(error)).toBe(
      [
        'SOURCE_SCHEMA_CHANGED: column "amount" was DOUBLE, is VARCHAR',
        '  file: s3://lake/part-7.parquet',
        '  column: amount',
        '  because: cannot cast',
        '  because: LAKE_FULL: no space',
        '  what to do: fix the producer',
      ].join('\n'),
    )
  })

  test('are one JSON object with the same parts', () => {
    expect(errorJson(error)).toEqual({
      error: {
        code: 'SOURCE_SCHEMA_CHANGED',
        message: 'column "amount" was DOUBLE, is VARCHAR',
        hint: 'fix the producer',
        facts: { file: 's3://lake/part-7.parquet', column: 'amount' },
        causes: ['cannot cast', 'LAKE_FULL: no space'],
        retry: 'after-fix',
      },
    })
  })

  test('a cause that the message repeats is not said twice', () => {
    const wrapped = new MillcourseError('LEDGER_UNREACHABLE', 'connect ECONNREFUSED 127.0.0.1:1', {
      cause: new Error('connect ECONNREFUSED 127.0.0.1:1'),
    })
    expect(errorText(wrapped)).toBe('LEDGER_UNREACHABLE: connect ECONNREFUSED 127.0.0.1:1')
  })

  test('Node’s empty aggregate says what its parts say', () => {
    const cause = new AggregateError([new Error('connect ::1'), new Error('connect 127.0.0.1')], '')
    expect(errorText(new MillcourseError('LEDGER_UNREACHABLE', 'Postgres is away', { cause }))).toContain(
      'because: connect ::1; connect 127.0.0.1',
    )
  })

  test('several problems are each said in full', () => {
    const second = new MillcourseError('DEFINE_INVALID', 'no owner', { hint: 'owner: …' })
    const several = problemsError([error, second], 'the repo')
    expect(errorText(several)).toContain('SOURCE_SCHEMA_CHANGED: column')
    expect(errorText(several)).toContain('DEFINE_INVALID: no owner\n  what to do: owner: …')
    expect(errorJson(several)).toMatchObject({
      error: { problems: [{ code: 'SOURCE_SCHEMA_CHANGED' }, { message: 'no owner' }] },
    })
    expect(problemsError([second], 'the repo')).toBe(second)
  })

  test('what nobody foresaw is a mistake of ours, with its stack', () => {
    expect(errorText(new TypeError('x is not a function'))).toMatch(
      /^INTERNAL: unexpected TypeError: x is not[\s\S]+ at /,
    )
    expect(exitCodeOf(new TypeError('x'))).toBe(70)
  })

  test.each(Object.keys(errorCodes))('%s ends with the exit code of the table, outside those of reports', (code) => {
    const exit = exitCodeOf(new MillcourseError(code as ErrorCode, 'x'))
    expect(exit).toBe(errorCodes[code as ErrorCode].exit)
    expect(exit).toBeGreaterThanOrEqual(64)
    expect(exit).toBeLessThanOrEqual(78)
  })
})
