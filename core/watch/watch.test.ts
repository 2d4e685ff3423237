import { expect, test } from 'vitest'
import type { IntervalState, RunOutcome } from '../plan/interval-state.js'
import { formatInstant, type Instant, parseInstant } from '../time/instant.js'
import {
  blockedBy,
  type CalendarEntry,
  countIntervals,
  evaluateView,
  type IncidentDraft,
  judgeSla,
  type OpenIncident,
  reconcileIncidents,
  viewAge,
} from './index.js'

const start = parseInstant('2001-01-01T00:00:00Z')
const at = (hours: number): Instant => start + BigInt(Math.round(hours * 60)) * 60_000_000_000n
const hour = 3_600_000_000_000n
const rules = { graceNs: 300_000_000_000n, horizonNs: 31n * 24n * hour }

const entry: CalendarEntry = {
  view: 'delays',
  version: 1,
  source: 'flights',
  owner: 'ops',
  services: ['delay_model'],
  since: '2001-01-01T00:00:00Z',
  every: '1h',
  readyDelay: '0s',
  freshness: '3h',
  isOnline: true,
  canBlock: true,
  firstSeenAt: '2001-01-01T00:00:00Z',
}

function state(
  hour: number,
  outcome: RunOutcome,
  options: { committed?: boolean; published?: boolean; code?: string } = {},
): IntervalState {
  const interval = { start: at(hour), end: at(hour + 1) }
  const isCommitted = options.committed ?? outcome === 'done'
  return {
    interval,
    committed: isCommitted
      ? {
          commitId: BigInt(hour + 1),
          runId: `run-${hour}`,
          number: 1,
          isEmpty: false,
          isPublished: options.published ?? outcome === 'done',
        }
      : null,
    latestRun: {
      runId: `run-${hour}`,
      number: 1,
      outcome,
      errorCode: options.code ?? null,
      inputsHash: 'x',
      definitionHash: 'y',
    },
    reopenedBecause: null,
    reopens: 0n,
  }
}

const look = (
  states: IntervalState[],
  publishedHours: number | null,
  now: Instant,
  over: Partial<CalendarEntry> = {},
) =>
  evaluateView(
    { ...entry, ...over },
    { states, publishedEndAt: publishedHours === null ? null : at(publishedHours) },
    now,
    rules,
  )

test('a view whose due intervals ran has no incident', () => {
  expect(look([state(0, 'done'), state(1, 'done')], 2, at(2.9))).toEqual([])
})

test('a run is missing only after its grace', () => {
  expect(look([state(0, 'done')], 1, at(2) + rules.graceNs - 1n)).toEqual([])
  const [draft] = look([state(0, 'done')], 1, at(2) + rules.graceNs)
  expect(draft).toMatchObject({
    rule: 'missing_run',
    facts: { intervals: 1, firstInterval: '2001-01-01T01:00:00Z', services: 'delay_model' },
  })
})

test("the source's own delay is waited for before a run is missing", () => {
  expect(look([state(0, 'done')], 1, at(2.5), { readyDelay: '30m' })).toEqual([])
  expect(look([state(0, 'done')], 1, at(2.6), { readyDelay: '30m' })).toHaveLength(1)
})

test('what fell due before the watcher first saw the view is a backlog, not a missing run', () => {
  expect(look([], null, at(100), { firstSeenAt: '2001-01-05T04:00:00Z', freshness: null })).toEqual([])
})

test('an interval that ended before the view was first seen is no missing run, though its grace ends later', () => {
  const nothingYet = { firstSeenAt: '2001-01-01T01:02:00Z', freshness: null }
  expect(look([], null, at(1.5), nothingYet)).toEqual([])
  expect(look([], null, at(2.1), nothingYet)).toMatchObject([
    { rule: 'missing_run', facts: { intervals: 1, firstInterval: '2001-01-01T01:00:00Z' } },
  ])
})

test('of a view that was first seen long ago, only what is looked at can be missing', () => {
  const hours = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => state(from + index, 'done'))
  // The ledger is asked for what ended in the last 31 days.
  const asked = hours(40 * 24 - 31 * 24, 31 * 24)
  expect(look(asked, 40 * 24, at(40 * 24 + 0.02))).toEqual([])
  expect(look(asked, 40 * 24, at(40 * 24 + 0.9))).toEqual([])
  const missing = look(asked.toSpliced(1, 1), 40 * 24, at(40 * 24 + 0.02))
  expect(missing).toMatchObject([
    { rule: 'missing_run', facts: { intervals: 1, firstInterval: formatInstant(at(9 * 24 + 1)) } },
  ])
})

test('a first backfill breaks no SLA on its way: it is in force when it was kept once, or when its time is over', () => {
  const seenAt = at(30)
  const first = { firstSeenAt: formatInstant(seenAt) }
  const age = (endAt: Instant | null, publishedAt: Instant | null, now: Instant) => {
    const observed = { states: [30, 31, 32].map((each) => state(each, 'running')), publishedEndAt: endAt, publishedAt }
    const drafts = evaluateView({ ...entry, ...first }, observed, now, rules)
    return [viewAge({ ...entry, ...first }, observed, now).limit, ...drafts.map(({ rule }) => rule)]
  }
  expect(age(null, null, at(31))).toEqual(['3h'])
  // Up to date when it is first seen.
  expect(age(at(28), null, at(30))).toEqual(['3h'])
  // Yesterday's end, published in the middle of it.
  expect(age(at(6), seenAt, at(31))).toEqual([null])
  expect(age(at(31), at(31), at(31))).toEqual(['3h'])
  expect(age(at(6), seenAt, seenAt + 3n * hour)).toEqual([null])
  expect(age(at(6), seenAt, seenAt + 3n * hour + 1n)).toEqual(['3h', 'stale'])
  // One that was up to date when it was published is stale at once, though the watcher has only just begun.
  expect(age(at(26), at(27), at(30.5))).toEqual(['3h', 'stale'])
})

test('R32: a hold that blocks later intervals and breaks the SLA is one incident that says all three', () => {
  const drafts = look(
    [
      state(0, 'done'),
      state(1, 'held'),
      state(2, 'committed', { committed: true }),
      state(3, 'committed', { committed: true }),
    ],
    1,
    at(4.2),
  )
  expect(drafts).toHaveLength(1)
  expect(drafts[0]).toMatchObject({ rule: 'held', severity: 'critical', facts: { blockedIntervals: 2 } })
  expect(drafts[0]?.nextStep).toBe('millcourse runs show delays@v1@2001-01-01T01:00:00Z')
})

test('that a hold blocks later intervals is news once, however many wait', () => {
  const waiting = [2, 3, 4].map((each) => state(each, 'committed', { committed: true }))
  const held = (count: number) =>
    look([state(0, 'done'), state(1, 'held'), ...waiting.slice(0, count)], 1, at(2 + count), { freshness: null })
  let open: readonly OpenIncident[] = []
  const events = [0, 1, 2, 3].map((count) => {
    const next = reconcileIncidents(open, held(count), formatInstant(at(2 + count)), noEscalation)
    open = next.open
    return [next.messages.map(({ event }) => event).join(), next.reworded.map(({ summary }) => summary.split('; ')[1])]
  })
  expect(events).toEqual([
    ['opened', []],
    ['updated', []],
    ['', ['it blocks 2 later interval(s)']],
    ['', ['it blocks 3 later interval(s)']],
  ])
})

test('hundreds of intervals that fail one by one are news each time they have doubled', () => {
  const failing = Array.from({ length: 800 }, (_, index) => state(index, 'failed'))
  const news: number[] = []
  let open: readonly OpenIncident[] = []
  const see = (count: number) => {
    const drafts = look(failing.slice(0, count), null, at(count), { freshness: null })
    const next = reconcileIncidents(open, drafts, formatInstant(at(count)), noEscalation)
    open = next.open
    if (next.messages.length > 0) news.push(count)
  }
  const doublings = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
  for (const count of doublings) for (const beside of [0, 1, Math.floor(count / 2)]) see(count + beside)
  see(700)
  expect(news).toEqual(doublings)
  expect(open).toMatchObject([{ facts: { intervals: 700 } }])
  // Fewer, and as many again.
  see(500)
  see(520)
  expect(news).toHaveLength(10)
  expect(open).toMatchObject([{ facts: { intervals: 520 } }])
})

test('R32: a gap that nothing else explains is an incident of its own; a lookup view is never blocked', () => {
  const states = [state(0, 'done'), state(2, 'committed', { committed: true })]
  const seenLater = { firstSeenAt: '2001-01-01T02:30:00Z' }
  expect(look(states, 1, at(3.05), seenLater).map((draft) => draft.rule)).toEqual(['blocked'])
  expect(look(states, 1, at(3.05), { ...seenLater, canBlock: false })).toEqual([])
})

test('R32: what goes wrong behind a gap does not explain it: both are told, and the gap stays told when the other is over', () => {
  const states = [state(0, 'done'), state(2, 'committed', { committed: true })]
  const seenLater = { firstSeenAt: '2001-01-01T03:00:00Z', freshness: null }
  const later = look(states, 1, at(4.5), seenLater)
  expect(later).toMatchObject([{ rule: 'missing_run' }, { rule: 'blocked', facts: { blockedIntervals: 1 } }])
  expect(later[0]!.facts).not.toHaveProperty('blockedIntervals')
  const failed = look([...states, state(3, 'failed')], 1, at(4.5), seenLater)
  expect(failed.map(({ rule }) => rule)).toEqual(['failed', 'blocked'])
})

test('an earlier interval that is under way, or only just due, is no gap', () => {
  const done = [state(0, 'done'), state(2, 'committed', { committed: true })]
  const running = [state(0, 'done'), state(1, 'running'), state(2, 'committed', { committed: true })]
  const seenLater = { firstSeenAt: '2001-01-01T03:00:00Z', freshness: null }
  expect(look(running, 1, at(4), seenLater)).toEqual([])
  expect(look(done, 1, at(2.05), seenLater)).toEqual([])
  expect(look(done, 1, at(2.1), seenLater).map((draft) => draft.rule)).toEqual(['blocked'])
  // A later one under way closes no gap: the incident must not come and go with each hour's run.
  expect(look([...done, state(3, 'running')], 1, at(4), seenLater).map((draft) => draft.rule)).toEqual(['blocked'])
})

test('a re-opened interval is waited for, unless its run failed or had no input: that is told, with the repair that it keeps', () => {
  const reopened = (outcome: RunOutcome) => ({
    ...state(1, outcome, { committed: true, published: true }),
    reopenedBecause: 'check-quality',
  })
  const told = (outcome: RunOutcome, isRebuildAsked: boolean) => {
    const observed = { states: [state(0, 'done'), reopened(outcome)], publishedEndAt: at(2), isRebuildAsked }
    expect(countIntervals(entry, observed, at(2.1), rules).not_ready).toBe(outcome === 'not-ready' ? 1 : 0)
    return evaluateView(entry, observed, at(2.1), rules).map(({ rule, summary }) => [rule, summary.split('; ')[1]])
  }
  expect(told('done', true)).toEqual([])
  expect(told('held', true)).toEqual([])
  for (const [outcome, rule] of [
    ['not-ready', 'not_ready'],
    ['failed', 'failed'],
  ] as const) {
    expect(told(outcome, false)).toEqual([[rule, undefined]])
    expect(told(outcome, true)).toEqual([[rule, expect.stringContaining('is not published yet')]])
  }
})

test('a commit right behind the published end is on its way, not blocked', () => {
  expect(look([state(0, 'done'), state(1, 'committed', { committed: true })], 1, at(2.01))).toEqual([])
})

test('stale goes by event time and passes at exactly its limit', () => {
  const states = [state(0, 'done'), state(1, 'running'), state(2, 'running'), state(3, 'running')]
  expect(look(states, 1, at(4))).toEqual([])
  expect(look(states, 1, at(4) + 1n)).toMatchObject([{ rule: 'stale', severity: 'critical' }])
})

test('failures are one incident per cause: by code, and by source where the source is at fault', () => {
  const drafts = look(
    [
      state(0, 'failed', { code: 'SOURCE_FILE_CORRUPT' }),
      state(1, 'failed', { code: 'SOURCE_FILE_CORRUPT' }),
      state(2, 'failed', { code: 'COMPUTE_OUT_OF_MEMORY' }),
    ],
    null,
    at(3.05),
    { freshness: null },
  )
  expect(drafts.map((draft) => draft.key)).toEqual([
    'failed/source flights/SOURCE_FILE_CORRUPT',
    'failed/delays@v1/COMPUTE_OUT_OF_MEMORY',
  ])
  expect(drafts[0]?.facts).toMatchObject({ intervals: 2, run: 'run-0' })
})

test('R32: a gap blocks the later ends whose windows reach it, as long as they wait', () => {
  const waiting = [3, 4, 5].map((hour) => state(hour, 'committed', { committed: true }))
  const states = [state(1, 'done'), state(2, 'held'), ...waiting, state(6, 'failed')]
  const gap = { start: at(2), end: at(3) }
  const starts = (reach: bigint | 'lifetime') => blockedBy(gap, states, reach).intervals.map(({ start: from }) => from)
  // With a reach of three hours the end at 6 reaches from 3 on: free of the gap.
  expect(starts(3n * 3_600_000_000_000n)).toEqual([at(3), at(4)])
  expect(blockedBy(gap, states, 3n * 3_600_000_000_000n).until).toBe(at(6))
  expect(starts('lifetime')).toEqual([at(3), at(4), at(5)])
  expect(blockedBy(gap, states, 'lifetime').until).toBeNull()
  const published = [state(3, 'done'), state(4, 'committed', { committed: true })]
  expect(blockedBy(gap, published, 'lifetime').intervals).toEqual([{ start: at(4), end: at(5) }])
})

test('R26: an SLA holds until exactly its limit', () => {
  const facts = { freshness: '3h', reachedAt: at(2), until: at(5) }
  expect(judgeSla('3h', at(2), at(5))).toEqual({ kind: 'holds', ...facts })
  expect(judgeSla('3h', at(2), at(5) + 1n)).toEqual({ kind: 'broken', ...facts })
  expect(judgeSla('3h', null, at(5))).toEqual({ kind: 'nothing-yet', freshness: '3h' })
  expect(judgeSla(null, at(2), at(5))).toEqual({ kind: 'none' })
})

const noEscalation = { escalateAfterNs: null }
const draftOf = (over: Partial<IncidentDraft> = {}): IncidentDraft => ({
  key: 'k',
  rule: 'failed',
  severity: 'warning',
  view: 'delays',
  version: 1,
  owner: null,
  summary: 's',
  nextStep: 'n',
  facts: {},
  news: '1',
  ...over,
})

test('one message per change: opened, nothing while it stays the same, updated with news, resolved when gone', () => {
  const events: string[] = []
  let open: readonly OpenIncident[] = []
  for (const drafts of [
    [draftOf()],
    [draftOf({ summary: 'older by a minute' })],
    [draftOf({ news: '1 2' })],
    [draftOf({ news: '1 2', severity: 'critical' })],
    [],
  ]) {
    const reconciled = reconcileIncidents(open, drafts, '2001-01-01T00:00:00Z', noEscalation)
    open = reconciled.open
    events.push(reconciled.messages.map((message) => message.event).join() || '-')
  }
  expect(events).toEqual(['opened', '-', 'updated', 'updated', 'resolved'])
})

test('an open incident says what is so by now, although nothing of it is told', () => {
  const { open } = reconcileIncidents([], [draftOf(), draftOf({ key: 'other' })], '2001-01-01T00:00:00Z', noEscalation)
  const drafts = [draftOf({ summary: 'older by a minute', facts: { age: '1m' } }), draftOf({ key: 'other' })]
  const later = reconcileIncidents(open, drafts, '2001-01-01T00:01:00Z', noEscalation)
  expect(later.messages).toEqual([])
  expect(later.reworded).toMatchObject([
    { key: 'k', summary: 'older by a minute', facts: { age: '1m' }, updatedAt: '2001-01-01T00:00:00Z' },
  ])
  expect(reconcileIncidents(later.open, drafts, '2001-01-01T00:02:00Z', noEscalation).reworded).toEqual([])
  const worse = [draftOf({ summary: 'worse', news: '1 2' }), draftOf({ key: 'other' })]
  expect(reconcileIncidents(open, worse, '2001-01-01T00:02:00Z', noEscalation).reworded).toEqual([])
})

test('another view that is hit is news; one that is well again is not', () => {
  const now = '2001-01-01T00:00:00Z'
  const both = [draftOf(), draftOf({ view: 'routes' })]
  const { open } = reconcileIncidents([], both, now, noEscalation)
  const told = (...drafts: IncidentDraft[]) =>
    reconcileIncidents(open, drafts, now, noEscalation).messages.map(({ event }) => event)
  expect(told(...both)).toEqual([])
  expect(told(...both, draftOf({ view: 'third', news: '' }))).toEqual(['updated'])
  expect(both.map((draft) => told(draft))).toEqual([[], []])
  expect(told()).toEqual(['resolved'])
})

test('two views hit by one cause are one incident that names both', () => {
  const { open } = reconcileIncidents(
    [],
    [draftOf({ owner: 'ops' }), draftOf({ view: 'routes', severity: 'critical', owner: 'ads' })],
    '2001-01-01T00:00:00Z',
    noEscalation,
  )
  expect(open).toMatchObject([{ severity: 'critical', facts: { views: 'delays@v1, routes@v1', owners: 'ops, ads' } }])
})
