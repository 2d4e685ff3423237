import { expect, test } from 'vitest'
import type { Finding } from '../judge/verdict.js'
import type { IntervalState, RunOutcome } from '../plan/interval-state.js'
import { formatInstant, parseInstant } from '../time/instant.js'
import {
  type CalendarEntry,
  countIntervals,
  evaluateView,
  foldDownstream,
  type IncidentDraft,
  judgeRunLength,
  type OpenIncident,
  reconcileIncidents,
  type ScheduleSeen,
  skippedBecause,
  type ViewObservation,
} from './index.js'

const start = parseInstant('2001-01-01T00:00:00Z')
const at = (hours: number) => start + BigInt(hours) * 3_600_000_000_000n
const minute = 60_000
const rules = { graceNs: 300_000_000_000n, horizonNs: 31n * 86_400_000_000_000n, heldMaxNs: 3_600_000_000_000n }
const entry: CalendarEntry = {
  ...{ view: 'delays', version: 1, source: 'flights', owner: 'ops', services: ['model'] },
  sourceOwners: { flights: 'platform', airports: 'geo' },
  ...{ since: '2001-01-01T00:00:00Z', every: '1h', readyDelay: '0s', freshness: null, isOnline: true, canBlock: true },
  firstSeenAt: '2001-01-01T00:00:00Z',
}
const interval = { start: at(0), end: at(1) }
const noEscalation = { escalateAfterNs: null }

function state(outcome: RunOutcome, errorCode: string | null = null): IntervalState {
  const latestRun = { runId: 'run-0', number: 1, outcome, errorCode, inputsHash: null, definitionHash: '' }
  return { interval, committed: null, latestRun, reopenedBecause: null, reopens: 0n }
}

function look(observed: Partial<ViewObservation>, over: Partial<CalendarEntry> = {}, now = at(1)): IncidentDraft[] {
  return evaluateView({ ...entry, ...over }, { states: [], publishedEndAt: null, ...observed }, now, rules)
}

const running = (ageMs: number, runId = 'run-0') => [{ runId, interval, outcome: 'running' as const, ageMs }]

test('R26: a run is too long beyond its declared limit at once, beyond twice what is usual from 20 runs on', () => {
  const pace = (runs: number, p95Ms: number | null = 10 * minute) => ({ runs, p95Ms })
  const judged = (ms: number, declared: string | null, runs: number, floor = 0) =>
    judgeRunLength(ms, declared, pace(runs), floor).kind
  expect(judged(20 * minute, null, 20)).toBe('in-time')
  expect(judged(20 * minute + 1, null, 20)).toBe('beyond-usual')
  expect(judged(20 * minute + 1, null, 19)).toBe('in-time')
  expect(judged(15 * minute, '15m', 0)).toBe('in-time')
  expect(judged(15 * minute + 1, '15m', 0)).toBe('beyond-sla')
  expect(judged(20 * minute + 1, '30m', 20)).toBe('beyond-usual')
  // A view whose runs take seconds has no incident for a minute.
  expect(judged(25 * minute, null, 20, 25 * minute)).toBe('in-time')
  expect(judgeRunLength(1e9, null, pace(99, null), 0).kind).toBe('in-time')
  expect(judgeRunLength(1e9, null, null, 0).kind).toBe('in-time')
})

test('a slow run is told while it runs, and only the newest of its interval; beyond the SLA it is critical', () => {
  const observed = { states: [state('running')], open: running(16 * minute) }
  expect(look(observed, { duration: '15m' })).toMatchObject([
    {
      ...{ key: 'slow_run/delays@v1', rule: 'slow_run', severity: 'critical', nextStep: 'millcourse runs show run-0' },
      facts: { runningFor: '16m', limit: '15m', intervals: 1 },
    },
  ])
  expect(look({ ...observed, pace: { runs: 20, p95Ms: 5 * minute } })).toMatchObject([
    { rule: 'slow_run', severity: 'warning', facts: { limit: '10m' } },
  ])
  expect(look({ ...observed, open: running(16 * minute, 'a zombie') }, { duration: '15m' })).toEqual([])
  // In whatever order they have started, as with a backfill of the newest hours first.
  const newestFirst = [2, 0, 1].map((n) => ({
    ...running(16 * minute)[0]!,
    interval: { start: at(n), end: at(n + 1) },
  }))
  expect(look({ ...observed, open: newestFirst }, { duration: '15m' })[0]!.summary).toContain(
    'at 3 intervals from 2001-01-01T00:00:00Z to 2001-01-01T02:00:00Z',
  )
})

test('a hold is critical once nobody has decided for too long', () => {
  const held = (ageMs: number) => [{ runId: 'run-0', interval, outcome: 'held' as const, ageMs }]
  const [inTime] = look({ states: [state('held')], open: held(60 * minute) })
  const [tooLong] = look({ states: [state('held')], open: held(60 * minute + 1) })
  expect([inTime?.severity, tooLong?.severity]).toEqual(['warning', 'critical'])
  expect(tooLong).toMatchObject({ key: inTime?.key, facts: { heldFor: '1h', run: 'run-0' } })
  expect(tooLong?.news).not.toBe(inTime?.news)
})

test('nothing was started: by the scheduler where it says so, for want of a worker, or nobody knows why', () => {
  const present: Extract<ScheduleSeen, { kind: 'present' }> = {
    ...{ kind: 'present', isPaused: false, note: '', missedCatchups: 0, lastDueAt: null, isTicking: false },
  }
  const because = (change: Partial<typeof present> | object) => skippedBecause({ ...present, ...change }, interval)
  expect(skippedBecause(null, interval)).toBeNull()
  expect(skippedBecause({ kind: 'absent' }, interval)).toBe('it has no Schedule')
  expect(because({ isPaused: true, note: 'ann: strike' })).toBe('its Schedule is paused ("ann: strike")')
  expect(because({})).toBeNull()
  expect(because({ missedCatchups: 1 })).toMatch(/longer than its catch-up window$/)
  expect(because({ missedCatchups: 1, lastDueAt: interval.end - 1n })).toMatch(/catch-up window after 2001-01-01T00:59/)
  expect(because({ missedCatchups: 1, lastDueAt: interval.end })).toBeNull()
  // A tick that nobody works on lets no other one begin: that is no fault of the scheduler's.
  expect(because({ missedCatchups: 1, isTicking: true })).toBeNull()

  const rulesOf = (observed: Partial<ViewObservation>) => look(observed, {}, at(1) + rules.graceNs)
  expect(rulesOf({ schedule: { ...present, isPaused: true } })).toMatchObject([{ key: 'skipped/delays@v1' }])
  expect(rulesOf({ schedule: present, hasWorker: false })).toMatchObject([
    { key: 'missing_run/worker', tells: ['missing_run/delays@v1'] },
  ])
  expect(rulesOf({ schedule: present, hasWorker: true })).toMatchObject([{ key: 'missing_run/delays@v1' }])
})

test('what ticks leave to an open backfill is told as that, whatever the scheduler says, and with what has it go on', () => {
  const hours = (...starts: number[]) => starts.map((h) => ({ start: at(h), end: at(h + 1) }))
  const claims = (state: 'paused' | 'running') => hours(0, 1).map((one) => ({ ...one, backfillId: '3f2a', state }))
  const found = (observed: Partial<ViewObservation>) => look(observed, {}, at(3) + rules.graceNs)
  const [left, free] = found({ claims: claims('paused'), hasWorker: true })
  expect(left).toMatchObject({
    ...{ key: 'missing_run/backfill 3f2a', rule: 'missing_run', nextStep: 'millcourse backfill resume 3f2a' },
    ...{ facts: { intervals: 2, backfill: '3f2a', state: 'paused' } },
    summary: expect.stringContaining('it is left to backfill 3f2a, which is paused'),
  })
  expect(free).toMatchObject({
    key: 'missing_run/delays@v1',
    facts: { intervals: 1, firstInterval: formatInstant(at(2)) },
  })
  const [running] = found({ claims: claims('running'), schedule: { kind: 'absent' } })
  expect(running).toMatchObject({ key: left?.key, nextStep: 'millcourse backfill status 3f2a' })
  expect(running?.news).not.toBe(left?.news)
})

test('what the checks of the newest good run warned of is one incident, beside whatever else there is', () => {
  const finding: Finding = { code: 'null_rate_above', severity: 'warn', feature: 'avg', observed: 0.51234, limit: 0.2 }
  const good = (...findings: Finding[]) => ({ good: { runId: 'run-0', interval, findings } })
  expect(look(good())).toEqual([])
  expect(look(good({ ...finding, severity: 'hold' }))).toEqual([])
  const [warned] = look(good(finding, { ...finding, feature: 'max' }))
  expect(warned).toMatchObject({ key: 'warned/delays@v1', severity: 'warning', facts: { warnings: 2 } })
  expect(warned?.summary).toContain('avg null rate above (0.5123, limit 0.2), max null rate above')
  const drifted: Finding = {
    code: 'rows_drifted',
    severity: 'warn',
    feature: null,
    observed: Number.MAX_VALUE,
    limit: 0.5,
  }
  expect(look(good(drifted))[0]?.summary).toMatch(/: rows drifted \(from none, limit 0.5\)$/)
  const beyond: Finding = { ...drifted, code: 'value_above', feature: 'avg', limit: 5 }
  expect(look(good(beyond))[0]?.summary).toMatch(/: avg value above \(NaN or infinity, limit 5\)$/)
  // The next run that warns of the same is no news.
  expect(look(good({ ...finding, observed: 0.6 }, { ...finding, feature: 'max' }))[0]?.news).toBe(warned?.news)
  const both = look({ ...good(finding), states: [state('failed', 'COMPUTE_FAILED')] })
  expect(both.map(({ rule }) => rule)).toEqual(['failed', 'warned'])
})

test('a fault of a source, of the lake, or of the online store is one incident for all views that it hits', () => {
  const views = ['delays', 'routes']
  const keysOf = (observed: Partial<ViewObservation>, now = at(1)) => {
    const drafts = views.flatMap((view) => look(observed, { view, services: [`${view}_model`] }, now))
    return reconcileIncidents([], drafts, formatInstant(now), noEscalation).open
  }
  const failed = (code: string) => keysOf({ states: [state('failed', code)] })
  for (const [code, key] of [
    ['SOURCE_FILE_CORRUPT', 'failed/source flights/SOURCE_FILE_CORRUPT'],
    ['SOURCE_SCHEMA_CHANGED', 'schema_change/source flights'],
    ['LAKE_ACCESS_DENIED', 'failed/lake/LAKE_ACCESS_DENIED'],
    ['PUBLISH_UNREACHABLE', 'failed/online store/PUBLISH_UNREACHABLE'],
  ] as const)
    expect(failed(code)).toMatchObject([
      { key, facts: { views: 'delays@v1, routes@v1', services: 'delays_model, routes_model' } },
    ])
  expect(failed('COMPUTE_FAILED')).toHaveLength(2)
  expect(failed('LAKE_FILE_MISSING')).toHaveLength(2)
  const [notReady] = keysOf({ states: [state('not-ready')] })
  expect(notReady).toMatchObject({ key: 'not_ready/source flights', owner: 'platform', facts: { run: 'run-0' } })
  expect(failed('SOURCE_SCHEMA_CHANGED')[0]).toMatchObject({ rule: 'schema_change', owner: 'platform' })
  expect(failed('LAKE_ACCESS_DENIED')[0]?.owner).toBe('ops')
})

test('a dimension at fault is an incident of its own source and owner, beside one of the rows’ source', () => {
  const named = (outcome: RunOutcome, code: string | null, source: string | null, hour: number): IntervalState => {
    const made = state(outcome, code)
    const latestRun = { ...made.latestRun!, runId: `run-${hour}`, ...(source === null ? {} : { source }) }
    return { ...made, interval: { start: at(hour), end: at(hour + 1) }, latestRun }
  }
  const changed = 'SOURCE_SCHEMA_CHANGED'
  expect(
    look({
      states: [
        ...[named('failed', changed, 'airports', 0), named('failed', changed, 'flights', 1)],
        ...[named('failed', changed, null, 2), named('failed', 'SOURCE_FILE_CORRUPT', 'airports', 3)],
        ...[named('not-ready', null, 'airports', 4), named('not-ready', null, null, 5)],
      ],
    }).map(({ key, owner, facts }) => [key, owner, facts.run, facts.intervals]),
  ).toEqual([
    ['schema_change/source airports', 'geo', 'run-0', 1],
    ['schema_change/source flights', 'platform', 'run-1', 2],
    ['failed/source airports/SOURCE_FILE_CORRUPT', 'geo', 'run-3', 1],
    ['not_ready/source airports', 'geo', 'run-4', 1],
    ['not_ready/source flights', 'platform', 'run-5', 1],
  ])
  const [corrupt] = look({ states: [named('failed', 'SOURCE_FILE_CORRUPT', 'airports', 0)] })
  expect(corrupt?.summary).toBe('delays@v1 failed with SOURCE_FILE_CORRUPT of source airports for 2001-01-01T00:00:00Z')
  // Of other faults the source that is named is not the place.
  expect(look({ states: [named('failed', 'COMPUTE_FAILED', 'airports', 0)] })).toMatchObject([
    { key: 'failed/delays@v1/COMPUTE_FAILED', owner: 'ops' },
  ])
})

test('a view that waits for another one is part of that one’s incident, however long the chain', () => {
  const chain = [
    entry,
    { ...entry, view: 'daily', upstream: 'delays', source: 'delays', services: ['daily_model'] },
    { ...entry, view: 'weekly', upstream: 'daily', source: 'daily', services: [] },
  ]
  const own = look({ states: [state('failed', 'COMPUTE_FAILED')] })
  const waiting = chain.slice(1).flatMap((view) => look({ states: [state('not-ready')] }, view))
  const [root, ...others] = foldDownstream(chain, [...own, ...waiting])
  expect(others).toEqual([])
  expect(root).toMatchObject({
    key: 'failed/delays@v1/COMPUTE_FAILED',
    facts: { downstream: 'daily@v1, weekly@v1', services: 'model, daily_model' },
  })
  expect(waiting[0]?.summary).toBe(
    'daily@v1 had no complete input from view delays by its deadline for 2001-01-01T00:00:00Z',
  )
  // What it waits for is well, or what is wrong with it is its own.
  expect(foldDownstream(chain, waiting).map(({ key }) => key)).toEqual(['not_ready/source delays'])
  const ownFault = look({ states: [state('failed', 'COMPUTE_FAILED')] }, chain[1])
  expect(foldDownstream(chain, [...own, ...ownFault])).toHaveLength(2)
})

test('an incident that becomes part of another one is told to go on there, not as if its cause were gone', () => {
  const above = { ...entry, view: 'daily', upstream: 'delays', source: 'delays', services: [] }
  const waiting = look({ states: [state('not-ready')] }, above)
  const { open } = reconcileIncidents([], waiting, formatInstant(at(1)), noEscalation)
  const both = foldDownstream([entry, above], [...look({ states: [state('failed', 'COMPUTE_FAILED')] }), ...waiting])
  const then = reconcileIncidents(open, both, formatInstant(at(2)), noEscalation)
  expect(then.messages.map(({ event, incident: { key, summary } }) => [event, key, summary])).toEqual([
    ['opened', 'failed/delays@v1/COMPUTE_FAILED', both[0]!.summary],
    [
      'resolved',
      'not_ready/source delays',
      `${waiting[0]!.summary}: it goes on as part of failed/delays@v1/COMPUTE_FAILED`,
    ],
  ])
  expect(then.open[0]).not.toHaveProperty('tells')
})

test('a view that waits for a dimension of its own has an incident of that, whatever is wrong with the view below', () => {
  const above = { ...entry, view: 'daily', upstream: 'delays', source: 'delays', services: [] }
  const waitingFor = (source: string, hour: number): IntervalState => {
    const { latestRun, ...made } = state('not-ready')
    return { ...made, interval: { start: at(hour), end: at(hour + 1) }, latestRun: { ...latestRun!, source } }
  }
  const own = look({ states: [state('failed', 'COMPUTE_FAILED')] })
  const waiting = look({ states: [waitingFor('delays', 0), waitingFor('airports', 1)] }, above)
  const [root, ...others] = foldDownstream([entry, above], [...own, ...waiting])
  expect(root).toMatchObject({ key: 'failed/delays@v1/COMPUTE_FAILED', facts: { downstream: 'daily@v1' } })
  expect(others).toMatchObject([{ key: 'not_ready/source airports', view: 'daily', facts: { intervals: 1 } }])
})

test('what is tried again stands as what it failed of until the new run has ended, as one incident without a word', () => {
  const triedAgain = (before: IntervalState): IntervalState => {
    const { runId, outcome, errorCode } = before.latestRun!
    const latestRun = { ...before.latestRun!, runId: 'run-1', outcome: 'running' as const, errorCode: null }
    return { ...before, latestRun, endedRun: { runId, outcome, errorCode } }
  }
  for (const before of [state('failed', 'COMPUTE_FAILED'), state('not-ready')]) {
    const known: OpenIncident[][] = []
    const events = [before, triedAgain(before), before, triedAgain(before), state('done')].map((each) => {
      const drafts = look({ states: [each] })
      const { open, messages } = reconcileIncidents(known.at(-1) ?? [], drafts, formatInstant(at(1)), noEscalation)
      known.push([...open])
      return messages.map(({ event }) => event).join()
    })
    expect(events).toEqual(['opened', '', '', '', 'resolved'])
    expect(known[1]).toEqual(known[0])
    const counts = countIntervals(entry, { states: [triedAgain(before)], publishedEndAt: null }, at(1), rules)
    expect([counts.failed + counts.not_ready, counts.running]).toEqual([1, 1])
  }
  // A hold that is run again was decided on, or its input is another.
  expect(look({ states: [triedAgain(state('held'))] })).toEqual([])
  expect(look({ states: [triedAgain(state('done'))] })).toEqual([])
})

test('whoever waits for a view is hit by what is wrong with it: views, owners, and services are named', () => {
  const below = { ...entry, owner: null }
  const chain = [
    below,
    { ...entry, view: 'daily', owner: 'ads', upstream: 'delays', source: 'delays', services: ['daily_model'] },
    { ...entry, view: 'weekly', owner: 'search', upstream: 'daily', source: 'daily', services: [] },
  ]
  const waiting = chain.slice(1).flatMap((view) => look({ states: [state('not-ready')] }, view))
  const found = (over: Partial<CalendarEntry>) =>
    foldDownstream(chain, [...look({ states: [state('failed', 'LAKE_FULL')] }, { ...below, ...over }), ...waiting])
  const hit = { views: 'delays@v1, daily@v1, weekly@v1', downstream: 'daily@v1, weekly@v1' }
  expect(found({})).toMatchObject([{ owner: 'ads', facts: { ...hit, owners: 'ads, search' } }])
  expect(found({ owner: 'ops' })).toMatchObject([{ owner: 'ops', facts: { ...hit, owners: 'ops, ads, search' } }])

  // The same cause hits another view, too: nobody of either is forgotten.
  const routes = look(
    { states: [state('failed', 'LAKE_FULL')] },
    { view: 'routes', owner: null, services: ['routes_model'] },
  )
  const { open } = reconcileIncidents([], [...routes, ...found({})], formatInstant(at(1)), noEscalation)
  expect(open).toMatchObject([
    {
      owner: 'ads',
      facts: {
        ...{ views: `routes@v1, ${hit.views}`, downstream: hit.downstream, owners: 'ads, search' },
        services: 'routes_model, model, daily_model',
      },
    },
  ])
})

test('R35: features held alone are one incident of their view, beside others of it, and critical when nobody decides', () => {
  const committed = { commitId: 1n, runId: 'run-0', number: 1, isEmpty: false, isPublished: true }
  const holding = { ...state('done'), committed: { ...committed, heldFeatures: ['sum', 'delay'] } }
  const open = (ageMs: number) => [{ runId: 'run-0', interval, outcome: 'held' as const, features: ['sum'], ageMs }]
  const found = (ageMs: number, states: readonly IntervalState[] = [holding]) =>
    look({ states, publishedEndAt: at(1), open: open(ageMs) })
  expect(found(minute)).toMatchObject([
    {
      ...{ key: 'held/features of delays@v1', rule: 'held', severity: 'warning' },
      summary:
        'delays@v1 published without delay, sum, which are held by checks at 2001-01-01T00:00:00Z; the others are online',
      ...{
        nextStep: 'millcourse runs show delays@v1@2001-01-01T00:00:00Z',
        facts: { features: 'delay, sum', run: 'run-0' },
      },
    },
  ])
  expect(found(60 * minute)).toMatchObject([{ severity: 'warning' }])
  expect(found(60 * minute + 1)).toMatchObject([{ severity: 'critical', facts: { heldFor: expect.any(String) } }])
  expect(found(minute, [{ ...state('done'), committed }])).toEqual([])
  const failed = { ...state('failed', 'COMPUTE_FAILED'), interval: { start: at(1), end: at(2) } }
  expect(
    found(minute, [holding, failed])
      .map(({ rule }) => rule)
      .sort(),
  ).toEqual(['failed', 'held'])
})
