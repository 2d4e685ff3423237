import { expect, test } from 'vitest'
import type { DecisionRequest, LedgerWriter } from '../../core/ports/ledger.js'
import { ledgerProject } from '../support/ledger-project.js'
import { allTime, commit, end, fail, hold, hour, part, pin, startOf, view } from '../support/ledger-steps.js'
import type { TestProject } from '../support/postgres.js'

let project: TestProject
let ledger: LedgerWriter
ledgerProject((opened) => {
  project = opened
  ledger = opened.ledger
})

const decideOn = (action: DecisionRequest['action'], runId: string | null, index = 0): DecisionRequest => ({
  ...view,
  action,
  interval: hour(index),
  runId,
  reason: 'looked at it',
  by: 'anna',
})
const decide = async (action: DecisionRequest['action'], runId: string | null, index = 0) => {
  const { decisionId } = await ledger.recordDecision(decideOn(action, runId, index))
  const accepted = action === 'accept' && runId !== null ? part(runId) : null
  return await ledger.applyDecision(decisionId, accepted)
}
const stateOf = async (index = 0) => (await ledger.intervalStates(view, hour(index)))[0]
const outcomeOf = async (runId: string) => (await ledger.run(runId))?.outcome

test('R37: accept commits exactly the judged candidate, over the version that was there', async () => {
  await commit(ledger, 'good', 0)
  await hold(ledger, 'held', 0)
  const outcome = await decide('accept', 'held')
  expect(outcome.kind).toBe('committed')
  expect(await ledger.currentCommits(view, allTime)).toMatchObject([
    { runId: 'held', data: part('held'), isRejected: false, number: 2 },
  ])
  expect(await outcomeOf('held')).toBe('accepted')
})

test('R37: what was not judged is not committed', async () => {
  await hold(ledger, 'held', 0)
  const { decisionId } = await ledger.recordDecision(decideOn('accept', 'held'))
  await expect(ledger.applyDecision(decisionId, part('another'))).rejects.toMatchObject({ code: 'INTERNAL' })
  await expect(ledger.applyDecision(decisionId, null)).rejects.toMatchObject({ code: 'INTERNAL' })
  expect(await ledger.currentCommits(view, allTime)).toEqual([])
  expect(await ledger.pendingDecisions(view)).toHaveLength(1)
})

test('R37: reject keeps the accepted version', async () => {
  await commit(ledger, 'good', 0)
  await hold(ledger, 'held', 0)
  expect(await decide('reject', 'held')).toEqual({ kind: 'kept' })
  expect(await ledger.currentCommits(view, allTime)).toMatchObject([{ runId: 'good', isRejected: false }])
  expect(await outcomeOf('held')).toBe('rejected')
})

test('R37: reject of an interval without a version commits it as empty, marked so', async () => {
  await hold(ledger, 'held', 0)
  expect((await decide('reject', 'held')).kind).toBe('committed')
  await fail(ledger, 'failed', 1)
  expect((await decide('reject', 'failed', 1)).kind).toBe('committed')
  expect((await decide('reject', null, 2)).kind).toBe('committed')
  expect(await ledger.currentCommits(view, allTime)).toMatchObject([
    { runId: 'held', data: null, isRejected: true, number: 1 },
    { runId: 'failed', data: null, isRejected: true, number: 0 },
    { data: null, isRejected: true, number: 0 },
  ])
  expect([await outcomeOf('held'), await outcomeOf('failed')]).toEqual(['rejected', 'rejected'])
})

test('R37: data that arrives for a rejected interval is committed over it', async () => {
  await decide('reject', null)
  expect((await commit(ledger, 'late', 0)).kind).toBe('committed')
  expect(await ledger.currentCommits(view, allTime)).toMatchObject([{ runId: 'late', isRejected: false }])
})

test('R37: a run under way when its overdue interval is rejected has to plan again', async () => {
  const { supersedes } = await pin(ledger, 'slow', 0)
  await decide('reject', null)
  expect((await ledger.commitRun({ runId: 'slow', data: part('slow'), supersedes })).kind).toBe('moved')
})

test('R37: rerun re-opens the interval and commits nothing', async () => {
  await hold(ledger, 'held', 0)
  await fail(ledger, 'failed', 1)
  expect(await decide('rerun', 'held')).toEqual({ kind: 'kept' })
  expect(await decide('rerun', 'failed', 1)).toEqual({ kind: 'kept' })
  expect(await decide('rerun', null, 2)).toEqual({ kind: 'kept' })
  for (const index of [0, 1, 2])
    expect(await stateOf(index)).toMatchObject({
      committed: null,
      reopenedBecause: 'rerun asked for by anna: looked at it',
    })
})

test('R27: a run that is rejected before it has pinned its files settles what re-opened its interval; what comes after counts', async () => {
  const becauseOf = async (index: number) => (await stateOf(index))?.reopenedBecause
  for (const index of [0, 1, 2]) await commit(ledger, `good${index}`, index)
  await ledger.reopenIntervals(view, [hour(0), hour(1), hour(2)], 'late file')
  await fail(ledger, 'failed', 0)
  expect(await becauseOf(0)).toBe('late file')
  const { decisionId } = await ledger.recordDecision(decideOn('reject', 'failed', 0))
  expect(await becauseOf(0)).toBeNull()
  await ledger.reopenIntervals(view, [hour(0)], 'later file')
  expect(await ledger.applyDecision(decisionId, null)).toEqual({ kind: 'kept' })
  expect(await becauseOf(0)).toBe('later file')
  // Re-opened since it pinned: no word on that run is one on this.
  await hold(ledger, 'held', 1)
  await ledger.reopenIntervals(view, [hour(1)], 'later file')
  await decide('reject', 'held', 1)
  expect(await becauseOf(1)).toBe('later file')
  // Another run has come since, which takes care of it.
  await fail(ledger, 'first', 2)
  await ledger.startRun(startOf('second', 2))
  await decide('reject', 'first', 2)
  expect(await becauseOf(2)).toBe('late file')
})

test('R37: what was rejected may be run again, whether a run was rejected or an interval that had none', async () => {
  await hold(ledger, 'held', 0)
  await decide('reject', 'held', 0)
  await decide('reject', null, 1)
  await expect(ledger.recordDecision(decideOn('accept', 'held', 0))).rejects.toMatchObject({
    code: 'DECIDE_NOT_APPLICABLE',
  })
  expect(await decide('rerun', 'held', 0)).toEqual({ kind: 'kept' })
  expect(await decide('rerun', null, 1)).toEqual({ kind: 'kept' })
  for (const index of [0, 1]) {
    expect(await stateOf(index)).toMatchObject({ reopenedBecause: 'rerun asked for by anna: looked at it' })
    expect((await commit(ledger, `anew${index}`, index)).kind).toBe('committed')
  }
})

test('R35: of features that were left out for good the interval may be run again', async () => {
  const { supersedes } = await pin(ledger, 'alone', 0)
  await ledger.commitRun({ runId: 'alone', data: part('alone'), supersedes, heldFeatures: ['delay'] })
  await end(ledger, 'alone', 'committed')
  await decide('reject', 'alone', 0)
  for (const action of ['accept', 'reject'] as const)
    await expect(ledger.recordDecision(decideOn(action, 'alone', 0))).rejects.toMatchObject({
      code: 'DECIDE_NOT_APPLICABLE',
    })
  expect(await decide('rerun', 'alone', 0)).toEqual({ kind: 'kept' })
  expect(await stateOf(0)).toMatchObject({ reopenedBecause: 'rerun asked for by anna: looked at it' })
})

test('R37: a decision on a run below the committed one is refused', async () => {
  await hold(ledger, 'held', 0)
  await fail(ledger, 'failed', 0)
  await commit(ledger, 'newer', 0)
  expect(await outcomeOf('held')).toBe('superseded')
  for (const [action, runId] of [
    ['accept', 'held'],
    ['reject', 'held'],
    ['rerun', 'held'],
    ['reject', 'failed'],
  ] as const)
    await expect(ledger.recordDecision(decideOn(action, runId))).rejects.toMatchObject({
      code: 'RUN_SUPERSEDED',
      detail: { facts: { committedRunId: 'newer' } },
    })
})

test('R37: a decision whose run is overtaken before it is carried out changes nothing', async () => {
  await hold(ledger, 'held', 0)
  const { decisionId } = await ledger.recordDecision(decideOn('accept', 'held'))
  await commit(ledger, 'newer', 0)
  expect(await ledger.applyDecision(decisionId, part('held'))).toEqual({ kind: 'superseded', byRunId: 'newer' })
  expect(await ledger.applyDecision(decisionId, part('held'))).toEqual({ kind: 'superseded', byRunId: 'newer' })
  expect(await ledger.currentCommits(view, allTime)).toMatchObject([{ runId: 'newer' }])
})

test('R37: an older held run may be accepted while nothing newer is committed, a newer one after it too', async () => {
  await hold(ledger, 'first', 0)
  await hold(ledger, 'second', 0)
  expect((await decide('accept', 'first')).kind).toBe('committed')
  expect((await decide('accept', 'second')).kind).toBe('committed')
  expect(await ledger.currentCommits(view, allTime)).toMatchObject([{ runId: 'second' }])
})

test('R37: only what is held is accepted, only what is held, failed or overdue is decided on', async () => {
  await commit(ledger, 'good', 0)
  await fail(ledger, 'failed', 1)
  await ledger.startRun(startOf('running', 2))
  await hold(ledger, 'held', 3)
  for (const request of [
    decideOn('accept', 'good'),
    decideOn('rerun', 'good'),
    decideOn('accept', 'failed', 1),
    decideOn('reject', 'running', 2),
    decideOn('reject', 'failed', 0),
    decideOn('accept', null, 4),
    decideOn('reject', null, 0),
    decideOn('reject', null, 3),
  ])
    await expect(ledger.recordDecision(request)).rejects.toMatchObject({ code: 'DECIDE_NOT_APPLICABLE' })
  await expect(ledger.recordDecision(decideOn('accept', 'nobody'))).rejects.toMatchObject({
    code: 'LEDGER_UNKNOWN_RUN',
  })
  expect(await ledger.pendingDecisions(view)).toEqual([])
})

test('R37: a decision waits in the ledger until it is carried out, and is carried out once', async () => {
  await hold(ledger, 'held', 0)
  const decision = await ledger.recordDecision(decideOn('accept', 'held'))
  expect(decision).toMatchObject({ ...decideOn('accept', 'held'), appliedAt: null })
  expect(await ledger.pendingDecisions(view)).toEqual([decision])
  const other = project.connectAgain().ledger
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, (_, at) => (at % 2 ? ledger : other).applyDecision(decision.decisionId, part('held'))),
  )
  expect(
    new Set(outcomes.map((outcome) => JSON.stringify(outcome, (_, v) => (typeof v === 'bigint' ? `${v}` : v)))),
  ).toHaveLength(1)
  expect(await ledger.unmarkedCommits(view)).toBe(1)
  expect(await ledger.pendingDecisions(view)).toEqual([])
  expect((await ledger.decision(decision.decisionId))?.appliedAt).toEqual(expect.any(BigInt))
  expect(await ledger.decision('none')).toBeNull()
})

test('R37: of operators who decide differently at once, one is heard; the same word twice is one decision', async () => {
  const other = project.connectAgain().ledger
  await hold(ledger, 'held', 0)
  const said = await Promise.allSettled([
    ledger.recordDecision(decideOn('accept', 'held')),
    other.recordDecision(decideOn('reject', 'held')),
  ])
  const heard = said.filter((one) => one.status === 'fulfilled')
  expect(heard).toHaveLength(1)
  expect(said.find((one) => one.status === 'rejected')?.reason).toMatchObject({ code: 'DECIDE_NOT_APPLICABLE' })
  const { action, decisionId } = heard[0]!.value
  expect((await ledger.recordDecision(decideOn(action, 'held'))).decisionId).toBe(decisionId)
})

test('R37: decisions are audited, with the reason', async () => {
  await hold(ledger, 'held', 0)
  await decide('reject', 'held')
  await ledger.audit({ by: 'ben', action: 'training-set', subject: 'x', reason: null })
  const rows = await project.client.query((db) => db.selectFrom('audit').selectAll().orderBy('audit_id').execute())
  expect(rows).toMatchObject([
    {
      acted_by: 'anna',
      action: 'decide reject',
      subject: 'airport_delays@v1/2001-01-01T00:00:00Z',
      reason: 'looked at it',
    },
    { acted_by: 'ben', action: 'training-set', subject: 'x', reason: null },
  ])
})

test('R37: a commit and an accept of one interval at once end with the higher number current', async () => {
  const other = project.connectAgain().ledger
  for (let round = 0; round < 8; round += 1) {
    await hold(ledger, `held${round}`, round)
    const { decisionId } = await ledger.recordDecision(decideOn('accept', `held${round}`, round))
    const { supersedes } = await pin(ledger, `new${round}`, round)
    const [, committed] = await Promise.all([
      ledger.applyDecision(decisionId, part(`held${round}`)),
      other.commitRun({ runId: `new${round}`, data: part('new'), supersedes }),
    ])
    const winner = committed.kind === 'moved' ? `held${round}` : `new${round}`
    expect(await ledger.currentCommits(view, hour(round))).toMatchObject([{ runId: winner }])
  }
})
