import { ApplicationFailure } from '@temporalio/common'
import { expect, test } from 'vitest'
import { runWorkflowId } from '../core/ports/run-control.js'
import { rememberStep } from './step-facts.js'
import { logTemporal } from './temporal-log.js'

const start = '2001-01-01T00:00:00Z'
const workflowId = runWorkflowId({ project: 'shop', view: 'spending', version: 2 }, start)
const step = { workflowId, workflowRunId: 'r1', activityType: 'readSource', attempt: 3, taskToken: 'dG9rZW4=' }
const failure = (type: string, nonRetryable: boolean) =>
  ApplicationFailure.create({ type, message: 'part-7 is torn', nonRetryable })

function said(message: string, meta: Record<string, unknown>) {
  const lines: { level: string; facts: object; message: string }[] = []
  const at = (level: string) => (facts: object, text: string) => void lines.push({ level, facts, message: text })
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  logTemporal(log)({ level: 'WARN', message, meta })
  expect(lines.length).toBe(1)
  expect(JSON.stringify(lines)).not.toContain(step.taskToken)
  return lines[0]!
}

test('a step that failed of something foreseen: code, message and names, no stack; the run says it louder', () => {
  expect(said('Activity failed', { ...step, error: failure('SOURCE_FILE_CORRUPT', true) })).toEqual({
    level: 'debug',
    message: 'temporal: Activity failed: SOURCE_FILE_CORRUPT',
    facts: {
      ...{ step: 'read', attempt: 3, workflow: workflowId, workflowRunId: 'r1' },
      ...{ run: 'r1', view: 'spending', version: 2, interval: { start } },
      ...{ code: 'SOURCE_FILE_CORRUPT', message: 'part-7 is torn' },
    },
  })
})

test('what nobody else says stays a warning: a step to be tried again, a failure not recorded, a tick', () => {
  const torn = failure('SOURCE_FILE_CORRUPT', true)
  expect(said('Activity failed', { ...step, error: failure('LEDGER_UNREACHABLE', false) }).level).toBe('warn')
  expect(said('Activity failed', { ...step, activityType: 'recordFailure', error: torn }).level).toBe('warn')
  const ofTick = { ...step, workflowId: 'tick/spending', activityType: 'planTick', error: torn }
  expect(said('Activity failed', ofTick)).toMatchObject({ level: 'warn', facts: { code: 'SOURCE_FILE_CORRUPT' } })
  expect(said('Workflow failed', { workflowId: 'tick/spending', error: new Error('x') })).toMatchObject({
    level: 'warn',
    facts: { why: 'x' },
  })
})

test('the workflow of a run repeats what the run has said', () => {
  expect(said('Workflow failed', { workflowId, runId: 'r1', error: new Error('Activity task failed') })).toEqual({
    level: 'debug',
    message: 'temporal: Workflow failed',
    facts: {
      ...{ workflow: workflowId, workflowRunId: 'r1' },
      ...{ run: 'r1', view: 'spending', version: 2, interval: { start } },
      why: 'Activity task failed',
    },
  })
})

test('a step that was begun here is named as it was begun, a later round of a run and a tick, too', () => {
  const interval = { start, end: '2001-01-01T01:00:00Z' }
  rememberStep('r2', { run: 'r2.2', view: 'spending', version: 2, interval })
  rememberStep('t1', { view: 'spending', version: 2 })
  const torn = { error: failure('SOURCE_FILE_CORRUPT', true) }
  const ofRun = said('Activity failed', { ...step, ...torn, workflowRunId: 'r2' })
  expect(ofRun.facts).toMatchObject({ workflowRunId: 'r2', run: 'r2.2', view: 'spending', version: 2, interval })
  const tick = { ...step, ...torn, workflowId: 'tick/x', workflowRunId: 't1', activityType: 'planTick' }
  expect(said('Activity failed', tick).facts).toEqual({
    ...{ step: 'tick', attempt: 3, workflow: 'tick/x', workflowRunId: 't1', view: 'spending', version: 2 },
    ...{ code: 'SOURCE_FILE_CORRUPT', message: 'part-7 is torn' },
  })
})

test('what is remembered of steps has an end', () => {
  rememberStep('first', { view: 'spending' })
  for (let other = 0; other < 256; other++) rememberStep(`other ${other}`, {})
  expect(said('Activity failed', { ...step, workflowRunId: 'first' }).facts).toMatchObject({ run: 'first' })
})

test('what nobody foresaw keeps its error, for its stack', () => {
  for (const error of [new TypeError('x'), failure('INTERNAL', true)])
    expect(said('Activity failed', { ...step, error })).toMatchObject({ level: 'warn', facts: { error } })
})
