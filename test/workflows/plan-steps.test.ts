/** Which intervals a tick finds due, and which files a run is given, over real Postgres, DuckDB and folders. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBackfill } from '../../activities/open-backfill.js'
import { planBackfill } from '../../activities/plan-backfill.js'
import { errorCodes } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import { fromIsoInterval } from '../../core/time/interval.js'
import { folder, hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

let rig: SalesRig
beforeAll(async () => {
  rig = await startSalesRig({
    missing: { view: { lookback: '3h' } },
    ended: {},
    filled: {},
    pins: { view: { lookback: '3h' } },
    late: { view: { lookback: '3h' } },
    reach: { view: { lookback: '2h' } },
    nolook: {},
    held: { view: { lookback: '6h', checks: { features: { amount: { nullRateMax: 0.5 } } } } },
    marker: { ready: { marker: '_SUCCESS', deadline: '2h' } },
    delay: { ready: { delay: '10m' } },
    local: { view: { lookback: '24h' }, timezone: 'America/New_York' },
    daily: { view: { lookback: '24h' }, path: 'daily/{yyyy-MM-dd}.d/*.parquet' },
    grid: { view: { since: '1990-01-01T00:00:00Z', every: '1m' } },
    again: { view: { lookback: '3h' } },
  })
})
afterAll(() => rig?.stop())

describe('tick', () => {
  test('what the ledger lacks is due, oldest first and the newest among them, bounded; the rest is counted', async () => {
    expect(await rig.tick('missing', hour(5, 30), { runsMax: 3 })).toMatchObject({
      due: [
        { start: hour(0), end: hour(1) },
        { start: hour(1), end: hour(2) },
        { start: hour(4), end: hour(5) },
      ],
      left: 2,
      isPublishDue: false,
      decisionIds: [],
    })
    const all = { from: null, to: null }
    const { due } = await rig.tick('missing', hour(5, 30), { runsMax: 2, kind: 'manual', range: all })
    expect(due.map(({ start }) => start)).toEqual([hour(0), hour(1)])
    // R32: what lies behind a gap would only be blocked.
    const behind = await rig.tick('redelivered', hour(5, 30), { runsMax: 2 })
    expect(behind.due.map(({ start }) => start)).toEqual([hour(0), hour(1)])
    await rig.run(hourOf('missing', 1))
    expect(await rig.starts('missing', hour(5, 30))).toEqual(['00:00', '02:00', '03:00', '04:00'])
    expect(await rig.settle('missing', hour(3))).toEqual(['00:00 done', '02:00 done'])
  })
  test('what an open backfill has yet to run is left to it, unless a person names the range; its end frees it', async () => {
    const { ledger } = rig.deps
    const options = { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 2 } as const
    const range = { from: hour(1), to: hour(3) }
    const input = { view: 'filled', range, options, now: hour(4) }
    const { planId } = await rig.step(planBackfill, [input])
    const start = { planId, by: 'ann', reason: 'gap', costMax: null, now: hour(4) }
    expect(await rig.step(openBackfill, [start])).toMatchObject({ kind: 'started', intervals: 2 })
    expect(await rig.starts('filled', hour(4))).toEqual(['00:00', '03:00'])
    expect((await rig.tick('filled', hour(4))).backfills).toMatchObject([
      { view: 'filled', backfillId: planId, atOnce: 2 },
    ])
    expect(await rig.starts('filled', hour(4), { kind: 'manual', range })).toEqual(['01:00', '02:00'])
    await ledger.endBackfill(planId, 'cancelled', null)
    expect(await rig.starts('filled', hour(4))).toEqual(['00:00', '01:00', '02:00', '03:00'])
    expect(await rig.tick('filled', hour(4))).not.toHaveProperty('backfills')
  })
  test('R21: an interval is due once it has ended, not a moment before', async () => {
    expect(await rig.starts('ended', '2001-01-01T00:59:59.999999999Z')).toEqual([])
    expect(await rig.starts('ended', hour(1))).toEqual(['00:00'])
    expect(await rig.starts('ended', '2000-06-01T00:00:00Z')).toEqual([])
  })
  test('R37: a decision on a run of a former version that nobody could start is carried out by the view’s tick', async () => {
    const decision = { view: 'ended', version: 7, action: 'rerun', reason: 'mended', by: 'ann', runId: null } as const
    const { interval } = hourOf('ended', 0)
    const { decisionId } = await rig.deps.ledger.recordDecision({ ...decision, interval: fromIsoInterval(interval) })
    expect((await rig.tick('ended', hour(1))).decisionIds).toEqual([decisionId])
    expect(await rig.deps.ledger.pendingDecisions({ view: 'ended', version: 1 })).toEqual([])
  })
  test('decades of minutes are counted, not listed', async () => {
    const started = performance.now()
    const { due, left } = await rig.tick('grid', '2021-01-01T00:00:00Z', { runsMax: 3 })
    expect(due.map((interval) => interval.start)).toEqual([
      '1990-01-01T00:00:00Z',
      '1990-01-01T00:01:00Z',
      '2020-12-31T23:59:00Z',
    ])
    expect(left).toBe(11_323 * 1_440 - 3)
    expect(performance.now() - started).toBeLessThan(2_000)
  })
  test('a manual range is on the grid, in the past, from since on (R21)', async () => {
    const asked = (from: string | null, to: string | null) =>
      rig.starts('missing', hour(5, 30), { kind: 'manual', range: { from, to } })
    expect(await asked(hour(3), hour(5))).toEqual(['03:00', '04:00'])
    expect(await asked(hour(4), null)).toEqual(['04:00'])
    for (const [from, to] of [
      [hour(3), hour(3)],
      [hour(4), hour(3)],
      [hour(3), hour(6)],
      ['2000-12-31T23:00:00Z', hour(3)],
      [hour(3, 30), hour(5)],
    ])
      await expect(asked(from!, to!), `${from} ${to}`).rejects.toMatchObject({ code: 'PLAN_INTERVAL_INVALID' })
  })
})

describe('R27: files that are others now', () => {
  test('a late, a changed and a removed file re-open exactly the intervals they touch', async () => {
    for (const hours of [0, 1, 2, 3]) await rig.write('late', hours, 'a', sale(hour(hours, 5), 'x', hours))
    expect(await rig.settle('late', hour(4))).toEqual(['00:00 done', '01:00 done', '02:00 done', '03:00 done'])
    expect(await rig.starts('late', hour(4))).toEqual([])

    await rig.write('late', 2, 'late', sale(hour(2, 30), 'y', 9))
    expect(await rig.starts('late', hour(4))).toEqual(['02:00'])
    expect(await rig.settle('late', hour(4))).toEqual(['02:00 done'])

    await rig.write('late', 3, 'a', sale(hour(3, 5), 'x', 33))
    expect(await rig.settle('late', hour(4))).toEqual(['03:00 done'])

    await rig.deps.sources.remove(`${folder('late', 2)}/late.parquet`)
    expect(await rig.settle('late', hour(4))).toEqual(['02:00 done'])
  })
  test('outside the lookback nothing is compared, and inside it stays re-opened until it has run', async () => {
    await rig.write('late', 0, 'old', sale(hour(0, 30), 'y', 1))
    expect(await rig.starts('late', hour(4))).toEqual([])
    await rig.write('late', 1, 'new', sale(hour(1, 30), 'y', 1))
    expect(await rig.starts('late', hour(4))).toEqual(['01:00'])
    // Much later the mark still stands.
    expect((await rig.starts('late', hour(24)))[0]).toBe('01:00')
    expect(await rig.starts('late', hour(4), { kind: 'manual', range: { from: hour(0), to: hour(1) } })).toEqual([
      '00:00',
    ])
  })
  test('a file of a new partition re-opens the old intervals that its footer reaches, also beyond the lookback', async () => {
    for (const hours of [0, 1, 2, 3, 4]) await rig.write('reach', hours, 'a', sale(hour(hours, 5), 'x', hours))
    expect(await rig.settle('reach', hour(5))).toHaveLength(5)
    await rig.write('reach', 4, 'stray', sale(hour(1, 30), 'late', 7), sale(hour(2, 30), 'late', 8))
    expect(await rig.settle('reach', hour(5))).toEqual(['01:00 done', '02:00 done'])
    const [commit] = await rig.deps.ledger.currentCommits(
      { view: 'reach', version: 1 },
      { start: BigInt(Date.parse(hour(1))) * 1_000_000n, end: BigInt(Date.parse(hour(2))) * 1_000_000n },
    )
    expect((await rig.rowsOf(commit!.data!.path)).map((row) => row.amount)).toEqual(expect.arrayContaining([1n, 7n]))
  })
  test('without a lookback a finished interval is looked at again only when asked', async () => {
    await rig.write('nolook', 0, 'a', sale(hour(0, 5), 'x', 1))
    await rig.settle('nolook', hour(1))
    await rig.write('nolook', 0, 'b', sale(hour(0, 6), 'y', 1))
    expect(await rig.starts('nolook', hour(1))).toEqual([])
    expect(await rig.starts('nolook', hour(1), { kind: 'manual', range: { from: hour(0), to: hour(1) } })).toEqual([
      '00:00',
    ])
  })
  test('hourly intervals of daily partitions are told apart by footers', async () => {
    for (const hours of [0, 1, 2])
      await rig.writeFile(`daily/2001-01-01.d/${hours}.parquet`, sale(hour(hours, 5), 'x', hours))
    expect(await rig.settle('daily', hour(3))).toHaveLength(3)
    await rig.writeFile('daily/2001-01-01.d/late.parquet', sale(hour(1, 6), 'x', 7))
    expect(await rig.settle('daily', hour(3))).toEqual(['01:00 done'])
  })
  test("R10: footers of local times are read by the source's zone", async () => {
    await rig.write('local', 5, 'a', sale('2001-01-01T00:10:00Z', 'x', 1))
    expect((await rig.plan(hourOf('local', 5), { id: 'local' })).kind).toBe('ready')
    expect((await rig.deps.ledger.run('local'))!.pins!.files).toHaveLength(1)
    expect((await rig.run(hourOf('local', 5))).outcome).toBe('done')
    const [commit] = await rig.deps.ledger.currentCommits({ view: 'local', version: 1 }, { start: 0n, end: 10n ** 20n })
    expect(commit!.data!.rows).toBe(1)
  })
  test('a held interval is not run again for the same files, but for others', async () => {
    await rig.write('held', 0, 'a', sale(hour(0, 5), 'x', null), sale(hour(0, 6), 'x', null))
    expect(await rig.settle('held', hour(1))).toEqual(['00:00 held'])
    expect(await rig.starts('held', hour(1))).toEqual([])
    expect(await rig.starts('held', hour(1), { kind: 'manual', range: { from: hour(0), to: hour(1) } })).toEqual([])
    expect((await rig.run(hourOf('held', 0, { kind: 'manual' }))).outcome).toBe('skipped')
    expect((await rig.run(hourOf('held', 0, { kind: 'rerun' }))).outcome).toBe('held')
    await rig.write('held', 0, 'fix', sale(hour(0, 7), 'x', 1), sale(hour(0, 8), 'x', 1))
    expect(await rig.settle('held', hour(1))).toEqual(['00:00 done'])
  })
  test('a failed interval runs again when its files change, or when its error was one of the moment', async () => {
    await rig.writeBytes(`${folder('again', 0)}/a.parquet`, 'nonsense')
    expect(await rig.settle('again', hour(1))).toEqual(['00:00 SOURCE_FILE_CORRUPT'])
    expect(await rig.starts('again', hour(1))).toEqual([])
    expect(await rig.starts('again', hour(1), { kind: 'manual', range: { from: hour(0), to: hour(1) } })).toEqual([
      '00:00',
    ])
    await rig.write('again', 0, 'a', sale(hour(0, 5), 'x', 1))
    expect(await rig.starts('again', hour(1))).toEqual(['00:00'])
    const plan = await rig.plan(hourOf('again', 0), { id: 'again-1' })
    await rig.deps.ledger.endRun(plan.run.runId, {
      outcome: 'failed',
      error: { code: 'COMPUTE_SPILL_FULL', message: 'full', hint: null, facts: {}, step: 'compute', attempts: 1 },
      keyCounts: null,
      measures: null,
    })
    expect(await rig.settle('again', hour(1))).toEqual(['00:00 done'])
  })
})

describe('plan', () => {
  test('R21: running again with unchanged input changes nothing', async () => {
    await rig.write('pins', 0, 'a', sale(hour(0, 5), 'x', 1))
    const first = await rig.run(hourOf('pins', 0))
    expect(first.outcome).toBe('done')
    const again = await rig.run(hourOf('pins', 0))
    expect(again.outcome).toBe('skipped')
    // A skipped run does not hide the one before it.
    expect((await rig.run(hourOf('pins', 0))).outcome).toBe('skipped')
    const rerun = await rig.run(hourOf('pins', 0, { kind: 'rerun' }))
    expect((await rig.deps.ledger.run(rerun.runId))!.number).toBe(2)
  })
  test('planning may be repeated: the first pins stay, whatever was added since', async () => {
    await rig.write('pins', 1, 'a', sale(hour(1, 5), 'x', 1))
    const first = await rig.plan(hourOf('pins', 1), { id: 'p1' })
    await rig.write('pins', 1, 'b', sale(hour(1, 6), 'x', 2))
    expect(await rig.plan(hourOf('pins', 1), { id: 'p1', attempt: 2 })).toEqual(first)
    expect(first).toMatchObject({ kind: 'ready', number: 1, supersedes: null, files: 1 })
  })
  test('R19, R27: a file that comes after the listing re-opens the interval for good', async () => {
    await rig.write('pins', 2, 'a', sale(hour(2, 5), 'x', 1))
    const key = { view: 'pins', version: 1 }
    const interval = { start: BigInt(Date.parse(hour(2))) * 1_000_000n, end: BigInt(Date.parse(hour(3))) * 1_000_000n }
    const { sources, ledger } = rig.deps
    // Another interval's run reads a redelivery that has come since, and re-opens this one.
    const list: Lake['list'] = async function* (prefix) {
      yield* sources.list(prefix)
      await ledger.reopenIntervals(key, [interval], 'redelivered events')
    }
    const deps = { ...rig.deps, sources: onlyListed(sources, list) }
    expect((await rig.plan(hourOf('pins', 2), { id: 'listed' }, deps)).kind).toBe('ready')
    expect(await ledger.intervalStates(key, interval)).toMatchObject([{ reopenedBecause: 'redelivered events' }])
  })
  test('R21: an interval that is empty, backward or off the grid is refused', async () => {
    const bad = [
      [hour(0), hour(0)],
      [hour(1), hour(0)],
      [hour(0, 30), hour(1, 30)],
      [hour(0), hour(2)],
      ['2000-12-31T23:00:00Z', hour(0)],
    ]
    for (const [start, end] of bad)
      await expect(
        rig.plan(hourOf('pins', 0, { interval: { start: start!, end: end! }, now: hour(12) })),
        `${start} ${end}`,
      ).rejects.toMatchObject({ code: 'PLAN_INTERVAL_INVALID' })
  })
  test('R21: one that is not over by the clock of the worker is tried again by the next tick', async () => {
    const early = hourOf('pins', 0, { interval: { start: hour(30), end: hour(31) }, now: hour(12) })
    await expect(rig.plan(early)).rejects.toMatchObject({ code: 'PLAN_INTERVAL_NOT_OVER' })
    expect(errorCodes.PLAN_INTERVAL_NOT_OVER.retry).toBe('later')
  })
  test('a marker is waited for, and overdue from the deadline on', async () => {
    await rig.write('marker', 0, 'a', sale(hour(0, 5), 'x', 1))
    expect(await rig.plan(hourOf('marker', 0), { id: 'm1' })).toMatchObject({
      kind: 'not-ready',
      isPastDeadline: false,
      because: expect.stringContaining('_SUCCESS'),
      waitedFor: { because: expect.stringContaining('_SUCCESS'), source: 'marker' },
    })
    expect(await rig.plan(hourOf('marker', 0, { now: hour(3) }), { id: 'm1' })).toMatchObject({
      isPastDeadline: true,
    })
    await rig.writeBytes(`${folder('marker', 0)}/_SUCCESS`, '')
    expect(await rig.plan(hourOf('marker', 0), { id: 'm1' })).toMatchObject({ kind: 'ready', files: 1 })
  })
  test('a delay is waited out', async () => {
    expect(await rig.plan(hourOf('delay', 0, { now: hour(1, 4) }), { id: 'd1' })).toMatchObject({
      kind: 'not-ready',
      retryAfterMs: 360_000,
    })
    expect(await rig.plan(hourOf('delay', 0, { now: hour(1, 10) }), { id: 'd1' })).toMatchObject({
      kind: 'ready',
      files: 0,
    })
  })
})

function onlyListed(sources: Lake, list: Lake['list']): Lake {
  return {
    uri: (path: string) => sources.uri(path),
    head: (path: string) => sources.head(path),
    list,
  } as unknown as Lake
}
