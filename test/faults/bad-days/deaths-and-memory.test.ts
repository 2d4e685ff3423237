/**
 * An interval that is too much: for the engine, which refuses it, or for the process, which the kernel ends. It is not tried for ever,
 * what else the worker has to do goes on, and a person reads what to do.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { sparingWorkers } from '../../../activities/spare-workers.js'
import { createDuckdbEngine } from '../../../adapters/duckdb/duckdb-query-engine.js'
import { createFilesLake } from '../../../adapters/files/files-lake.js'
import { MillcourseError } from '../../../core/errors.js'
import type { QueryEngine } from '../../../core/ports/query-engine.js'
import { startTestDynalite } from '../../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../../support/postgres.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../../support/shop-repo.js'
import { startTestTemporal, type TestTemporal } from '../../support/temporal.js'
import { deliver, openWorld, type Servers, type World } from '../../support/world.js'
import { plainActivities, runInput } from '../../workflows/plain-activities.js'

let [postgres, temporal, dynalite]: [TestPostgres, TestTemporal, Awaited<ReturnType<typeof startTestDynalite>>] =
  [] as never
let servers: Servers
/** Not short of memory. */
let producer: QueryEngine
const worlds: World[] = []

beforeAll(async () => {
  ;[postgres, temporal, dynalite] = await Promise.all([startTestPostgres(), startTestTemporal(), startTestDynalite()])
  producer = await createDuckdbEngine({ memoryLimitMb: 512, spillDir: tmpdir(), threads: 2 })
  servers = { postgresUrl: postgres.url, temporalAddress: temporal.server.address, dynamodbEndpoint: dynalite.endpoint }
})
afterAll(async () => {
  for (const world of worlds) await world.close()
  await producer?.close()
  await Promise.all([temporal?.stop(), postgres?.stop(), dynalite?.stop()])
})

async function newWorld(name: string, given: Readonly<Record<string, string>> = {}): Promise<World> {
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), `${name}-`))
  const world = await openWorld(servers, name, dir, shopRepo, given)
  worlds.push(world)
  return world
}

async function deliverRows(world: World, hour: number, rows: string): Promise<void> {
  await deliver(producer, join(world.dir, 'sources', orderFile(hour)), rows)
}

/** A tick of every view; then that so many runs, of all so far, have ended, and no other is under way. */
async function tickUntil(world: World, now: string, count: number): Promise<void> {
  await world.tick(now)
  await untilEnded(world, count)
}

async function untilEnded(world: World, count: number): Promise<void> {
  const ledger = await world.ports.ledger()
  await vi.waitFor(
    async () => {
      const runs = await ledger.runs({ limit: 50 })
      expect(runs.filter(({ outcome }) => outcome !== 'running')).toHaveLength(count)
    },
    { timeout: 120_000, interval: 100 },
  )
}

/** `view HH outcome code`, sorted. */
async function ends(world: World): Promise<string[]> {
  const runs = await (await world.ports.ledger()).runs({ limit: 50 })
  return runs
    .map(
      ({ view, interval, outcome, error }) =>
        `${view} ${Number(interval.start / 3_600_000_000_000n) % 24} ${outcome} ${error?.code ?? '-'}`,
    )
    .sort()
}

/** `nth`: not the statement right behind the word that it begins, which has to leave the process. */
const deadly = [
  { step: 'compute', activity: 'computeInterval', nth: 1, doing: 'computed this interval' },
  { step: 'publish', activity: 'publishInterval', nth: 3, doing: 'computed what is to be published' },
] as const

// At once: most of the time goes into waiting until a death is noticed.
test.concurrent.each(deadly)(
  'an interval that kills each worker in its $step step is risked on three, then fails in its own words; the others go on',
  async ({ step, activity, nth, doing }) => {
    const world = await newWorld(`deadly_${step}`)
    await deliverRows(world, 0, orderRows(0, 10))
    const marker = (worker: number) => join(world.dir, `died-${worker}`)
    const fault = {
      activity,
      call: 'engine.execute',
      when: 'before',
      nth,
      action: 'SIGKILL',
      // Heartbeats go out once a second at most; memory does not run out faster.
      stillMs: 1_500,
    } as const
    const control = await world.ports.runControl()
    const tick = { view: 'spending', now: hourStart(1), kind: 'scheduled', range: null, runsMax: 5 } as const
    let isOver: Promise<'over'> | null = null
    // A busy machine may lose the last word of one, who is not counted then; who counts as the fourth lives, armed as it is.
    let deaths = 0
    for (let end: string | null = null; end !== 'over'; ) {
      const worker = await world.startWorker({ fault: { ...fault, markerFile: marker(deaths) } })
      isOver ??= control.tick(tick).then(async () => {
        await untilEnded(world, 1)
        return 'over' as const
      })
      end = await Promise.race([worker.ended, isOver])
      if (end === 'SIGKILL') deaths += 1
      else await worker.stop()
    }
    expect(deaths).toBeGreaterThanOrEqual(3)
    const worker = await world.startWorker()
    await tickUntil(world, hourStart(1), 2)
    const died = 'spending 0 failed RUN_WORKER_DIED'
    expect(await ends(world)).toEqual(['last_order 0 done -', died])
    const [failed] = await (await world.ports.ledger()).runs({ view: 'spending', limit: 1 })
    expect(failed!.error).toMatchObject({
      message: `3 workers died or went silent while they ${doing}; no tick risks another one on it`,
      hint: expect.stringContaining('MILLCOURSE_MEMORY_LIMIT'),
      facts: { deaths: 3, attempt: deaths + 1 },
      step,
    })
    // Nor by the next tick; a person may.
    expect(await control.tick(tick)).toMatchObject({ started: [], joined: [], left: 0, publishStarted: false })
    const asked = { ...tick, kind: 'manual', range: { from: null, to: null }, runsMax: 0 } as const
    expect((await control.tick(asked)).publishStarted).toBe(step === 'publish')
    if (step === 'publish')
      await vi.waitFor(async () => expect(await ends(world)).not.toContain(died), { timeout: 60_000 })
    await worker.stop()
  },
  180_000,
)

test('attempts that fail by themselves are no deaths, however many', async () => {
  let attempts = 0
  const { activities } = plainActivities({
    computeInterval: () =>
      sparingWorkers(async (begin) => {
        begin()
        attempts += 1
        await new Promise((resolve) => setTimeout(resolve, 300))
        if (attempts < 5) throw new MillcourseError('LAKE_UNREACHABLE', 'away for a moment')
        return { counts: { read: 0, kept: 0, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 } }
      }),
  })
  const taskQueue = temporal.newTaskQueue()
  const worker = await temporal.startWorker(taskQueue, activities)
  const workflow = { taskQueue, workflowId: taskQueue, args: [runInput] }
  expect(await temporal.client.workflow.execute('run', workflow)).toMatchObject({ outcome: 'done' })
  expect(attempts).toBe(5)
  await worker.stop()
})

const row = 'i::BIGINT AS user_id, 1.0::DOUBLE AS amount'

test('out of memory on one interval: once, in words; the worker lives, and the other intervals are done', async () => {
  const world = await newWorld('large', { MILLCOURSE_MEMORY_LIMIT: '32MiB' })
  await deliverRows(world, 0, orderRows(0, 10))
  // One value that no spilling makes smaller.
  const long = `SELECT TIMESTAMP '2001-01-01 01:00:00' AS ts, ${row}, repeat('x', 60000000) AS item FROM range(1) AS one(i)`
  await deliverRows(world, 1, long)
  await deliverRows(world, 2, orderRows(2, 10))
  const worker = await world.startWorker()
  await tickUntil(world, hourStart(3), 6)
  expect(await ends(world)).toEqual([
    'last_order 0 done -',
    'last_order 1 failed COMPUTE_OUT_OF_MEMORY',
    'last_order 2 done -',
    'spending 0 done -',
    'spending 1 failed COMPUTE_OUT_OF_MEMORY',
    // R33: its window has a gap, which is not passed over.
    'spending 2 committed -',
  ])
  for (const { error } of await (await world.ports.ledger()).runs({ outcomes: ['failed'], limit: 5 }))
    expect(error).toMatchObject({
      message: expect.stringContaining('the query needs more memory than it may have'),
      hint: 'raise MILLCOURSE_MEMORY_LIMIT, or make the interval shorter',
      step: 'compute',
      attempts: 1,
    })
  expect(await world.tick(hourStart(3))).toBe(0)
  expect(worker.process.exitCode).toBeNull()
  await worker.stop()
}, 120_000)

// Only root may mount a file system that is small enough to fill.
test.skipIf(process.getuid?.() !== 0)(
  'a full disk below the spill folder or the lake: in words, and done once there is room',
  async () => {
    const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'full-'))
    const mounts = [join(dir, 'spill'), join(dir, 'lake')] as const
    for (const folder of mounts) mount(folder, '2m')
    try {
      const engine = await createDuckdbEngine({ memoryLimitMb: 80, spillMaxMb: 1_000, spillDir: mounts[0], threads: 1 })
      const lake = createFilesLake(mounts[1])
      const sorted = 'SELECT hash(i) AS h, repeat(hash(i)::VARCHAR, 20) AS t FROM range(300000) r(i) ORDER BY t'
      const spill = () =>
        engine.withSession((session) => session.all({ sql: `SELECT count(t) FROM (${sorted} LIMIT 250000)` }))
      await expect(spill()).rejects.toMatchObject({
        code: 'COMPUTE_SPILL_FULL',
        message: expect.stringContaining('the disk of the spill folder is full'),
      })
      await lake.prepareWrite('rows/x.parquet')
      const write = () =>
        producer.withSession((session) =>
          session.execute({ sql: `COPY (${sorted}) TO '${lake.uri('rows/x.parquet')}' (FORMAT parquet)` }),
        )
      await expect(write()).rejects.toMatchObject({
        code: 'LAKE_FULL',
        message: expect.stringContaining('the lake has no space left'),
      })
      for (const folder of mounts) mount(folder, '500m', ',remount')
      await spill()
      await write()
      await engine.close()
    } finally {
      for (const folder of mounts) execFileSync('umount', ['--lazy', folder])
    }
  },
)

function mount(folder: string, size: string, more = ''): void {
  mkdirSync(folder, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}${more}`, 'tmpfs', folder])
}
