/**
 * A ledger is lost and restored from a backup that is hours older than the lake and the online store. Once the ticks have caught up,
 * everything is as in a history in which nothing happened.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schemaName } from '../../adapters/postgres/client.js'
import { backup } from '../../cli/commands/backup.js'
import { restore } from '../../cli/commands/restore.js'
import { versionTableName } from '../../core/publish/index.js'
import { commandContext } from '../support/command-context.js'
import { startTestDynalite } from '../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../support/shop-repo.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { deliver, openWorld, type Servers, type World } from '../support/world.js'

const keys = 30

let postgres: TestPostgres
let temporal: TestTemporal
let dynalite: Awaited<ReturnType<typeof startTestDynalite>>
let servers: Servers
const worlds: World[] = []

beforeAll(async () => {
  ;[postgres, temporal, dynalite] = await Promise.all([startTestPostgres(), startTestTemporal(), startTestDynalite()])
  servers = { postgresUrl: postgres.url, temporalAddress: temporal.server.address, dynamodbEndpoint: dynalite.endpoint }
})
afterAll(async () => {
  for (const world of worlds) await world.close()
  await Promise.all([temporal?.stop(), postgres?.stop(), dynalite?.stop()])
})

async function newWorld(name: string): Promise<World> {
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), `${name}-`))
  const world = await openWorld(servers, name, dir, shopRepo)
  worlds.push(world)
  return world
}

async function deliverHour(world: World, hour: number, file?: string, salt = 0): Promise<void> {
  const path = join(world.dir, 'sources', orderFile(hour, file))
  await deliver(await world.ports.engine(), path, orderRows(hour, keys, salt))
}

async function liveHours(world: World, from: number, to: number): Promise<void> {
  for (let hour = from; hour < to; hour++) await deliverHour(world, hour)
  await world.settle(hourStart(to))
}

/** One more hour, and a late file for an old one. */
async function liveOn(world: World): Promise<void> {
  await deliverHour(world, 1, 'late.parquet', 7)
  await liveHours(world, 4, 5)
}

test('R29, R36: a ledger restored from before what is online catches up, and ends as if nothing had happened', async () => {
  const calm = await newWorld('calm')
  const itsWorker = await calm.startWorker()
  await liveHours(calm, 0, 4)
  await liveOn(calm)
  await itsWorker.stop()
  const expected = await calm.snapshot()

  const world = await newWorld('restored')
  const before = await world.startWorker()
  await liveHours(world, 0, 2)
  const context = commandContext(world.ports)
  const taken = await backup(context, { out: join(world.dir, 'backups') })
  const { backup: place } = taken.data as { backup: string }
  await liveHours(world, 2, 4)
  await before.stop()
  const online = await world.ports.online()
  const key = { view: 'spending', version: 1 }
  const table = versionTableName(
    'restored',
    { name: key.view, version: 1 },
    await (await world.ports.ledger()).onlineTable(key),
  )
  const lastSequence = (await online.getEnd(table))!.sequence
  const gone = await committedFile(world, 'last_order', 0)
  await (await world.ports.lake()).remove(gone)
  await statement(`drop schema "${schemaName('restored')}" cascade`)

  const restored = await restore(context, { from: place })
  expect(restored.data).toMatchObject({
    keptAs: null,
    views: [
      { view: 'last_order', reopened: [hourStart(0)], unknownFiles: { length: 2 }, onlineEnd: hourStart(4) },
      { view: 'spending', reopened: [], unknownFiles: { length: 2 }, onlineEnd: hourStart(4) },
    ],
  })
  expect(restored.text).toContain('1 committed files are gone')
  expect(await online.getEnd(table)).toMatchObject({ sequence: lastSequence })

  const after = await world.startWorker()
  await world.settle(hourStart(4))
  expect((await online.getEnd(table))!.sequence).toBeGreaterThan(lastSequence)
  await liveOn(world)
  await after.stop()
  expect(await world.snapshot()).toEqual(expected)
}, 900_000)

async function committedFile(world: World, view: string, hour: number): Promise<string> {
  const start = BigInt(Date.parse(hourStart(hour))) * 1_000_000n
  const range = { start, end: start + 1n }
  const [commit] = await (await world.ports.ledger()).currentCommits({ view, version: 1 }, range)
  return commit!.data!.path
}

async function statement(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  await client.query(sql)
  await client.end()
}
