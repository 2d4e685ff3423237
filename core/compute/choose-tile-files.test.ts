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
    expect(chosen.tiles.every((file) => Number(String(file).split('/').pop()) % 2 === 1)).toBe(true)
  })
})

describe('several lengths of coarse tiles', () => {
  /** Two-hour tiles below days. */
  const ladder = { ...bundle, view: { ...bundle.view, coarseTile: ['2h', '1d'] } }
  const at = (start: bigint, end: bigint) => {
    const commitIds = commits
      .filter(({ interval }) => start <= interval.start && interval.start < end)
      .map(({ commitId }) => commitId)
    return { span: { start, end }, file: `/coarse/${start / hour}-${end / hour}`, commitIds }
  }
  const pairs = [...Array(72).keys()].map((index) => {
    const start = -3n * day + BigInt(index) * 2n * hour
    return at(start, start + 2n * hour)
  })

  test('R9: the longest spans that a window holds whole, shorter ones and then fine ones at its edges', () => {
    const endNs = 2n * day + 5n * hour
    const coarse = [...[-3n, -2n, -1n, 0n, 1n].map((index) => at(index * day, (index + 1n) * day)), ...pairs]
    const chosen = chooseTileFiles({ bundle: ladder, endNs, commits, coarse })
    const files = chosen.coarse.map(({ file }) => file)
    // [-2d + 5h, 2d + 5h) begins in the middle of a pair; the pairs of the last day are whole but for its last hour.
    expect(files.filter((file) => !pairs.some((pair) => pair.file === file))).toEqual([
      '/coarse/-24-0',
      '/coarse/0-24',
      '/coarse/24-48',
    ])
    const used = pairs.filter(({ span }) => {
      const isAtStart = -2n * day + 5n * hour <= span.start && span.end <= -day
      return isAtStart || (2n * day <= span.start && span.end <= endNs)
    })
    expect(files.slice(3)).toEqual(used.map(({ file }) => file))
    expect(chosen.tiles).toEqual(['/fine/29', '/fine/124'])
  })

  test('a window of a year over hourly tiles reads tens of files', () => {
    const yearly = featureView('yearly', {
      ...{
        version: 1,
        entity: shop,
        source,
        since: formatInstant(-390n * day),
        every: '1h',
        tile: '1h',
        owner: 'test',
      },
      features: { n: window.count({ over: '365d' }) },
    })
    const year = { ...bundle, view: yearly.definition }
    const all = [...Array(400 * 24).keys()].map((index) => {
      const start = -390n * day + BigInt(index) * hour
      return { commitId: BigInt(index), interval: { start, end: start + hour }, file: `/fine/${index}` }
    })
    const coarse = [1n, 30n].flatMap((days) =>
      [...Array(Number(399n / days)).keys()].map((index) => {
        const first = index * Number(days) * 24
        const ids = all.slice(first, first + Number(days) * 24).map(({ commitId }) => commitId)
        const start = -390n * day + BigInt(first) * hour
        return { span: { start, end: start + days * day }, file: `/coarse/${days}/${index}`, commitIds: ids }
      }),
    )
    const counts = [0n, 7n, 100n, 150n, 239n].map((hours) => {
      const { tiles, coarse: used } = chooseTileFiles({ bundle: year, endNs: hours * hour, commits: all, coarse })
      return tiles.length + used.length
    })
    expect(counts).toEqual([17, 40, 40, 69, 69])
  })

  test('a longer tile is merged from the shorter ones that are valid, and fine ones where there are none', () => {
    const plans = planCoarseTiles({ bundle: ladder, endNs: 2n * day, commits, coarse: pairs.slice(37), length: 24n })
    const plan = plans.find(({ span }) => span.start === 0n)!
    expect(plan.tiles).toEqual([...pairs.slice(37, 48).map(({ file }) => file), '/fine/72', '/fine/73'])
    expect(plan.commitIds).toEqual(coarseAt(0n).commitIds)
  })

  test('tiles of a length that the view has no more are left alone', () => {
    const chosen = chooseTileFiles({ bundle, endNs: 2n * day, commits, coarse: [...pairs, coarseAt(0n)] })
    expect(chosen.coarse.map(({ file }) => file)).toEqual(['/coarse/0'])
  })
})

describe('planCoarseTiles', () => {
  test('whole committed days inside the longest window, oldest first, those that are still valid left out', () => {
    const plans = planCoarseTiles({ bundle, endNs: 2n * day, commits, coarse: [coarseAt(-1n)], length: 24n })
    expect(plans.map(({ span }) => span.start / day)).toEqual([-2n, 0n, 1n])
    expect(plans[1]).toMatchObject({ commitIds: coarseAt(0n).commitIds })
    expect(plans[1]!.tiles.length).toBe(24)
  })

  test('a day with a missing interval waits', () => {
    const gap = commits.filter(({ interval }) => interval.start !== 5n * hour)
    const plans = planCoarseTiles({ bundle, endNs: 2n * day, commits: gap, coarse: [], length: 24n })
    expect(plans.map(({ span }) => span.start / day)).toEqual([-2n, -1n, 1n])
  })
})
