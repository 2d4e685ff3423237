import { expect, test } from 'vitest'
import { formatFinding } from './finding-text.js'
import { toJson } from './json.js'
import { pipeProgress, timeLeft } from './progress.js'
import { formatTable } from './table.js'
import { formatBytes, formatMs, formatValue, plural } from './words.js'

test('R12: 64-bit integers are exact in JSON, as text', () => {
  expect(JSON.parse(toJson({ key: 9007199254740993n }))).toEqual({ key: '9007199254740993' })
})

test('R20: NaN and infinity are values in JSON, not null', () => {
  expect(JSON.parse(toJson([Number.NaN, Number.POSITIVE_INFINITY]))).toEqual(['NaN', 'Infinity'])
})

test('a list and a map of values are told as JSON, all else as it is', () => {
  const told = [{ ATL: 3, ORD: null }, ['a', 'b, c'], 'a', 1.5, null, false].map(formatValue)
  expect(told).toEqual(['{"ATL":3,"ORD":null}', '["a","b, c"]', 'a', '1.5', 'null', 'false'])
})

test('a table is aligned text without rules or trailing blanks', () => {
  const columns = [
    { title: 'VIEW', cell: (row: { view: string; rows: number }) => row.view },
    { title: 'ROWS', align: 'right' as const, cell: (row: { view: string; rows: number }) => row.rows },
  ]
  const text = formatTable(columns, [
    { view: 'a', rows: 5 },
    { view: 'airport_delays', rows: 1200 },
  ])
  expect(text.split('\n')).toEqual(['VIEW            ROWS', 'a                  5', 'airport_delays  1200'])
})

test('progress in a pipe is at most one line a second, each new', () => {
  const lines: string[] = []
  let nowMs = 0
  const progress = pipeProgress(
    (text) => lines.push(text),
    () => nowMs,
  )
  for (const [atMs, text] of [
    [0, '1 of 9'],
    [500, '2 of 9'],
    [1100, '3 of 9'],
    [2200, '3 of 9'],
  ] as const) {
    nowMs = atMs
    progress.update(text)
  }
  progress.line('kept')
  expect(lines).toEqual(['1 of 9', '3 of 9', 'kept'])
})

test('numbers are said with their units', () => {
  expect([formatMs(12), formatMs(1500), formatMs(61_000), formatMs(3_660_000)]).toEqual([
    '12 ms',
    '1.5 s',
    '1 min 1 s',
    '1 h 1 min',
  ])
  expect([formatMs(59_960), formatMs(119_700), formatMs(3_599_700)]).toEqual(['1 min 0 s', '2 min 0 s', '1 h 0 min'])
  expect([formatBytes(0), formatBytes(1023), formatBytes(1024 ** 2)]).toEqual(['0 B', '1023 B', '1.0 MiB'])
  expect([plural(1, 'run'), plural(1200, 'run')]).toEqual(['1 run', '1,200 runs'])
})

test('R26: a finding says feature, what was observed and its limit', () => {
  expect(
    formatFinding({ code: 'null_rate_above', severity: 'hold', feature: 'delay', observed: 0.42, limit: 0.2 }),
  ).toBe('delay: null rate 0.4200 is above its limit 0.2')
  const ofValue = (code: 'value_above' | 'value_below', observed: number) =>
    formatFinding({ code, severity: 'hold', feature: 'delay', observed, limit: 5 })
  expect(ofValue('value_above', 5.5)).toBe('delay: value 5.500 is above its limit 5')
  // R20, and JSON knows no infinity.
  expect(ofValue('value_above', Number.MAX_VALUE)).toBe('delay: value (NaN or infinity) is above its limit 5')
  expect(ofValue('value_below', -Number.MAX_VALUE)).toBe('delay: value (-infinity) is below its limit 5')
})

test('long work tells a pipe each tenth once', () => {
  const lines: string[] = []
  let nowMs = 0
  const progress = pipeProgress(
    (line) => lines.push(line),
    () => nowMs,
  )
  for (const done of [undefined, 0.04, 0.12, 0.17, 0.19, 0.61, 0.699]) {
    progress.update('joining', done)
    nowMs += 1_000
  }
  expect(lines).toEqual(['joining', 'joining: 10 %', 'joining: 60 %'])
})

test('the time that is left is told of the step under way, once there is something to go by', () => {
  let nowMs = 0
  const left = timeLeft(() => nowMs)
  expect(left('joining', 0.5)).toBe('')
  nowMs = 10_000
  expect(left('joining', 0.05)).toBe('')
  expect(left('joining', 0.2)).toBe(', about 40 s left')
  expect(left('joining', 0.05)).toBe('')
  expect(left('joining', 0.1)).toBe(', about 90 s left')
  expect(left('joining')).toBe('')
  expect(left('writing', 0.5)).toBe('')
  nowMs = 610_000
  expect(left('writing', 0.5)).toBe(', about 10 min left')
})
