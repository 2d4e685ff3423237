import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Activities, PlanTickResult } from '../../activities/steps.js'
import { MillcourseError } from '../../core/errors.js'
import {
  type CheckQualityInput,
  type CheckQualityResult,
  type DecideInput,
  type RunInput,
  runWorkflowId,
  type TickInput,
  type TickResult,
} from '../../core/ports/run-control.js'
import type { IsoInterval } from '../../core/time/interval.js'
import type { DecideResult } from '../../workflows/decide.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { plainActivities, runInput } from './plain-activities.js'

let temporal: TestTemporal
beforeAll(async () => {
  temporal = await startTestTemporal()
})
afterAll(() => temporal?.stop())

function hour(h: number): IsoInterval {
  const at = (n: number) => `2001-01-01T${String(n).padStart(2, '0')}:00:00Z`
  return { start: at(h), end: at(h + 1) }
}

/** A view's name is part of workflow ids: each test has its own. */
async function work(view: string, answers: Partial<Activities>) {
  const plain = plainActivities(answers)
  const taskQueue = temporal.newTaskQueue()
  await temporal.startWorker(taskQueue, plain.activities)
  return {
    ...plain,
    tick: (input: Partial<TickInput> = {}) =>
      temporal.client.workflow.execute<(input: TickInput) => Promise<TickResult>>('tick', {
        taskQueue,
        workflowId: `tick/${taskQueue}/${Math.random()}`,
        args: [{ view, now: null, kind: 'scheduled', range: null, runsMax: 24, ...input }],
      }),
    check: (input: Partial<CheckQualityInput>) =>
      temporal.client.workflow.execute<(input: CheckQualityInput) => Promise<CheckQualityResult>>('checkQuality', {
        taskQueue,
        workflowId: `check-quality/${taskQueue}`,
        args: [{ views: [view], sample: 100, seed: null, repair: null, ...input }],
      }),
    decide: (decisionId: string) =>
      temporal.client.workflow.execute<(input: DecideInput) => Promise<DecideResult>>('decide', {
        taskQueue,
        workflowId: `decide/${decisionId}`,
        args: [{ decisionId, now: null }],
      }),
  }
}

const nothingDue: PlanTickResult = {
  project: 'shop',
  view: '',
  version: 1,
  due: [],
  left: 0,
  decisionIds: [],
  isPublishDue: false,
}

describe('tick', () => {
  test('starts one of each served version of the view of which a repair has re-opened something', async () => {
    const planned: TickInput[] = []
    const { tick } = await work('tick_repaired', {
      planTick: async (input) => {
        planned.push(input)
        const { view, version = 3 } = input
        return { ...nothingDue, view, version, ...(version === 3 ? { repairedVersions: [1, 2] } : {}) }
      },
    })
    await tick({ now: hour(5).start, runsMax: 9 })
    while (planned.length < 3) await sleep(20)
    const given = { view: 'tick_repaired', now: hour(5).start, kind: 'scheduled', range: null, runsMax: 9 }
    expect(planned.slice(1).sort((a, b) => a.version! - b.version!)).toEqual([
      { ...given, version: 1 },
      { ...given, version: 2 },
    ])
  })

  test('starts one run per due interval, oldest first, says what is left, and ends before they do', async () => {
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const planned: RunInput[] = []
    const { tick, ended } = await work('tick_starts', {
      planTick: async ({ view }) => ({ ...nothingDue, view, version: 3, due: [hour(0), hour(1), hour(2)], left: 7 }),
      planRun: async (input) => {
        planned.push(input)
        await released
        return {
          kind: 'ready',
          run: { ...input, runId: `run ${input.interval.start}`, definitionHash: 'd' },
          number: 1,
          supersedes: null,
          files: 1,
          bytes: 1,
        }
      },
    })
    const result = await tick({ now: '2001-01-01T05:00:00Z', kind: 'manual' })
    expect(result).toEqual({
      started: [hour(0), hour(1), hour(2)].map((interval) => ({
        interval,
        workflowId: runWorkflowId({ project: 'shop', view: 'tick_starts', version: 3 }, interval.start),
      })),
      joined: [],
      left: 7,
      decisionsStarted: 0,
      publishStarted: false,
    })
    expect(ended).toEqual([])
    release()
    for (const { workflowId } of result.started)
      expect(await temporal.client.workflow.getHandle(workflowId).result()).toMatchObject({ outcome: 'done' })
    expect(ended).toHaveLength(3)
    expect(planned[0]).toMatchObject({ version: 3, kind: 'manual', now: '2001-01-01T05:00:00Z' })
  })

  test('joins a run that is open, and starts a finished interval anew', async () => {
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const { tick, calls } = await work('tick_joins', {
      planTick: async ({ view }) => ({ ...nothingDue, view, due: [hour(0)] }),
      readSource: async () => {
        await released
        return { warnings: [] }
      },
    })
    const first = await tick()
    const second = await tick()
    expect(second).toMatchObject({ started: [], joined: [hour(0)] })
    release()
    await temporal.client.workflow.getHandle(first.started[0]!.workflowId).result()
    expect(await tick()).toMatchObject({ started: [{ interval: hour(0) }], joined: [] })
    expect(calls.filter((call) => call === 'planTick')).toHaveLength(3)
  })

  test('two projects of one namespace with a view of one name never join each other', async () => {
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const projects = ['first', 'second']
    const { tick } = await work('tick_projects', {
      planTick: async ({ view }) => ({ ...nothingDue, project: projects.shift()!, view, due: [hour(0)] }),
      readSource: async () => {
        await released
        return { warnings: [] }
      },
    })
    const ticks = [await tick(), await tick()]
    release()
    expect(ticks).toMatchObject([{ joined: [] }, { joined: [] }])
    expect(ticks.map(({ started }) => started[0]?.workflowId)).toEqual(
      ['first', 'second'].map((project) => `materialize/${project}/tick_projects@v1/${hour(0).start}`),
    )
  })

  test('a repair has just what it re-opened run, of the version that was checked', async () => {
    const reopened = [hour(2), hour(3)]
    const planned: TickInput[] = []
    const { check } = await work('tick_repairs', {
      planQuality: async () => ({ project: 'shop', views: [{ view: 'tick_repairs', version: 3 }], seed: 7 }),
      checkView: async ({ view, version }) => ({ view, version, faults: 2 }),
      repairView: async () => ({ reopened, isRebuildAsked: true, left: 0 }),
      planTick: async (input) => {
        planned.push(input)
        return nothingDue
      },
    })
    await check({ repair: { by: 'ann', reason: 'a test' } })
    await temporal.client.workflow.getHandle('tick/shop/tick_repairs/repair').result()
    expect(planned).toMatchObject([{ view: 'tick_repairs', version: 3, range: null, runsMax: 2, only: reopened }])
  })

  test('R33: unmarked commits where no publish is open bring a publish, which outlives the tick', async () => {
    const published: unknown[] = []
    const { tick } = await work('tick_publishes', {
      planTick: async ({ view }) => ({ ...nothingDue, view, version: 2, isPublishDue: true }),
      publishView: async (input) => {
        published.push(input)
        return { kind: 'published', keyCounts: null, itemsWritten: 0, endAt: '2001-01-01T01:00:00Z' }
      },
    })
    expect((await tick()).publishStarted).toBe(true)
    await temporal.client.workflow.getHandle('publish/shop/tick_publishes@v2').result()
    expect(published).toMatchObject([{ view: 'tick_publishes', version: 2, now: null }])
  })

  test('R37: a decision whose workflow could not be started is picked up', async () => {
    const applied: DecideInput[] = []
    const { tick } = await work('tick_decides', {
      planTick: async ({ view }) => ({ ...nothingDue, view, decisionIds: ['tick-decision-1'] }),
      applyDecision: async (input) => {
        applied.push(input)
        return { kind: 'kept', view: 'tick_decides', version: 1 }
      },
    })
    expect((await tick()).decisionsStarted).toBe(1)
    await temporal.client.workflow.getHandle('decide/tick-decision-1').result()
    expect(applied).toMatchObject([{ decisionId: 'tick-decision-1', now: null }])
  })

  test('a view that is not applied fails the tick with its code', async () => {
    const { tick } = await work('tick_unknown', {
      planTick: async ({ view }) => {
        throw new MillcourseError('REGISTRY_UNKNOWN_VIEW', `there is no view ${view}`)
      },
    })
    await expect(tick()).rejects.toMatchObject({
      cause: { cause: { type: 'REGISTRY_UNKNOWN_VIEW', message: 'there is no view tick_unknown' } },
    })
  })
})

describe('decide', () => {
  test('R37: what was committed is published by the same workflow', async () => {
    const { decide, calls } = await work('decide_accepts', {
      applyDecision: async () => ({ kind: 'committed', view: 'decide_accepts', version: 4 }),
    })
    expect(await decide('accept-1')).toEqual({ kind: 'committed', published: 'published', workflowId: null })
    expect(calls).toEqual(['applyDecision', 'publishView'])
  })

  test.each([
    { kind: 'kept', view: 'v', version: 1 },
    { kind: 'superseded', byRunId: 'newer' },
  ] as const)('R37: $kind commits nothing and publishes nothing', async (result) => {
    const { decide, calls } = await work('decide_keeps', { applyDecision: async () => result })
    expect(await decide(`keeps-${result.kind}`)).toEqual({ kind: result.kind, published: null, workflowId: null })
    expect(calls).toEqual(['applyDecision'])
  })

  test('R37: a rerun starts the run of the interval, which outlives the decision', async () => {
    const { decide, ended } = await work('decide_reruns', {
      applyDecision: async () => ({
        kind: 'rerun',
        project: 'shop',
        run: { ...runInput, view: 'decide_reruns', kind: 'rerun' },
      }),
    })
    const workflowId = runWorkflowId(
      { project: 'shop', view: 'decide_reruns', version: runInput.version },
      runInput.interval.start,
    )
    expect(await decide('rerun-1')).toEqual({ kind: 'rerun', published: null, workflowId })
    expect(await temporal.client.workflow.getHandle(workflowId).result()).toMatchObject({ outcome: 'done' })
    expect(ended[0]?.run.kind).toBe('rerun')
  })

  test('R37: a decision that does not apply fails once, with its code', async () => {
    const { decide, calls } = await work('decide_refuses', {
      applyDecision: async () => {
        throw new MillcourseError('RUN_SUPERSEDED', 'run 7 counts there')
      },
    })
    await expect(decide('refused-1')).rejects.toMatchObject({ cause: { cause: { type: 'RUN_SUPERSEDED' } } })
    await sleep(50)
    expect(calls).toEqual(['applyDecision'])
  })
})
