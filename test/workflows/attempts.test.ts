/** What the attempts of a step leave behind, on a real Temporal server: what a run is at, and whose attempt failed first. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TemporalRunControl } from '../../adapters/temporal/temporal-run-control.js'
import { MillcourseError } from '../../core/errors.js'
import { startTestTemporal, type TestTemporal } from '../support/temporal.js'
import { plainActivities, runInput, runRef } from './plain-activities.js'

let temporal: TestTemporal
beforeAll(async () => {
  temporal = await startTestTemporal()
})
afterAll(() => temporal?.stop())

const soon = { timeout: 20_000 }
const noAnswer = new MillcourseError('LAKE_UNREACHABLE', 'the lake does not answer')

async function startRun() {
  const taskQueue = temporal.newTaskQueue()
  const workflowId = `materialize/${taskQueue}`
  const handle = await temporal.client.workflow.start('run', { taskQueue, workflowId, args: [runInput] })
  return { taskQueue, handle, run: { workflowId, temporalRunId: handle.firstExecutionRunId } }
}

test('a run says what it is at: its step, who works on it, and what the attempt before failed of', async () => {
  const { taskQueue, handle, run } = await startRun()
  const control = new TemporalRunControl({
    ...{ address: temporal.server.address, namespace: 'default', isTls: false, project: 'shop', taskQueue },
    ...{ tls: { ca: null, cert: null, key: null, serverName: null }, apiKey: null, apiKeyFile: null },
    ...{ runsPerTick: 24, heartbeatMs: 20_000 },
  })
  try {
    await expect.poll(() => control.workOf(run), soon).toEqual({ kind: 'unclaimed' })

    let planned = 0
    let read = 0
    let goOn = () => {}
    const isBlocked = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const { activities } = plainActivities({
      planRun: async (input) => {
        planned += 1
        const of = { run: runRef(input), because: 'no _SUCCESS' }
        if (planned === 1) return { kind: 'not-ready', ...of, isPastDeadline: false, retryAfterMs: 3_000 }
        return { kind: 'ready', run: of.run, number: 1, supersedes: null, files: 1, bytes: 1 }
      },
      readSource: async () => {
        read += 1
        if (read === 1) throw noAnswer
        await isBlocked
        return { warnings: [] }
      },
    })
    await temporal.startWorker(taskQueue, activities)
    await expect.poll(() => control.workOf(run), soon).toEqual({ kind: 'asleep' })
    const lastFailure = { code: noAnswer.code, message: noAnswer.message }
    const again = { kind: 'step', activity: 'readSource', attempt: 2, state: 'at-work', worker: 'test', lastFailure }
    await expect.poll(() => control.workOf(run), soon).toEqual(again)
    goOn()
    await handle.result()
    expect(await control.workOf(run)).toEqual({ kind: 'over' })
    expect(await control.workOf({ ...run, workflowId: 'none' })).toEqual({ kind: 'over' })
  } finally {
    await control.close()
  }
})

test('what a step failed of first outlives the worker that saw it', async () => {
  const { taskQueue, handle } = await startRun()
  const one = plainActivities({ readSource: () => Promise.reject(noAnswer) })
  const worker = await temporal.startWorker(taskQueue, one.activities)
  await expect.poll(() => one.calls, soon).toContain('readSource')
  await worker.stop()

  const two = plainActivities({
    readSource: () => Promise.reject(new MillcourseError('SOURCE_FILE_CORRUPT', 'part-7 has no footer')),
  })
  await temporal.startWorker(taskQueue, two.activities)
  await expect(handle.result()).rejects.toThrow()
  const attempts = one.calls.filter((call) => call === 'readSource').length + 1
  expect(two.failures).toMatchObject([
    { error: { code: noAnswer.code, message: noAnswer.message, step: 'read', attempts } },
  ])
})
