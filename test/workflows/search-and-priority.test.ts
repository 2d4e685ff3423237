/** What Temporal's lists are searched by, and in which order queued runs reach a busy worker, on the dev server. */
import { setTimeout as sleep } from 'node:timers/promises'
import { activityInfo } from '@temporalio/activity'
import type { WorkflowHandle } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scheduledSteps } from '../../activities/make-way.js'
import type { Activities } from '../../activities/steps.js'
import { ensureSearchAttributes } from '../../adapters/temporal/search-attributes.js'
import { TemporalRunControl } from '../../adapters/temporal/temporal-run-control.js'
import { workSeen } from '../../adapters/temporal/work-seen.js'
import type { RunKind } from '../../core/plan/index.js'
import { runPriority } from '../../core/ports/run-control.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { plainActivities, runInput, runRef } from './plain-activities.js'

let temporal: TestTemporal
beforeAll(async () => {
  temporal = await startTestTemporal()
})
afterAll(() => temporal?.stop())

const labels = { view: 'airport_delays', owner: 'ops-ml' }

async function tick(taskQueue: string, kind: 'scheduled' | 'manual' | 'backfill', given: Partial<Activities>) {
  const { activities } = plainActivities(given)
  const worker = await temporal.startWorker(taskQueue, activities)
  const handle = await temporal.client.workflow.start('tick', {
    ...{ taskQueue, workflowId: `tick/${taskQueue}` },
    args: [{ view: 'airport_delays', now: null, kind, range: null, runsMax: 24 }],
  })
  await handle.result()
  return worker
}

async function found(query: string): Promise<string[]> {
  const ids: string[] = []
  for await (const one of temporal.client.workflow.list({ query })) ids.push(`${one.type} ${one.workflowId}`)
  return ids.sort()
}

describe('search attributes', () => {
  test('workflows are found by view, interval, kind, outcome and owner', async () => {
    const project = 'searched'
    const due = [0, 1].map((hour) => ({ start: `2001-01-01T0${hour}:00:00Z`, end: `2001-01-01T0${hour + 1}:00:00Z` }))
    await tick(temporal.newTaskQueue(), 'backfill', {
      planTick: async ({ view }) => ({
        ...{ project, view, version: 1, due, left: 0, labels, decisionIds: ['searched-1'], isPublishDue: true },
      }),
      judgeInterval: async ({ interval }) => ({
        decision: interval.start === due[1]!.start ? 'hold' : 'publish',
        findings: [],
      }),
      applyDecision: async () => ({ kind: 'kept', view: 'airport_delays', version: 1, labels }),
    })
    const [first, second] = due.map(({ start }) => `run materialize/${project}/airport_delays@v1/${start}`)
    // Lists lag behind by a moment.
    const finds = (query: string, ids: (string | undefined)[]) =>
      expect.poll(() => found(query), { timeout: 20_000, message: query }).toEqual(ids)
    const of = `MillcourseView = 'airport_delays' AND MillcourseOwner = 'ops-ml'`
    await finds(`${of} AND MillcourseKind = 'backfill' AND MillcourseOutcome = 'done'`, [first])
    await finds(`${of} AND MillcourseOutcome = 'held'`, [second])
    await finds(`${of} AND MillcourseInterval >= '2001-01-01T01:00:00Z'`, [second])
    await finds(`${of} AND MillcourseOutcome = 'kept'`, ['decide decide/searched-1'])
    await finds(`${of} AND MillcourseOutcome = 'published'`, [`publish publish/${project}/airport_delays@v1`])
    await expect.poll(() => found(`${of} AND MillcourseOutcome = 'started'`), { timeout: 20_000 }).toHaveLength(1)
  })

  test('a failed run is found by its outcome', async () => {
    await tick(temporal.newTaskQueue(), 'scheduled', {
      planTick: async ({ view }) => ({
        ...{ project: 'broken', view, version: 1, due: [runInput.interval], left: 0, labels, decisionIds: [] },
        isPublishDue: false,
      }),
      judgeInterval: async () => ({ decision: 'stop', findings: [] }),
    })
    await expect
      .poll(() => found(`MillcourseOutcome = 'failed' AND MillcourseKind = 'scheduled'`), { timeout: 20_000 })
      .toEqual([`run materialize/broken/airport_delays@v1/${runInput.interval.start}`])
  })

  test('Schedules carry view and owner', async () => {
    const control = new TemporalRunControl({
      ...{ address: temporal.server.address, namespace: 'default', isTls: false, apiKey: null, apiKeyFile: null },
      tls: { ca: null, cert: null, key: null, serverName: null },
      ...{ project: 'searched', taskQueue: 'q', runsPerTick: 1, heartbeatMs: 20_000 },
    })
    try {
      const view = { name: 'v', owner: 'ops', every: '1h', since: '2001-01-01T00:00:00Z' }
      const sync = () => control.syncSchedules([view as never], { isPaused: true })
      expect(await sync()).toMatchObject({ created: ['v'], notSearchable: null })
      expect(await sync()).toMatchObject({ unchanged: ['v'] })
      view.owner = 'others'
      expect(await sync()).toMatchObject({ updated: ['v'] })
      // The server takes an update in its own time.
      const describe = () => temporal.client.schedule.getHandle('schedule/searched/v').describe()
      await expect
        .poll(async () => (await describe()).searchAttributes, { timeout: 20_000 })
        .toMatchObject({ MillcourseView: ['v'], MillcourseOwner: ['others'] })
      expect((await describe()).action.searchAttributes).toMatchObject({ MillcourseKind: ['scheduled'] })
    } finally {
      await control.close()
    }
  })

  test('are registered where they are not, and where the server refuses, the commands are said', async () => {
    const { connection } = temporal.client
    const { workflowService, operatorService } = connection as never as Parameters<typeof ensureSearchAttributes>[0]
    await connection.workflowService.registerNamespace({
      namespace: 'bare',
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    })
    const guarded = {
      workflowService,
      operatorService: { addSearchAttributes: () => Promise.reject(new Error('Request unauthorized.')) },
    }
    // A new namespace is known everywhere after some seconds.
    await expect
      .poll(() => ensureSearchAttributes(guarded, 'bare'), { timeout: 30_000 })
      .toEqual({
        because: 'Request unauthorized.',
        commands: [
          'temporal operator search-attribute create --namespace bare --name MillcourseView --type Keyword --name MillcourseInterval --type Datetime --name MillcourseKind --type Keyword --name MillcourseOutcome --type Keyword --name MillcourseOwner --type Keyword',
          'tcld namespace search-attributes add --namespace bare --sa "MillcourseView=Keyword" --sa "MillcourseInterval=Datetime" --sa "MillcourseKind=Keyword" --sa "MillcourseOutcome=Keyword" --sa "MillcourseOwner=Keyword"',
        ],
      })
    await expect
      .poll(() => ensureSearchAttributes({ workflowService, operatorService }, 'bare'), { timeout: 30_000 })
      .toBeNull()
  })
})

describe('priorities', () => {
  test('scheduled runs overtake what waits for a busy worker, and backfills let all others by', async () => {
    const taskQueue = temporal.newTaskQueue()
    const order: string[] = []
    let gate = newGate()
    const due = { backfill: [0, 1, 2, 3, 8, 9], manual: [4, 5], scheduled: [6, 7] }
    const intervalOf = (hour: number) => ({ start: `2001-01-01T0${hour}:00:00Z`, end: `2001-01-01T0${hour}:59:00Z` })
    const { activities } = plainActivities({
      planRun: async (input) => {
        order.push(input.kind)
        await gate.opened
        return { kind: 'unchanged', run: runRef(input) }
      },
      planTick: async ({ view, kind }) => ({
        ...{ project: 'queued', view, version: 1, left: 0, decisionIds: [], isPublishDue: false },
        due: due[kind].map(intervalOf),
      }),
    })
    // One hand: whatever waits, waits in the server's queue.
    await temporal.startWorker(taskQueue, activities, { maxConcurrentActivityTaskExecutions: 1 })
    const start = (kind: keyof typeof due) =>
      temporal.client.workflow.start('tick', {
        ...{ taskQueue, workflowId: `tick/${kind}/${taskQueue}` },
        args: [{ view: 'queued', now: null, kind, range: null, runsMax: 24 }],
      })
    await (await start('backfill')).result()
    await expect.poll(() => order, { timeout: 20_000 }).toEqual(['backfill'])
    const ticks = [await start('manual'), await start('scheduled')]
    await expect.poll(async () => await Promise.all(ticks.map(isWaiting)), { timeout: 20_000 }).toEqual([true, true])
    // The ticks' own steps come next, unless a run's was handed over in advance: such a one is let go, too.
    let areTicksDone = false
    const ticked = Promise.all(ticks.map((tick) => tick.result())).then(() => {
      areTicksDone = true
    })
    while (!areTicksDone) {
      gate = gate.openAndClose()
      await Promise.race([ticked, new Promise((resolve) => setTimeout(resolve, 2_000))])
    }
    // Then again some run holds up the rest until all of them wait (the first may have ended).
    const runs = Object.values(due)
      .flat()
      .map((hour) => temporal.client.workflow.getHandle(`materialize/queued/queued@v1/${intervalOf(hour).start}`))
    await expect
      .poll(async () => (await Promise.all(runs.map(isWaiting))).filter(Boolean).length, { timeout: 20_000 })
      .toBe(10)
    const ahead = order.length
    gate.open()
    await Promise.all(runs.map((run) => run.result()))
    // One more may have been handed to the worker in advance.
    const overtaken = order.slice(ahead + 1)
    expect(overtaken).toEqual(overtaken.toSorted((a, b) => rank[a]! - rank[b]!))
    expect(overtaken).toContain('scheduled')
    expect(overtaken).toContain('backfill')
  })

  test('a run of a backfill begins once no step of a scheduled run is under way, and fails of nothing meanwhile', async () => {
    const taskQueue = temporal.newTaskQueue()
    const gate = newGate()
    const scheduled = scheduledSteps()
    const planned: string[] = []
    const asked: string[] = []
    const { activities, failures } = plainActivities(
      {
        planRun: async (input) => {
          asked.push(input.kind)
          scheduled.makeWay(input.kind, activityInfo())
          planned.push(input.kind)
          if (input.kind === 'scheduled') await gate.opened
          return { kind: 'unchanged', run: runRef(input) }
        },
      },
      scheduled,
    )
    await temporal.startWorker(taskQueue, activities)
    const start = (kind: RunKind) => {
      const priority = runPriority[kind] === undefined ? {} : { priority: { priorityKey: runPriority[kind] } }
      const args = [{ ...runInput, kind }]
      return temporal.client.workflow.start('run', { taskQueue, workflowId: `way/${kind}`, args, ...priority })
    }
    const runs = [await start('scheduled')]
    await expect.poll(() => planned, { timeout: 20_000 }).toEqual(['scheduled'])
    for (const kind of ['backfill', 'manual'] as const) runs.push(await start(kind))
    await expect.poll(() => asked.filter((kind) => kind === 'backfill').length, { timeout: 20_000 }).toBe(2)
    expect(planned).toEqual(['scheduled', 'manual'])
    const seen = async () => workSeen(await runs[1]!.describe())
    await expect.poll(seen, { timeout: 20_000 }).toMatchObject({
      state: 'pausing',
      lastFailure: { code: null, message: 'scheduled runs are under way at this worker' },
    })
    gate.open()
    await Promise.all(runs.map((run) => run.result()))
    expect([planned, failures]).toEqual([['scheduled', 'manual', 'backfill'], []])
  })

  test('what has begun is finished before another of its kind begins', async () => {
    const taskQueue = temporal.newTaskQueue()
    const gate = newGate()
    const [open, openAtOnce] = [new Set<string>(), [0]]
    const hours = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    const { activities } = plainActivities({
      planRun: async (input) => {
        open.add(input.interval.start)
        openAtOnce.push(open.size)
        await gate.opened
        // Longer than the way of a run's next step to the queue.
        await sleep(100)
        return { kind: 'unchanged', run: runRef(input) }
      },
      recordRun: async (run) => {
        open.delete(run.interval.start)
      },
    })
    await temporal.startWorker(taskQueue, activities, { maxConcurrentActivityTaskExecutions: 1 })
    const runs = await Promise.all(
      hours.map((hour) => {
        const interval = { start: `2001-01-01T0${hour}:00:00Z`, end: `2001-01-01T0${hour}:59:00Z` }
        const workflowId = `begun/${interval.start}`
        return temporal.client.workflow.start('run', { taskQueue, workflowId, args: [{ ...runInput, interval }] })
      }),
    )
    await expect
      .poll(async () => (await Promise.all(runs.map(isWaiting))).filter(Boolean).length, { timeout: 20_000 })
      .toBe(hours.length)
    gate.open()
    await Promise.all(runs.map((run) => run.result()))
    // Beside the one whose next step is on its way some may have been handed to the worker in advance.
    expect(Math.max(...openAtOnce)).toBeLessThanOrEqual(4)
  })
})

const rank: Readonly<Record<string, number>> = { scheduled: 1, manual: 2, backfill: 3 }

/** On a step that waits for the worker, or at its end. */
async function isWaiting(handle: WorkflowHandle): Promise<boolean> {
  try {
    const { raw, status } = await handle.describe()
    return status.name === 'COMPLETED' || (raw.pendingActivities?.length ?? 0) > 0
  } catch {
    // Not started yet.
    return false
  }
}

/** Who waits is let go by `openAndClose`; who comes later waits at the next gate. */
function newGate() {
  let open = () => {}
  const opened = new Promise<void>((done) => {
    open = done
  })
  return {
    opened,
    open,
    openAndClose() {
      open()
      return newGate()
    },
  }
}
