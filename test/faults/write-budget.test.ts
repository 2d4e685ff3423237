/** The write budget in force: two workers, processes as in production, publish into one DynamoDB endpoint by one bucket in Postgres. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FeatureRepo } from '../../core/define/definitions.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { RunControl } from '../../core/ports/run-control.js'
import { parseInstant } from '../../core/time/instant.js'
import { type FaultProxy, startFaultProxy } from '../../drill/faults/fault-proxy.js'
import { startTestDynalite } from '../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../support/shop-repo.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { deliver, openWorld, type World } from '../support/world.js'

const unitsPerSecond = 40
/** Four orders of five users. */
const users = 150
const keys = 120
const scheduled = ['v0', 'v1']
/** Each with one of the four slots, if all were theirs. */
const waiting = ['v0', 'v1', 'v2', 'v3']
const backfilled = 'filled'
const late = 'late'

interface Write {
  readonly view: string
  readonly units: number
  readonly atMs: number
}

let postgres: TestPostgres
let temporal: TestTemporal
let dynalite: Awaited<ReturnType<typeof startTestDynalite>>
let proxy: FaultProxy
let world: World
let control: RunControl
let ledger: LedgerWriter
const writes: Write[] = []

beforeAll(async () => {
  ;[postgres, temporal, dynalite] = await Promise.all([startTestPostgres(), startTestTemporal(), startTestDynalite()])
  proxy = await startFaultProxy(dynalite.endpoint)
  proxy.choose = (operation, _, body) => {
    if (operation === 'BatchWriteItem')
      for (const [table, items] of Object.entries(body.RequestItems as Record<string, unknown[]>))
        writes.push({ view: viewOf(table), units: items.length, atMs: performance.now() })
    return 'none'
  }
  const servers = {
    postgresUrl: postgres.url,
    temporalAddress: temporal.server.address,
    dynamodbEndpoint: proxy.endpoint,
  }
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'budgeted-'))
  world = await openWorld(servers, 'budgeted', dir, repoOf, {
    MILLCOURSE_WRITE_UNITS_PER_SECOND: String(unitsPerSecond),

    ...{ MILLCOURSE_ACTIVITIES_MAX: '2', MILLCOURSE_PUBLISH_PART_ITEMS: '1000', MILLCOURSE_SHUTDOWN_GRACE: '100ms' },
    // Nobody dies here: who is slow is not taken for dead.
    ...{ MILLCOURSE_LEASE: '60s', MILLCOURSE_HEARTBEAT: '60s' },
  })
  control = await world.ports.runControl()
  ledger = await world.ports.ledger()
  await Promise.all([world.startWorker(), world.startWorker()])
  const rows = orderRows(0, users)
  await deliver(await world.ports.engine(), join(world.dir, 'sources', orderFile(0)), rows)
})

afterAll(async () => {
  await world?.close()
  await Promise.all([proxy?.stop(), temporal?.stop(), postgres?.stop(), dynalite?.stop()])
})

function repoOf(project: string): FeatureRepo {
  const repo = shopRepo(project)
  const view = repo.views.find(({ name }) => name === 'last_order')!
  return { ...repo, views: [...waiting, backfilled, late].map((name) => ({ ...view, name })) }
}

const viewOf = (table: string): string =>
  [...waiting, backfilled, late].find((view) => table.includes(`.${view}.v`)) ?? table
const keyOf = (view: string) => ({ view, version: 1 })
const now = hourStart(1)
const tick = (view: string) => control.tick({ view, now, kind: 'scheduled', range: null, runsMax: 1 })
const isOpen = (view: string) => expect.poll(() => ledger.isPublishOpen(keyOf(view)), patience).toBe(true)
const isFinished = (view: string) => expect.poll(() => ledger.lastPublish(keyOf(view)), patience).not.toBeNull()
const patience = { timeout: 120_000, interval: 100 }
const asked = { unitsPerSecond, by: 'scheduled', isMore: true, waitedMs: 0 } as const

test('two workers write no more than the budget allows together, what is scheduled before what is a backfill’s', async () => {
  // Another scheduled publish is at it until all have asked: the backfill's begins to write in none of the pauses.
  let isHeld = true
  const holding = (async () => {
    while (isHeld) {
      await ledger.takeWriteUnits({ ...asked, units: 1 })
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  })()
  const options = { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 1 } as const
  const { planId } = await control.planBackfill({
    view: backfilled,
    range: { from: hourStart(0), to: now },
    ...{ options, now },
  })
  await control.startBackfill({ planId, by: 'ann', reason: 'a test', costMax: null, now })
  await isOpen(backfilled)
  const openedAtMs = performance.now()
  await Promise.all(scheduled.map(tick))
  await expect.poll(() => scheduled.every((one) => writes.some(({ view }) => view === one)), patience).toBe(true)
  isHeld = false
  await Promise.all([holding, ...[...scheduled, backfilled].map(isFinished)])

  const unitsOf = (some: readonly Write[]) => some.reduce((sum, { units }) => sum + units, 0)
  const of = (...views: readonly string[]) => writes.filter(({ view }) => views.includes(view))
  for (const view of [...scheduled, backfilled]) expect(unitsOf(of(view)), view).toBeGreaterThanOrEqual(keys)
  expect(writes.at(-1)!.view).toBe(backfilled)
  // While scheduled ones are at it: half a second's units each half minute.
  const lastAtMs = of(...scheduled).at(-1)!.atMs
  const beside = of(backfilled).filter(({ atMs }) => atMs < lastAtMs)
  const halfMinutes = Math.ceil((lastAtMs - openedAtMs) / 30_000)
  expect(unitsOf(beside)).toBeLessThanOrEqual((halfMinutes * unitsPerSecond) / 2)
  // What lies in the bucket at first, and what was granted before the first write, is a second's each: within 2 of 9 seconds.
  const seconds = (writes.at(-1)!.atMs - writes[0]!.atMs) / 1_000
  expect(unitsOf(writes)).toBeLessThanOrEqual(unitsPerSecond * (seconds + 2))
}, 240_000)

test('publishes that wait for the budget leave half of the slots to other steps', async () => {
  // For longer than this test takes.
  await ledger.takeWriteUnits({ ...asked, units: 3_600 * unitsPerSecond })
  await deliver(
    await world.ports.engine(),
    join(world.dir, 'sources', orderFile(0, 'more.parquet')),
    orderRows(0, users, 1),
  )
  await Promise.all(waiting.map(tick))
  const interval = { start: parseInstant(hourStart(0)), end: parseInstant(now) }
  const commitsOf = async (view: string) =>
    (await ledger.intervalStates(keyOf(view), interval))[0]?.committed?.isPublished
  // All that is before a publish is done for all; of one more view, too, while the others wait.
  for (const view of waiting) await expect.poll(() => commitsOf(view), patience).toBe(false)
  await tick(late)
  await expect.poll(() => commitsOf(late), patience).toBe(false)
}, 240_000)
