/** `millcourse drill --staging` on servers that are there already, by an environment as an operator sets it: what it does, and what it leaves. */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { createPostgresClient } from '../../adapters/postgres/client.js'
import { endOpenWorkflows } from '../../adapters/temporal/end-open-workflows.js'
import { readConfig } from '../../workers/config.js'
import { runDrillCommand } from '../support/drill-command.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { startTestS3, type TestS3 } from '../support/versitygw.js'

let [postgres, temporal, s3, dir]: [TestPostgres, TestTemporal, TestS3, string] = [] as never
let dynalite: Awaited<ReturnType<typeof startTestDynalite>>
let environment: Readonly<Record<string, string>>

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millcourse-drills-'))
  ;[postgres, temporal, dynalite, s3] = await Promise.all([
    ...([startTestPostgres(), startTestTemporal(), startTestDynalite(), startTestS3()] as const),
  ])
  await mkdir(join(dir, 'tmp'))
  environment = {
    ...s3.environment,
    MILLCOURSE_ENVIRONMENT: 'staging',
    MILLCOURSE_POSTGRES_URL: postgres.url,
    MILLCOURSE_DYNAMODB_ENDPOINT: dynalite.endpoint,
    MILLCOURSE_LAKE: `s3://${await s3.newBucket('features')}/lake`,
    TEMPORAL_ADDRESS: temporal.server.address,
    // Of the processes that work on this stack: no drill's takes them for its own.
    MILLCOURSE_HTTP_PORT: '39464',
    MILLCOURSE_LOG_LEVEL: 'silent',
    TMPDIR: join(dir, 'tmp'),
  }
})
afterAll(async () => {
  await Promise.allSettled([postgres, temporal, dynalite, s3].map((server) => server?.stop()))
  await rm(dir, { recursive: true, force: true })
})

async function whatLies() {
  const client = createPostgresClient({ url: postgres.url, project: 'none', poolMax: 1 })
  const { rows: schemas } = await client.query((db) =>
    sql<{ name: string }>`SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'millcourse%'`.execute(db),
  )
  await client.close()
  const online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  const tables = await online.listTables()
  await online.close()
  const schedules = await namesOf(temporal.client.schedule.list(), ({ scheduleId }) => scheduleId)
  const files = (await readdir(join(s3.folder, 'features'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
  return { schemas, tables, schedules, files, open: await openWorkflows(), here: await leftHere() }
}

/** But for the cache of tsx. */
async function leftHere(): Promise<string[]> {
  return (await readdir(join(dir, 'tmp'))).filter((name) => name.startsWith('millcourse'))
}

function openWorkflows(): Promise<string[]> {
  const query = "ExecutionStatus = 'Running' AND TaskQueue STARTS_WITH 'millcourse'"
  return namesOf(temporal.client.workflow.list({ query }), ({ workflowId }) => workflowId)
}

async function namesOf<Listed>(list: AsyncIterable<Listed>, name: (one: Listed) => string): Promise<string[]> {
  const names: string[] = []
  for await (const one of list) names.push(name(one))
  return names
}

const nothing = { schemas: [], tables: [], schedules: [], files: [], open: [], here: [] }

test('a drill plays on the servers of the environment, breaks them for itself alone, and leaves nothing behind', async () => {
  const done = await runDrillCommand(['throttle', '--staging', '--every', '10s'], dir, environment)
  const [report] = done.said.drills!
  expect(report!.failures).toEqual([])
  expect(done).toMatchObject({ exitCode: 0, said: { outcome: 'passed', notPossibleHere: 0 } })
  expect(report).toMatchObject({ drill: 'throttle', stack: 'staging', outcome: 'passed' })
  expect(report!.alarm!.key).toContain('slow_run')
  expect(report!.checks.length).toBeGreaterThanOrEqual(5)
  expect(await whatLies()).toEqual(nothing)
}, 600_000)

test('where nothing can be broken the command fails, says why, and makes nothing', async () => {
  const out = ['throttle', 's3-5xx', '--staging']
  const given = { MILLCOURSE_DYNAMODB_ENDPOINT: '', MILLCOURSE_S3_ENDPOINT: 'https://s3.staging:9000' }
  const done = await runDrillCommand(out, dir, { ...environment, ...given })
  expect(done).toMatchObject({ exitCode: 1, said: { outcome: 'failed', notPossibleHere: 2 } })
  for (const { drill, outcome, notPossibleBecause, failures, report } of done.said.drills!) {
    const why = drill === 'throttle' ? "AWS's own" : 'by TLS'
    expect({ outcome, failures, why: notPossibleBecause }).toEqual({
      ...{ outcome: 'not-possible-here', failures: [], why: expect.stringContaining(why) },
    })
    expect(await readFile(report, 'utf8')).toMatch(new RegExp(`^# ${drill}: not possible here\n[^]*${why}`))
  }
  expect(await whatLies()).toEqual(nothing)
})

test('what waits on a task queue that nobody works on is ended, and nothing of another queue', async () => {
  const { client } = temporal
  const start = (taskQueue: string) =>
    client.workflow.start('tick', { taskQueue, workflowId: `tick/${taskQueue}`, args: [] })
  const [ours, others] = [await start('millcourse-drill_a'), await start('millcourse-drill_ab')]
  await expect.poll(openWorkflows).toHaveLength(2)
  const target = readConfig(environment).temporal
  expect(await endOpenWorkflows(target, 'millcourse-drill_a', 'the drill is over')).toBe(1)
  expect((await ours.describe()).status.name).toBe('TERMINATED')
  expect((await others.describe()).status.name).toBe('RUNNING')
  expect(await endOpenWorkflows(target, 'millcourse-drill_a', 'again')).toBe(0)
  await others.terminate()
})
