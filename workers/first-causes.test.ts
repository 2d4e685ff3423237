import { expect, test } from 'vitest'
import type { RunRecord } from '../core/ports/ledger.js'
import type { WorkSeen } from '../core/ports/run-control.js'
import type { IncidentDraft, IncidentRule } from '../core/watch/index.js'
import { FirstCauses } from './first-causes.js'

const ended: RunRecord = {
  ...{ runId: 'run-0', view: 'delays', version: 1, interval: { start: 0n, end: 1n }, kind: 'scheduled' },
  ...{
    definitionHash: '',
    workflowId: 'w',
    temporalRunId: 't',
    number: 1,
    outcome: 'held',
    startedAt: 0n,
    endedAt: 1n,
  },
  ...{ error: null, pins: null, candidate: null, profile: null, verdict: null, keyCounts: null, measures: null },
  detailsRemovedAt: null,
}
const nullRate = { code: 'null_rate_above', feature: 'avg', observed: 0.42, limit: 0.2 } as const
const error = { message: 'no', hint: null, facts: {}, step: 'compute', attempts: 3 }

function draft(rule: IncidentRule): IncidentDraft {
  return {
    ...{ key: rule, rule, severity: 'warning', view: 'delays', version: 1, owner: null, news: '' },
    ...{ summary: '', nextStep: '', facts: { run: 'run-0' } },
  }
}

async function causeOf(
  rule: IncidentRule,
  change: Partial<RunRecord>,
  workOf: () => Promise<WorkSeen | null> = () => Promise.reject(new Error('not to be asked')),
) {
  let asked = 0
  const run = async () => {
    asked += 1
    return { ...ended, ...change }
  }
  const causes = new FirstCauses({ run }, workOf)
  const [first] = await causes.addTo([draft(rule)])
  const [again] = await causes.addTo([draft(rule), draft(rule)])
  expect(again?.facts).toEqual(first?.facts)
  return { cause: first?.facts.firstCause, asked }
}

test('R35: a hold is told with what its checks found, that of features alone, too, and not with what they only warn of', async () => {
  const findings = [
    { ...nullRate, severity: 'hold' as const },
    { ...nullRate, severity: 'warn' as const, feature: 'max' },
  ]
  const held = await causeOf('held', { verdict: { decision: 'hold', findings } })
  expect(held).toEqual({ cause: 'avg: null rate 0.4200 is above its limit 0.2', asked: 1 })
  const alone = { ...nullRate, severity: 'hold-feature' as const }
  const verdict = { decision: 'publish' as const, findings: [alone], heldFeatures: ['avg'] }
  expect((await causeOf('held', { outcome: 'done', verdict })).cause).toBe(
    'without avg: avg: null rate 0.4200 is above its limit 0.2',
  )
})

test('what was not ready says for what it waited, what failed of what; whatever else names a run asks nothing', async () => {
  const waitedFor = { because: 'hour=05/_SUCCESS is not there yet', source: 'flights' }
  expect(await causeOf('not_ready', { outcome: 'not-ready', waitedFor })).toEqual({
    cause: 'hour=05/_SUCCESS is not there yet (source flights)',
    asked: 1,
  })
  const failed = await causeOf('failed', { outcome: 'failed', error: { ...error, code: 'COMPUTE_FAILED' } })
  expect(failed.cause).toBe('COMPUTE_FAILED in compute: no')
  expect(await causeOf('warned', { outcome: 'done' })).toEqual({ cause: undefined, asked: 0 })
})

test('what is slow is told with the step that it is at, as long as Temporal says so', async () => {
  const lastFailure = { code: 'PUBLISH_THROTTLED', message: 'table t throttles' }
  const work = {
    kind: 'step',
    activity: 'publishInterval',
    attempt: 7,
    state: 'pausing',
    worker: null,
    lastFailure,
  } as const
  expect((await causeOf('slow_run', { outcome: 'running' }, async () => work)).cause).toBe(
    'its step: publish, attempt 7, begins after a pause; the attempt before failed of PUBLISH_THROTTLED: table t throttles',
  )
  expect((await causeOf('slow_run', { outcome: 'running' })).cause).toBeUndefined()
  expect((await causeOf('slow_run', { outcome: 'running' }, async () => null)).cause).toBeUndefined()
})
