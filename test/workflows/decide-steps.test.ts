/** How runs end in the ledger and how decisions are carried out, over real Postgres, DuckDB and folders. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { computeInterval } from '../../activities/compute-interval.js'
import { applyDecision } from '../../activities/decide.js'
import { pastOf } from '../../activities/past-of.js'
import { publishInterval } from '../../activities/publish-interval.js'
import { recordFailure, recordRun } from '../../activities/record-run.js'
import type { Clock } from '../../core/ports/clock.js'
import type { DecisionRequest, RunError } from '../../core/ports/ledger.js'
import { noTelemetry } from '../../core/ports/telemetry.js'
import { fromIsoInterval } from '../../core/time/interval.js'
import { hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const holdsAmount = { view: { checks: { features: { amount: { max: 100, severity: 'hold-feature' } } } } }
const heldBelowTwoRows = { view: { checks: { rows: { min: 2 } } } }

let rig: SalesRig
beforeAll(async () => {
  rig = await startSalesRig({
    accepts: heldBelowTwoRows,
    rejects: heldBelowTwoRows,
    reruns: heldBelowTwoRows,
    overtaken: heldBelowTwoRows,
    records: {},
    fills: { view: { online: true } },
    gates: heldBelowTwoRows,
    loses: heldBelowTwoRows,
    fails: {},
    awaits: { view: { lookback: '6h' }, ready: { marker: '_SUCCESS', deadline: '2h' } },
    alone: holdsAmount,
    again: holdsAmount,
    measured: {
      view: { checks: { features: { amount: { max: 100, severity: 'hold-feature', drift: { sigmaMax: 3 } } } } },
    },
  })
})
afterAll(() => rig?.stop())

/** The run of the first hour, held because it has one row only. */
async function held(view: string): Promise<string> {
  await rig.write(view, 0, 'a', sale(hour(0, 5), 'x', 1))
  const { outcome, runId } = await rig.run(hourOf(view, 0))
  expect(outcome).toBe('held')
  return runId
}

async function decide(view: string, action: DecisionRequest['action'], runId: string | null, hours = 0) {
  const interval = fromIsoInterval(hourOf(view, hours).interval)
  const request = { view, version: 1, action, interval, runId, reason: 'seen it', by: 'ann' }
  const { decisionId } = await rig.deps.ledger.recordDecision(request)
  return () => rig.step(applyDecision, [{ decisionId, now: hour(1) }])
}

async function current(view: string) {
  const [commit] = await rig.deps.ledger.currentCommits({ view, version: 1 }, fromIsoInterval(hourOf(view, 0).interval))
  return commit
}

describe('R35: features held alone', () => {
  test('the run commits its others and is done; accepted, the interval has exactly what was judged', async () => {
    await rig.write('alone', 0, 'a', sale(hour(0, 5), 'x', 1000))
    const { outcome, runId } = await rig.run(hourOf('alone', 0))
    expect(outcome).toBe('done')
    expect((await rig.deps.ledger.run(runId))?.verdict).toMatchObject({
      ...{ decision: 'publish', heldFeatures: ['amount'] },
      findings: [{ code: 'value_above', severity: 'hold-feature', feature: 'amount' }],
    })
    const holding = await current('alone')
    expect(holding).toMatchObject({ runId, held: { features: ['amount'], isRejected: false }, data: { rows: 1 } })
    const apply = await decide('alone', 'accept', runId)
    for (const _ of ['first', 'again']) expect(await apply()).toEqual({ kind: 'committed', view: 'alone', version: 1 })
    const commit = await current('alone')
    expect(commit).not.toHaveProperty('held')
    expect(commit).toMatchObject({ runId, data: { path: holding!.data!.path, rows: 1 } })
    expect(await rig.deps.ledger.run(runId)).toMatchObject({ outcome: 'accepted' })
  })

  test('what drift is measured by has nothing of a feature while it is held, and all once it is accepted', async () => {
    const amounts = [1, 1000, 2]
    for (const [at, amount] of amounts.entries()) await rig.write('measured', at, 'a', sale(hour(at, 5), 'x', amount))
    await rig.run(hourOf('measured', 0))
    const { runId } = await rig.run(hourOf('measured', 1))
    const { view } = await rig.deps.registry.view('measured')
    const run = await rig.planned('measured', 2, 'after')
    const measuredBy = async () => {
      const { runs } = (await pastOf(rig.deps, run, view))!.baseline
      return runs.map(({ profile }) => profile.columns.map(({ feature }) => feature).join()).sort()
    }
    expect(await measuredBy()).toEqual(['amount,note', 'note'])
    await (await decide('measured', 'accept', runId, 1))()
    expect(await measuredBy()).toEqual(['amount,note', 'amount,note'])
  })

  test('R37: what the interval has accepted counts on while a rerun fails, which is held as a whole', async () => {
    await rig.write('again', 0, 'a', sale(hour(0, 5), 'x', 1))
    const good = await rig.run(hourOf('again', 0))
    await rig.write('again', 0, 'b', sale(hour(0, 6), 'x', 1000))
    expect((await rig.run(hourOf('again', 0))).outcome).toBe('held')
    expect(await current('again')).toMatchObject({ runId: good.runId })
    expect(await current('again')).not.toHaveProperty('held')
  })
})

describe('R37: decisions', () => {
  test('accept commits exactly the judged candidate, and again nothing more', async () => {
    const runId = await held('accepts')
    const apply = await decide('accepts', 'accept', runId)
    expect(await apply()).toEqual({ kind: 'committed', view: 'accepts', version: 1 })
    const commit = await current('accepts')
    expect(commit).toMatchObject({ runId, isRejected: false, data: { rows: 1 } })
    expect(await rig.rowsOf(commit!.data!.path)).toMatchObject([{ amount: 1n }])
    expect(await rig.deps.ledger.run(runId)).toMatchObject({ outcome: 'accepted' })

    expect(await apply()).toEqual({ kind: 'committed', view: 'accepts', version: 1 })
    expect(await current('accepts')).toEqual(commit)
  })

  test('reject commits the interval as empty where it had no version, and keeps one that it had', async () => {
    const runId = await held('rejects')
    const apply = await decide('rejects', 'reject', runId)
    expect(await apply()).toEqual({ kind: 'committed', view: 'rejects', version: 1 })
    const empty = await current('rejects')
    expect(empty).toMatchObject({ data: null, isRejected: true })

    await rig.write('rejects', 0, 'a', sale(hour(0, 6), 'y', 2))
    const again = await rig.run(hourOf('rejects', 0, { kind: 'rerun' }))
    expect(again.outcome).toBe('held')
    const applyAgain = await decide('rejects', 'reject', again.runId)
    expect(await applyAgain()).toEqual({ kind: 'kept', view: 'rejects', version: 1 })
    expect(await current('rejects')).toEqual(empty)
  })

  test('R27: a run that was rejected before it had come to its files is run again once there are others, and not before', async () => {
    await rig.write('awaits', 0, 'a', sale(hour(0, 5), 'x', 1))
    const { outcome, runId } = await rig.run(hourOf('awaits', 0, { now: hour(4) }))
    expect(outcome).toBe('not-ready')
    await (await decide('awaits', 'reject', runId))()
    expect(await current('awaits')).toMatchObject({ isRejected: true })
    expect(await rig.starts('awaits', hour(4))).toEqual(['01:00', '02:00', '03:00'])
    await rig.write('awaits', 0, 'b', sale(hour(0, 6), 'y', 2))
    expect(await rig.starts('awaits', hour(4))).toEqual(['00:00', '01:00', '02:00', '03:00'])
  })

  test('rerun asks for a run of the interval, which does not take unchanged inputs for done', async () => {
    const runId = await held('reruns')
    const apply = await decide('reruns', 'rerun', runId)
    const applied = await apply()
    expect(applied).toMatchObject({
      kind: 'rerun',
      project: expect.any(String),
      run: { ...hourOf('reruns', 0), kind: 'rerun', now: hour(1) },
    })
    expect(await apply()).toEqual(applied)
    if (applied.kind === 'rerun') expect((await rig.run(applied.run)).outcome).toBe('held')
  })

  test('a decision that a newer run has overtaken commits nothing', async () => {
    const runId = await held('overtaken')
    const apply = await decide('overtaken', 'accept', runId)
    await rig.write('overtaken', 0, 'b', sale(hour(0, 7), 'y', 2))
    const newer = await rig.run(hourOf('overtaken', 0))
    expect(newer.outcome).toBe('done')
    expect(await apply()).toEqual({ kind: 'superseded', byRunId: newer.runId })
    expect(await current('overtaken')).toMatchObject({ runId: newer.runId })
  })

  test('an accept whose candidate is gone from the lake ends so, commits nothing, and leaves the run to other decisions', async () => {
    const runId = await held('loses')
    await rig.deps.lake.remove((await rig.deps.ledger.run(runId))!.candidate!.data!.path)
    const apply = await decide('loses', 'accept', runId)
    for (const _ of ['first', 'again']) expect(await apply()).toEqual({ kind: 'candidate-gone' })
    expect(await rig.deps.ledger.pendingDecisions({ view: 'loses', version: 1 })).toEqual([])
    expect(await current('loses')).toBeUndefined()
    const rerun = await (await decide('loses', 'rerun', runId))()
    expect(rerun.kind).toBe('rerun')
    if (rerun.kind === 'rerun') expect((await rig.run(rerun.run)).outcome).toBe('held')
  })

  test('an unknown decision is refused', async () => {
    const unknown = '00000000-0000-4000-8000-000000000000'
    await expect(rig.step(applyDecision, [{ decisionId: unknown, now: null }])).rejects.toMatchObject({
      code: 'DECIDE_NOT_APPLICABLE',
    })
  })
})

test('R26: a gate that fails leaves the state as it was, and the next good run works', async () => {
  const rows = async () => {
    const commit = await current('gates')
    return commit === undefined ? null : await rig.rowsOf(commit.data!.path)
  }
  await rig.write('gates', 0, 'a', sale(hour(0, 5), 'x', 1))
  expect((await rig.run(hourOf('gates', 0))).outcome).toBe('held')
  expect(await rows()).toBeNull()
  await rig.write('gates', 0, 'a', sale(hour(0, 5), 'x', 1), sale(hour(0, 6), 'y', 2))
  expect((await rig.run(hourOf('gates', 0))).outcome).toBe('done')
  const good = await rows()
  expect(good).toHaveLength(2)
  await rig.write('gates', 0, 'a', sale(hour(0, 7), 'z', 3))
  expect((await rig.run(hourOf('gates', 0))).outcome).toBe('held')
  expect(await rows()).toEqual(good)
  await rig.write('gates', 0, 'a', sale(hour(0, 7), 'z', 3), sale(hour(0, 8), 'z', 4), sale(hour(0, 9), 'z', 5))
  expect((await rig.run(hourOf('gates', 0))).outcome).toBe('done')
  expect(await rows()).toHaveLength(3)
})

describe('record', () => {
  const keyCounts = { touched: 3, published: 1, unchanged: 1, superseded: 1, takenBack: 0, rewritten: 0 }

  test('R28: counts that reconcile are recorded with the measures; the first end counts', async () => {
    await rig.write('records', 0, 'a', sale(hour(0, 5), 'x', 1), sale(hour(0, 6), null, 2))
    const run = await rig.planned('records', 0, 'reconciles')
    await rig.step(computeInterval, [run], { id: 'reconciles' })
    const end = { outcome: 'done', keyCounts, itemsWritten: 1, peakMemoryBytes: 7 } as const
    await rig.step(recordRun, [run, end])
    await rig.step(recordRun, [run, { ...end, outcome: 'held' }])
    const record = await rig.deps.ledger.run(run.runId)
    expect(record).toMatchObject({ outcome: 'done', keyCounts, error: null })
    expect(record!.measures).toMatchObject({ itemsWritten: 1, peakMemoryBytes: 7 })
    expect(record!.measures!.bytesRead).toBe(record!.pins!.files[0]!.sizeBytes)
    expect(record!.measures!.durationMs).toBeGreaterThan(0)
  })

  test('how long a run took is by the clock of the ledger, whatever the worker’s says', async () => {
    await rig.write('records', 6, 'a', sale(hour(6, 5), 'x', 1))
    const run = await rig.planned('records', 6, 'behind')
    await rig.step(computeInterval, [run], { id: 'behind' })
    const { clock } = rig.deps
    const behind: Clock = {
      now: () => clock.now(),
      realNow: () => clock.realNow() - 3_600_000_000_000n,
      monotonicMs: () => clock.monotonicMs(),
    }
    const told: number[] = []
    const telemetry = {
      ...noTelemetry,
      observe: (_name: string, _labels: object, value: number) => void told.push(value),
    }
    const end = { outcome: 'done', keyCounts, itemsWritten: 1 } as const
    await rig.step(recordRun, [run, end], {}, { ...rig.deps, clock: behind, telemetry })
    const { measures } = (await rig.deps.ledger.run(run.runId))!
    expect(measures!.durationMs).toBeGreaterThan(0)
    expect(told).toEqual([measures!.durationMs / 1_000])
  })

  test('R28: keys that do not reconcile fail the run', async () => {
    const run = await rig.planned('records', 1, 'keys')
    const wrong = { ...keyCounts, unchanged: 0 }
    await expect(
      rig.step(recordRun, [run, { outcome: 'done', keyCounts: wrong, itemsWritten: 1 }]),
    ).rejects.toMatchObject({ code: 'RUN_COUNTS_DO_NOT_RECONCILE', detail: { facts: wrongFacts(wrong) } })
    expect(await rig.deps.ledger.run(run.runId)).toMatchObject({ outcome: 'running' })
  })

  test('R28: rows that do not reconcile fail the run', async () => {
    const run = await rig.planned('records', 2, 'rows')
    const counts = { read: 3, kept: 1, rejected: { null_key: 1, null_event_time: 0 }, outside: 0, replaced: 0 }
    const candidate = { runId: run.runId, data: null, quarantine: null, counts, reopens: [] }
    await rig.deps.ledger.recordProgress(run.runId, { candidate })
    await expect(
      rig.step(recordRun, [run, { outcome: 'done', keyCounts: null, itemsWritten: 0 }]),
    ).rejects.toMatchObject({ code: 'RUN_COUNTS_DO_NOT_RECONCILE', message: expect.stringContaining('read 3 rows') })
  })

  test('R34: a run of a backfill commits its interval and publishes nothing: the backfill does so once, at its end', async () => {
    await rig.write('fills', 0, 'a', sale(hour(0, 5), 'x', 1))
    const input = hourOf('fills', 0, { kind: 'backfill' })
    const plan = await rig.plan(input, { id: 'fills' })
    if (plan.kind !== 'ready') throw new Error(plan.kind)
    await rig.step(computeInterval, [plan.run], { id: 'fills' })
    const run = { ...plan.run, supersedes: plan.supersedes }
    expect(await rig.step(publishInterval, [run], { id: 'fills' })).toEqual({ kind: 'committed', because: 'backfill' })
    expect(await current('fills')).toMatchObject({ runId: 'fills', data: { rows: 1 } })
    expect(await rig.deps.ledger.unmarkedCommits({ view: 'fills', version: 1 })).toBe(1)
    expect(await rig.deps.ledger.lastPublish({ view: 'fills', version: 1 })).toBeNull()
  })

  test('a run that the ledger does not know is neither recorded nor published', async () => {
    const run = { ...hourOf('records', 3), runId: 'nobody', definitionHash: 'd' }
    await expect(
      rig.step(recordRun, [run, { outcome: 'done', keyCounts: null, itemsWritten: 0 }]),
    ).rejects.toMatchObject({ code: 'LEDGER_UNKNOWN_RUN' })
    const planned = { ...(await rig.planned('records', 4, 'rows')), runId: 'nobody', supersedes: null }
    await expect(rig.step(publishInterval, [planned])).rejects.toMatchObject({ code: 'LEDGER_UNKNOWN_RUN' })
  })

  const error: RunError = {
    code: 'LAKE_UNREACHABLE',
    message: 'x',
    hint: 'y',
    facts: { n: 1 },
    step: 'plan',
    attempts: 9,
  }

  test('a failure is recorded as it was given', async () => {
    const run = await rig.planned('fails', 0, 'fails-late')
    await rig.step(recordFailure, [{ input: hourOf('fails', 0), error, isReplanned: false }], { id: 'fails-late' })
    expect(await rig.deps.ledger.run(run.runId)).toMatchObject({ outcome: 'failed', error })
  })

  test('a run that failed before the ledger knew it is recorded all the same', async () => {
    await rig.step(recordFailure, [{ input: hourOf('fails', 1), error, isReplanned: false }], { id: 'fails-early' })
    expect(await rig.deps.ledger.run('fails-early')).toMatchObject({
      outcome: 'failed',
      error,
      view: 'fails',
      number: null,
    })
  })

  test('a round after which the run plans anew ends as superseded', async () => {
    const input = hourOf('fails', 2, { replans: 1 })
    await rig.step(recordFailure, [{ input, error, isReplanned: true }], { id: 'fails-round' })
    expect(await rig.deps.ledger.run('fails-round.2')).toMatchObject({ outcome: 'superseded', error })
  })
})

function wrongFacts({ touched, published, unchanged, superseded }: Record<string, number>) {
  return { touched, published, unchanged, superseded }
}
