import { expect, test } from 'vitest'
import type { IntervalState } from '../plan/interval-state.js'
import { type Instant, parseInstant } from '../time/instant.js'
import type { CalendarEntry } from './calendar.js'
import { countIntervals } from './count-intervals.js'
import { evaluateView } from './evaluate-view.js'

const since = '2001-01-01T00:00:00Z'
const at = (hours: number): Instant => parseInstant(since) + BigInt(hours) * 3_600_000_000_000n
const rules = { graceNs: 300_000_000_000n, horizonNs: at(1_000) - at(0) }
const entry: CalendarEntry = {
  ...{ view: 'delays', version: 1, source: 'flights', owner: 'ops', services: [], since, every: '1h' },
  ...{ readyDelay: '0s', freshness: null, isOnline: true, canBlock: true, firstSeenAt: since },
}

/** Of hour 0 published, the second as `second` says, the third committed by a tick and not published. */
function statesOf(second: 'of a backfill' | 'of a tick' | 'none'): IntervalState[] {
  const state = (hour: number, isPublished: boolean, isOfOpenBackfill = false): IntervalState => ({
    interval: { start: at(hour), end: at(hour + 1) },
    committed: {
      ...{ commitId: BigInt(hour + 1), runId: `run-${hour}`, number: 1, isEmpty: false, isPublished },
      ...(isOfOpenBackfill ? { isOfOpenBackfill } : {}),
    },
    latestRun: {
      ...{ runId: `run-${hour}`, number: 1, outcome: isPublished ? 'done' : 'committed', errorCode: null },
      ...{ inputsHash: 'x', definitionHash: 'y' },
    },
    reopenedBecause: null,
    reopens: 0n,
  })
  const between = second === 'none' ? [] : [state(1, false, second === 'of a backfill')]
  return [state(0, true), ...between, state(2, false)]
}

const observed = (second: Parameters<typeof statesOf>[0], ...states: readonly string[]) => ({
  ...{ states: statesOf(second), publishedEndAt: at(1) },
  // What has committed nothing beyond the end is not among them.
  ...(second === 'of a backfill' && states.length > 0
    ? { backfills: states.map((state, place) => ({ backfillId: `b${place}`, state, from: at(1) })) }
    : {}),
})
const look = (seen: ReturnType<typeof observed>, over: Partial<CalendarEntry> = {}) =>
  evaluateView({ ...entry, ...over }, seen, at(3), rules)

test('R32, R33: a gap that an open backfill has closed blocks until it publishes; it is told where that is paused', () => {
  expect(look(observed('of a backfill', 'running'))).toEqual([])
  const [blocked, ...others] = look(observed('of a backfill', 'running', 'paused'))
  expect(others).toEqual([])
  expect(blocked).toMatchObject({
    ...{ rule: 'blocked', nextStep: 'millcourse backfill resume b1' },
    summary: expect.stringContaining('an earlier interval waits for the publish of backfill b1, which is paused'),
    facts: { blockedIntervals: 1, backfill: 'b1', state: 'paused' },
  })
  expect(countIntervals(entry, observed('of a backfill', 'running'), at(3), rules)).toMatchObject({ blocked: 1 })
})

test('what a tick has committed beside an open backfill, and what one has left that is over, is on its way', () => {
  expect(look(observed('of a tick', 'paused'))).toEqual([])
  expect(look(observed('of a backfill'))).toEqual([])
  expect(look(observed('none', 'paused'), { firstSeenAt: '2001-01-01T02:30:00Z' })).toMatchObject([
    { rule: 'blocked', nextStep: 'millcourse materialize delays' },
  ])
})

test('the backfill that keeps the end back is named, however long ago it has committed, and none that begins behind', () => {
  // Of hour 1, which lies beyond the horizon, nothing else is known.
  const seen = (...backfills: NonNullable<Parameters<typeof evaluateView>[1]['backfills']>) =>
    evaluateView(entry, { states: statesOf('none').slice(1), publishedEndAt: at(1), backfills }, at(3), {
      ...rules,
      horizonNs: at(1) - at(0),
    })
  const [running, paused] = [
    { backfillId: 'own', state: 'running', from: at(1) },
    { backfillId: 'other', state: 'paused', from: at(2) },
  ]
  expect(seen({ ...running, state: 'paused' }, paused)).toMatchObject([{ facts: { backfill: 'own' } }])
  expect(seen(running, paused)).toEqual([])
})

test('a view that is stale names the backfill that keeps back what follows', () => {
  const stale = (seen: ReturnType<typeof observed>) => look(seen, { freshness: '1h', canBlock: false })
  expect(stale(observed('of a backfill', 'running'))).toMatchObject([
    {
      ...{ rule: 'stale', severity: 'critical', nextStep: 'millcourse backfill status b0' },
      summary: expect.stringContaining('what follows waits for the publish of backfill b0, which is running'),
    },
  ])
  expect(stale(observed('of a tick', 'running'))).toMatchObject([{ nextStep: 'millcourse runs --view delays' }])
})
