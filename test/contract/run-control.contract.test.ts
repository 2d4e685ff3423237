/** The port RunControl on a real Temporal server. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, ScheduleAlreadyRunning, type ScheduleDescription } from '@temporalio/client'
import getPort from 'get-port'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromTemporalError } from '../../adapters/temporal/errors.js'
import { syncAll } from '../../adapters/temporal/schedule-sync.js'
import { scheduleId, scheduleOptions } from '../../adapters/temporal/schedules.js'
import { TemporalRunControl } from '../../adapters/temporal/temporal-run-control.js'
import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { type ErrorCode, errorCodes, MillcourseError } from '../../core/errors.js'
import type { ScheduleMarks } from '../../core/ports/schedule-marks.js'
import { instantFromMs } from '../../core/time/instant.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { plainActivities } from '../workflows/plain-activities.js'

let temporal: TestTemporal
beforeAll(async () => {
  temporal = await startTestTemporal()
})
afterAll(() => temporal?.stop())

const opened: TemporalRunControl[] = []
afterAll(() => Promise.all(opened.map((control) => control.close())))

function open(given: Partial<ConstructorParameters<typeof TemporalRunControl>[0]> = {}) {
  const control = new TemporalRunControl({
    address: temporal.server.address,
    namespace: 'default',
    isTls: false,
    tls: { ca: null, cert: null, key: null, serverName: null },
    ...{ apiKey: null, apiKeyFile: null },
    project: 'shop',
    taskQueue: temporal.newTaskQueue(),
    runsPerTick: 24,
    heartbeatMs: 20_000,
    ...given,
  })
  opened.push(control)
  return control
}

const tickInput = { view: 'v', now: null, kind: 'manual', range: null, runsMax: 5 } as const

describe('tick and decide', () => {
  test('a tick is started and its result waited for', async () => {
    const taskQueue = temporal.newTaskQueue()
    const seen: unknown[] = []
    const { activities } = plainActivities({
      planTick: async (input) => {
        seen.push(input)
        return { project: 'p', view: 'v', version: 1, due: [], left: 3, decisionIds: [], isPublishDue: false }
      },
    })
    await temporal.startWorker(taskQueue, activities)
    expect(await open({ taskQueue }).tick(tickInput)).toEqual({
      started: [],
      joined: [],
      left: 3,
      decisionsStarted: 0,
      publishStarted: false,
    })
    expect(seen).toEqual([{ ...tickInput, heartbeatMs: 20_000 }])
  })

  test('a failed step comes back as the error it was, with code, hint and facts', async () => {
    const taskQueue = temporal.newTaskQueue()
    const { activities } = plainActivities({
      planTick: async () => {
        throw new MillcourseError('REGISTRY_UNKNOWN_VIEW', 'there is no view v', {
          hint: 'apply it',
          facts: { view: 'v' },
        })
      },
    })
    await temporal.startWorker(taskQueue, activities)
    const refused = open({ taskQueue }).tick(tickInput)
    await expect(refused).rejects.toMatchObject({ code: 'REGISTRY_UNKNOWN_VIEW', message: 'there is no view v' })
    // As it was, and without "Workflow execution failed" and "Activity task failed" as its causes.
    await expect(refused).rejects.toHaveProperty('detail', { hint: 'apply it', facts: { view: 'v' } })
  })

  test('it knows who works, and since when nobody has asked for work', async () => {
    const taskQueue = temporal.newTaskQueue()
    const control = open({ taskQueue })
    expect(await control.workers()).toEqual([])
    await temporal.startWorker(taskQueue, plainActivities().activities)
    await expect.poll(() => control.workers(), { timeout: 10_000 }).toHaveLength(1)
    const [{ identity, silentMs } = { identity: '', silentMs: -1 }] = await control.workers()
    expect(identity).toBe('test')
    expect(silentMs).toBeGreaterThanOrEqual(0)
    expect(silentMs).toBeLessThan(60_000)
  })

  test('without a worker a tick is not waited for in silence', async () => {
    await expect(open({ workerPatienceMs: 300 }).tick(tickInput)).rejects.toMatchObject({ code: 'STACK_NOT_RUNNING' })
  })

  test('a wait that was given up leaves nothing behind that ends the process when the server goes', async () => {
    const server = await startTestTemporal()
    const control = open({ address: server.server.address, workerPatienceMs: 300 })
    await expect(control.tick(tickInput)).rejects.toMatchObject({ code: 'STACK_NOT_RUNNING' })
    await control.close()
    await server.stop()
    // An error in a timer of the SDK fails the whole run of the tests.
    await sleep(1_500)
  })

  test('a decision is started once, however often it is asked for', async () => {
    const taskQueue = temporal.newTaskQueue()
    const control = open({ taskQueue })
    const first = await control.decide({ decisionId: 'd-7', now: null })
    const second = await control.decide({ decisionId: 'd-7', now: null })
    expect(second).toEqual(first)
    const { calls, activities } = plainActivities()
    await temporal.startWorker(taskQueue, activities)
    await temporal.client.workflow.getHandle(first.workflowId).result()
    expect(calls).toEqual(['applyDecision'])
  })
})

describe('a server that is away', () => {
  test('is TEMPORAL_UNREACHABLE with its address, and never reachable', async () => {
    const address = `127.0.0.1:${await getPort()}`
    const control = open({ address })
    expect(await control.isReachable(500)).toBe(false)
    await expect(control.tick(tickInput)).rejects.toMatchObject({
      code: 'TEMPORAL_UNREACHABLE',
      detail: { facts: { address } },
    })
  })

  test('one that answers is reachable', async () => {
    expect(await open().isReachable(2_000)).toBe(true)
  })

  test('an unknown namespace is a fault of the configuration', async () => {
    await expect(open({ namespace: 'elsewhere' }).tick(tickInput)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('elsewhere'),
    })
  })

  test('our own errors pass the seam unchanged, whatever their code', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const error = new MillcourseError(code, 'as it was')
      expect(fromTemporalError(error, { address: 'a:1', namespace: 'n' })).toBe(error)
    }
  })
})

describe('Schedules', () => {
  const describeSchedule = (project: string, view: string): Promise<ScheduleDescription> =>
    temporal.client.schedule.getHandle(scheduleId(project, view)).describe()

  test('one per view, with overlap policy, catch-up window and jitter said, aligned to the interval ends', async () => {
    const control = open({ project: 'spec', taskQueue: 'q' })
    const hourly = view('hourly', { every: '1h', since: '2001-01-01T00:20:00Z' })
    expect(await control.syncSchedules([hourly, view('daily', { every: '24h' })], { isPaused: false })).toEqual({
      created: ['hourly', 'daily'],
      updated: [],
      deleted: [],
      unchanged: [],
      notSearchable: null,
    })
    const { spec, policies, action, state, info } = await describeSchedule('spec', 'hourly')
    expect(spec.intervals).toEqual([{ every: 3_600_000, offset: 1_200_000 }])
    expect(spec.jitter).toBe(30_000)
    expect(policies).toEqual({ overlap: 'SKIP', catchupWindow: 3_600_000, pauseOnFailure: false })
    expect(action).toMatchObject({ workflowType: 'tick', taskQueue: 'q', workflowId: 'tick/spec/hourly' })
    expect(action.args).toEqual([
      { view: 'hourly', now: null, kind: 'scheduled', range: null, runsMax: 24, heartbeatMs: 20_000 },
    ])
    expect(state.paused).toBe(false)
    // Twenty past each hour, and up to the jitter later.
    for (const at of info.nextActionTimes) expect(at.getUTCMinutes()).toBe(20)
  })

  test('what is the same stays untouched, what differs is updated', async () => {
    const control = open({ project: 'same', taskQueue: 'q' })
    await control.syncSchedules([view('a'), view('b')], { isPaused: false })
    const before = await describeSchedule('same', 'a')
    const changes = await control.syncSchedules([view('a'), view('b', { every: '2h' })], { isPaused: false })
    expect(changes).toEqual({ created: [], updated: ['b'], deleted: [], unchanged: ['a'], notSearchable: null })
    expect((await describeSchedule('same', 'a')).info.lastUpdatedAt).toEqual(before.info.lastUpdatedAt)
    expect((await describeSchedule('same', 'b')).spec.intervals).toEqual([{ every: 7_200_000, offset: 0 }])
  })

  test('by its mark a Schedule is known from the list, with what the list cannot tell; without one, and changed by hand, it is asked for', async () => {
    const kept = new Map<string, string>()
    const forgotten: string[] = []
    const marks: ScheduleMarks = {
      scheduleMarks: async () => new Map(kept),
      forgetScheduleMarks: async (ids) => {
        forgotten.push(...ids)
        for (const id of ids) kept.delete(id)
      },
      keepScheduleMarks: async (made) => {
        for (const [id, mark] of made) kept.set(id, mark)
      },
    }
    const sync = (runsPerTick: number, given: ScheduleMarks | undefined = marks) =>
      open({ project: 'marks', taskQueue: 'q', runsPerTick }).syncSchedules([view('a'), view('b')], {
        isPaused: false,
        ...(given ? { marks: given } : {}),
      })
    expect((await sync(5)).created).toEqual(['a', 'b'])
    const ids = ['a', 'b'].map((name) => scheduleId('marks', name))
    expect([...kept.keys()]).toEqual(ids)
    // The list lags behind: until it has them, they are asked for.
    await expect
      .poll(
        async () => {
          forgotten.length = 0
          expect((await sync(5)).unchanged).toEqual(['a', 'b'])
          return forgotten.length
        },
        { timeout: 20_000 },
      )
      .toBe(0)
    const policies = { overlap: 'BUFFER_ALL' } as const
    await temporal.client.schedule.getHandle(ids[0]!).update((was) => ({ ...was, policies }))
    expect((await sync(5)).unchanged).toEqual(['a', 'b'])
    expect((await sync(5, { ...marks, scheduleMarks: async () => new Map() })).updated).toEqual(['a'])
    // Arguments are not in the list, and the settings have changed since.
    expect((await sync(6)).updated).toEqual(['a', 'b'])
    expect((await describeSchedule('marks', 'b')).action.args).toMatchObject([{ runsMax: 6 }])
    // What another apply does after the list was asked for is told by the marks.
    const early = open({ project: 'marks', taskQueue: 'q', runsPerTick: 6 })
    early.expectSync()
    expect((await sync(7)).updated).toEqual(['a', 'b'])
    expect((await early.syncSchedules([view('a'), view('b')], { isPaused: false, marks })).updated).toEqual(['a', 'b'])
    expect((await early.syncSchedules([view('a'), view('b')], { isPaused: false, marks })).unchanged).toHaveLength(2)
  })

  test('a sync that was expected and does not come leaves nothing open', async () => {
    const control = open({ project: 'expected' })
    control.expectSync()
    await control.close()
    const away = open({ project: 'expected', address: '127.0.0.1:1' })
    away.expectSync()
    await expect(away.syncSchedules([], { isPaused: false })).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' })
    await away.close()
  })

  test('one that is there for whoever makes it and gone for whoever asks for it is not asked for without end', async () => {
    let made = 0
    const create = async () => {
      made += 1
      throw new ScheduleAlreadyRunning('as of one that ends', 'schedule/ending/a')
    }
    const client = new Client({ connection: temporal.client.connection, interceptors: { schedule: [{ create }] } })
    const settings = { project: 'ending', taskQueue: 'q', runsMax: 1, heartbeatMs: 1_000, isSearchable: false }
    const wanted = [scheduleOptions(settings, view('a'))]
    const asked = syncAll(client, { wanted, prefixes: ['schedule/ending/'], isPaused: false, server: 's' })
    await expect(asked).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' })
    expect(made).toBe(5)
  })

  test('retired views lose theirs, other projects keep theirs; what compacts stays where the view is known, as long as any is compacted', async () => {
    const control = open({ project: 'mine', compaction: { everyMs: 86_400_000 } })
    const other = open({ project: 'mine_too' })
    await control.syncSchedules([view('a'), view('b')], { isPaused: false })
    await other.syncSchedules([view('b')], { isPaused: false })
    // The server's list lags behind its Schedules.
    await expect
      .poll(async () => (await control.syncSchedules([view('a')], { isPaused: false, retired: ['b'] })).deleted, {
        timeout: 20_000,
      })
      .toEqual(['b'])
    await expect(describeSchedule('mine', 'b')).rejects.toThrow(/not found/i)
    expect((await describeSchedule('mine_too', 'b')).action.workflowId).toBe('tick/mine_too/b')
    const compaction = (name: string) => temporal.client.schedule.getHandle(`compaction/mine/${name}`).describe()
    const off = open({ project: 'mine', compaction: { everyMs: null } })
    const isGoneAfter = (name: string, by: typeof off) =>
      expect
        .poll(
          async () => {
            await by.syncSchedules([view('a')], { isPaused: false })
            return await compaction(name).catch(String)
          },
          { timeout: 20_000 },
        )
        .toMatch(/not found/i)
    await isGoneAfter('b', off)
    await control.syncSchedules([view('a')], { isPaused: false, retired: ['b'] })
    expect((await compaction('b')).action).toMatchObject({ workflowType: 'compact', workflowId: 'compact/mine/b' })
    await isGoneAfter('b', control)
    expect((await compaction('a')).action).toMatchObject({ workflowType: 'compact', workflowId: 'compact/mine/a' })
    await isGoneAfter('a', off)
  })

  test("isPaused pauses and its absence resumes, but a person's pause is left alone", async () => {
    const control = open({ project: 'pauses' })
    await control.syncSchedules([view('a')], { isPaused: true })
    expect((await describeSchedule('pauses', 'a')).state.paused).toBe(true)
    expect((await control.syncSchedules([view('a')], { isPaused: true })).unchanged).toEqual(['a'])
    expect((await control.syncSchedules([view('a')], { isPaused: false })).updated).toEqual(['a'])
    expect((await describeSchedule('pauses', 'a')).state.paused).toBe(false)

    await temporal.client.schedule.getHandle(scheduleId('pauses', 'a')).pause('I am looking into it')
    expect((await control.syncSchedules([view('a', { every: '3h' })], { isPaused: false })).updated).toEqual(['a'])
    expect((await describeSchedule('pauses', 'a')).state).toMatchObject({ paused: true, note: 'I am looking into it' })
    // As the watcher tells of it.
    expect(await control.schedule('a')).toEqual({
      ...{ kind: 'present', isPaused: true, note: 'I am looking into it', missedCatchups: 0 },
      ...{ lastDueAt: null, isTicking: false },
    })
    expect(await control.schedule('b')).toEqual({ kind: 'absent' })
  })

  test('a Schedule starts ticks', async () => {
    const taskQueue = temporal.newTaskQueue()
    const { activities, calls } = plainActivities()
    await temporal.startWorker(taskQueue, activities)
    await open({ project: 'fires', taskQueue }).syncSchedules([view('a', { every: '1s' })], { isPaused: false })
    await expect.poll(() => calls.filter((call) => call === 'planTick').length, { timeout: 20_000 }).toBeGreaterThan(1)
    const seen = await open({ project: 'fires' }).schedule('a')
    expect(seen.kind === 'present' && (seen.lastDueAt ?? 0n) > instantFromMs(Date.now() - 60_000)).toBe(true)
    await temporal.client.schedule.getHandle(scheduleId('fires', 'a')).delete()
  })

  test('checks of quality have one Schedule of their own: made, changed, left alone, and taken away where it is off', async () => {
    const control = (everyMs: number | null) =>
      open({ project: 'checks', taskQueue: 'q', quality: { everyMs, sample: 50 } })
    const sync = async (everyMs: number | null, views = [view('a')]) =>
      (await control(everyMs).syncSchedules(views, { isPaused: false })).checks
    expect(await sync(86_400_000)).toBe('created')
    const found = await temporal.client.schedule.getHandle('check-quality/checks').describe()
    expect(found.spec.intervals).toEqual([{ every: 86_400_000, offset: 0 }])
    expect(found.policies).toEqual({ overlap: 'SKIP', catchupWindow: 86_400_000, pauseOnFailure: false })
    expect(found.action).toMatchObject({
      workflowType: 'checkQuality',
      workflowId: 'check-quality/checks',
      taskQueue: 'q',
    })
    expect(found.action.args).toEqual([{ views: null, sample: 50, seed: null, repair: null, heartbeatMs: 20_000 }])
    expect(await sync(86_400_000)).toBe('unchanged')
    expect(await sync(3_600_000)).toBe('updated')
    expect(await sync(null)).toBe('deleted')
    expect(await sync(null)).toBe('none')
    expect(await sync(3_600_000, [])).toBe('none')
  })

  test('a pace that no Schedule has is refused', async () => {
    await expect(
      open({ project: 'fast' }).syncSchedules([view('a', { every: '500ms' })], { isPaused: false }),
    ).rejects.toMatchObject({ code: 'DEFINE_INVALID' })
  })
})

function view(name: string, given: Partial<FeatureViewDefinition> = {}): FeatureViewDefinition {
  return {
    kind: 'view',
    viewKind: 'lookup',
    name,
    version: 1,
    entity: 'airport',
    source: 'flights',
    keyColumns: [{ key: 'origin', column: 'origin' }],
    since: '2001-01-01T00:00:00Z',
    every: '1h',
    tile: null,
    coarseTile: null,
    lookback: null,
    ttl: null,
    lag: '0s',
    onGap: 'block',
    features: [],
    checks: { rows: null, rejectedRateMax: null, duplicateRateMax: null, features: {} },
    sla: { freshness: null, duration: null },
    online: true,
    owner: null,
    description: null,
    tags: {},
    at: null,
    ...given,
  }
}
