/** Plan, read, compute and judge, over real Postgres, DuckDB and folders. */
import { rename, utimes } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { computeInterval } from '../../activities/compute-interval.js'
import { judgeInterval } from '../../activities/judge-interval.js'
import { readSource } from '../../activities/read-source.js'
import type { RunRef } from '../../activities/steps.js'
import { entity, featureView, lookup, parquet, t, window } from '../../core/define/index.js'
import type { RunInput } from '../../core/ports/run-control.js'
import { type StepRig, startStepRig } from '../support/step-rig.js'

const owner = 'ops'
const since = '2001-01-01T00:00:00Z'
const shop = entity('shop', { keys: { shop: t.string() }, owner, description: 'A shop' })
const schema = {
  at: t.timestamp(),
  shop: t.string().nullable(),
  amount: t.int64().nullable(),
  note: t.string().nullable(),
}

const all: {
  view: ReturnType<typeof lookupView> | ReturnType<typeof windowView>
  source: ReturnType<typeof newSource>
}[] = []
type SourceOptions = Partial<Parameters<typeof plainSource>[1]>
function plainSource(
  name: string,
  options: { path: string; timezone?: string; ready?: { marker: string; deadline: '2h' } | { delay: '10m' } },
) {
  return parquet(name, { schema, eventTime: 'at', owner, description: 'Sales', ...options })
}
function newSource(name: string, options: SourceOptions = {}) {
  return plainSource(name, { path: `${name}/h={yyyy-MM-dd}T{HH}/*.parquet`, ...options })
}
function lookupView(name: string, source: ReturnType<typeof newSource>, options: object = {}) {
  return featureView(name, {
    ...{ version: 1, entity: shop, source, since, every: '1h', owner, description: 'Last sale', online: false },
    ttl: '24h',
    features: { amount: lookup(), note: lookup() },
    ...options,
  })
}
const eventSource = parquet('events', {
  path: 'events/h={yyyy-MM-dd}T{HH}/*.parquet',
  schema: {
    at: t.timestamp(),
    shop: t.string(),
    amount: t.int64().nullable(),
    id: t.string().nullable(),
    made: t.timestamp(),
  },
  eventTime: 'at',
  createdTime: 'made',
  visibility: 'event',
  eventId: { column: 'id', within: '2h' },
  owner,
  description: 'Redelivered sales',
})
function windowView() {
  return featureView('redelivered', {
    ...{ version: 1, entity: shop, source: eventSource, since, every: '1h', tile: '1h', owner, description: 'Sums' },
    ...{ online: false, ttl: '24h', lookback: '6h' },
    features: { total: window.sum('amount', { over: '4h' }), sales: window.count({ over: '4h' }) },
  })
}
/** A source and a view of their own for each test: what one does to its files is not seen by another. */
function declareView(name: string, viewOptions: object = {}, sourceOptions: SourceOptions = {}): string {
  const source = newSource(name, sourceOptions)
  all.push({ source, view: lookupView(name, source, viewOptions) })
  return name
}
const names = {
  missing: declareView('missing', { lookback: '3h' }),
  pins: declareView('pins', { lookback: '3h' }),
  late: declareView('late', { lookback: '3h' }),
  reach: declareView('reach', { lookback: '2h' }),
  nolook: declareView('nolook'),
  removed: declareView('removed', { lookback: '6h' }),
  held: declareView('held', { lookback: '6h', checks: { features: { amount: { nullRateMax: 0.5 } } } }),
  marker: declareView('marker', {}, { ready: { marker: '_SUCCESS', deadline: '2h' } }),
  delay: declareView('delay', {}, { ready: { delay: '10m' } }),
  ugly: declareView('ugly', { lookback: '48h' }),
  contract: declareView('contract'),
  counts: declareView('counts'),
  units: declareView('units'),
  local: declareView('local', { lookback: '24h' }, { timezone: 'America/New_York' }),
  moved: declareView('moved'),
  daily: declareView('daily', { lookback: '24h' }, { path: 'daily/{yyyy-MM-dd}.d/*.parquet' }),
  grid: declareView('grid', { since: '1990-01-01T00:00:00Z', every: '1m' }),
  again: declareView('again', { lookback: '3h' }),
  cancel: declareView('cancel'),
} as const

let rig: StepRig
beforeAll(async () => {
  rig = await startStepRig({
    project: 'test',
    entities: [shop.definition],
    sources: [...all.map((one) => one.source.definition), eventSource.definition],
    views: [...all.map((one) => one.view.definition), windowView().definition],
    services: [],
  })
})
afterAll(() => rig?.stop())

const hour = (hours: number, minutes = 0) =>
  new Date(Date.UTC(2001, 0, 1, hours, minutes)).toISOString().replace('.000Z', 'Z')
const input = (view: string, hours: number, options: Partial<RunInput> = {}): RunInput => ({
  ...{ view, version: 1, kind: 'scheduled', now: hour(hours + 1) },
  interval: { start: hour(hours), end: hour(hours + 1) },
  ...options,
})
const starts = async (view: string, now: string, options = {}) =>
  (await rig.tick(view, now, options)).due.map((interval) => interval.start.slice(11, 16))
const folder = (name: string, hours: number) => `${name}/h=${hour(hours).slice(0, 13)}`
const sale = (at: string, key: string | null, amount: number | null) =>
  `SELECT TIMESTAMP '${at.replace('Z', '')}' AS "at", ${key === null ? 'NULL::VARCHAR' : `'${key}'`} AS shop, ${amount}::BIGINT AS amount, 'n' AS note`
const write = (name: string, hours: number, file: string, ...selects: string[]) =>
  rig.writeFile(`${folder(name, hours)}/${file}.parquet`, selects.join(' UNION ALL '))
async function planned(view: string, hours: number, id: string): Promise<RunRef> {
  const plan = await rig.plan(input(view, hours), { id })
  if (plan.kind !== 'ready') throw new Error(`not ready: ${plan.kind}`)
  return plan.run
}

describe('tick', () => {
  test('what the ledger lacks is due, oldest first, bounded; the rest is counted', async () => {
    expect(await rig.tick(names.missing, hour(5, 30), { runsMax: 2 })).toMatchObject({
      due: [
        { start: hour(0), end: hour(1) },
        { start: hour(1), end: hour(2) },
      ],
      left: 3,
      isPublishDue: false,
      decisionIds: [],
    })
    await rig.run(input(names.missing, 1))
    expect(await starts(names.missing, hour(5, 30))).toEqual(['00:00', '02:00', '03:00', '04:00'])
    expect(await rig.settle(names.missing, hour(3))).toEqual(['00:00 done', '02:00 done'])
  })
  test('R21: an interval is due once it has ended, not a moment before', async () => {
    expect(await starts(names.contract, '2001-01-01T00:59:59.999999999Z')).toEqual([])
    expect(await starts(names.contract, hour(1))).toEqual(['00:00'])
    expect(await starts(names.contract, '2000-06-01T00:00:00Z')).toEqual([])
  })
  test('decades of minutes are counted, not listed', async () => {
    const started = performance.now()
    const { due, left } = await rig.tick(names.grid, '2021-01-01T00:00:00Z', { runsMax: 3 })
    expect(due.map((interval) => interval.start)).toEqual([
      '1990-01-01T00:00:00Z',
      '1990-01-01T00:01:00Z',
      '1990-01-01T00:02:00Z',
    ])
    expect(left).toBe(11_323 * 1_440 - 3)
    expect(performance.now() - started).toBeLessThan(2_000)
  })
  test('a manual range is on the grid, in the past, from since on (R21)', async () => {
    const asked = (from: string | null, to: string | null) =>
      starts(names.missing, hour(5, 30), { kind: 'manual', range: { from, to } })
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
    for (const hours of [0, 1, 2, 3]) await write(names.late, hours, 'a', sale(hour(hours, 5), 'x', hours))
    expect(await rig.settle(names.late, hour(4))).toEqual(['00:00 done', '01:00 done', '02:00 done', '03:00 done'])
    expect(await starts(names.late, hour(4))).toEqual([])

    await write(names.late, 2, 'late', sale(hour(2, 30), 'y', 9))
    expect(await starts(names.late, hour(4))).toEqual(['02:00'])
    expect(await rig.settle(names.late, hour(4))).toEqual(['02:00 done'])

    await write(names.late, 3, 'a', sale(hour(3, 5), 'x', 33))
    expect(await rig.settle(names.late, hour(4))).toEqual(['03:00 done'])

    await rig.deps.sources.remove(`${folder(names.late, 2)}/late.parquet`)
    expect(await rig.settle(names.late, hour(4))).toEqual(['02:00 done'])
  })
  test('outside the lookback nothing is compared, and inside it stays re-opened until it has run', async () => {
    await write(names.late, 0, 'old', sale(hour(0, 30), 'y', 1))
    expect(await starts(names.late, hour(4))).toEqual([])
    await write(names.late, 1, 'new', sale(hour(1, 30), 'y', 1))
    expect(await starts(names.late, hour(4))).toEqual(['01:00'])
    // Much later the mark still stands.
    expect((await starts(names.late, hour(24)))[0]).toBe('01:00')
    expect(await starts(names.late, hour(4), { kind: 'manual', range: { from: hour(0), to: hour(1) } })).toEqual([
      '00:00',
    ])
  })
  test('a file of a new partition re-opens the old intervals that its footer reaches, also beyond the lookback', async () => {
    for (const hours of [0, 1, 2, 3, 4]) await write(names.reach, hours, 'a', sale(hour(hours, 5), 'x', hours))
    expect(await rig.settle(names.reach, hour(5))).toHaveLength(5)
    await write(names.reach, 4, 'stray', sale(hour(1, 30), 'late', 7), sale(hour(2, 30), 'late', 8))
    expect(await rig.settle(names.reach, hour(5))).toEqual(['01:00 done', '02:00 done'])
    const [commit] = await rig.deps.ledger.currentCommits(
      { view: names.reach, version: 1 },
      { start: BigInt(Date.parse(hour(1))) * 1_000_000n, end: BigInt(Date.parse(hour(2))) * 1_000_000n },
    )
    expect((await rig.rowsOf(commit!.data!.path)).map((row) => row.amount)).toEqual(expect.arrayContaining([1n, 7n]))
  })
  test('without a lookback a finished interval is looked at again only when asked', async () => {
    await write(names.nolook, 0, 'a', sale(hour(0, 5), 'x', 1))
    await rig.settle(names.nolook, hour(1))
    await write(names.nolook, 0, 'b', sale(hour(0, 6), 'y', 1))
    expect(await starts(names.nolook, hour(1))).toEqual([])
    expect(await starts(names.nolook, hour(1), { kind: 'manual', range: { from: hour(0), to: hour(1) } })).toEqual([
      '00:00',
    ])
  })
  test('hourly intervals of daily partitions are told apart by footers', async () => {
    for (const hours of [0, 1, 2])
      await rig.writeFile(`daily/2001-01-01.d/${hours}.parquet`, sale(hour(hours, 5), 'x', hours))
    expect(await rig.settle(names.daily, hour(3))).toHaveLength(3)
    await rig.writeFile('daily/2001-01-01.d/late.parquet', sale(hour(1, 6), 'x', 7))
    expect(await rig.settle(names.daily, hour(3))).toEqual(['01:00 done'])
  })
  test("R10: footers of local times are read by the source's zone", async () => {
    await write(names.local, 5, 'a', sale('2001-01-01T00:10:00Z', 'x', 1))
    expect((await rig.plan(input(names.local, 5), { id: 'local' })).kind).toBe('ready')
    expect((await rig.deps.ledger.run('local'))!.pins!.files).toHaveLength(1)
    expect((await rig.run(input(names.local, 5))).outcome).toBe('done')
    const [commit] = await rig.deps.ledger.currentCommits(
      { view: names.local, version: 1 },
      { start: 0n, end: 10n ** 20n },
    )
    expect(commit!.data!.rows).toBe(1)
  })
  test('a held interval is not run again for the same files, but for others', async () => {
    await write(names.held, 0, 'a', sale(hour(0, 5), 'x', null), sale(hour(0, 6), 'x', null))
    expect(await rig.settle(names.held, hour(1))).toEqual(['00:00 held'])
    expect(await starts(names.held, hour(1))).toEqual([])
    expect(await starts(names.held, hour(1), { kind: 'manual', range: { from: hour(0), to: hour(1) } })).toEqual([])
    expect((await rig.run(input(names.held, 0, { kind: 'manual' }))).outcome).toBe('skipped')
    expect((await rig.run(input(names.held, 0, { kind: 'rerun' }))).outcome).toBe('held')
    await write(names.held, 0, 'fix', sale(hour(0, 7), 'x', 1), sale(hour(0, 8), 'x', 1))
    expect(await rig.settle(names.held, hour(1))).toEqual(['00:00 done'])
  })
  test('a failed interval runs again when its files change, or when its error was one of the moment', async () => {
    await rig.writeBytes(`${folder(names.again, 0)}/a.parquet`, 'nonsense')
    expect(await rig.settle(names.again, hour(1))).toEqual(['00:00 SOURCE_FILE_CORRUPT'])
    expect(await starts(names.again, hour(1))).toEqual([])
    expect(await starts(names.again, hour(1), { kind: 'manual', range: { from: hour(0), to: hour(1) } })).toEqual([
      '00:00',
    ])
    await write(names.again, 0, 'a', sale(hour(0, 5), 'x', 1))
    expect(await starts(names.again, hour(1))).toEqual(['00:00'])
    const plan = await rig.plan(input(names.again, 0), { id: 'again-1' })
    await rig.deps.ledger.endRun(plan.run.runId, {
      outcome: 'failed',
      error: { code: 'COMPUTE_SPILL_FULL', message: 'full', hint: null, facts: {}, step: 'compute', attempts: 1 },
      keyCounts: null,
      measures: null,
    })
    expect(await rig.settle(names.again, hour(1))).toEqual(['00:00 done'])
  })
})

describe('plan', () => {
  test('R21: running again with unchanged input changes nothing', async () => {
    await write(names.pins, 0, 'a', sale(hour(0, 5), 'x', 1))
    const first = await rig.run(input(names.pins, 0))
    expect(first.outcome).toBe('done')
    const again = await rig.run(input(names.pins, 0))
    expect(again.outcome).toBe('skipped')
    // A skipped run does not hide the one before it.
    expect((await rig.run(input(names.pins, 0))).outcome).toBe('skipped')
    const rerun = await rig.run(input(names.pins, 0, { kind: 'rerun' }))
    expect((await rig.deps.ledger.run(rerun.runId))!.number).toBe(2)
  })
  test('planning may be repeated: the first pins stay, whatever was added since', async () => {
    await write(names.pins, 1, 'a', sale(hour(1, 5), 'x', 1))
    const first = await rig.plan(input(names.pins, 1), { id: 'p1' })
    await write(names.pins, 1, 'b', sale(hour(1, 6), 'x', 2))
    expect(await rig.plan(input(names.pins, 1), { id: 'p1', attempt: 2 })).toEqual(first)
    expect(first).toMatchObject({ kind: 'ready', number: 1, supersedes: null, files: 1 })
  })
  test('R21: an interval that is empty, backward, in the future or off the grid is refused', async () => {
    const bad = [
      [hour(0), hour(0)],
      [hour(1), hour(0)],
      [hour(30), hour(31)],
      [hour(0, 30), hour(1, 30)],
      [hour(0), hour(2)],
      ['2000-12-31T23:00:00Z', hour(0)],
    ]
    for (const [start, end] of bad)
      await expect(
        rig.plan(input(names.pins, 0, { interval: { start: start!, end: end! }, now: hour(12) })),
        `${start} ${end}`,
      ).rejects.toMatchObject({ code: 'PLAN_INTERVAL_INVALID' })
  })
  test('a marker is waited for, and overdue from the deadline on', async () => {
    await write(names.marker, 0, 'a', sale(hour(0, 5), 'x', 1))
    expect(await rig.plan(input(names.marker, 0), { id: 'm1' })).toMatchObject({
      kind: 'not-ready',
      isPastDeadline: false,
      because: expect.stringContaining('_SUCCESS'),
    })
    expect(await rig.plan(input(names.marker, 0, { now: hour(3) }), { id: 'm1' })).toMatchObject({
      isPastDeadline: true,
    })
    await rig.writeBytes(`${folder(names.marker, 0)}/_SUCCESS`, '')
    expect(await rig.plan(input(names.marker, 0), { id: 'm1' })).toMatchObject({ kind: 'ready', files: 1 })
  })
  test('a delay is waited out', async () => {
    expect(await rig.plan(input(names.delay, 0, { now: hour(1, 4) }), { id: 'd1' })).toMatchObject({
      kind: 'not-ready',
      retryAfterMs: 360_000,
    })
    expect(await rig.plan(input(names.delay, 0, { now: hour(1, 10) }), { id: 'd1' })).toMatchObject({
      kind: 'ready',
      files: 0,
    })
  })
})

describe('read and compute', () => {
  test('broken files are named, whatever is wrong with them', async () => {
    const good = sale(hour(0, 5), 'x', 1)
    await write(names.ugly, 20, 'good', good)
    const whole = await rig.deps.sources.read(`${folder(names.ugly, 20)}/good.parquet`)
    const broken: readonly [number, string | Uint8Array][] = [
      [0, ''],
      [1, 'at,shop\n1,2\n'],
      [2, whole.subarray(0, whole.length >> 1)],
    ]
    for (const [hours, bytes] of broken) {
      await write(names.ugly, hours, 'fine', sale(hour(hours, 5), 'x', 1))
      await rig.writeBytes(`${folder(names.ugly, hours)}/it's broken.parquet`, bytes)
      const { outcome, runId } = await rig.run(input(names.ugly, hours))
      expect(outcome).toBe('SOURCE_FILE_CORRUPT')
      const { error } = (await rig.deps.ledger.run(runId))!
      expect(error!.facts.file).toBe(rig.deps.sources.uri(`${folder(names.ugly, hours)}/it's broken.parquet`))
    }
    // The tick of a source with broken files works all the same.
    expect(await starts(names.ugly, hour(3))).toEqual([])
  })
  test('R24: no files, and a file without rows, commit an empty interval', async () => {
    expect((await rig.run(input(names.ugly, 3))).outcome).toBe('done')
    await write(names.ugly, 4, 'empty', `${sale(hour(4), 'x', 1)} LIMIT 0`)
    const { outcome, runId } = await rig.run(input(names.ugly, 4))
    expect(outcome).toBe('done')
    expect((await rig.deps.ledger.run(runId))!.candidate).toMatchObject({
      data: null,
      quarantine: null,
      counts: { read: 0, kept: 0 },
    })
    expect(
      (
        await rig.deps.ledger.intervalStates(
          { view: names.ugly, version: 1 },
          { start: BigInt(Date.parse(hour(4))) * 1_000_000n, end: BigInt(Date.parse(hour(5))) * 1_000_000n },
        )
      )[0]!.committed,
    ).toMatchObject({ isEmpty: true })
  })
  test('the schema contract: file, column, was and is, before any data is read', async () => {
    const columns = (hours: number, select: string) => `SELECT ${select} FROM (${sale(hour(hours, 5), 'x', 1)})`
    const cases: readonly [number, string, object][] = [
      [0, columns(0, '"at", shop, note'), { column: 'amount', was: 'int64', is: 'absent' }],
      [1, columns(1, '"at", shop, amount::VARCHAR AS amount, note'), { column: 'amount', was: 'int64', is: 'VARCHAR' }],
      [2, columns(2, '"at", shop, amount AS "Amount", note'), { column: 'amount', is: 'Amount' }],
      [3, columns(3, '"at", shop, amount::HUGEINT::DOUBLE AS amount, note'), { column: 'amount', is: 'DOUBLE' }],
    ]
    for (const [hours, select, facts] of cases) {
      await write(names.contract, hours, 'a', sale(hour(hours, 5), 'x', 1))
      await rig.writeFile(`${folder(names.contract, hours)}/b.parquet`, select)
      const file = rig.deps.sources.uri(`${folder(names.contract, hours)}/b.parquet`)
      await expect(readAt(hours), `${hours}`).rejects.toMatchObject({
        code: 'SOURCE_SCHEMA_CHANGED',
        detail: { facts: { ...facts, file } },
      })
    }
    async function readAt(hours: number) {
      const run = await planned(names.contract, hours, `contract-${hours}`)
      return await rig.step(readSource, [run])
    }
  })
  test('an added column, another order and narrower integers are read; the addition is told', async () => {
    await rig.writeFile(
      `${folder(names.contract, 10)}/a.parquet`,
      `SELECT note, amount::INTEGER AS amount, shop, "at", 5 AS extra FROM (${sale(hour(10, 5), 'x', 12)})`,
    )
    const run = await planned(names.contract, 10, 'contract-10')
    const { warnings } = await rig.step(readSource, [run])
    expect(warnings).toEqual([expect.stringContaining('column "extra" (INTEGER) is not declared')])
    await rig.step(computeInterval, [run], { id: run.runId })
    const { candidate } = (await rig.deps.ledger.run(run.runId))!
    expect(await rig.rowsOf(candidate!.data!.path)).toMatchObject([{ amount: 12n, shop: 'x' }])
  })
  test('R4, R5, R21, R28: null keys and times are rejected and kept apart; rows outside are no part of it', async () => {
    await write(
      names.counts,
      0,
      'a',
      sale(hour(0), 'x', 1),
      sale(hour(0, 59), 'y', null),
      sale(hour(0, 30), null, 3),
      `SELECT NULL::TIMESTAMP, 'z', 4::BIGINT, 'n'`,
      `SELECT NULL::TIMESTAMP, NULL, 5::BIGINT, 'n'`,
      sale(hour(1), 'x', 6),
      sale(hour(1, 30), null, 7),
    )
    const run = await planned(names.counts, 0, 'counts')
    await rig.step(readSource, [run])
    const { counts } = await rig.step(computeInterval, [run], { id: run.runId })
    expect(counts).toMatchObject({ kept: 2, outside: 1 })
    expect(counts.read).toBe(counts.kept + counts.rejected.null_key + counts.rejected.null_event_time)
    const { candidate, profile } = (await rig.deps.ledger.run(run.runId))!
    expect(candidate!.data).toMatchObject({ path: 'candidates/counts/1/data.parquet', rows: 2 })
    expect((await rig.rowsOf(candidate!.data!.path)).map((row) => row.shop).toSorted()).toEqual(['x', 'y'])
    const quarantine = await rig.rowsOf(candidate!.quarantine!.path)
    expect(quarantine).toHaveLength(candidate!.quarantine!.rows)
    expect(quarantine.map((row) => row.__reason)).toContain('null_event_time')
    expect(profile).toMatchObject({
      rowsRead: counts.read,
      rowsKept: 2,
      columns: [
        { feature: 'amount', values: 1, nulls: 1, min: 1, max: 1 },
        { feature: 'note', values: 2 },
      ],
    })
    // Repeated, by whatever attempt, it is what was recorded.
    expect(await rig.step(computeInterval, [run], { id: run.runId, attempt: 2 })).toEqual({ counts })
    expect((await rig.deps.ledger.run(run.runId))!.candidate!.data!.path).toBe('candidates/counts/1/data.parquet')
    const verdict = await rig.step(judgeInterval, [run])
    expect(verdict).toEqual({ decision: 'publish', findings: [] })
    expect(await rig.step(judgeInterval, [run])).toEqual(verdict)
  })
  test('R11: milliseconds, microseconds, nanoseconds and times with a zone are one instant', async () => {
    const at = (type: string, text: string) =>
      `SELECT '${text}'::${type} AS "at", 'x' AS shop, 1::BIGINT AS amount, '${type}' AS note`
    const files = [
      at('TIMESTAMP_MS', '2001-01-01 00:59:59.999'),
      at('TIMESTAMP', '2001-01-01 00:59:59.999999'),
      at('TIMESTAMP_NS', '2001-01-01 00:59:59.999999999'),
      at('TIMESTAMPTZ', '2001-01-01 02:59:59.999999+02'),
      at('TIMESTAMP_NS', '2001-01-01 01:00:00'),
    ]
    for (const [index, select] of files.entries()) await write(names.units, 0, `${index}`, select)
    const { outcome, runId } = await rig.run(input(names.units, 0))
    expect(outcome).toBe('done')
    const { candidate, pins } = (await rig.deps.ledger.run(runId))!
    expect(pins!.files).toHaveLength(4)
    expect(candidate!.counts).toMatchObject({ kept: 4, outside: 0 })
  })
  test('an input swapped under the run is seen, whatever it did to it', async () => {
    await write(names.moved, 0, 'a', sale(hour(0, 5), 'x', 1))
    const run = await planned(names.moved, 0, 'moved')
    await write(names.moved, 0, 'a', sale(hour(0, 5), 'x', 2))
    await expect(rig.step(readSource, [run])).rejects.toMatchObject({ code: 'PLAN_INPUTS_MOVED' })
    await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
    })
    await rig.writeBytes(`${folder(names.moved, 0)}/a.parquet`, 'half a file')
    await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
    })
    await rig.deps.sources.remove(`${folder(names.moved, 0)}/a.parquet`)
    await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
    })
    expect((await rig.deps.ledger.run(run.runId))!.candidate).toBeNull()
  })
  test('a swap of the same size and time of modification is seen too', async () => {
    const path = (file: string) => rig.deps.sources.uri(`${folder(names.moved, 1)}/${file}.parquet`)
    await write(names.moved, 1, 'a', sale(hour(1, 5), 'x', 1))
    await write(names.moved, 1, 'other', sale(hour(1, 5), 'x', 2))
    await rename(path('other'), `${path('other')}.aside`)
    const at = new Date(978_310_800_000)
    await utimes(path('a'), at, at)
    await utimes(`${path('other')}.aside`, at, at)
    const run = await planned(names.moved, 1, 'moved-1')
    await rename(`${path('other')}.aside`, path('a'))
    await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
    })
  })
  test('a definition changed since planning plans anew', async () => {
    await write(names.moved, 2, 'a', sale(hour(2, 5), 'x', 1))
    const run = await planned(names.moved, 2, 'moved-2')
    const stale = { ...run, definitionHash: 'another' }
    for (const step of [readSource, computeInterval, judgeInterval])
      await expect(rig.step<[RunRef], unknown>(step, [stale], { id: run.runId })).rejects.toMatchObject({
        code: 'PLAN_DEFINITION_MOVED',
      })
  })
  test('a cancelled computation stops and records nothing', async () => {
    await write(names.cancel, 0, 'a', sale(hour(0, 5), 'x', 1))
    const run = await planned(names.cancel, 0, 'cancel')
    const reason = new Error('told to stop')
    await expect(rig.step(computeInterval, [run], { id: run.runId, signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    )
    expect((await rig.deps.ledger.run(run.runId))!.candidate).toBeNull()
  })
})

describe('R19: redeliveries', () => {
  const event = (hours: number, minutes: number, id: string, amount: number, made: string) =>
    `SELECT TIMESTAMP '${hour(hours, minutes).replace('Z', '')}' AS "at", 'x' AS shop, ${amount}::BIGINT AS amount, '${id}' AS id, TIMESTAMP '${made.replace('Z', '')}' AS made`
  test('one that lies in a later interval re-opens the one it changes, once', async () => {
    await write('events', 0, 'a', event(0, 30, 'e1', 10, hour(0, 31)))
    await write('events', 1, 'a', event(1, 10, 'e2', 1, hour(1, 11)))
    expect(await rig.settle('redelivered', hour(2))).toEqual(['00:00 done', '01:00 done'])
    await write('events', 2, 'a', event(2, 5, 'e1', 12, hour(2, 6)))
    expect(await rig.settle('redelivered', hour(3))).toEqual(['02:00 done', '00:00 done'])
    const commits = await rig.deps.ledger.currentCommits(
      { view: 'redelivered', version: 1 },
      { start: 0n, end: 10n ** 20n },
    )
    expect(commits.map((commit) => commit.data?.rows ?? 0)).toEqual([0, 1, 1])
    // The re-opened one has looked at the later file: running the later one again asks for nothing more.
    const later = {
      view: 'redelivered',
      version: 1,
      kind: 'rerun',
      now: hour(3),
      interval: { start: hour(2), end: hour(3) },
    } as const
    expect((await rig.run(later)).outcome).toBe('done')
    expect(await starts('redelivered', hour(3))).toEqual([])
  })
})
