import { expect, test } from 'vitest'
import type { QualityCheck } from '../../core/quality/quality-check.js'
import { formatChecks } from './check-text.js'

const hourAt = (at: number) => ({ start: `2001-01-01T0${at}:00:00Z`, end: `2001-01-01T0${at + 1}:00:00Z` })
const check: QualityCheck = {
  ...{ view: 'sales', version: 1, checkedAt: '2001-01-02T00:00:00Z', seed: 1 },
  ...{ keys: { committed: 1, published: 1, online: 1 }, intervals: { recomputed: 1, of: 1 }, lostInputs: 0 },
  ...{ endAt: null, sequence: null, sequenceSeenMax: null, faultsLeft: 0, lags: [], unsettled: 0, unreadable: null },
  faults: [
    {
      ...{
        cause: 'committed-file',
        key: null,
        keyHex: null,
        interval: hourAt(0),
        file: 'lake/a.parquet',
        features: [],
      },
      ...{ expected: null, found: 'is not what was committed', isRepairable: true },
    },
  ],
}

test('what a rebuild waits for, and which views above run again, is said', () => {
  const started = { reopened: [hourAt(0)], isRebuildAsked: true, left: 0 }
  const above = [{ view: 'peaks', version: 2, intervals: 3 }]
  const repair = { view: 'sales', version: 1, isDone: false, ...started, above }
  const told = (...rebuildWaitsFor: ReturnType<typeof hourAt>[]) =>
    formatChecks([{ ...check, rebuildWaitsFor }], [], [repair], '')
  expect(told()).not.toContain('accepted version')
  expect(told(hourAt(0))).toContain('what is online is compared once 2001-01-01T00:00:00Z has a new accepted version')
  expect(told(hourAt(0), hourAt(1))).toContain('once 2001-01-01T00:00:00Z and 1 more interval have a new')
  expect(told()).toContain('peaks@v2: 3 intervals made of these run again after them')
})

test('what may have been published from a file that was put back is said, with the way to end it', () => {
  const [{ cause: _, ...file }] = check.faults as [QualityCheck['faults'][number]]
  const found = 'held something else'
  const text = formatChecks(
    [{ ...check, faults: [{ ...file, cause: 'published-from', found, sequenceSeen: '7' }] }],
    [],
    [],
    '',
  )
  expect(text).toContain(
    [
      'of 2001-01-01T00:00:00Z to 2001-01-01T01:00:00Z: what is online may have been published from a committed file that held something else',
      '    lake/a.parquet',
      '  next: millcourse check-quality sales --repair --reason "…"',
    ].join('\n'),
  )
  expect(text).not.toContain('expected')
})

test('of how many intervals it is not known whether they are what they should be is said', () => {
  const text = (left: Partial<QualityCheck>) => formatChecks([{ ...check, faults: [], ...left }], [], [], '')
  expect(text({})).not.toContain('computed again:')
  expect(text({ lostInputs: 1 })).toContain('1 interval cannot be computed again: what they are made of is gone')
  expect(text({ tooLarge: 2 })).toContain(
    '2 intervals not computed again: made of more of the view below than a check reads',
  )
})

test('where the view that it is built on is at fault, that is repaired first', () => {
  const faults = check.faults.map((fault) => ({ ...fault, isRepairable: false }))
  const text = formatChecks([{ ...check, faults, repairFirst: 'below', rebuildWaitsFor: [] }], [], [], '')
  expect(text).toContain('next: millcourse check-quality below --repair --reason "…": what this view is made of is at')
})
