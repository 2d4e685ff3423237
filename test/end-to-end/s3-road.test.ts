/** The road of a run with lake and sources in S3: whatever happens on the way, it ends as the same files in folders do. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FeatureRepo } from '../../core/define/definitions.js'
import type { FaultPlan } from '../support/fault-injection.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../support/shop-repo.js'
import {
  deliver,
  openWorld,
  type Snapshot,
  startServersWithS3,
  type TestServersWithS3,
  type World,
} from '../support/world.js'

const keys = 20
const hours = 2

let servers: TestServersWithS3
let inFolders: Snapshot
let afterFirstHour: Snapshot
const worlds: World[] = []

beforeAll(async () => {
  servers = await startServersWithS3()
  const { world, sources } = await newWorld('folders')
  const worker = await world.startWorker()
  await deliverHour(world, sources, 0)
  await world.settle(hourStart(1))
  afterFirstHour = await world.snapshot()
  await deliverHour(world, sources, 1)
  await world.settle(hourStart(2))
  await deliverHour(world, sources, 0, 'late.parquet', 7)
  await world.settle(hourStart(hours))
  inFolders = await world.snapshot()
  await worker.stop()
})

afterAll(async () => {
  for (const world of worlds) await world.close()
  await servers?.stop()
})

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

interface Place {
  readonly lake?: string
  readonly sources?: string
  readonly repo?: (project: string) => FeatureRepo
}

async function newWorld(name: string, { lake, sources, repo = shopRepo }: Place = {}) {
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), `${name}-`))
  const world = await openWorld(servers, name, dir, repo, {
    ...servers.s3.environment,
    ...(lake ? { MILLCOURSE_LAKE: lake } : {}),
    ...(sources ? { MILLCOURSE_SOURCES: sources } : {}),
  })
  worlds.push(world)
  return { world, sources: sources ?? join(dir, 'sources') }
}

async function deliverHour(world: World, sources: string, hour: number, name?: string, salt = 0): Promise<void> {
  await deliver(await world.ports.engine(), `${sources}/${orderFile(hour, name)}`, orderRows(hour, keys, salt))
}

test('lake and sources in S3, with a worker killed in each hour: the same intervals, items and published ends', async () => {
  const [lake, sources] = [
    `s3://${await servers.s3.newBucket('lake')}/a/prefix`,
    `s3://${await servers.s3.newBucket('sources')}`,
  ]
  const { world } = await newWorld('s3', { lake, sources })
  const faults: readonly Omit<FaultPlan, 'markerFile'>[] = [
    { activity: 'computeInterval', call: 'lake.digest', when: 'before', nth: 1, action: 'SIGKILL' },
    { activity: 'publishInterval', call: 'lake.promote', when: 'after', nth: 1, action: 'SIGKILL' },
  ]
  for (const [hour, fault] of faults.entries()) {
    const plan = { ...fault, markerFile: join(world.dir, `fell-${hour}`) }
    const doomed = await world.startWorker({ fault: plan })
    await deliverHour(world, sources, hour)
    const replaced = doomed.ended.then(async (signal) => {
      expect(signal).toBe('SIGKILL')
      return world.startWorker()
    })
    const [worker] = await Promise.all([replaced, world.settle(hourStart(hour + 1))])
    expect(existsSync(plan.markerFile)).toBe(true)
    if (hour === hours - 1) {
      await deliverHour(world, sources, 0, 'late.parquet', 7)
      await world.settle(hourStart(hours))
    }
    await worker.stop()
  }
  expect(await world.snapshot()).toEqual(inFolders)
  await expectTrainingSet(world)
  // All of it is in the bucket, none of it beside.
  const names = (folder: string) => readdirSync(folder).filter((name) => !name.startsWith('.'))
  expect(names(join(servers.s3.folder, 'lake'))).toEqual(['a', 'training'])
  expect(names(join(world.dir, 'lake'))).toEqual([])
  expect(names(join(servers.s3.folder, 'lake/a/prefix'))).toEqual(
    expect.arrayContaining(['published', 'rows', 'tiles']),
  )
}, 600_000)

/** The command itself: committed rows and tiles in S3, the spine here, the output in S3. */
async function expectTrainingSet(world: World): Promise<void> {
  const spine = join(world.dir, 'spine.csv')
  const out = 's3://lake/training/set.parquet'
  writeFileSync(spine, `user_id,ts\n1,${hourStart(2)}\n2,${hourStart(1)}\n999,${hourStart(2)}\n`)
  const millcourse = (...options: string[]) =>
    spawnSync(
      process.execPath,
      [program, 'training-set', '--spine', spine, '--event-time', 'ts', '--json'].concat(
        ['--features', 'spending:orders_1h,last_order:item', '--out', out, '--now', hourStart(2)],
        options,
      ),
      { encoding: 'utf8', env: { ...process.env, ...world.environment } },
    )
  const made = millcourse()
  expect(made.stderr).toBe('')
  expect(JSON.parse(made.stdout)).toMatchObject({ out, rows: 3, columns: ['spending__orders_1h', 'last_order__item'] })
  const engine = await world.ports.engine()
  const rows = await engine.withSession((session) => session.all({ sql: `SELECT * FROM read_parquet('${out}')` }))
  // R3: the late row of user 2 ties on its time and has the larger amount.
  expect(rows.map((row) => row.last_order__item)).toEqual(['item 2', 'item 0', null])
  expect(millcourse()).toMatchObject({ status: 64, stdout: '', stderr: expect.stringContaining('this file exists') })
  expect(millcourse('--overwrite').status).toBe(0)
  expect(readdirSync(join(servers.s3.folder, 'lake/training'))).toEqual(['set.parquet', 'set.parquet.manifest.json'])
}

test('a source whose path is s3://… is read there, with the lake and the root of sources in folders', async () => {
  const bucket = `s3://${await servers.s3.newBucket('elsewhere')}`
  const { world } = await newWorld('mixed', {
    repo: (project) => {
      const repo = shopRepo(project)
      return { ...repo, sources: repo.sources.map((source) => ({ ...source, path: `${bucket}/${source.path}` })) }
    },
  })
  const worker = await world.startWorker()
  await deliverHour(world, bucket, 0)
  await world.settle(hourStart(1))
  expect(await world.snapshot()).toEqual(afterFirstHour)
  await worker.stop()
}, 600_000)
