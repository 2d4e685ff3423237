/** Backfills in the ledger: one at a time over a range, what is left, in which order they begin. */
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { PostgresClient } from '../../adapters/postgres/client.js'
import type { CostLimits } from '../../core/plan/index.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { commitOf, estimate, planOf, request } from '../support/backfill-steps.js'
import { ledgerProject } from '../support/ledger-project.js'
import { allTime, fail, hour, startOf, view } from '../support/ledger-steps.js'

let ledger: LedgerWriter
let client: PostgresClient
ledgerProject((project) => {
  ;({ ledger, client } = project)
})

const commitBy = (by: string | null, runId: string, index: number) => commitOf(ledger, by, runId, index)
describe('a backfill', () => {
  test('is one at a time over a range, also where several begin together', async () => {
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((id, at) => ledger.openBackfill(request(id, at, at + 2))))
    expect(all.filter(({ kind }) => kind === 'opened')).toHaveLength(2)
    const refused = all.filter((one) => one.kind === 'overlaps')
    const open = (await ledger.backfills({ isOpen: true, limit: 10 })).map(({ backfillId }) => backfillId)
    for (const one of refused) expect(open).toContain(one.kind === 'overlaps' && one.with.backfillId)
    expect(await ledger.openBackfill(request(open[0]!, 0, 9))).toMatchObject({ kind: 'joined' })
    expect(await ledger.openBackfill(request('far', 20, 22))).toMatchObject({ kind: 'opened' })
  })

  test('claims what it has not run, counts what it has, and frees the rest at its end', async () => {
    await ledger.openBackfill(request('a', 0, 4))
    await commitBy('a', 'run-0', 0)
    await ledger.startRun(startOf('run-1', 1, { backfillId: 'a' }))
    await fail(ledger, 'others', 2)
    await ledger.startRun(startOf('run-2', 2, { backfillId: 'a' }))
    await ledger.endRun('run-2', { outcome: 'failed', error: null, keyCounts: null, measures: null })
    expect(await ledger.backfillProgress('a')).toMatchObject({
      ...{ total: 4, done: 1, failed: 1, held: 0, running: 1, left: 1, unpublished: 1 },
      msPerInterval: expect.any(Number),
    })
    const claim = { backfillId: 'a', state: 'queued' }
    expect(await ledger.claimedIntervals(view, allTime)).toEqual([1, 3].map((at) => ({ ...hour(at), ...claim })))
    await ledger.beginBackfill('a', 1)
    await ledger.changeBackfill('a', { to: 'pause', by: 'bob', reason: null })
    expect(await ledger.claimedIntervals(view, hour(3))).toEqual([{ ...hour(3), ...claim, state: 'paused' }])
    expect((await ledger.nextBackfillIntervals('a', 1)).map(({ interval }) => interval)).toEqual([hour(1)])
    expect((await ledger.backfillIntervals('a')).map(({ runId, outcome }) => [runId, outcome])).toEqual([
      ['run-0', 'committed'],
      ['run-1', 'running'],
      ['run-2', 'failed'],
      [null, null],
    ])
    expect(await ledger.endBackfill('a', 'partly', null)).toMatchObject({ state: 'partly' })
    expect(await ledger.endBackfill('a', 'done', null)).toMatchObject({ state: 'partly' })
    expect(await ledger.claimedIntervals(view, allTime)).toEqual([])
  })

  test('has an interval left that was not ready because of a repair of the view below, until its end', async () => {
    await ledger.openBackfill(request('a', 0, 2))
    const because = 'a test'
    const wait = async (runId: string, index: number, more: { readonly isRepair?: true }) => {
      await ledger.startRun(startOf(runId, index, { backfillId: 'a' }))
      const waitedFor = { because, source: 'sums', view: 'sums', ...more }
      await ledger.endRun(runId, { outcome: 'not-ready', error: null, keyCounts: null, measures: null, waitedFor })
    }
    await wait('repair', 0, { isRepair: true })
    await wait('data', 1, {})
    expect(await ledger.backfillProgress('a')).toMatchObject({ failed: 1, left: 1 })
    expect(await ledger.claimedIntervals(view, allTime)).toMatchObject([hour(0)])
    const again = { interval: hour(0), need: 'missing', hasWaited: true }
    expect(await ledger.nextBackfillIntervals('a', 9)).toEqual([again])
    await commitBy('a', 'mended', 0)
    expect([await ledger.backfillProgress('a'), await ledger.nextBackfillIntervals('a', 9)]).toMatchObject([
      { done: 1, failed: 1, left: 0 },
      [],
    ])
    await ledger.openBackfill(request('b', 2, 3))
    await ledger.startRun(startOf('waits', 2, { backfillId: 'b' }))
    const waitedFor = { because, source: 'sums', isRepair: true } as const
    await ledger.endRun('waits', { outcome: 'not-ready', error: null, keyCounts: null, measures: null, waitedFor })
    await ledger.endBackfill('b', 'failed', null)
    expect(await ledger.backfillProgress('b')).toMatchObject({ failed: 1, left: 0 })
  })

  test('is told what to do by words that fit its state; each is said once', async () => {
    await ledger.openBackfill(request('a', 0, 1))
    const say = (to: 'pause' | 'resume' | 'cancel' | 'approve') =>
      ledger.changeBackfill('a', { to, by: 'bob', reason: null }).then(({ state }) => state)
    await expect(say('approve')).resolves.toBe('queued')
    await ledger.beginBackfill('a', 1)
    await expect(say('approve')).resolves.toBe('running')
    expect([await say('pause'), await say('pause'), await say('resume'), await say('cancel')]).toEqual([
      ...['paused', 'paused', 'queued', 'cancelling'],
    ])
    await expect(say('pause')).rejects.toMatchObject({ code: 'BACKFILL_NOT_APPLICABLE' })
    await ledger.endBackfill('a', 'cancelled', null)
    await expect(say('resume')).rejects.toMatchObject({ message: expect.stringContaining('cancelled, and over') })
    await expect(ledger.changeBackfill('x', { to: 'pause', by: 'bob', reason: null })).rejects.toMatchObject({
      code: 'BACKFILL_UNKNOWN',
    })
  })

  test('is queued while as many as may run at once do, and begins in the order in which they were asked for', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e']
    for (const [at, id] of ids.entries()) await ledger.openBackfill(request(id, at, at + 1))
    const states = async () =>
      Object.fromEntries((await ledger.backfills({ limit: 10 })).map(({ backfillId, state }) => [backfillId, state]))
    const begin = (some: readonly string[]) => Promise.all(some.map((id) => ledger.beginBackfill(id, 2)))
    // Out of order, and all at once: none before its turn.
    await begin(['e', 'd', 'c'])
    expect(await states()).toEqual({ a: 'queued', b: 'queued', c: 'queued', d: 'queued', e: 'queued' })
    await begin([...ids, ...ids])
    await begin(ids)
    expect(await states()).toEqual({ a: 'running', b: 'running', c: 'queued', d: 'queued', e: 'queued' })
    expect((await ledger.queuedBackfills()).map(({ backfillId }) => backfillId)).toEqual(['c', 'd', 'e'])
    // Cancelled it has no turn any more; one that is paused leaves its place to others, and takes it again.
    const say = (id: string, to: 'pause' | 'resume' | 'cancel') =>
      ledger.changeBackfill(id, { to, by: 'bob', reason: null })
    expect(await say('c', 'cancel')).toMatchObject({ state: 'cancelling' })
    await ledger.endBackfill('c', 'cancelled', null)
    await say('a', 'pause')
    await begin(['d', 'e'])
    expect(await states()).toMatchObject({ a: 'paused', b: 'running', d: 'running', e: 'queued' })
    await say('a', 'resume')
    await ledger.endBackfill('b', 'done', null)
    await begin(['e', 'a'])
    expect(await states()).toMatchObject({ a: 'running', d: 'running', e: 'queued' })
    await ledger.endBackfill('d', 'done', null)
    await begin(['e'])
    expect(await ledger.queuedBackfills()).toEqual([])
  })

  test('awaits approval where it costs too much, alone or with those that are open', async () => {
    const asking = (id: string, from: number, dollars: number, limits: CostLimits, writeUnits: number | null = 0) => {
      const plain = request(id, from, from + 1)
      const priced = { ...estimate, writeUnits, dollars: { ...estimate.dollars, total: dollars } }
      return ledger.openBackfill({ ...plain, plan: { ...plain.plan, estimate: priced }, limits })
    }
    const ofAll = { costMax: null, costMaxOfAll: 10 }
    expect(await asking('a', 0, 6, ofAll)).toMatchObject({ backfill: { state: 'queued', dollars: 6, awaits: null } })
    const both = await Promise.all([asking('b', 1, 4, ofAll), asking('c', 2, 4, ofAll)])
    const late = both.find((one) => one.kind === 'opened' && one.backfill.state === 'awaiting-approval')
    // Asked for at once, one of them has counted the other.
    expect(late).toMatchObject({ backfill: { dollars: 4, awaits: { ...ofAll, openDollars: 10 } } })
    expect(await asking('d', 3, 0, ofAll)).toMatchObject({ backfill: { state: 'queued' } })
    const own = { costMax: 1, costMaxOfAll: null }
    expect(await asking('e', 4, 2, own)).toMatchObject({ backfill: { state: 'awaiting-approval', awaits: own } })
    // Nor does it keep its interval from ticks, before somebody has approved it.
    expect(await ledger.claimedIntervals(view, hour(4))).toEqual([])
    await ledger.changeBackfill('e', { to: 'approve', by: 'bob', reason: null })
    expect(await ledger.claimedIntervals(view, hour(4))).toMatchObject([{ backfillId: 'e', state: 'queued' }])
    await ledger.endBackfill('e', 'done', null)
    // What has ended takes nothing any more.
    await ledger.endBackfill('a', 'done', null)
    expect(await asking('f', 5, 6, ofAll)).toMatchObject({ backfill: { state: 'queued' } })
    expect(await asking('g', 6, 0, own, null)).toMatchObject({
      backfill: { state: 'awaiting-approval', awaits: { ...own, isUnknown: true } },
    })
  })

  test('what an interval takes leaves out pauses, and counts those at once together and the way from run to run', async () => {
    const rate = async (backfillId: string, ...runs: readonly (readonly [start: number, end: number])[]) => {
      await ledger.openBackfill(request(backfillId, ids.length * 10, ids.push(backfillId) * 10))
      for (const [at, [from, to]] of runs.entries()) {
        const runId = `${backfillId}-${at}`
        await ledger.startRun(startOf(runId, at, { backfillId }))
        await ledger.endRun(runId, { outcome: 'failed', error: null, keyCounts: null, measures: null })
        const second = (seconds: number) => sql`to_timestamp(${seconds})`
        const times = { started_at: second(from), ended_at: second(to) }
        await client.query((db) =>
          db
            .updateTable('runs')
            .set(times as never)
            .where('run_id', '=', runId)
            .execute(),
        )
      }
      return (await ledger.backfillProgress(backfillId)).msPerInterval
    }
    const ids: string[] = []
    expect(await rate('none')).toBeNull()
    expect(await rate('one', [0, 10])).toBe(10_000)
    expect(await rate('after-each-other', [0, 10], [12, 22])).toBe(11_000)
    expect(await rate('at-once', [0, 10], [0, 10], [10, 20], [10, 20])).toBe(5_000)
    expect(await rate('paused', [0, 10], [0, 10], [3_610, 3_620], [3_610, 3_620])).toBe(5_000)
    expect(await rate('beside-a-long-one', [0, 100], [10, 20], [90, 100], [9_000, 9_010])).toBe(27_500)
  })

  test('its plan is kept as it was shown', async () => {
    const plan = planOf('p', 0, 2)
    await ledger.keepBackfillPlan(plan)
    await ledger.keepBackfillPlan({ ...plan, services: ['scores'] })
    expect(await ledger.backfillPlan('p')).toEqual({ ...plan, services: ['scores'] })
    expect(await ledger.backfillPlan('q')).toBeNull()
  })

  test('its plan is kept for a week from when it was last shown, and for as long as it has a backfill', async () => {
    const daysPass = (days: number) =>
      client.query((db) =>
        db
          .updateTable('backfill_plans')
          .set({ made_at: sql<bigint>`made_at - make_interval(days => ${days})` })
          .execute(),
      )
    const kept = async () => {
      await ledger.keepBackfillPlan(planOf('new', 8, 9))
      const plans = await Promise.all(['shown', 'forgotten', 'started'].map((id) => ledger.backfillPlan(id)))
      return plans.flatMap((plan) => plan?.planId ?? [])
    }
    for (const id of ['shown', 'forgotten', 'started']) await ledger.keepBackfillPlan(planOf(id, 0, 2))
    await ledger.openBackfill(request('started', 0, 2))
    await daysPass(6)
    expect(await kept()).toEqual(['shown', 'forgotten', 'started'])
    await ledger.keepBackfillPlan(planOf('shown', 0, 2))
    await daysPass(6)
    expect(await kept()).toEqual(['shown', 'started'])
  })

  test('every word to it is in the audit, with who and why', async () => {
    await ledger.openBackfill(request('a', 0, 1))
    await ledger.beginBackfill('a', 1)
    for (const [to, reason] of [
      ['pause', 'the lake is busy'],
      ['pause', 'said twice'],
      ['resume', null],
      ['cancel', 'enough'],
    ] as const)
      await ledger.changeBackfill('a', { to, by: 'bob', reason })
    const rows = await client.query((db) =>
      db.selectFrom('audit').select(['acted_by', 'action', 'subject', 'reason']).orderBy('audit_id').execute(),
    )
    const subject = 'airport_delays@v1/backfill/a'
    expect(rows).toEqual([
      { acted_by: 'ann', action: 'backfill start', subject, reason: 'late files' },
      { acted_by: 'bob', action: 'backfill pause', subject, reason: 'the lake is busy' },
      { acted_by: 'bob', action: 'backfill resume', subject, reason: null },
      { acted_by: 'bob', action: 'backfill cancel', subject, reason: 'enough' },
    ])
  })
})
