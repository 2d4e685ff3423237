import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { IntervalState, RunOutcome } from '../plan/interval-state.js'
import { formatInstant, type Instant, parseInstant } from '../time/instant.js'
import type { CalendarEntry } from './calendar.js'
import { countIntervals } from './count-intervals.js'
import { evaluateView } from './evaluate-view.js'
import type { ViewObservation } from './observation.js'
import { foldSettled, sinceHorizon } from './settled-spans.js'
import { viewAge } from './view-age.js'

const since = '2001-01-01T00:00:00Z'
const hourNs = 3_600_000_000_000n
const at = (hours: number): Instant => parseInstant(since) + BigInt(hours) * hourNs
const hours = 14

const entry = fc.record({
  isOnline: fc.boolean(),
  canBlock: fc.boolean(),
  freshness: fc.constantFrom(null, '2h', '5h'),
  readyDelay: fc.constantFrom('0s', '4h'),
  firstSeen: fc.integer({ min: 0, max: hours }),
})

const run = (outcome: RunOutcome, runId = 'run') => ({
  latestRun: { runId, number: 1, outcome, errorCode: null, inputsHash: 'x', definitionHash: 'y' },
})
const commit = (more: object = {}) => ({
  committed: { commitId: 1n, runId: 'run', number: 1, isEmpty: false, isPublished: true, ...more },
})
const unpublished = { isPublished: false }

/** Mostly all is well, so that spans are of several. Null: the ledger does not know of the interval. */
const shape: fc.Arbitrary<Partial<IntervalState> | null> = fc.oneof(
  { weight: 9, arbitrary: fc.constant({ ...commit(), ...run('done') }) },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constant({ ...commit(unpublished), ...run('committed') }) },
  { weight: 2, arbitrary: fc.constant({ ...commit({ ...unpublished, isOfOpenBackfill: true }), ...run('committed') }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      run('running'),
      run('failed'),
      run('held'),
      commit(),
      { ...commit(), ...run('failed', 'later') },
      { ...commit(), ...run('running', 'later') },
      { ...commit(), ...run('not-ready', 'later') },
      { ...commit(), ...run('rejected', 'later') },
      { ...commit({ heldFeatures: ['total'] }), ...run('done') },
      { ...commit(), ...run('done'), reopenedBecause: 'a file came late' },
    ),
  },
)

function toState(drawn: Partial<IntervalState> | null, hour: number): IntervalState[] {
  const interval = { start: at(hour), end: at(hour + 1) }
  const nothing = { committed: null, latestRun: null, reopenedBecause: null, reopens: 0n }
  return drawn === null ? [] : [{ interval, ...nothing, ...drawn }]
}

const well = { ...commit(), ...run('done') }
const kept = { ...commit({ ...unpublished, isOfOpenBackfill: true }), ...run('committed') }
/** Stale, and why: nobody else looks at what a backfill has committed of a view that is not online. */
const staleByBackfill = [
  { isOnline: false, canBlock: false, freshness: '2h', readyDelay: '4h', firstSeen: 0 } as const,
  [...Array(9).fill(well), kept, well, null, null, null],
  null,
  [{ backfillId: 'a', state: 'paused', from: at(0) }],
] as const
/** Late, and still within its delay, behind what is settled. */
const gapOnItsWay = [
  { isOnline: true, canBlock: true, freshness: null, readyDelay: '4h', firstSeen: 0 } as const,
  [...Array(12).fill(well), null, { ...commit(unpublished), ...run('committed') }],
  8,
  [],
] as const

test('what is settled is told, counted and shown as if it were there one by one', () => {
  let folded = 0
  const look = fc.tuple(
    entry,
    fc.array(shape, { minLength: hours, maxLength: hours }),
    fc.option(fc.integer({ min: 0, max: hours }), { freq: 3 }),
    fc.constantFrom(
      [],
      [{ backfillId: 'a', state: 'running', from: at(0) }],
      [{ backfillId: 'a', state: 'paused', from: at(0) }],
    ),
  )
  fc.assert(
    fc.property(look, ([{ firstSeen, ...drawn }, shapes, publishedHours, backfills]) => {
      const view: CalendarEntry = {
        ...{ view: 'delays', version: 1, source: 'flights', owner: 'ops', services: [], since, every: '1h' },
        ...{ firstSeenAt: formatInstant(at(firstSeen)), ...drawn },
      }
      const now = at(hours) + hourNs / 2n
      const rules = { graceNs: 300_000_000_000n, horizonNs: now - at(0) }
      const rest = { publishedEndAt: publishedHours === null ? null : at(publishedHours), backfills }
      const seen = (observed: ViewObservation) => ({
        drafts: evaluateView(view, observed, now, rules),
        counts: countIntervals(view, observed, now, rules),
        age: viewAge(view, observed, now),
        shown: observed.states.findLast(({ latestRun }) => latestRun !== null)?.latestRun,
      })
      const states = shapes.flatMap(toState)
      const spans = foldSettled(view, states)
      expect(seen({ ...rest, ...spans })).toEqual(seen({ ...rest, states }))
      folded += states.length - spans.states.length - spans.settled.length
    }),
    { numRuns: 200, examples: [[staleByBackfill as never], [gapOnItsWay as never]] },
  )
  expect(folded).toBeGreaterThan(0)
})

test('a month in which all is well is one span, and the newest interval; at the horizon a span goes with its end', () => {
  const states = Array.from({ length: 31 * 24 }, (_, hour) => toState(well, hour)[0]!)
  const [failed] = toState(run('failed'), 0)
  const view = { isOnline: true } as CalendarEntry
  const last = states.at(-1)!
  const spans = foldSettled(view, [failed!, ...states.slice(1)])
  expect(spans).toEqual({ states: [failed, last], settled: [{ start: at(1), end: last.interval.start }] })
  const look = { ...spans, publishedEndAt: null }
  expect(sinceHorizon(look, last.interval.start - 1n)).toEqual(spans)
  expect(sinceHorizon(look, last.interval.start)).toEqual({ states: [failed, last], settled: [] })
})
