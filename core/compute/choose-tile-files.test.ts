import { describe, expect, test } from 'vitest'
import { entity, featureView, parquet, t, type ViewBundle, window } from '../define/index.js'
import { formatInstant } from '../time/instant.js'
import { type CommittedTiles, chooseTileFiles, planCoarseTiles } from './choose-tile-files.js'

const hour = 3_600_000_000_000n
const day = 24n * hour
const shop = entity('shop', { keys: { id: t.int64() }, owner: 'test' })
const source = parquet('sales', {
  path: 'sales/*.parquet',
  schema: { id: t.int64(), at: t.timestamp() },
  eventTime: 'at',
  owner: 'test',
})
const view = featureView('sales', {
  version: 1,
  entity: shop,
  source,
  since: formatInstant(-3n * day),
  every: '1h',
  tile: '1h',
  features: { short: window.count({ over: '3h' }), long: window.count({ over: '4d' }) },
  owner: 'test',
})
const bundle: ViewBundle = {
  view: view.definition,
  entity: shop.definition,
  source: source.definition,
  definitionHash: 'test',
}

/** One commit an hour, from three days before 1970 on. */
const commits: CommittedTiles[] = [...Array(6 * 24).keys()].map((index) => {
  const start = -3n * day + BigInt(index) * hour
  return { commitId: BigInt(index), interval: { start, end: start + hour }, file: `/fine/${index}` }
})
const coarseAt = (dayNumber: bigint) => {
  const span = { start: dayNumber * day, end: (dayNumber + 1n) * day }
  const commitIds = commits
    .filter(({ interval }) => span.start <= interval.start && interval.start < span.end)
    .map(({ commitId }) => commitId)
  return { span, file: `/coarse/${dayNumber}`, commitIds }
}

describe('chooseTileFiles', () => {
  test('R9: coarse files for whole days inside the long window, fine ones for its edges and for the short window', () => {
    const endNs = 2n * day + 5n * hour
    const coarse = [-3n, -2n, -1n, 0n, 1n].map(coarseAt)
    const chosen = chooseTileFiles({ bundle, endNs, commits, coarse })
    // The long window is [-2d + 5h, 2d + 5h): the day -2 is cut by its start.
    expect(chosen.coarse.map(({ file }) => file)).toEqual(['/coarse/-1', '/coarse/0', '/coarse/1'])
    const fine = commits.filter(({ interval }) => {
      const isStart = -2n * day + 5n * hour <= interval.start && interval.start < -day
      return isStart || (2n * day <= interval.start && interval.end <= endNs)
    })
    expect(chosen.tiles).toEqual(fine.map(({ file }) => file))
  })

  test('a short window that begins inside a coarse span keeps its fine files', () => {
    const chosen = chooseTileFiles({ bundle, endNs: 2n * day + hour, commits, coarse: [coarseAt(1n)] })
    expect(chosen.coarse.length).toBe(1)
    const late = commits.filter(({ interval }) => 2n * day - 2n * hour <= interval.start && interval.start < 2n * day)
    expect(late.every(({ file }) => chosen.tiles.includes(file!))).toBe(true)
  })

  test('a coarse tile merged from other commits than the current ones is not used', () => {
    const stale = { ...coarseAt(0n), commitIds: coarseAt(0n).commitIds.map((id, at) => (at === 3 ? 999n : id)) }
    const partial = { ...coarseAt(1n), commitIds: coarseAt(1n).commitIds.slice(1) }
    const grown = { ...coarseAt(2n), commitIds: [...coarseAt(2n).commitIds, 999n] }
    const chosen = chooseTileFiles({ bundle, endNs: 3n * day, commits, coarse: [stale, partial, grown] })
    expect(chosen.coarse).toEqual([])
    expect(chosen.tiles.length).toBe(4 * 24)
  })

  test('an empty commit needs no file, an empty coarse tile still stands for its span', () => {
    const empty = commits.map((commit) => (commit.commitId % 2n === 0n ? { ...commit, file: null } : commit))
    const chosen = chooseTileFiles({
      bundle,
      endNs: 2n * day,
      commits: empty,
      coarse: [{ ...coarseAt(0n), file: null }],
    })
    expect(chosen.coarse).toEqual([{ file: null, span: { start: 0n, end: day } }])
    expect(chosen.tiles).not.toContain('/fine/80')
    expect(chosen.tiles.every((file) => Number(file.split('/').pop()) % 2 === 1)).toBe(true)
  })
})

describe('planCoarseTiles', () => {
  test('whole committed days inside the longest window, oldest first, those that are still valid left out', () => {
    const plans = planCoarseTiles({ bundle, endNs: 2n * day, commits, coarse: [coarseAt(-1n)] })
    expect(plans.map(({ span }) => span.start / day)).toEqual([-2n, 0n, 1n])
    expect(plans[1]).toMatchObject({ commitIds: coarseAt(0n).commitIds })
    expect(plans[1]!.tiles.length).toBe(24)
  })

  test('a day with a missing interval waits', () => {
    const gap = commits.filter(({ interval }) => interval.start !== 5n * hour)
    const plans = planCoarseTiles({ bundle, endNs: 2n * day, commits: gap, coarse: [] })
    expect(plans.map(({ span }) => span.start / day)).toEqual([-2n, -1n, 1n])
  })
})
