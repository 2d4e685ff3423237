import { expect, test } from 'vitest'
import { compactedPath, compactionFolder, sequenceOfCachePath } from './compacted-paths.js'
import { bucketCount, type CompactableCommit, type KnownCompaction, planCompactions } from './plan-compactions.js'

const everyNs = 3_600_000_000_000n
const grid = { since: 5n * everyNs, everyNs }
const spanOf = (from: number, count: number) => ({
  start: grid.since + BigInt(from) * everyNs,
  end: grid.since + BigInt(from + count) * everyNs,
})
const commit = (hour: number, id = hour, sizeBytes = 1_000): CompactableCommit => ({
  commitId: BigInt(id),
  interval: spanOf(hour, 1),
  data: { path: `rows/${id}`, rows: 10, sizeBytes },
})
const hours = (count: number, from = 0) => Array.from({ length: count }, (_, index) => commit(from + index))
const bucket = { number: 0, of: 1 }
const compaction = (from: number, count: number, name = `${from}`): KnownCompaction => ({
  span: spanOf(from, count),
  commitIds: hours(count, from).map(({ commitId }) => commitId),
  files: [{ path: `compacted/${name}`, sizeBytes: 1_000, bucket }],
})
const plans = (commits: readonly CompactableCommit[], compactions: readonly KnownCompaction[] = []) =>
  planCompactions(grid, commits, compactions).map(({ span, commitIds, files }) => [
    Number((span.start - grid.since) / everyNs),
    Number((span.end - span.start) / everyNs),
    commitIds.length,
    files,
  ])

test('a span is compacted once all of it is committed; a year of hours lies in tens of files', () => {
  expect(plans(hours(31))).toEqual([])
  expect(plans(hours(33))).toEqual([[0, 32, 32, 32]])
  const year = plans(hours(8_760))
  expect(year.filter(([, length]) => length === 1_024)).toHaveLength(8)
  expect(year.filter(([, length]) => length === 32)).toHaveLength(17)
  expect(8_760 - year.reduce((all, [, , held]) => all + held!, 0)).toBe(24)
})

test('nothing is written again that is compacted, until a longer span is over', () => {
  const shorts = Array.from({ length: 32 }, (_, index) => compaction(index * 32, 32)).reverse()
  expect(plans(hours(992), shorts.slice(1))).toEqual([])
  expect(plans(hours(1_024), shorts)).toEqual([[0, 1_024, 1_024, 32]])
  expect(plans(hours(1_024), [compaction(0, 1_024, 'long'), ...shorts])).toEqual([])
})

test('what is committed anew inside a span is compacted when there is enough of it, and leaves longer ones alone', () => {
  const again = (count: number) => hours(1_024).map((one, hour) => (hour < count ? commit(hour, 5_000 + hour) : one))
  const long = compaction(0, 1_024, 'long')
  expect(plans(again(3), [long])).toEqual([])
  expect(plans(again(5), [long])).toEqual([[0, 32, 5, 5]])
  expect(plans(again(9), [long])).toEqual([[0, 1_024, 1_024, 10]])
})

test('a span with gaps is waited for as long as it is, then compacted without them; empty intervals are no files', () => {
  const gap = hours(63).filter((_, hour) => hour !== 7)
  expect(plans(gap)).toEqual([])
  expect(plans([...gap, commit(63)])).toEqual([
    [0, 32, 31, 31],
    [32, 32, 32, 32],
  ])
  const empty = hours(32).map((one, hour) => (hour < 29 ? { ...one, data: null } : one))
  expect(plans(empty)).toEqual([])
  expect(plans(empty.map((one, hour) => (hour === 3 ? commit(3) : one)))).toEqual([[0, 32, 4, 4]])
})

test('files that are large enough stay as they are, and a longer span that would be too large is none', () => {
  expect(plans(hours(32).map((_, hour) => commit(hour, hour, 100 * 1024 ** 2)))).toEqual([])
  const middling = hours(1_024).map((_, hour) => commit(hour, hour, 10 * 1024 ** 2))
  expect(plans(middling).every(([, length]) => length === 32)).toBe(true)
})

test('intervals off the grid stay as they are', () => {
  const before = { ...commit(-1, 900), interval: spanOf(-1, 1) }
  const across = { ...commit(31, 901), interval: { start: spanOf(31, 1).start + 1n, end: spanOf(32, 1).end } }
  expect(plans([before, ...hours(31), across, ...hours(32, 33)])).toEqual([[0, 32, 31, 31]])
})

test.each([
  [0, 0, 1],
  [1_000_000, 0, 1],
  [1_000_001, 0, 2],
  [10_000_000, 0, 16],
  [10, 1024 ** 3, 8],
  [10_000_000_000, 0, 64],
])('%i rows of %i bytes lie in %i buckets', (rows, sizeBytes, buckets) => {
  expect(bucketCount({ rows, sizeBytes })).toBe(buckets)
})

test('where compactions lie, and which files of the cache are told by their publish', () => {
  const key = { view: 'v', version: 2 }
  expect(compactedPath(key, 7n, { number: 1, of: 4 })).toBe(`${compactionFolder(key, 7n)}1-of-4.parquet`)
  expect(sequenceOfCachePath('published/v/v2/000000000012-a_1-delta.parquet')).toBe(12n)
  expect(sequenceOfCachePath('tiles/v/v2/coarse/20010101T000000Z/12-a_1-1d.parquet')).toBe(12n)
  expect(sequenceOfCachePath('tiles/v/v2/20010101T000000Z/12-run.parquet')).toBe(null)
  expect(sequenceOfCachePath('published/v/v2/notes.txt')).toBe(null)
})
