/**
 * Backfills on the whole stack: of an old range beside newer values, planned and started by its id, with a worker that is killed on the
 * way; every item online compared before and after (R22), one publish for all of it (R34).
 */
import { mkdtempSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backfill } from '../../cli/commands/backfill.js'
import { changeBackfill } from '../../cli/commands/backfill-change.js'
import { backfillStatus } from '../../cli/commands/backfill-status.js'
import type { Backfill } from '../../core/ports/backfill-ledger.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { backfillInput, type PlanBackfillInput, type RunControl } from '../../core/ports/run-control.js'
import { parseInstant } from '../../core/time/instant.js'
import { commandContext, say } from '../support/command-context.js'
import { onlineItems } from '../support/online-items.js'
import { hourStart, orderFile, orderRows, shopRepo } from '../support/shop-repo.js'
import { deliver, openWorld, startServers, type TestServers, type World, type WorldWorker } from '../support/world.js'

const options = { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 3 } as const
/** Of which the first eight are delivered only for the backfill. */
const hours = 12
const old = 8
const now = hourStart(hours)
const key = { view: 'last_order', version: 1 }
const whole = { start: parseInstant(hourStart(0)), end: parseInstant(now) }
const asked = { from: hourStart(0), to: hourStart(old) }

let servers: TestServers
let world: World
let worker: WorldWorker
let control: RunControl
let ledger: LedgerWriter

beforeAll(async () => {
  servers = await startServers()
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'backfilled-'))
  world = await openWorld(servers, 'backfilled', dir, shopRepo)
  control = await world.ports.runControl()
  ledger = await world.ports.ledger()
})

afterAll(async () => {
  await world?.close()
  await servers?.stop()
})

async function deliverHour(hour: number, keys: number, file?: string, salt = 0): Promise<void> {
  const rows = orderRows(hour, keys, salt)
  await deliver(await world.ports.engine(), join(world.dir, 'sources', orderFile(hour, file)), rows)
}

const plan = async (view: string, changes: Partial<PlanBackfillInput> = {}) => {
  const { planId } = await control.planBackfill({ view, range: asked, options, now, ...changes })
  return (await ledger.backfillPlan(planId))!
}

const start = (planId: string, changes: object = {}) =>
  control.startBackfill({ planId, by: 'ann', reason: 'files of old hours came', costMax: null, now, ...changes })

async function ended(backfillId: string): Promise<Backfill> {
  await expect
    .poll(async () => (await ledger.backfill(backfillId))?.endedAt ?? null, { timeout: 120_000, interval: 200 })
    .not.toBeNull()
  return (await ledger.backfill(backfillId))!
}

const items = () => onlineItems(world.ports, 'backfilled', key.view)
const named = (backfillId: string) => ({ project: 'backfilled', view: 'last_order', version: 1, backfillId })
const wake = async (backfillId: string) =>
  control.wakeBackfill(backfillInput('backfilled', (await ledger.backfill(backfillId))!))

describe('a backfill of hours before those that are online', () => {
  let backfillId: string

  test('is planned from what the ledger lacks, and from files', async () => {
    worker = await world.startWorker()
    // The newer hours run as a person asked for them: nothing older has a file yet.
    for (let hour = old; hour < hours; hour++) await deliverHour(hour, 40)
    for (const view of ['last_order', 'spending'])
      await control.tick({ view, now, kind: 'manual', range: { from: hourStart(old), to: now }, runsMax: 50 })
    await expect
      .poll(async () => (await ledger.currentCommits(key, whole)).filter((one) => one.publishedSequence !== null), {
        timeout: 60_000,
      })
      .toHaveLength(hours - old)
    for (let hour = 0; hour < old; hour++) await deliverHour(hour, 60)
    const planned = await plan('last_order')
    expect(planned.intervals.map(({ need }) => need)).toEqual(Array(old).fill('missing'))
    expect(planned).toMatchObject({ files: { length: old }, estimate: { runs: old, files: old, runsInReach: old } })
    expect(planned.estimate.rows).toBeGreaterThan(0)
    expect(planned.estimate.writes!.changed).toBeGreaterThan(0)
    expect(planned.estimate.writes!.unchanged).toBeGreaterThan(0)
    expect(planned.estimate.dollars.total).toBeGreaterThan(0)
    // The same question is the same plan; another one is another.
    expect((await plan('last_order')).planId).toBe(planned.planId)
    expect((await plan('last_order', { options: { ...options, order: 'newest' } })).planId).not.toBe(planned.planId)
  }, 180_000)

  test('is refused where inputs moved since, which are named', async () => {
    const planned = await plan('last_order')
    await deliverHour(3, 60, 'late.parquet', 5)
    await expect(start(planned.planId)).rejects.toMatchObject({
      code: 'BACKFILL_PLAN_MOVED',
      message: expect.stringContaining('late.parquet is new'),
    })
    expect(await ledger.backfills({ limit: 10 })).toEqual([])
  }, 60_000)

  test('R22, R34: survives a killed worker, changes no newer value, and publishes once', async () => {
    const before = await items()
    const publishes = await lastSequence()
    await worker.stop()
    const marker = join(world.dir, 'fell')
    const doomed = await world.startWorker({
      fault: {
        ...{ activity: 'publishInterval', call: 'ledger.commitRun', when: 'after', nth: 3 },
        ...{ action: 'SIGKILL', markerFile: marker },
      },
    })
    const started = await start((await plan('last_order')).planId)
    if (started.kind !== 'started') throw new Error(started.kind)
    backfillId = started.backfillId
    await doomed.ended
    worker = await world.startWorker()
    // Said twice it is said once; another one in the range is refused with the name of this one.
    expect(await start(backfillId)).toMatchObject({ kind: 'joined', backfillId })
    const other = await plan('last_order', { range: { from: hourStart(2), to: hourStart(4) } })
    await expect(start(other.planId)).rejects.toMatchObject({
      code: 'BACKFILL_OVERLAPS',
      message: expect.stringContaining(backfillId),
    })
    expect(await ended(backfillId)).toMatchObject({
      state: 'done',
      by: 'ann',
      reason: 'files of old hours came',
      error: null,
    })
    expect(await ledger.backfillProgress(backfillId)).toMatchObject({ total: old, done: old, left: 0, unpublished: 0 })
    expect((await lastSequence()) - publishes).toBe(1n)
    const after = await items()
    for (const [key, item] of before) expect(after.get(key), key).toBe(item)
    expect(after.size).toBeGreaterThan(before.size)
    expect(await ledger.currentCommits(key, whole)).toHaveLength(hours)
  }, 180_000)

  test('is asked for by commands: nothing is left to run, unless it is forced, which commits the same values anew and writes none', async () => {
    const context = { ...commandContext(world.ports), project: 'backfilled', pretendedNow: now }
    const given = { ...asked, order: 'oldest', atOnce: 3 } as const
    expect((await backfill(context, 'last_order', given)).text).toMatch(/done: skipped +8\nnothing to run$/)
    await expect(backfill(context, 'last_order', { ...given, yes: true })).rejects.toMatchObject({ code: 'USAGE' })
    const shown = await backfill(context, 'last_order', { ...given, force: true })
    expect(shown.text).toMatch(
      /done, run again \(--force\) +8\n[\s\S]*about 0 changed, \d+ unchanged[\s\S]*plan [0-9a-f]{12}/,
    )
    const { planId } = shown.data as { readonly planId: string }
    const before = await items()
    const how = { plan: planId, reason: 'to see', wait: true } as const
    const done = await backfill(context, 'last_order', how)
    expect(done).toMatchObject({ outcome: 'done', data: { state: 'done', progress: { total: old, done: old } } })
    expect(done.text).toContain('by test, ')
    const runs = await ledger.runs({ view: 'last_order', limit: old })
    expect(runs.map(({ kind, outcome }) => [kind, outcome])).toEqual(Array(old).fill(['backfill', 'done']))
    expect(await items()).toEqual(before)
    expect((await backfillStatus(context, undefined, {})).text).toMatch(
      new RegExp(`${planId} +last_order@v1 .*done +8/8`),
    )
    expect((await backfillStatus(context, planId.slice(0, 6), {})).text).toContain('8 of 8 done')
    await expect(changeBackfill(context, 'pause', planId, {})).rejects.toMatchObject({
      code: 'BACKFILL_NOT_APPLICABLE',
    })
    const beside = await say(context, 'backfill', 'last_order', '--plan', planId, '--dry-run', '--at-once', '8')
    expect(beside).toEqual({ exitCode: 64, text: expect.stringContaining('a plan has its range and options in it') })
  }, 120_000)

  test('is tried again by words: what failed in it is shown with its price, then started within its limit', async () => {
    const context = { ...commandContext(world.ports), project: 'backfilled', pretendedNow: now }
    const bad = join(world.dir, 'sources', orderFile(2, 'bad.parquet'))
    await writeFile(bad, 'no Parquet')
    const words = ['--from', hourStart(1), '--to', hourStart(4), '--force', '--yes', '--cost-max', '9', '--wait']
    const first = await say(context, 'backfill', 'last_order', ...words, '--reason', 'to see')
    const [failed] = await ledger.backfills({ limit: 1 })
    const id = failed!.backfillId
    expect(first).toEqual({ exitCode: 2, text: expect.stringContaining(`millcourse backfill retry ${id} --failed\n`) })
    await rm(bad)
    const retry = (...more: string[]) => say(context, 'backfill', 'retry', id, '--failed', ...more)
    expect((await retry('--yes')).exitCode).toBe(64)
    for (const shown of [await retry('--reason', 'why'), await retry('--yes', '--dry-run', '--reason', 'why')])
      expect(shown).toEqual({
        exitCode: 0,
        text: expect.stringMatching(
          new RegExp(
            `^retry of what failed in backfill ${id}, of last_order@v1, .*: 1 interval\n[\\s\\S]*nothing was started`,
          ),
        ),
      })
    expect(await ledger.backfills({ limit: 1 })).toMatchObject([{ backfillId: id }])
    const { exitCode, text } = await retry('--yes', '--reason', 'the file is gone', '--wait', '--json')
    expect([exitCode, JSON.parse(text)]).toMatchObject([
      0,
      { state: 'done', retryOf: id, costMax: 9, reason: 'the file is gone', progress: { total: 1, done: 1 } },
    ])
  }, 120_000)

  test('of a version that is applied no more is not tried again as one of the version that is', async () => {
    const context = { ...commandContext(world.ports), project: 'backfilled', pretendedNow: now }
    const planned = await plan('last_order')
    await ledger.openBackfill({
      ...{ backfillId: 'former', plan: { ...planned, version: 7, planId: 'former' }, intervals: [], retryOf: null },
      ...{ by: 'ann', reason: 'x', pretendedNow: now, limits: { costMax: null, costMaxOfAll: null } },
    })
    await ledger.endBackfill('former', 'partly', null)
    const { exitCode, text } = await say(context, 'backfill', 'retry', 'former', '--failed')
    expect([exitCode, text]).toEqual([65, expect.stringContaining('is of last_order@v7, and v1 is applied by now')])
  })
})

describe('a backfill under way', () => {
  test('waits while it is paused, goes on, and publishes what it has when it is cancelled', async () => {
    const range = { from: hourStart(0), to: now }
    const forced = await plan('last_order', { range, options: { ...options, isForced: true, atOnce: 1 } })
    const started = await start(forced.planId, { costMax: -1 })
    if (started.kind !== 'awaiting-approval') throw new Error(started.kind)
    const { backfillId } = started
    // Who waits for one that nobody approves waits for ever.
    const beside = await plan('last_order', { range, options: { ...options, isForced: true, atOnce: 2 } })
    await expect(start(beside.planId)).rejects.toMatchObject({
      detail: { hint: expect.stringContaining(`millcourse backfill approve ${backfillId} `) },
    })
    await ledger.changeBackfill(backfillId, { to: 'approve', by: 'bob', reason: null })
    await wake(backfillId)
    await expect
      .poll(async () => (await ledger.backfillProgress(backfillId)).done, { timeout: 60_000 })
      .toBeGreaterThan(0)
    await ledger.changeBackfill(backfillId, { to: 'pause', by: 'bob', reason: 'busy' })
    await wake(backfillId)
    // It waits by a timer, the only one it has.
    const handle = servers.temporal.client.workflow.getHandle(`backfill/backfilled/last_order@v1/${backfillId}`)
    const waiting = async () => {
      const { events } = await handle.fetchHistory()
      const count = (kind: 'Started' | 'Fired' | 'Canceled') =>
        events?.filter((event) => event[`timer${kind}EventAttributes`]).length ?? 0
      return count('Started') - count('Fired') - count('Canceled')
    }
    await expect.poll(waiting, { timeout: 60_000 }).toBe(1)
    const paused = await ledger.backfillProgress(backfillId)
    expect(paused.left).toBeGreaterThan(0)
    expect(await control.backfillCounts(named(backfillId))).toMatchObject({
      total: hours,
      done: paused.done,
      running: 0,
    })
    // Ticks leave its intervals and its commits to it.
    expect(await ledger.claimedIntervals(key, whole)).toHaveLength(paused.left)
    expect(await ledger.unmarkedCommits(key)).toBe(0)
    expect(paused.unpublished).toBe(paused.done)
    await ledger.changeBackfill(backfillId, { to: 'resume', by: 'bob', reason: null })
    await wake(backfillId)
    await expect
      .poll(async () => (await ledger.backfillProgress(backfillId)).done, { timeout: 60_000 })
      .toBeGreaterThan(paused.done)
    const other = await plan('last_order', { range })
    await ledger.changeBackfill(backfillId, { to: 'cancel', by: 'bob', reason: 'enough' })
    // Not to cancel it: that it is told already.
    await expect(start(other.planId)).rejects.toMatchObject({
      detail: { hint: `wait for it (millcourse backfill status ${backfillId})` },
    })
    await wake(backfillId)
    expect(await ended(backfillId)).toMatchObject({ state: 'cancelled' })
    expect(await ledger.backfillProgress(backfillId)).toMatchObject({
      total: hours,
      failed: 0,
      running: 0,
      unpublished: 0,
    })
    expect(await ledger.claimedIntervals(key, whole)).toEqual([])
  }, 120_000)

  test('of a window view closes the gap that blocked it, and is given a new workflow by a tick where its own was lost', async () => {
    const planned = await plan('spending')
    const started = await start(planned.planId)
    if (started.kind !== 'started') throw new Error(started.kind)
    const id = `backfill/backfilled/spending@v1/${started.backfillId}`
    await servers.temporal.client.workflow
      .getHandle(id)
      .terminate('lost')
      .catch(() => {})
    const [open] = await ledger.backfills({ view: 'spending', isOpen: true, limit: 1 })
    if (open) await control.tick({ view: 'spending', now, kind: 'scheduled', range: null, runsMax: 0 })
    expect(await ended(started.backfillId)).toMatchObject({ state: 'done' })
    expect((await world.snapshot()).publishedEnds).toContain(`spending ${now} []`)
  }, 120_000)
})

describe('backfills that are queued', () => {
  test('begin in their order when one has ended, also where their worker was killed and a workflow lost; one may be cancelled', async () => {
    await worker.stop()
    await applyWithOneMore()
    const given = { MILLCOURSE_BACKFILLS_AT_ONCE: '1' }
    const killed = await world.startWorker({ given })
    const forced = { ...options, isForced: true }
    const asked = async (view: string, from: number) => {
      const range = { from: hourStart(from), to: hourStart(from + 2) }
      const { planId } = await plan(view, { range, options: forced })
      return { planId, result: await start(planId) }
    }
    const planned = await plan('last_order', { range: { from: hourStart(0), to: hourStart(2) }, options: forced })
    const begin = async (backfillId: string) => {
      await ledger.openBackfill({
        ...{ backfillId, plan: { ...planned, view: 'removed', planId: backfillId }, intervals: [], retryOf: null },
        ...{ by: 'ann', reason: 'x', pretendedNow: now, limits: { costMax: null, costMaxOfAll: null } },
      })
      return backfillInput('backfilled', await ledger.beginBackfill(backfillId, 1))
    }
    // One that is under way, of a view that no tick looks after any more; its workflow waits for a worker that does not come.
    const other = await servers.temporal.client.workflow.start('backfill', {
      ...{ taskQueue: 'nobody', workflowId: 'backfill/backfilled/removed@v1/other', args: [await begin('other')] },
    })
    const [first, second, third] = [
      await asked('last_order', 4),
      await asked('spending', 0),
      await asked('spending', 4),
    ]
    for (const { result } of [first, second, third]) expect(result).toMatchObject({ kind: 'queued' })
    const context = { ...commandContext(world.ports), project: 'backfilled', pretendedNow: now }
    expect((await backfillStatus(context, third.planId, {})).text).toContain('queued, place 3: 0 of 2 done')
    await ledger.changeBackfill(second.planId, { to: 'cancel', by: 'ann', reason: 'not today' })
    await wake(second.planId)
    expect(await ended(second.planId)).toMatchObject({ state: 'cancelled' })
    expect(await ledger.backfillProgress(second.planId)).toMatchObject({ done: 0, left: 2 })
    killed.process.kill('SIGKILL')
    await killed.ended
    await servers.temporal.client.workflow
      .getHandle(`backfill/backfilled/spending@v1/${third.planId}`)
      .terminate('lost')
    await other.terminate('lost')
    worker = await world.startWorker({ given })
    await wake(first.planId)
    const [one, last] = [await ended(first.planId), await ended(third.planId)]
    expect([one, last].map(({ state }) => state)).toEqual(['done', 'done'])
    const runs = await ledger.runs({ view: 'spending', limit: 2 })
    for (const { startedAt } of runs) expect(startedAt).toBeGreaterThan(one.endedAt!)
    // Lost once more: a word to it is enough.
    await begin('lost')
    await changeBackfill(context, 'cancel', 'lost', {})
    expect(await ended('lost')).toMatchObject({ state: 'cancelled' })
  }, 240_000)
})

/** And then without it: its version is known, and has no Schedule. */
async function applyWithOneMore(): Promise<void> {
  const registry = await world.ports.registry()
  const repo = shopRepo('backfilled')
  const removed = { ...repo.views.find(({ name }) => name === 'last_order')!, name: 'removed' }
  await registry.apply({ ...repo, views: [...repo.views, removed] }, { by: 'test' })
  await registry.apply(repo, { by: 'test' })
}

async function lastSequence(): Promise<bigint> {
  return (await ledger.lastPublish(key))!.sequence
}
