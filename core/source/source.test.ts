import { describe, expect, test } from 'vitest'
import type { Column, SourceDefinition } from '../define/definitions.js'
import { endOfTime, formatInstant, parseInstant } from '../time/instant.js'
import {
  canHold,
  checkContract,
  fileFootersFrom,
  filesOf,
  formatDifference,
  globPattern,
  globPrefix,
  inputsHash,
  judgeReadiness,
  markerPath,
  partitionsOf,
  type SourceFile,
  touches,
  valuelessType,
} from './index.js'

const at = parseInstant
const range = (start: string, end: string) => ({ start: at(start), end: at(end) })
const column = (name: string, kind: Column['kind'], rest: Partial<Column> = {}): Column => ({
  name,
  kind,
  nullable: true,
  ...rest,
})
const source = (schema: readonly Column[], timezone = 'UTC'): SourceDefinition => ({
  kind: 'source',
  format: 'parquet',
  name: 's',
  path: 's/*.parquet',
  schema,
  eventTime: 'ts',
  createdTime: null,
  visibility: 'event',
  timezone,
  tombstone: null,
  eventId: null,
  ready: { marker: null, delay: null, deadline: '1h' },
  owner: null,
  description: null,
  tags: {},
  at: null,
})

describe('partitions', () => {
  test('one per finest token, in UTC, those that overlap a half-open range (R10, R21)', () => {
    const path = 'f/date={yyyy-MM-dd}/hour={HH}/*.parquet'
    expect(partitionsOf(path, range('2001-01-31T22:30:00Z', '2001-02-01T00:00:00Z')).map((one) => one.glob)).toEqual([
      'f/date=2001-01-31/hour=22/*.parquet',
      'f/date=2001-01-31/hour=23/*.parquet',
    ])
    const months = partitionsOf('{yyyy}/{MM}.parquet', range('2000-12-31', '2001-01-01T00:00:00.000000001Z'))
    expect(months.map((one) => [one.glob, formatInstant(one.span.end)])).toEqual([
      ['2000/12.parquet', '2001-01-01T00:00:00Z'],
      ['2001/01.parquet', '2001-02-01T00:00:00Z'],
    ])
    expect(partitionsOf('{yyyy}.parquet', range('1969-12-31', '1969-12-31T01:00:00Z'))[0]!.glob).toBe('1969.parquet')
    expect(partitionsOf('x{mm}/{HH}', range('2001-01-01T05:07:30Z', '2001-01-01T05:08:00Z'))[0]!.glob).toBe('x07/05')
  })
  test('a path without tokens is one partition of all time', () => {
    expect(partitionsOf('f/*.parquet', range('2001-01-01', '2001-01-02'))).toEqual([
      { span: { start: -endOfTime, end: endOfTime }, glob: 'f/*.parquet' },
    ])
  })
  test('the marker lies in the deepest folder that the tokens name', () => {
    const marker = (path: string) =>
      markerPath(path, partitionsOf(path, range('2001-01-02T03:00:00Z', '2001-01-02T04:00:00Z'))[0]!, '_SUCCESS')
    expect(marker('f/d={yyyy-MM-dd}/h={HH}/*.parquet')).toBe('f/d=2001-01-02/h=03/_SUCCESS')
    expect(marker('f/d={yyyy-MM-dd}/**/*.parquet')).toBe('f/d=2001-01-02/_SUCCESS')
    expect(marker('f/{yyyy-MM-dd}-*.parquet')).toBe('f/_SUCCESS')
    expect(marker('f/g/*.parquet')).toBe('f/g/_SUCCESS')
    expect(marker('f/g/one.parquet')).toBe('f/g/_SUCCESS')
  })
  test('globs', () => {
    expect(globPrefix('a/b=1/*.parquet')).toBe('a/b=1/')
    expect(globPrefix('a/b*/c')).toBe('a/')
    expect(globPrefix('a/b.parquet')).toBe('a/b.parquet')
    const matches = (glob: string, path: string) => globPattern(glob).test(path)
    expect(matches('a/*.parquet', 'a/x.parquet')).toBe(true)
    expect(matches('a/*.parquet', 'a/b/x.parquet')).toBe(false)
    expect(matches('a/*.parquet', 'a/xqparquet')).toBe(false)
    expect(matches('a/**/*.parquet', 'a/x.parquet')).toBe(true)
    expect(matches('a/**/*.parquet', 'a/b/c/x.parquet')).toBe(true)
    expect(matches('a/part-[0-9]?.parquet', 'a/part-7x.parquet')).toBe(true)
    expect(matches('a/part-[!0-9].parquet', 'a/part-7.parquet')).toBe(false)
    expect(matches("a (1)/it's+.parquet", "a (1)/it's+.parquet")).toBe(true)
  })
})

describe('readiness', () => {
  const interval = range('2001-01-01T00:00:00Z', '2001-01-01T01:00:00Z')
  const rule = (given: object) => ({ marker: null, delay: null, deadline: '1h', ...given })
  test('without a rule, at the interval end', () => {
    expect(judgeReadiness(rule({}), interval, [], interval.end)).toEqual({ kind: 'ready' })
    expect(judgeReadiness(rule({}), interval, [], interval.end - 1n)).toMatchObject({
      kind: 'not-ready',
      retryAfterMs: 1,
    })
  })
  test('a delay is waited out to the nanosecond', () => {
    const end = at('2001-01-01T01:10:00Z')
    expect(judgeReadiness(rule({ delay: '10m' }), interval, [], end)).toEqual({ kind: 'ready' })
    expect(judgeReadiness(rule({ delay: '10m' }), interval, [], end - 1n)).toMatchObject({ isPastDeadline: false })
  })
  test('a missing marker is named, and overdue from the deadline on', () => {
    const wait = judgeReadiness(rule({ marker: 'ok' }), interval, ['f/ok'], interval.end)
    expect(wait).toMatchObject({ because: 'f/ok is not there yet', isPastDeadline: false, retryAfterMs: 15_000 })
    const late = judgeReadiness(rule({ marker: 'ok' }), interval, ['f/ok'], at('2001-01-01T02:00:00Z'))
    expect(late).toMatchObject({ isPastDeadline: true })
    expect(judgeReadiness(rule({ marker: 'ok' }), interval, ['f/ok'], at('2001-01-01T01:59:59.999Z'))).toMatchObject({
      isPastDeadline: false,
      retryAfterMs: 1,
    })
  })
})

describe('files', () => {
  const file = (uri: string, rest: Partial<SourceFile> = {}): SourceFile => ({
    uri,
    etag: 'e',
    sizeBytes: 1,
    partition: range('2001-01-01T00:00:00Z', '2001-01-02T00:00:00Z'),
    eventMin: null,
    eventMax: null,
    ...rest,
  })
  test('R27: a file touches intervals by its footer, without one by its partition', () => {
    const byFooter = file('a', { eventMin: at('2001-01-05T01:00:00Z'), eventMax: at('2001-01-05T02:00:00Z') })
    expect(touches(byFooter, range('2001-01-05T02:00:00Z', '2001-01-05T03:00:00Z'))).toBe(true)
    expect(touches(byFooter, range('2001-01-05T00:00:00Z', '2001-01-05T01:00:00Z'))).toBe(false)
    expect(touches(byFooter, range('2001-01-01T00:00:00Z', '2001-01-01T01:00:00Z'))).toBe(false)
    expect(touches(file('b'), range('2001-01-01T23:00:00Z', '2001-01-02T00:00:00Z'))).toBe(true)
    expect(touches(file('b'), range('2001-01-02T00:00:00Z', '2001-01-02T01:00:00Z'))).toBe(false)
    expect(touches(file('c', { partition: null }), range('2001-01-01T23:00:00Z', '2001-01-02T00:00:00Z'))).toBe(false)
  })
  test('the hash of inputs hangs on uri, etag and size, not on the order of the listing', () => {
    const hash = inputsHash([file('a'), file('b')])
    expect(inputsHash([file('b'), file('a')])).toBe(hash)
    for (const other of [
      [file('a')],
      [file('a'), file('c')],
      [file('a'), file('b', { etag: 'f' })],
      [file('a'), file('b', { sizeBytes: 2 })],
    ])
      expect(inputsHash(other)).not.toBe(hash)
    expect(inputsHash([])).toMatch(/^[0-9a-f]{64}$/)
  })
  test('files are in byte order', () => {
    const names = ['a', 'a/', 'ab', 'é', '\u{ff5e}', '\u{1f600}']
    const files = filesOf(
      names.toReversed().map((name) => file(name)),
      range('2001-01-01', '2001-01-02'),
    )
    expect(files.map((one) => one.uri)).toEqual(names)
  })
})

describe('footers', () => {
  const row = (min: string | null, max: string | null, rest: object = {}) => ({
    file_name: 'f',
    num_rows: 4n,
    row_group_num_rows: 2n,
    stats_null_count: 0n,
    min,
    max,
    is_utc: false,
    ...rest,
  })
  const footer = (rows: readonly object[], zone = 'UTC') => fileFootersFrom(rows as never, source([], zone))[0]!
  test('R11: the range over all row groups, to the nanosecond', () => {
    expect(
      footer([
        row('2001-01-01 00:00:00.123456789', '2001-01-02 00:00:00'),
        row('2000-01-01 00:00:00+00', '2000-01-01 00:00:00+00'),
      ]),
    ).toEqual({
      file: 'f',
      rows: 4,
      eventMin: at('2000-01-01'),
      eventMax: at('2001-01-02'),
    })
  })
  test('a row group without statistics makes the range unknown, one of nulls alone does not', () => {
    expect(footer([row('2001-01-01 00:00:00', '2001-01-01 00:00:00'), row(null, null)]).eventMin).toBeNull()
    const withNulls = footer([
      row('2001-01-01 00:00:00', '2001-01-01 00:00:00'),
      row(null, null, { stats_null_count: 2n }),
    ])
    expect(withNulls.eventMin).toBe(at('2001-01-01'))
  })
  test.each([
    ['dates', '2001-01-01', '2001-01-02'],
    ['text', '2001-01-01T10:00:00Z', '2001-01-01T10:49:00Z'],
    ['numbers', '978307200000000', '978310800000000'],
    ['text, some of it as a timestamp', '2001-01-01 00:00:00', 'n/a'],
  ])('R27: event times of another type (%s) leave the range to the partition', (_, min, max) => {
    expect(footer([row(min, max)])).toMatchObject({ eventMin: null, eventMax: null })
    expect(footer([row('2001-01-01 00:00:00', '2001-01-01 00:00:00'), row(min, max)]).eventMin).toBeNull()
  })
  test('R11: end-of-time markers do not make the range too narrow', () => {
    expect(footer([row('2001-01-01 00:00:00', 'infinity')]).eventMax).toBe(endOfTime)
    expect(footer([row('0044-03-15 (BC) 00:00:00+00', '2001-01-01 00:00:00+00')]).eventMin! <= -endOfTime).toBe(true)
    expect(footer([row('0044-03-15 (BC) 00:00:00', '10000-01-01 00:00:00')])).toMatchObject({
      eventMin: -endOfTime,
      eventMax: endOfTime,
    })
  })
  test("R10: local times by the source's zone, wide enough around a clock change", () => {
    const plain = footer([row('2001-01-01 00:00:00', '2001-01-01 01:00:00')], 'America/New_York')
    expect(plain).toMatchObject({ eventMin: at('2001-01-01T05:00:00Z'), eventMax: at('2001-01-01T06:00:00Z') })
    const change = footer([row('2001-04-01 01:30:00', '2001-04-01 03:30:00')], 'America/New_York')
    expect(change.eventMin! <= at('2001-04-01T06:30:00Z')).toBe(true)
    expect(change.eventMax! >= at('2001-04-01T07:30:00Z')).toBe(true)
    const utc = footer([row('2001-01-01 00:00:00', '2001-01-01 01:00:00', { is_utc: true })], 'America/New_York')
    expect(utc.eventMin).toBe(at('2001-01-01'))
    const old = footer([row('1800-01-01 00:00:00', '1800-01-01 00:00:00')], 'America/New_York')
    expect(old.eventMin).toBe(at('1800-01-01T04:56:02Z'))
  })
})

describe('schema contract', () => {
  const declared = source([
    column('id', 'int64', { nullable: false }),
    column('amount', 'float64'),
    column('ts', 'timestamp'),
  ])
  const good = [
    { name: 'id', type: 'BIGINT' },
    { name: 'amount', type: 'DOUBLE' },
    { name: 'ts', type: 'TIMESTAMP' },
  ]
  const breachesOf = (columns: typeof good) =>
    checkContract(declared, [{ file: 'f', columns }]).breaches.map(formatDifference)
  test('a column of nulls alone, as pandas writes it, is right where nulls are, and else said to be one', () => {
    for (const nothing of [1, 2])
      expect(breachesOf(good.map((one, index) => (index === nothing ? { ...one, type: '"NULL"' } : one)))).toEqual([])
    expect(breachesOf(good.map((one) => ({ ...one, type: valuelessType })))).toEqual([])
    expect(breachesOf([{ name: 'id', type: '"NULL"' }, good[1]!, good[2]!])).toEqual([
      'column "id" was int64, is all null and without a type in f',
    ])
    const difference = { code: 'retyped', column: 'note', was: 'string', file: 'f', filesMore: 0 } as const
    expect(formatDifference({ ...difference, is: '"NULL"' })).toBe(
      'column "note" was string, is all null and without a type in f',
    )
    expect(formatDifference({ ...difference, is: 'DOUBLE' })).toBe('column "note" was string, is DOUBLE in f')
  })

  test('the same columns in any order are right', () => {
    expect(checkContract(declared, [{ file: 'f', columns: good.toReversed() }])).toEqual({
      breaches: [],
      additions: [],
    })
  })
  test('missing, retyped and renamed by case: file, column, was and is (R23)', () => {
    expect(breachesOf(good.slice(1))).toEqual(['column "id" was int64, is absent in f'])
    expect(breachesOf([good[0]!, { name: 'amount', type: 'VARCHAR' }, good[2]!])).toEqual([
      'column "amount" was float64, is VARCHAR in f',
    ])
    expect(breachesOf([good[0]!, { name: 'Amount', type: 'DOUBLE' }, good[2]!])).toEqual([
      'column "amount" is written "Amount" in f',
    ])
    expect(breachesOf([...good, { name: 'AMOUNT', type: 'DOUBLE' }])).toEqual([
      'column "amount" has a twin that differs only by case, "AMOUNT", in f',
    ])
  })
  test('an added column is told, not refused; many files make one sentence', () => {
    const files = ['f', 'g', 'h'].map((file) => ({ file, columns: [...good, { name: 'note', type: 'VARCHAR' }] }))
    const { breaches, additions } = checkContract(declared, files)
    expect(breaches).toEqual([])
    expect(additions.map(formatDifference)).toEqual(['column "note" (VARCHAR) is not declared in f and 2 more'])
  })
  test('what is narrower than declared fits, what is wider does not', () => {
    const fits: [Column['kind'], string, object?][] = [
      ['int64', 'INTEGER'],
      ['int64', 'UINTEGER'],
      ['float64', 'FLOAT'],
      ['timestamp', 'TIMESTAMP_NS'],
      ['timestamp', 'TIMESTAMP WITH TIME ZONE'],
      ['decimal', 'DECIMAL(10,2)', { precision: 12, scale: 2 }],
      ['decimal', 'INTEGER', { precision: 12, scale: 2 }],
      ['uint16', 'UTINYINT'],
    ]
    const breaks: [Column['kind'], string, object?][] = [
      ['int32', 'BIGINT'],
      ['int64', 'UBIGINT'],
      ['uint64', 'BIGINT'],
      ['uint8', 'TINYINT'],
      ['float32', 'DOUBLE'],
      ['int64', 'DOUBLE'],
      ['string', 'BIGINT'],
      ['decimal', 'DECIMAL(12,3)', { precision: 12, scale: 2 }],
      ['decimal', 'DECIMAL(14,2)', { precision: 12, scale: 2 }],
      ['decimal', 'BIGINT', { precision: 12, scale: 2 }],
      ['timestamp', 'DATE'],
      ['timestamp', 'VARCHAR'],
      ['string', 'NESTED'],
    ]
    for (const [kind, type, digits] of fits)
      expect(canHold(column('c', kind, digits), type), `${kind} ${type}`).toBe(true)
    for (const [kind, type, digits] of breaks)
      expect(canHold(column('c', kind, digits), type), `${kind} ${type}`).toBe(false)
  })
})
