/**
 * Histories recorded by released workflow code are replayed with today's: an edit that would break open executions fails here,
 * before the rollout. `npm run histories:record` records scenarios that are new under the version in package.json; histories that are there
 * stay as long as executions of that version may be open.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from '@temporalio/worker'
import { DeterminismViolationError } from '@temporalio/workflow'
import { beforeAll, describe, expect, test } from 'vitest'
import { findTemporalBinary } from '../../adapters/embedded/temporal-binary.js'
import { noStepTelemetry, traceSinks } from '../../workers/telemetry-interceptors.js'
import { quietRuntime, startTestTemporal, type TestTemporal, testBundle } from '../support/temporal.js'
import { scenarios } from './history-scenarios.js'
import { plainActivities } from './plain-activities.js'
import type { Scenario } from './scenario.js'

const root = new URL('../..', import.meta.url).pathname
const folder = join(root, 'test/workflows/histories')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

beforeAll(async () => {
  quietRuntime()
  if (process.env.RECORD_HISTORIES) await recordAll()
})

test('every scenario has a history of this version', () => {
  const recorded = readdirSync(join(folder, version)).map((file) => file.replace('.json', ''))
  expect(recorded.sort()).toEqual(Object.keys(scenarios).sort())
})

describe.each(readdirSync(folder))('recorded by %s', (recordedBy) => {
  test.each(readdirSync(join(folder, recordedBy)))('%s is replayed by the workflows of today', async (file) => {
    await replay(readHistory(recordedBy, file))
  })
})

test('canary: another order of steps is noticed', async () => {
  const text = JSON.stringify(readHistory(version, 'run-done.json'))
  const swapped = text
    .replaceAll('"computeInterval"', '"swap"')
    .replaceAll('"judgeInterval"', '"computeInterval"')
    .replaceAll('"swap"', '"judgeInterval"')
  expect(swapped).not.toBe(text)
  await expect(replay(JSON.parse(swapped))).rejects.toThrow(DeterminismViolationError)
})

async function replay(history: unknown): Promise<void> {
  const workflowBundle = await testBundle()
  await Worker.runReplayHistory({ workflowBundle, sinks: traceSinks(noStepTelemetry) }, history)
}

function readHistory(recordedBy: string, file: string): unknown {
  return JSON.parse(readFileSync(join(folder, recordedBy, file), 'utf8'))
}

async function recordAll(): Promise<void> {
  const temporal = await startTestTemporal()
  try {
    mkdirSync(join(folder, version), { recursive: true })
    for (const [name, scenario] of Object.entries(scenarios)) {
      const file = join(folder, version, `${name}.json`)
      // What is there was recorded by code that open executions began with: it is what has to be replayed.
      if (!existsSync(file)) writeFileSync(file, `${await record(temporal, name, scenario)}\n`)
    }
  } finally {
    await temporal.stop()
  }
}

async function record(temporal: TestTemporal, name: string, scenario: Scenario): Promise<string> {
  const taskQueue = `recorded-${name}`
  const worker = await temporal.startWorker(taskQueue, plainActivities(scenario.answers()).activities)
  const handle = await temporal.client.workflow.start(scenario.workflow, {
    taskQueue,
    workflowId: `recorded/${name}`,
    args: [scenario.input],
  })
  await scenario.meanwhile?.(handle)
  // Also a failure is a history.
  await handle.result().catch(() => {})
  await worker.stop()
  return await showHistory(temporal, handle.workflowId, handle.firstExecutionRunId)
}

/** As the command line writes it: the format that all of Temporal's tools read. Of one that continues as new, its first execution. */
async function showHistory(temporal: TestTemporal, workflowId: string, runId: string): Promise<string> {
  const binary = await findTemporalBinary({ env: process.env })
  const args = ['workflow', 'show', '--workflow-id', workflowId, '--run-id', runId, '--output', 'json']
  const { stdout } = await promisify(execFile)(binary, [...args, '--address', temporal.server.address])
  // Stack traces name the folder of whoever recorded them.
  return stdout.trim().replaceAll(root, './')
}
