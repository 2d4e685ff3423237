import { expect, test } from 'vitest'
import { entity, featureView, lookup, parquet, t, type ViewBundle, window } from '../define/index.js'
import type { RunOutcome } from '../plan/interval-state.js'
import {
  neededCommits,
  planPublishedReads,
  reachedIntervals,
  type StateCommit,
  type StatePublish,
  stateGaps,
} from './index.js'

const hour = 3_600_000_000_000n
const shop = entity('shop', { keys: { shop: t.string() }, owner: 'test' })
const source = parquet('sales', {
  path: 'sales/*.parquet',
  schema: { at: t.timestamp(), shop: t.string(), amount: t.int64(), id: t.string().nullable(), made: t.timestamp() },
  eventTime: 'at',
  owner: 'test',
})
const shared = { version: 1, entity: shop, since: '1970-01-01T00:00:00Z', every: '1h', owner: 'test' } as const
const bundleOf = (
  view: { definition: ViewBundle['view'] },
  changes: Partial<ViewBundle['source']> = {},
): ViewBundle => ({
  view: view.definition,
  entity: shop.definition,
  source: { ...source.definition, ...changes },
  definitionHash: 'test',
})
const lookups = featureView('last', { ...shared, source, ttl: '2h', features: { amount: lookup() } })
const windows = featureView('sums', {
  ...shared,
  source,
  tile: '1h',
  lag: '30m',
  features: { sum: window.sum('amount', { over: '2h' }) },
})
const forever = featureView('all', {
  ...shared,
  source,
  tile: '1h',
  features: { sum: window.sum('amount', { over: 'lifetime' }) },
})

function commit(id: number, start: number, supersededBy: number | null = null): StateCommit {
  const interval = { start: BigInt(start) * hour, end: BigInt(start + 1) * hour }
  return {
    commitId: BigInt(id),
    interval,
    data: null,
    supersededBy: supersededBy === null ? null : BigInt(supersededBy),
  }
}
const hours = (commits: readonly StateCommit[]) => commits.map(({ interval }) => Number(interval.start / hour))
const tenHours = Array.from({ length: 10 }, (_, at) => commit(at + 1, at))

test.each([
  ['a lookup, as far as its ttl and to the row at t', lookups, 'knowable', 5n * hour, [2, 3, 4, 5]],
  ['a lookup, one nanosecond later', lookups, 'knowable', 5n * hour + 1n, [3, 4, 5]],
  ['a window, from the tile it begins with', windows, 'knowable', 5n * hour, [3, 4, 5]],
  ['a window as served, an interval and the lag earlier', windows, 'as-served', 5n * hour, [1, 2, 3, 4, 5]],
  ['a lifetime', forever, 'knowable', 2n * hour, [0, 1, 2]],
] as const)('what a value reaches: %s', (_, view, mode, t, expected) => {
  expect(hours(neededCommits(bundleOf(view), mode, { min: t, max: t }, tenHours))).toEqual(expected)
})

test('R19: of a source with redeliveries all that is committed may decide; of no rows nothing', () => {
  const bundle = bundleOf(lookups, { eventId: { column: 'id', within: null } })
  const times = { min: 5n * hour, max: 5n * hour }
  expect(neededCommits(bundle, 'knowable', times, tenHours)).toEqual(tenHours)
  expect(neededCommits(bundle, 'knowable', null, tenHours)).toEqual([])
})

const publish = (sequence: number, newestCommitId: number, end: number, at: number): StatePublish => ({
  sequence: BigInt(sequence),
  newestCommitId: BigInt(newestCommitId),
  endAt: BigInt(end) * hour,
  recordedAt: BigInt(at) * hour,
})

test('R30: publishes that only add are one read, one that commits an hour anew begins another', () => {
  const commits = [commit(1, 0), commit(2, 1, 4), commit(3, 2), commit(4, 1)]
  const publishes = [publish(1, 2, 2, 2), publish(2, 3, 3, 3), publish(3, 4, 3, 4)]
  const read = (times: [number, number]) =>
    planPublishedReads(
      bundleOf(forever),
      { publishes, commits },
      { min: BigInt(times[0]) * hour, max: BigInt(times[1]) * hour },
    ).map((one) => [
      one.publishes.map(({ sequence }) => Number(sequence)),
      one.commits.map(({ commitId }) => Number(commitId)),
    ])
  expect(read([0, 9])).toEqual([
    [
      [1, 2],
      [1, 2, 3],
    ],
    [[3], [1, 3, 4]],
  ])
  // Only what its rows met: the last publish before the first of them, and those recorded meanwhile.
  expect(read([3, 3])).toEqual([[[2], [1, 2, 3]]])
  expect(read([0, 1])).toEqual([])
})

test('R33: what was committed beyond the end that was published is not shown', () => {
  const commits = [commit(1, 0), commit(2, 5)]
  const reads = planPublishedReads(
    bundleOf(lookups),
    { publishes: [publish(1, 2, 1, 2)], commits },
    { min: 2n * hour, max: 2n * hour },
  )
  expect(reads.map((one) => hours(one.commits))).toEqual([[0]])
})

test('R16, R19: a lookup that hides rows by later ones reads each state on its own', () => {
  const commits = [commit(1, 0), commit(2, 1)]
  const publishes = [publish(1, 1, 1, 1), publish(2, 2, 2, 2), publish(3, 2, 2, 3)]
  const times = { min: 0n, max: 9n * hour }
  const readsOf = (changes: Partial<ViewBundle['source']>) =>
    planPublishedReads(bundleOf(lookups, changes), { publishes, commits }, times).map((one) => one.publishes.length)
  expect(readsOf({})).toEqual([3])
  expect(readsOf({ visibility: 'created' })).toEqual([1, 2])
  expect(readsOf({ eventId: { column: 'id', within: null } })).toEqual([1, 2])
})

test.each([
  ['a lookup, from its ttl to the hour of t', lookups, 'knowable', 5n * hour, [3, 6]],
  ['a lookup, one nanosecond before', lookups, 'knowable', 5n * hour - 1n, [2, 5]],
  ['a window, up to its tile edge', windows, 'knowable', 5n * hour, [3, 5]],
  ['a window, in the middle of a tile', windows, 'knowable', 5n * hour + hour / 2n, [3, 5]],
  ['a window as served, at the newest end', windows, 'as-served', 5n * hour + hour / 2n, [3, 5]],
  ['a window as served, a nanosecond before it is due', windows, 'as-served', 5n * hour + hour / 2n - 1n, [2, 4]],
  ['a lifetime, from since', forever, 'knowable', 4n * hour, [0, 4]],
  ['not what has not ended', forever, 'knowable', 90n * hour, [0, 10]],
] as const)('which intervals may not be missing: %s', (_, view, mode, t, [start, end]) => {
  const now = 10n * hour + 1n
  const reached = reachedIntervals(bundleOf(view), mode, { min: t, max: t }, now)
  expect(reached).toEqual({ start: BigInt(start) * hour, end: BigInt(end) * hour })
  // R19: a redelivery may come whenever it likes.
  const redelivered = bundleOf(lookups, { eventId: { column: 'id', within: null } })
  expect(reachedIntervals(redelivered, mode, { min: t, max: t }, now)).toEqual({ start: 0n, end: 10n * hour })
  expect(reachedIntervals(bundleOf(view), mode, null, now)).toBeNull()
})

test('intervals that are not committed are told by their latest run, side by side ones together', () => {
  const range = { start: 0n, end: 10n * hour }
  const at = (start: number) => commit(0, start).interval
  const state = (start: number, outcome: RunOutcome | null) => ({
    interval: at(start),
    latestRun:
      outcome === null
        ? null
        : { ...{ runId: 'r', number: 1, outcome, errorCode: null }, inputsHash: null, definitionHash: '' },
  })
  const committed = [0, 4, 7].map(at)
  const states = [state(1, 'held'), state(2, 'held'), state(3, 'failed'), state(5, null), state(8, 'not-ready')]
  expect(
    stateGaps(range, committed, states).map(({ start, end, state }) => [
      Number(start / hour),
      Number(end / hour),
      state,
    ]),
  ).toEqual([
    [1, 3, 'held'],
    [3, 4, 'failed'],
    [5, 7, 'missing'],
    [8, 9, 'not-ready'],
    [9, 10, 'missing'],
  ])
  expect(
    stateGaps(
      range,
      Array.from({ length: 10 }, (_, start) => at(start)),
      [],
    ),
  ).toEqual([])
})
