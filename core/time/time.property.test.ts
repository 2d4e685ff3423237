import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from './duration.js'
import { floorDiv, floorTo, formatInstant, parseInstant } from './instant.js'
import { checkInterval, intervalAt, intervalsBetween, overlaps } from './interval.js'

/** Years 0001 to 9999, to the nanosecond. */
const instants = fc.bigInt({ min: -62_135_596_800_000_000_000n, max: 253_402_300_799_999_999_999n })
const hour = parseDuration('1h')

test('R11: an instant survives its text to the nanosecond, before 1970 and beyond 2262 too', () => {
  fc.assert(fc.property(instants, (instant) => parseInstant(formatInstant(instant)) === instant))
})

test('R10: a time without a zone is UTC, one with an offset is the same instant', () => {
  expect(parseInstant('2001-01-01T00:00')).toBe(parseInstant('2001-01-01T02:30:00+02:30'))
  expect(parseInstant('2001-01-01')).toBe(978_307_200_000_000_000n)
  expect(formatInstant(-1n)).toBe('1969-12-31T23:59:59.999999999Z')
})

test.each([
  '',
  'yesterday',
  '2001-02-30T00:00:00Z',
  '2001-13-01',
  '2001-01-01T25:00:00Z',
  '2001-01-01T00:00:00.1234567890Z',
])('"%s" is refused as an instant, with a hint', (text) => {
  expect(() => parseInstant(text)).toThrow(expect.objectContaining({ code: 'PLAN_INTERVAL_INVALID' }))
})

test('durations have one canonical text, and 60m is 1h', () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (ns) => parseDuration(formatDuration(ns)) === ns))
  expect(formatDuration(parseDuration('90m'))).toBe('1h30m')
  expect(formatDuration(parseDuration('1w'))).toBe('7d')
})

test.each(['', '1', 'h', '1x', '1h 30m', '-1h', '1.5h'])('"%s" is refused as a duration', (text) => {
  expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'DEFINE_INVALID' }))
})

test('R9: floor rounds toward minus infinity, before 1970 too', () => {
  expect(floorDiv(-1n, 10n)).toBe(-1n)
  expect(floorTo(parseInstant('1969-12-31T23:30:00Z'), hour)).toBe(parseInstant('1969-12-31T23:00:00Z'))
  fc.assert(
    fc.property(instants, (instant) => floorTo(instant, hour) <= instant && instant < floorTo(instant, hour) + hour),
  )
})

test('R21: intervals share nothing and miss nothing, and a row at the end belongs to the next one', () => {
  fc.assert(
    fc.property(instants, instants, (since, instant) => {
      const interval = intervalAt(instant, hour, since)
      expect(interval.start <= instant && instant < interval.end).toBe(true)
      const next = intervalAt(interval.end, hour, since)
      expect(next.start).toBe(interval.end)
      expect([overlaps(interval, next), overlaps(next, interval)]).toEqual([false, false])
      const across = { start: interval.end - 1n, end: next.start + 1n }
      expect([overlaps(across, interval), overlaps(next, across)]).toEqual([true, true])
    }),
  )
})

test('R21: only whole intervals that have ended are due', () => {
  const since = parseInstant('2001-01-01T00:00:00Z')
  const due = [...intervalsBetween(since, parseInstant('2001-01-01T02:59:59Z'), hour, since)]
  expect(due.map((interval) => formatInstant(interval.start))).toEqual(['2001-01-01T00:00:00Z', '2001-01-01T01:00:00Z'])
})

test.each([
  ['2001-01-01T01:00:00Z', '2001-01-01T01:00:00Z', 'is empty'],
  ['2001-01-01T02:00:00Z', '2001-01-01T01:00:00Z', 'runs backward'],
  ['2001-01-01T05:00:00Z', '2001-01-01T06:00:00Z', 'ends in the future'],
  ['2000-12-31T23:00:00Z', '2001-01-01T00:00:00Z', "starts before the view's since"],
  ['2001-01-01T01:30:00Z', '2001-01-01T02:30:00Z', "is not one of the view's intervals"],
])('R21: the interval [%s, %s) is refused because it %s', (start, end, why) => {
  const grid = { everyNs: hour, since: parseInstant('2001-01-01T00:00:00Z') }
  const check = () =>
    checkInterval({ start: parseInstant(start), end: parseInstant(end) }, grid, parseInstant('2001-01-01T05:30:00Z'))
  expect(check).toThrow(why)
})

test('R21: an interval may run from the very instant of its end on', () => {
  const since = parseInstant('2001-01-01T00:00:00Z')
  const grid = { everyNs: hour, since }
  const check = (now: bigint) => () => checkInterval({ start: since, end: since + hour }, grid, now)
  expect(check(since + hour)).not.toThrow()
  expect(check(since + hour - 1n)).toThrow('ends in the future')
})
