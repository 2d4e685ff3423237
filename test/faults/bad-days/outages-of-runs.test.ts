/**
 * A part goes away in the middle of a run and comes back: the run goes on by itself, and all that it leaves behind is what an
 * undisturbed world has. Where it cannot, it fails with the part's own code, and a rerun brings it there. The watcher says so meanwhile.
 * Two worlds live through them side by side, and the watcher a third: an outage is mostly waiting.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { decide } from '../../../cli/commands/decide.js'
import { showRun } from '../../../cli/commands/runs-show.js'
import type { RunRecord } from '../../../core/ports/ledger.js'
import { parseInstant } from '../../../core/time/instant.js'
import { commandContext } from '../../support/command-context.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../../support/shop-repo.js'
import { deliver, openWorld, type World, type WorldWorker } from '../../support/world.js'
import { type OutageParts, openOutageParts } from './outage-parts.js'
import { startOutageWatcher } from './outage-watcher.js'
import {
  type Break,
  byDynamodb,
  byName,
  byS3,
  byTcp,
  byTemporal,
  type OutageWays,
  openOutageWays,
  together,
} from './outage-ways.js'
import { postgresRefusal } from './postgres-refusal.js'

const saysSelect = (said: Buffer) => /select/i.test(said.toString('latin1'))
/** The run waits, and goes on by itself. One list a world, an hour each. */
const passing: Readonly<Record<'servers' | 'stores', readonly Break[]>> = {
  servers: [
    // The view's first hour: this one meets its first load, which alone writes by this operation.
    byDynamodb('fails from the first load on', 'server-error', 'BatchWriteItem'),
    byTcp('Postgres', 'refuses connections', 'refuse'),
    byTcp('Postgres', 'takes connections and says nothing', 'silent'),
    byTcp('Postgres', 'has too many connections', {
      answer: postgresRefusal('53300', 'sorry, too many clients already'),
    }),
    byTcp('Postgres', 'refuses the password', { answer: postgresRefusal('28P01', 'password authentication failed') }),
    byTcp('Postgres', 'is cut off in each query', { cutAt: saysSelect }),
    byName('Postgres'),
    byTcp('Temporal', 'refuses connections', 'refuse'),
    byTcp('Temporal', 'takes connections and says nothing', 'silent'),
    byTemporal('throttles', 8, 'namespace rate limit exceeded'),
    byTemporal('refuses the API key', 16, 'Request unauthorized.'),
    together('Every part', 'is there and fails', [
      byTcp('Postgres', '', { answer: postgresRefusal('57P03', 'the database system is starting up') }),
      byTemporal('', 14, 'upstream connect error'),
      byS3('', 500, 'InternalError'),
      byDynamodb('', 'server-error'),
    ]),
  ],
  stores: [
    byTcp('S3', 'refuses connections', 'refuse'),
    byTcp('S3', 'takes connections and says nothing', 'silent'),
    byS3('throttles', 503, 'SlowDown'),
    byName('S3'),
    byTcp('DynamoDB', 'refuses connections', 'refuse'),
    byTcp('DynamoDB', 'takes connections and says nothing', 'silent'),
    byDynamodb('throttles', 'throttle'),
    byName('DynamoDB'),
  ],
}
/** The run fails; mended, a rerun is asked for. */
const lasting: readonly (readonly [Break, string])[] = [
  [byS3('denies access', 403, 'AccessDenied'), 'LAKE_ACCESS_DENIED'],
  [byS3('says that the token has expired', 400, 'ExpiredToken'), 'LAKE_ACCESS_DENIED'],
  [byDynamodb('denies access', 'denied'), 'PUBLISH_ACCESS_DENIED'],
  [byDynamodb('says that the token has expired', 'expired'), 'PUBLISH_ACCESS_DENIED'],
]
const names = ['servers', 'stores'] as const
const hours = Math.max(passing.servers.length, passing.stores.length + lasting.length)
const view = 'spending'
/** An undisturbed run would have ended. */
const brokenMs = 1_000

interface Stormy {
  readonly world: World
  readonly ways: OutageWays
  readonly worker: WorldWorker
}

let dir: string
let parts: OutageParts
let calm: World
const stormy: Partial<Record<(typeof names)[number], Stormy>> = {}
const screens: string[] = []

beforeAll(async () => {
  dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'outages-'))
  parts = await openOutageParts(dir)
  calm = await openOn('calm')
  const engine = await calm.ports.engine()
  for (let hour = 0; hour < hours; hour++)
    await deliver(engine, `s3://sources/root/${orderFile(hour)}`, orderRows(hour, 10))
  const calmWorker = await calm.startWorker()
  await calm.settle(hourStart(hours))
  await calmWorker.stop()
  for (const name of names) {
    const [world, ways] = [await openOn(name), await openOutageWays(parts, name)]
    const given = { ...ways.named, MILLCOURSE_TEST_ONLINE_PATIENCE: '200' }
    stormy[name] = { world, ways, worker: await world.startWorker({ given }) }
  }
})

afterAll(async () => {
  for (const { world, ways } of Object.values(stormy)) {
    await world.close()
    await ways.stop()
  }
  await calm?.close()
  await parts?.stop()
  rmSync(dir, { recursive: true, force: true })
})

function openOn(name: string): Promise<World> {
  const environment = { ...parts.environment, MILLCOURSE_LAKE: `s3://lake/${name}` }
  return openWorld(parts.servers, name, join(dir, name), repoOf, environment)
}

/** Its windows make each hour depend on those before. */
function repoOf(project: string) {
  const repo = shopRepo(project)
  return { ...repo, views: repo.views.filter(({ name }) => name === view) }
}

async function runOf({ world }: Stormy, hour: number): Promise<RunRecord | undefined> {
  const runs = await (await world.ports.ledger()).runs({ view, limit: 1 })
  return runs.find(({ interval }) => interval.start === parseInstant(hourStart(hour)))
}

/** Starts the hour's run; resolves when it is in its middle and the part is broken. */
async function breakMidRun({ world, ways }: Stormy, hour: number, day: Break): Promise<void> {
  const broken = ways.midRun().then(() => day.begin(ways))
  await world.tick(hourStart(hour + 1))
  await broken
}

/** By Temporal's word. */
async function untilRepeated(self: Stormy, hour: number, step: string): Promise<void> {
  const { workflowId } = (await runOf(self, hour))!
  const handle = parts.temporal.client.workflow.getHandle(workflowId)
  await vi.waitFor(
    async () => {
      const { raw } = await handle.describe()
      const attempts = raw.pendingActivities?.filter(({ activityType }) => activityType?.name === step)
      if (!attempts?.some(({ attempt }) => (attempt ?? 0) >= 2)) throw new Error(`${step} was not repeated`)
    },
    { timeout: 60_000, interval: 50 },
  )
}

async function untilEnded(self: Stormy, hour: number, before?: string): Promise<RunRecord> {
  return vi.waitFor(
    async () => {
      const run = await runOf(self, hour)
      if (!run || run.runId === before || run.outcome === 'running') throw new Error('it runs')
      return run
    },
    { timeout: 60_000, interval: 50 },
  )
}

describe.concurrent.each(names)('in the world %s', (name) => {
  test.sequential.each(passing[name].map((day, hour) => [day.part, day.title, day, hour] as const))(
    '%s %s in the middle of a run, which goes on when it is back',
    async (_part, _title, day, hour) => {
      const self = stormy[name]!
      await breakMidRun(self, hour, day)
      if (day.outlasts) await untilRepeated(self, hour, day.outlasts)
      else await new Promise((resolve) => setTimeout(resolve, brokenMs))
      expect((await runOf(self, hour))?.outcome).toBe('running')
      await day.end(self.ways)
      const run = await untilEnded(self, hour)
      expect(run).toMatchObject({ outcome: 'done', error: null })
      expect(self.worker.process.exitCode).toBeNull()
    },
  )

  const failing = name === 'stores' ? lasting : []
  test.sequential.each(
    failing.map(([day, code], index) => [day.part, day.title, code, day, passing.stores.length + index] as const),
  )(
    '%s %s in the middle of a run, which fails as %s; mended, a rerun does it',
    async (_part, _title, code, day, hour) => {
      const self = stormy[name]!
      const { ports } = self.world
      await breakMidRun(self, hour, day)
      const failed = await untilEnded(self, hour)
      expect(failed).toMatchObject({ outcome: 'failed', error: { code } })
      await day.end(self.ways)
      const shown = (await showRun({ ...commandContext(ports), addresses }, failed.runId)).text
      screens.push(`== ${day.part} ${day.title}\n\n${anyRun(shown, failed.runId)}\n`)
      const report = await decide(commandContext(ports), failed.runId, 'rerun', { reason: 'it is mended', wait: true })
      expect(report.outcome).toBe('done')
      expect(await untilEnded(self, hour, failed.runId)).toMatchObject({ outcome: 'done', error: null })
    },
  )

  test.sequential('after all of them, ledger, lake and online store are those of an undisturbed world', async () => {
    const { world, worker } = stormy[name]!
    await world.settle(hourStart(hours))
    expect(await world.snapshot()).toEqual(await calm.snapshot())
    await worker.stop()
  })
})

const watched: readonly (readonly [Break, Break, string])[] = [
  [byTcp('Postgres', 'refuses', 'refuse'), byTcp('Temporal', 'refuses', 'refuse'), 'does not answer'],
  [
    byTcp('Postgres', 'wants another password', { answer: postgresRefusal('28P01', 'password authentication failed') }),
    byTemporal('wants another key', 16, 'Request unauthorized.'),
    'does not let us in',
  ],
  [byTcp('Postgres', 'is silent', 'silent'), byTcp('Temporal', 'is silent', 'silent'), 'does not answer'],
]

test.concurrent('the watcher opens one incident for each of the two, says which it is, and resolves it when the part is back', async () => {
  const ways = await openOutageWays(parts, 'calm')
  const environment = { ...calm.environment, ...ways.environment }
  const watcher = await startOutageWatcher(environment, dir, hourStart(hours))
  const hears = (...lines: string[]) =>
    vi.waitFor(() => expect(watcher.heard.toSorted()).toEqual(lines.toSorted()), { timeout: 60_000, interval: 50 })
  try {
    for (const [ledger, scheduler, why] of watched) {
      await Promise.all([ledger.begin(ways), scheduler.begin(ways)])
      const opened = [
        `opened ledger_unreachable: the ledger ${why}: 1 view(s) can neither run nor be watched`,
        'opened scheduler_unreachable: Temporal does not answer: no run starts for 1 view(s)',
      ]
      await hears(...opened)
      await Promise.all([ledger.end(ways), scheduler.end(ways)])
      await hears(...opened, ...opened.map((line) => line.replace('opened', 'resolved')))
      watcher.heard.length = 0
    }
    // Alerts go first, the ledger hears of it then.
    const ledger = await calm.ports.ledger()
    await vi.waitFor(async () => expect(await ledger.openIncidents()).toEqual([]), { timeout: 20_000, interval: 100 })
  } finally {
    await watcher.stop()
    await ways.stop()
  }
})

test('what `runs show` says of each that failed', async () => {
  await expect(screens.join('\n\n')).toMatchFileSnapshot('outages/failed-runs.golden.txt')
})

const addresses = async () => ({
  from: 'here',
  temporal: '',
  temporalUi: null,
  temporalNamespace: '',
  runbooksUrl: null,
  processes: {},
})

/** Without what differs from one time to another: whose table is longer by an attempt wraps elsewhere. */
function anyRun(text: string, runId: string): string {
  return text
    .replace(/^cause[\s\S]*?(?=\nrun )/m, (cause) => cause.replaceAll(/\n +/g, ' '))
    .replaceAll(runId, 'RUN')
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}(\.\d+)?/g, 'EARLIER')
    .replaceAll(/\b20[2-9]\d-\d\d-\d\dT[0-9:.]+Z/g, 'TIME')
    .replaceAll(/\.v1(\.s\d+)?: /g, '.v1: ')
    .replaceAll(/\d+ B\b/g, 'N B')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replaceAll(/took [0-9.]+ m?s/g, 'took …')
    .replaceAll(/\(in [^)]*\)|\([^)]* ago\)/g, '(…)')
}
