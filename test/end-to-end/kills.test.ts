/**
 * Workers that die and workers that rise again. Whatever happened on the way, the lake, the ledger and every online item end as in
 * an undisturbed history of the same files.
 */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FaultPlan } from '../support/fault-injection.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../support/shop-repo.js'
import { testSeed } from '../support/test-seed.js'
import {
  deliver,
  openWorld,
  readTrace,
  type Snapshot,
  startServers,
  type TestServers,
  type World,
} from '../support/world.js'

const keys = 40
const seed = testSeed('MILLCOURSE_TEST_SEED', 979_407)
const random = seededRandom(seed)
const steps = ['planRun', 'readSource', 'computeInterval', 'judgeInterval', 'publishInterval', 'recordRun'] as const
/** Where a commit, a delta, an online write or the end is acknowledged and its record is not yet. */
const acknowledged = [
  'ledger.commitRun',
  'ledger.recordDelta',
  'online.putItems',
  'online.putEnd',
  'ledger.finishPublish',
] as const
/** Only the first publish of a version has it, so it has the first hour. */
const insideFirstLoad = 'online.loadItems'
const phases = 1 + steps.length + acknowledged.length
/** Drawn before the tests, which run side by side. */
const someOrder = shuffled([...Array(phases).keys()])

let servers: TestServers
/** Lives while those live that are compared with it: a worker's hour is mostly waiting, for heartbeats and leases. */
let undisturbed: ReturnType<typeof liveUndisturbed>
const worlds: World[] = []

beforeAll(async () => {
  console.log(`seed ${seed}: MILLCOURSE_TEST_SEED=${seed} replays it`)
  servers = await startServers()
  undisturbed = liveUndisturbed()
  for (const part of Object.values(undisturbed)) part.catch(() => {}) // Who awaits it says so.
})

afterAll(async () => {
  for (const world of worlds) await world.close()
  await servers?.stop()
})

async function newWorld(name: string): Promise<World> {
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), `${name}-`))
  const world = await openWorld(servers, name, dir, shopRepo)
  worlds.push(world)
  return world
}

async function deliverHour(world: World, hour: number, file?: string, salt = 0): Promise<void> {
  await deliver(
    await world.ports.engine(),
    join(world.dir, 'sources', orderFile(hour, file)),
    orderRows(hour, keys, salt),
  )
}

/** What each step calls in an hour, as soon as that is known, so that kills begin meanwhile; and how it ends. */
function liveUndisturbed(): {
  readonly calls: Promise<ReadonlyMap<string, number>>
  readonly snapshot: Promise<Snapshot>
} {
  const begun = beginUndisturbed()
  return { calls: begun.then(({ calls }) => calls), snapshot: begun.then(({ live }) => live()) }
}

/** One hour a phase, and in the end a late file for an old one. */
async function beginUndisturbed() {
  const world = await newWorld('undisturbed')
  const traceFile = join(world.dir, 'trace')
  const worker = await world.startWorker({ traceFile })
  const liveHour = async (hour: number): Promise<ReadonlyMap<string, number>> => {
    const before = readTrace(traceFile).length
    await deliverHour(world, hour)
    await world.settle(hourStart(hour + 1))
    const calls = readTrace(traceFile).slice(before)
    return new Map(steps.map((step) => [step, calls.filter(({ activity }) => activity === step).length]))
  }
  await liveHour(0)
  const [some, others] = [await liveHour(1), await liveHour(2)]
  return {
    // The first hour has a first load. Of the next two the fewer, so that a kill drawn from them falls.
    calls: new Map(steps.map((step) => [step, Math.min(some.get(step)!, others.get(step)!)])),
    live: async () => {
      for (let hour = 3; hour < phases; hour++) await liveHour(hour)
      await deliverHour(world, 2, 'late.parquet', 7)
      await world.settle(hourStart(phases))
      await worker.stop()
      return await world.snapshot()
    },
  }
}

test.concurrent('the undisturbed history is one worth comparing with', async () => {
  const { intervals, items, publishedEnds } = await undisturbed.snapshot
  expect(intervals).toHaveLength(2 * phases)
  expect(intervals.filter((line) => line.includes('unpublished'))).toEqual([])
  expect(items.length).toBeGreaterThanOrEqual(2 * keys * 0.8)
  expect(publishedEnds).toEqual([`spending ${hourStart(phases)} []`, `last_order ${hourStart(phases)} []`])
}, 600_000)

test.concurrent('a worker killed with -9 inside each step, and right after each acknowledged write, changes nothing in the end', async () => {
  const calls = await undisturbed.calls
  const world = await newWorld('killed')
  const faults = [...steps.map((step) => faultInside(step, calls)), ...acknowledged.map(faultAfter)]
  let worker = await world.startWorker({ fault: null })
  for (const [hour, fault] of [faultAfter(insideFirstLoad), ...shuffled(faults)].entries()) {
    const plan = { ...fault, markerFile: join(world.dir, `fell-${hour}`) }
    await worker.arm(plan)
    await deliverHour(world, hour)
    const replaceWhenDead = worker.ended.then(async (signal) => {
      expect(signal).toBe('SIGKILL')
      return await world.startWorker({ fault: null })
    })
    const settle = world.settle(hourStart(hour + 1)).then(() => {
      // A kill that fell nowhere proves nothing.
      expect(existsSync(plan.markerFile), `no kill fell: ${JSON.stringify(plan)}`).toBe(true)
    })
    ;[worker] = await Promise.all([replaceWhenDead, settle])
    console.log(`killed: ${readFileSync(plan.markerFile, 'utf8').trim()}`)
  }
  await deliverHour(world, 2, 'late.parquet', 7)
  await world.settle(hourStart(phases))
  await worker.stop()
  expect(await world.snapshot()).toEqual(await undisturbed.snapshot)
}, 900_000)

test.concurrent.each([
  [0, 'a first load', insideFirstLoad],
  [1, 'a publish', 'online.putItems'],
] as const)(
  'R36: a zombie stopped before a batch (hour %d, %s) and woken after a successor with another candidate finished changes nothing',
  async (hour, _, call) => {
    const world = await newWorld(`zombie_${hour}`)
    const plan: FaultPlan = {
      activity: 'publishInterval',
      call,
      when: 'before',
      nth: 2,
      action: 'SIGSTOP',
      markerFile: join(world.dir, 'stopped'),
    }
    const zombie = await world.startWorker({ fault: plan })
    if (hour > 0) {
      await deliverHour(world, 0)
      await world.settle(hourStart(hour))
    }
    await deliverHour(world, hour)
    const ticked = world.tick(hourStart(hour + 1))
    await until(() => existsSync(plan.markerFile), 'the zombie stops inside its publish')
    const successor = await world.startWorker()
    await ticked
    await world.settle(hourStart(hour + 1))
    const first = await world.snapshot()
    // Another candidate of the same interval: other amounts for the same keys.
    await deliverHour(world, hour, 'part-0.parquet', 3)
    await world.settle(hourStart(hour + 1))
    const before = await world.snapshot()
    expect(before.items).not.toEqual(first.items)

    zombie.process.kill('SIGCONT')
    await until(() => existsSync(`${plan.markerFile}.returned`), 'the zombie goes on with its batch')
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(await world.snapshot()).toEqual(before)
    await successor.stop()
    await zombie.stop()
  },
  600_000,
)

test.concurrent('R22: intervals run in any order end the same', async () => {
  const world = await newWorld('shuffled')
  for (let hour = 0; hour < phases; hour++) await deliverHour(world, hour)
  const worker = await world.startWorker()
  const control = await world.ports.runControl()
  const now = hourStart(phases)
  for (const hour of someOrder)
    for (const view of ['spending', 'last_order'])
      await control.tick({
        view,
        now,
        kind: 'manual',
        range: { from: hourStart(hour), to: hourStart(hour + 1) },
        runsMax: 1,
      })
  await world.settle(now)
  await deliverHour(world, 2, 'late.parquet', 7)
  await world.settle(now)
  await worker.stop()
  expect(await world.snapshot()).toEqual(await undisturbed.snapshot)
}, 600_000)

type Fault = Omit<FaultPlan, 'markerFile'>

/** Of the calls of two hours; another hour may wait less for a lease, and call less. What comes at the end is in `acknowledged`. */
const certainShare = 0.5

/** Somewhere inside the step: any call of any port, before or after it. */
function faultInside(activity: (typeof steps)[number], calls: ReadonlyMap<string, number>): Fault {
  const callsAPhase = Math.max(1, calls.get(activity) ?? 0)
  return {
    activity,
    call: null,
    when: random() < 0.5 ? 'before' : 'after',
    nth: 1 + Math.floor(random() * callsAPhase * certainShare),
    action: 'SIGKILL',
  }
}

function faultAfter(call: (typeof acknowledged)[number] | typeof insideFirstLoad): Fault {
  return { activity: 'publishInterval', call, when: 'after', nth: 1, action: 'SIGKILL' }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + 180_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 50)))
    if (performance.now() > endMs) throw new Error(`timed out: ${what}`)
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

/** mulberry32. */
function seededRandom(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
