/** `explain` as a person on call reads it. `npm run golden:update` after a change that is meant. */
import { expect, test } from 'vitest'
import type { CauseFacts, ExplainFacts, RowFacts } from '../../cli/explain-screen/explain-facts.js'
import { formatExplainScreen } from '../../cli/explain-screen/explain-screen.js'

const hour = (text: string) => ({
  start: `2001-01-02T${text}:00:00Z`,
  end: `2001-01-02T${String(Number(text) + 1).padStart(2, '0')}:00:00Z`,
})
const folder = 's3://lake/flights/date=2001-01-02'
const run = '0199a1c4-5e10-7bd2-9c31-4f6f0c6c2a11'

function row(at: string, role: RowFacts['role'], more: Partial<RowFacts> = {}): RowFacts {
  const interval = hour(at.slice(0, 2))
  return {
    ...{
      file: `${folder}/hour=${at.slice(0, 2)}/part-0.parquet`,
      row: 17,
      role,
      windows: role === 'counted' ? ['24h'] : [],
    },
    ...{ eventAt: `2001-01-02T${at}:00Z`, createdAt: null, interval, notCommitted: null },
    columns: { date: `2001-01-02T${at}:00Z`, delay: '12', distance: '594', origin: 'ATL', destination: 'ORD' },
    ...more,
  }
}

const cause = (code: CauseFacts['code'], more: Partial<CauseFacts> = {}): CauseFacts => ({
  ...{ code, between: 'committed and source', interval: null, run: null, file: null, rows: 0 },
  ...more,
})

const window: ExplainFacts = {
  ...{ view: 'airport_delays', version: 1, kind: 'window', key: { origin: 'ATL' } },
  ...{ at: '2001-01-02T07:30:00Z', answeredAt: '2001-01-02T07:00:00Z' },
  features: [
    { name: 'flights_24h', type: 'int64', value: '2', recomputed: '2', sourceNow: '2', online: '2' },
    { name: 'delay_avg_24h', type: 'float64', value: 12, recomputed: 12, sourceNow: 12, online: 12 },
  ],
  causes: [],
  rows: [row('06:10', 'counted'), row('05:50', 'counted'), row('07:00', 'window-edge'), row('07:40', 'after')],
  counts: { rows: 4, looked: 4, counted: 2, isCut: false },
  commits: ['05', '06'].map((text, index) => ({
    ...{
      interval: hour(text),
      run,
      number: 1,
      commit: String(40 + index),
      committedAt: `2001-01-02T0${index + 6}:05:01.123Z`,
    },
    ...{ isRejected: false, publishedSequence: String(7 + index), path: `tiles/airport_delays/v1/${text}/x.parquet` },
  })),
  online: {
    ...{ end: '2001-01-02T07:00:00Z', endSequence: '8', table: 'millcourse.demo.airport_delays.v1', status: 'present' },
    ...{ eventAt: '2001-01-02T07:00:00Z', sequence: '8', missingIntervals: [] },
  },
  state: { intervals: 24, missing: [] },
  unreadable: null,
}
const all = (value: ExplainFacts['features'][number]['value']) => ({
  ...{ value, recomputed: value, sourceNow: value, online: value },
})
const changed = (values: Partial<ExplainFacts['features'][number]>) =>
  window.features.map((one) => ({ ...one, ...values }))
const ofCommit = { file: 'commit:flights@v1/2001-01-02T05:00:00Z' }
const late = row('06:20', 'not-committed', { file: `${folder}/hour=06/part-1.parquet`, notCommitted: 'late-file' })

const cases: Readonly<Record<string, ExplainFacts>> = {
  agrees: window,
  'more-rows-than-are-looked-at': {
    ...window,
    features: changed({ sourceNow: '3' }),
    counts: { rows: 12_345, looked: 500, counted: 480, isCut: true },
  },
  'lists-and-maps': {
    ...window,
    features: [
      { name: 'by_carrier', type: 'map', ...all({ AA: '3', UA: '1' }), online: null },
      { name: 'last_3', type: 'list', ...all(['a', 'b, c']) },
    ],
  },
  'on-a-view': {
    ...window,
    upstream: { view: 'flights', version: 1 },
    rows: [row('06:00', 'counted', { ...ofCommit, row: 1 })],
    counts: { rows: 1, looked: 1, counted: 1, isCut: false },
    features: changed({ sourceNow: '3' }),
    causes: [cause('file-changed', { interval: hour('06'), run, file: ofCommit.file, rows: 1 })],
  },
  'late-file': {
    ...window,
    features: changed({ sourceNow: '3' }),
    rows: [...window.rows, late],
    counts: { rows: 5, looked: 5, counted: 2, isCut: false },
    causes: [cause('late-file', { interval: hour('06'), run, file: late.file, rows: 1 })],
  },
  'of-a-former-version': {
    ...window,
    ...{ newestVersion: 2, features: changed({ sourceNow: '3' }), rows: [...window.rows, late] },
    counts: { rows: 5, looked: 5, counted: 2, isCut: false },
    causes: [cause('late-file', { interval: hour('06'), run, file: late.file, rows: 1 })],
  },
  blocked: {
    ...window,
    features: changed({ online: '9' }),
    online: {
      ...window.online,
      end: '2001-01-02T05:00:00Z',
      eventAt: '2001-01-02T05:00:00Z',
      endSequence: '6',
      sequence: '6',
    },
    state: { intervals: 23, missing: [{ interval: hour('05'), run, outcome: 'held' }] },
    causes: [
      cause('published-end', { between: 'committed and online' }),
      cause('window-edge', { between: 'committed and online', interval: hour('05'), rows: 3 }),
      cause('blocked', { between: 'committed and online', interval: hour('05'), run }),
    ],
  },
  'nothing-known': {
    ...window,
    ...{ key: { origin: 'LOST' }, features: changed({ value: null, recomputed: null, sourceNow: null, online: null }) },
    ...{ rows: [], commits: [], counts: { rows: 0, looked: 0, counted: 0, isCut: false } },
    online: { ...window.online, status: 'missing', sequence: null },
  },
  unreadable: {
    ...window,
    features: window.features.map(({ name, type, value, online }) => ({
      name,
      type,
      value,
      ...(online === undefined ? {} : { online }),
    })),
    ...{ rows: [], commits: [], counts: { rows: 0, looked: 0, counted: 0, isCut: false } },
    causes: [cause('source-unreadable')],
    unreadable: { code: 'LAKE_ACCESS_DENIED', message: `${folder}: access denied` },
  },
}

test.each(Object.entries(cases))('%s', async (name, facts) => {
  const text = formatExplainScreen(facts, ' --repo shop')
  // One screen, and the value at its top.
  expect(text.split('\n').length).toBeLessThan(50)
  expect(text.split('\n').slice(0, 5).join('\n')).toContain(facts.features[0]!.name)
  await expect(`${text}\n`).toMatchFileSnapshot(`explain-screen/${name}.golden.txt`)
})
