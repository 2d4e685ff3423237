/**
 * Compactions on the whole stack, with the lake in S3: by the command, by the Schedule, and by workers that die inside each step. What
 * readers are told stays the same, and of what was written only that stays of which the ledger knows.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import type { PostgresClient } from '../../adapters/postgres/client.js'
import { compactionScheduleId } from '../../adapters/temporal/compaction-schedules.js'
import { get } from '../../cli/commands/get.js'
import { trainingSet } from '../../cli/commands/training-set.js'
import type { CliContext } from '../../cli/context.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import { parseInstant } from '../../core/time/instant.js'
import { commandContext } from '../support/command-context.js'
import type { FaultPlan } from '../support/fault-injection.js'
import { pick, seededRandom } from '../support/random-source.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../support/shop-repo.js'
import { testSeed } from '../support/test-seed.js'
import {
  deliver,
  openWorld,
  startServersWithS3,
  type TestServersWithS3,
  type World,
  type WorldWorker,
} from '../support/world.js'

const project = 'compacted'
/** Two spans of compactions, as the workers count them, and one hour more. */
const hours = 9
const keys = 6
const lookups = { view: 'last_order', version: 1 }
const windows = { view: 'spending', version: 1 }
const everything = { start: 0n, end: 1n << 62n }
const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

let servers: TestServersWithS3
let world: World
let worker: WorldWorker
let client: PostgresClient
let ledger: LedgerReader
let context: CliContext

beforeAll(async () => {
  servers = await startServersWithS3()
  const { postgres, s3 } = servers
  client = (await postgres.newProject(project)).client
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), `${project}-`))
  const given = {
    ...s3.environment,
    MILLCOURSE_LAKE: `s3://${await s3.newBucket('lake')}/at`,
    MILLCOURSE_HEARTBEAT: '1s',
    MILLCOURSE_TEST_FAN_IN: '4',
  }
  world = await openWorld(servers, project, dir, shopRepo, given)
  ledger = await world.ports.ledger()
  context = { ...commandContext(world.ports), project, clock: new SystemClock(parseInstant(hourStart(hours))) }
  worker = await world.startWorker({ fault: null })
  for (let hour = 0; hour < hours; hour++) await deliverHour(hour)
  await world.settle(hourStart(hours))
})

afterAll(async () => {
  await world?.close()
  await servers?.stop()
})

async function deliverHour(hour: number, file?: string, salt = 0): Promise<void> {
  const target = join(world.dir, 'sources', orderFile(hour, file))
  await deliver(await world.ports.engine(), target, orderRows(hour, keys, salt))
}

function millcourse(...command: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...command, '--json'], {
    encoding: 'utf8',
    // A step that is taken for dead where the machine is busy tells its counts to nobody.
    env: { ...process.env, ...world.environment, MILLCOURSE_HEARTBEAT: '1m' },
  })
  expect([command, status, stderr]).toEqual([command, 0, ''])
  return JSON.parse(stdout)
}

let sets = 0
const setFile = () => join(world.dir, `set-${++sets}.parquet`)
const spineOf = (file: string, from: number, to: number) => {
  const rows = Array.from({ length: to - from }, (_, at) =>
    Array.from({ length: keys + 1 }, (_, key) => `${key + 1},${hourStart(from + at + 1)}`),
  )
  writeFileSync(join(world.dir, file), `user_id,ts\n${rows.flat().join('\n')}\n`)
  return { spine: join(world.dir, file), eventTime: 'ts' }
}

/** Of training sets the bytes, of what is online all that `get` says. */
async function answers(): Promise<unknown[]> {
  const out = setFile()
  const features = ['spending:amount_3h', 'spending:items_6h', 'last_order:item', 'last_order:amount']
  // Kept while it is made, and not for long after that.
  await trainingSet(context, { ...spineOf('spine.csv', 0, hours), features, out, keep: '1ms' })
  const online = []
  for (const view of ['spending', 'last_order'])
    for (let user = 1; user <= keys; user++) online.push((await get(context, view, [`user_id=${user}`])).data)
  return [readFileSync(out).toString('base64'), online]
}

const fileCount = async (key: typeof lookups) => (await ownFiles(key)).length
const ownFiles = (key: typeof lookups) => lakeFiles(key === lookups ? 'rows/last_order/' : 'tiles/spending/v1/2001')

async function lakeFiles(...folders: string[]): Promise<string[]> {
  const lake = await world.ports.lake()
  const found: string[] = []
  for (const folder of folders) for await (const { path } of lake.list(folder)) found.push(path)
  return found.sort()
}

/** What the ledger knows of files happened so long before: retention and grace go by its clock. */
async function pass(time: '8 days' | '5 hours'): Promise<void> {
  const earlier = (column: string) => sql<bigint>`${sql.ref(column)} - ${time}::interval`
  const all = (columns: readonly string[]) => Object.fromEntries(columns.map((column) => [column, earlier(column)]))
  await client.transact(async (trx) => {
    const ofCompactions = ['started_at', 'recorded_at', 'superseded_at', 'removing_at']
    await trx.updateTable('compactions').set(all(ofCompactions)).execute()
    await trx
      .updateTable('commits')
      .set(all(['removing_at']))
      .execute()
    await trx
      .updateTable('training_sets')
      .set(all(['expires_at']))
      .execute()
  })
}

test('the command and the Schedule make few files of many; values stay, and so does what a set has pinned', async () => {
  const before = await answers()
  const pinned = setFile()
  const request = { ...spineOf('few.csv', 3, 5), features: ['spending:amount_3h'] }
  await trainingSet(context, { ...request, out: pinned, keep: '90d' })
  expect([await fileCount(lookups), await fileCount(windows)]).toEqual([hours, hours])

  expect(millcourse('compact', 'last_order')).toMatchObject({
    views: [{ view: 'last_order', version: 1, compacted: 2, filesBefore: 8, filesAfter: 2, filesRemoved: 0 }],
    failed: [],
  })
  await fireSchedule('spending')
  const compacted = async () => (await ledger.compactions(windows, everything)).length
  await expect.poll(compacted, { timeout: 60_000, interval: 200 }).toBe(2)
  expect(await answers()).toEqual(before)

  const manifest = readFileSync(`${pinned}.manifest.json`, 'utf8')
  const kept = (await ownFiles(windows)).filter((path) => manifest.includes(path)).length
  expect(kept).toBeGreaterThan(2)
  expect(kept).toBeLessThan(8)
  // Their own files go: marked first, and removed by a later one.
  await pass('8 days')
  // Without a name every view that has files, also one that is gone from the repo.
  const registry = await world.ports.registry()
  const { repo } = (await registry.current())!
  await registry.apply({ ...repo, views: repo.views.filter(({ name }) => name === 'last_order') }, { by: 'test' })
  const [lookup, window] = millcourse('compact').views.toSorted((a: { view: string }, b: { view: string }) =>
    a.view < b.view ? -1 : 1,
  )
  await registry.apply(repo, { by: 'test' })
  expect([lookup, window]).toMatchObject([{ filesMarked: 8 }, { filesMarked: 8 - kept }])
  await pass('5 hours')
  expect(millcourse('compact', 'last_order').views).toMatchObject([{ compacted: 0, filesRemoved: 8 }])
  expect(millcourse('compact', 'spending').views).toMatchObject([{ compacted: 0 }])
  expect([await fileCount(lookups), await fileCount(windows)]).toEqual([1, 1 + kept])
  expect(await answers()).toEqual(before)
  for (const options of [{}, { pinned: true }]) {
    const again = setFile()
    await trainingSet(context, { rebuild: `${pinned}.manifest.json`, out: again, keep: '1ms', ...options })
    expect(readFileSync(again).equals(readFileSync(pinned))).toBe(true)
  }
}, 300_000)

async function fireSchedule(view: string): Promise<void> {
  const { repo } = (await (await world.ports.registry()).current())!
  // Paused, they fire when they are told to, and only then.
  await (await world.ports.runControl()).syncSchedules(repo.views, { isPaused: true })
  const connection = await Connection.connect({ address: servers.temporalAddress })
  await new Client({ connection }).schedule.getHandle(compactionScheduleId(project, view)).trigger()
  await connection.close()
}

type Fault = Pick<FaultPlan, 'activity' | 'call' | 'when' | 'nth'>
const around = (activity: string, call: string, nth = 1): Fault[] =>
  (['before', 'after'] as const).map((when) => ({ activity, call, when, nth }))

const points: Readonly<Record<'plan' | 'span' | 'record' | 'mark' | 'remove', readonly Fault[]>> = {
  plan: [...around('planCompaction', 'ledger.currentCommits'), ...around('planCompaction', 'ledger.compactions')],
  span: [
    ...around('compactSpan', 'ledger.beginCompaction'),
    ...around('compactSpan', 'engine.execute'),
    // The first counts the rows, the second writes them.
    ...around('compactSpan', 'engine.all', 2),
    ...around('compactSpan', 'lake.digest'),
  ],
  record: around('compactSpan', 'ledger.recordCompaction'),
  mark: around('removeFiles', 'ledger.markFiles'),
  remove: [
    ...around('removeFiles', 'ledger.markedFiles'),
    ...around('removeFiles', 'lake.remove', 2),
    ...around('removeFiles', 'ledger.forgetFiles'),
  ],
}
type Step = keyof typeof points
const [seed, isAll] = [testSeed('MILLCOURSE_TEST_SEED', 161_803), process.env.MILLCOURSE_TEST_KILLS === 'all']

test('a worker killed with -9 inside a step of a compaction changes no value, and what it leaves is removed', async () => {
  console.log(`seed ${seed}: MILLCOURSE_TEST_SEED=${seed} replays it; MILLCOURSE_TEST_KILLS=all kills at each point`)
  const random = seededRandom(seed)
  const rounds = isAll ? Math.max(...Object.values(points).map((of) => of.length)) : 1
  for (let round = 0; round < rounds; round++) {
    // A death is a dozen seconds of waiting for its heartbeat, and for its workflow to be given to another worker.
    const drawn = (...steps: Step[]) =>
      isAll
        ? steps.map((step) => points[step][round % points[step].length]!)
        : [pick(random, points[pick(random, steps)])]
    // Enough is committed anew to be worth writing both spans again.
    for (const hour of [2, 5]) await deliverHour(hour, 'late.parquet', 7 + round)
    await world.settle(hourStart(hours))
    const before = await answers()
    await compactKilledAt(drawn('plan', 'span', 'record'), before)
    await pass('8 days')
    const atRemoval = drawn('mark', 'remove')
    for (const step of ['mark', 'remove'] as const) {
      await compactKilledAt(
        atRemoval.filter((fault) => points[step].includes(fault)),
        before,
      )
      await pass('5 hours')
    }
    // What died a day ago is given up, then removed.
    for (const time of ['8 days', '5 hours'] as const) {
      await pass(time)
      await compactKilledAt([], before)
    }
    expect(await answers()).toEqual(before)
    expect(await lakeFiles('rows/last_order/', 'compacted/last_order/')).toEqual(await knownFiles())
    const current = (await ledger.compactions(lookups, everything)).filter(({ isCurrent }) => isCurrent)
    expect(current.map(({ commitIds }) => commitIds.length)).toEqual([4, 4])
  }
}, 1_800_000)

/** One workflow, whose workers die one after the other. */
async function compactKilledAt(faults: readonly Fault[], expected: unknown[]): Promise<void> {
  const fell = (index: number) => join(world.dir, `fell-${sets}-${index}`)
  const plans = faults.map((fault, index) => ({ ...fault, action: 'SIGKILL', markerFile: fell(index) }) as const)
  if (plans[0]) await worker.arm(plans[0])
  const done = (await world.ports.runControl()).compact({ view: lookups.view })
  done.catch(() => {}) // Who awaits it says so.
  for (const [index, plan] of plans.entries()) {
    expect(await Promise.race([worker.ended, done]), `no kill fell: ${JSON.stringify(plan)}`).toBe('SIGKILL')
    expect(existsSync(plan.markerFile)).toBe(true)
    console.log(`killed: ${readFileSync(plan.markerFile, 'utf8').trim()}`)
    const [next, found] = await Promise.all([world.startWorker({ fault: plans[index + 1] ?? null }), answers()])
    worker = next
    expect(found).toEqual(expected)
  }
  await done
}

/** Of the lookup view: all that the ledger would have a reader open, or will remove later. */
async function knownFiles(): Promise<string[]> {
  const own = await client.query((db) =>
    db.selectFrom('commits').select('path').where('view', '=', lookups.view).where('removed_at', 'is', null).execute(),
  )
  const few = await client.query((db) =>
    db.selectFrom('compactions').select('files').where('view', '=', lookups.view).execute(),
  )
  return [...own, ...few.flatMap(({ files }) => files ?? [])].flatMap(({ path }) => path ?? []).sort()
}
