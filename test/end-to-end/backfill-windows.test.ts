/**
 * Backfills beside scheduled runs, on the whole stack: every item of a window view and of a lookup view compared before and after one of
 * hours that no window reaches any more (R22), one publish for each (R34); and windows that a scheduled run publishes while a backfill of
 * hours that they reach is half done, which are those of the hours as they were (R33).
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleFor } from '../../core/define/index.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { backfillInput, type RunControl } from '../../core/ports/run-control.js'
import { decodeKey, decodeValues, versionTableName } from '../../core/publish/index.js'
import { parseInstant } from '../../core/time/instant.js'
import { onlineItems } from '../support/online-items.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../support/shop-repo.js'
import { deliver, openWorld, startServers, type TestServers, type World } from '../support/world.js'

const project = 'windowed'
const keys = 40
/** Of which the windows at their end reach the last six. */
const hours = 10
const old = hours - 6
const views = ['spending', 'last_order'] as const

let servers: TestServers
let world: World
let control: RunControl
let ledger: LedgerWriter

beforeAll(async () => {
  servers = await startServers()
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'windowed-'))
  world = await openWorld(servers, project, dir, shopRepo)
  control = await world.ports.runControl()
  ledger = await world.ports.ledger()
  await world.startWorker()
  for (let hour = 0; hour < hours; hour++) await deliverHour(hour)
  await world.settle(hourStart(hours))
}, 300_000)

afterAll(async () => {
  await world?.close()
  await servers?.stop()
})

async function deliverHour(hour: number, file?: string, salt = 0): Promise<void> {
  await deliver(
    await world.ports.engine(),
    join(world.dir, 'sources', orderFile(hour, file)),
    orderRows(hour, keys, salt),
  )
}

async function startBackfill(view: string, from: number, to: number, atOnce: number): Promise<string> {
  const now = hourStart(hours)
  const range = { from: hourStart(from), to: hourStart(to) }
  const options = { order: 'oldest', isForced: false, onFailure: 'stop', atOnce } as const
  const { planId } = await control.planBackfill({ view, range, options, now })
  const started = await control.startBackfill({ planId, by: 'ann', reason: 'late files', costMax: null, now })
  if (started.kind !== 'started') throw new Error(started.kind)
  return started.backfillId
}

async function expectDone(backfillId: string, total: number): Promise<void> {
  await expect
    .poll(async () => (await ledger.backfill(backfillId))?.endedAt ?? null, { timeout: 120_000, interval: 200 })
    .not.toBeNull()
  expect(await ledger.backfill(backfillId)).toMatchObject({ state: 'done', error: null })
  expect(await ledger.backfillProgress(backfillId)).toMatchObject({ total, done: total, unpublished: 0 })
}

async function tell(backfillId: string, to: 'pause' | 'resume'): Promise<void> {
  const backfill = await ledger.changeBackfill(backfillId, { to, by: 'ann', reason: null })
  await control.wakeBackfill(backfillInput(project, backfill))
}

const lastSequence = async (view: string) => (await ledger.lastPublish({ view, version: 1 }))!.sequence

test('R22, R34: one of hours that no window reaches any more leaves every item as it was, and publishes once', async () => {
  for (let hour = 0; hour < old; hour++) await deliverHour(hour, 'late.parquet', hour + 1)
  for (const view of views) {
    const [before, sequence] = [await onlineItems(world.ports, project, view), await lastSequence(view)]
    expect(before.size).toBe(keys)
    await expectDone(await startBackfill(view, 0, old, 3), old)
    expect(await onlineItems(world.ports, project, view)).toEqual(before)
    expect((await lastSequence(view)) - sequence).toBe(1n)
  }
  const ends = (await world.snapshot()).publishedEnds
  expect(ends.toSorted()).toEqual(views.map((view) => `${view} ${hourStart(hours)} []`).toSorted())
}, 300_000)

test('R33, R34: of one that is half done no window shows an hour, until it publishes all of them at its end', async () => {
  for (let hour = old; hour < hours; hour++) await deliverHour(hour, 'late.parquet', hour + 1)
  const sequence = await lastSequence('spending')
  const backfillId = await startBackfill('spending', old, hours, 1)
  const progress = () => ledger.backfillProgress(backfillId)
  await expect.poll(async () => (await progress()).done, { timeout: 60_000 }).toBeGreaterThan(0)
  await tell(backfillId, 'pause')
  await expect.poll(async () => (await progress()).running, { timeout: 60_000 }).toBe(0)
  await deliverHour(hours)
  const end = hourStart(hours + 1)
  // A tick of the lookup view would run its late hours, too: nobody backfills those.
  await control.tick({ view: 'spending', now: end, kind: 'scheduled', range: null, runsMax: 50 })
  const published = async () => (await ledger.lastPublish({ view: 'spending', version: 1 }))!.endAt
  await expect.poll(published, { timeout: 60_000 }).toBe(parseInstant(end))
  expect(await windowsOnline()).toEqual(await windowsOf(end, 'part-0'))
  const { done, left, unpublished } = await progress()
  expect([done > 0, left > 0, unpublished]).toEqual([true, true, done])
  await tell(backfillId, 'resume')
  await expectDone(backfillId, hours - old)
  expect(await windowsOnline()).toEqual(await windowsOf(end, '*'))
  // The scheduled run's, and its own.
  expect((await lastSequence('spending')) - sequence).toBe(2n)
}, 300_000)

type Windows = Map<bigint, readonly unknown[]>

async function windowsOnline(): Promise<Windows> {
  const repo = shopRepo(project)
  const { view, entity } = bundleFor(repo, repo.views.find(({ name }) => name === 'spending')!)
  const named = await ledger.onlineTable({ view: view.name, version: 1 })
  const found: Windows = new Map()
  for await (const part of (await world.ports.online()).scan(versionTableName(project, view, named)))
    for (const { key, values, schemaHash } of part)
      found.set(
        decodeKey(entity.keys, key)[0] as bigint,
        values === null ? [] : decodeValues(view.features, values, schemaHash),
      )
  return found
}

/** What R9 says at `end` of the rows of these files. */
async function windowsOf(end: string, files: string): Promise<Windows> {
  const glob = join(world.dir, 'sources', 'orders', '*', '*', `${files}.parquet`)
  const at = `TIMESTAMP '${end.replace('T', ' ').replace('Z', '')}'`
  const inWindow = (over: string) => `FILTER (WHERE ts >= ${at} - INTERVAL '${over}')`
  const rows = await (await world.ports.engine()).withSession((session) =>
    session.all({
      sql: `SELECT user_id, count(*) ${inWindow('1 hour')} AS orders_1h, sum(amount) ${inWindow('3 hours')} AS amount_3h,
          count(DISTINCT item) AS items_6h
        FROM read_parquet('${glob}', hive_partitioning = false)
        WHERE ts < ${at} AND ts >= ${at} - INTERVAL '6 hours' GROUP BY user_id`,
    }),
  )
  return new Map(rows.map((row) => [row.user_id as bigint, [row.orders_1h, row.amount_3h, row.items_6h]]))
}
