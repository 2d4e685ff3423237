/** The steps of a backfill over real Postgres, DuckDB and folders: what is next, and what a retry of it is made of. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { endBackfill, takeBackfillTurn } from '../../activities/backfill-turn.js'
import { openBackfill } from '../../activities/open-backfill.js'
import { planBackfill } from '../../activities/plan-backfill.js'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { progressLine } from '../../cli/backfill-screen/status-text.js'
import { oneReport } from '../../cli/commands/backfill-status.js'
import { readProgress } from '../../cli/commands/backfill-target.js'
import type { CliContext } from '../../cli/context.js'
import type { BackfillOptions } from '../../core/plan/index.js'
import { localCredentials } from '../support/dynalite.js'
import { deltaOf, noKeys, open, publishRequest } from '../support/ledger-steps.js'
import { folder, hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const hours = 4
const options: BackfillOptions = { order: 'oldest', isForced: false, onFailure: 'continue', atOnce: 2 }
const range = { from: hour(0), to: hour(hours) }

let rig: SalesRig
beforeAll(async () => {
  const views = ['stops', 'goes', 'offline', 'newest', 'retried', 'priced']
  const given = Object.fromEntries(views.map((view) => [view, {}]))
  rig = await startSalesRig({ ...given, priced: { view: { online: true } } })
  for (const view of views)
    for (let at = 0; at < hours; at++) await rig.write(view, at, 'sales', sale(hour(at, 5), 'a', at))
})
afterAll(() => rig?.stop())

const start = (planId: string, costMax: number | null = null) =>
  rig.step(openBackfill, [{ planId, by: 'ann', reason: 'gap', costMax, now: hour(hours) }])

async function plan(view: string, changes: Partial<BackfillOptions>, more: { readonly retryOf?: string } = {}) {
  const asked = { view, range, options: { ...options, ...changes }, now: hour(hours), ...more }
  return (await rig.step(planBackfill, [asked])).planId
}

async function started(view: string, changes: Partial<BackfillOptions>, costMax: number | null = null) {
  const opened = await start(await plan(view, changes), costMax)
  if (opened.kind === 'nothing-to-run') throw new Error(opened.kind)
  return opened.backfill.backfillId
}

/** What it is to run next, `HH:mm`, or what else it is to do. */
async function next(backfillId: string, max = 100) {
  const turn = await rig.step(takeBackfillTurn, [{ backfillId, max, isCancelled: false }])
  return turn.kind === 'run' ? turn.intervals.map((interval) => interval.start.slice(11, 16)) : turn.kind
}

const run = async (view: string, at: number, backfillId: string) =>
  (await rig.run(hourOf(view, at, { kind: 'backfill', backfill: { backfillId, isForced: false } }))).outcome

const spoil = (view: string, at: number) => rig.writeBytes(`${folder(view, at)}/sales.parquet`, 'no Parquet')
const end = (backfillId: string) => rig.step(endBackfill, [{ backfillId, error: null }])

test('a failed run ends one that is to stop at it, and no other one', async () => {
  for (const [view, onFailure] of [
    ['stops', 'stop'],
    ['goes', 'continue'],
  ] as const) {
    await spoil(view, 1)
    const id = await started(view, { onFailure })
    expect(await next(id)).toEqual(['00:00', '01:00', '02:00', '03:00'])
    expect([await run(view, 0, id), await run(view, 1, id)]).toEqual(['done', 'SOURCE_FILE_CORRUPT'])
    expect(await next(id), view).toEqual(onFailure === 'stop' ? 'finish' : ['02:00', '03:00'])
    expect(await end(id)).toMatchObject({ state: 'partly' })
    expect(await rig.deps.ledger.backfillProgress(id)).toMatchObject({ done: 1, failed: 1, left: 2 })
  }
})

test('of an offline view nothing that it has committed is said to await a publish', async () => {
  const id = await started('offline', {})
  expect(await run('offline', 0, id)).toBe('done')
  const { ledger, registry } = rig.deps
  const context = { ledger: async () => ledger, registry: async () => registry, givenOptions: '' } as CliContext
  const backfill = (await ledger.backfill(id))!
  expect(progressLine(backfill, await readProgress(context, backfill), new Map())).toMatch(/of runs left$/)
  await end(id)
  const { data, text } = await oneReport(context, id)
  expect([text.includes('online'), data]).toMatchObject([false, { progress: { done: 1, unpublished: 0 } }])
})

test('an online store that does not answer keeps nobody from a plan, which does not know its price then', async () => {
  const { ledger } = rig.deps
  const key = { view: 'priced', version: 1 }
  await run('priced', 0, 'of-before')
  const { sequence, owner } = await open(ledger, publishRequest('w', { ...key, table: 'priced', window: null }))
  await ledger.recordDelta(key, sequence, owner, deltaOf(sequence))
  const finished = { keyCounts: noKeys, itemsWritten: 1, tableIdentity: 'table-1', newBase: null }
  await ledger.finishPublish(key, sequence, owner, finished)
  const online = new DynamoDbOnlineStore({
    endpoint: 'http://127.0.0.1:1',
    credentials: localCredentials,
    patienceMs: 500,
  })
  const asked = { view: 'priced', range, options, now: hour(hours) }
  const { planId } = await rig.step(planBackfill, [asked], {}, { ...rig.deps, online })
  expect((await ledger.backfillPlan(planId))?.estimate).toMatchObject({
    runs: hours - 1,
    writes: null,
    writeUnits: null,
  })
}, 60_000)

test('newest first is what the ledger hands out, too', async () => {
  const id = await started('newest', { order: 'newest' })
  expect(await next(id, 2)).toEqual(['03:00', '02:00'])
  expect(await run('newest', 3, id)).toBe('done')
  expect(await next(id, 2)).toEqual(['02:00', '01:00'])
  expect(await next(id)).toEqual(['02:00', '01:00', '00:00'])
  await end(id)
})

test('a retry is planned over what failed, at the price of that, and keeps the limit', async () => {
  const { ledger } = rig.deps
  const first = await started('retried', {}, -1)
  expect(await ledger.backfill(first)).toMatchObject({ state: 'awaiting-approval', costMax: -1 })
  await ledger.changeBackfill(first, { to: 'approve', by: 'bob', reason: null })
  await spoil('retried', 1)
  expect(await next(first)).toHaveLength(hours)
  expect([await run('retried', 0, first), await run('retried', 1, first)]).toEqual(['done', 'SOURCE_FILE_CORRUPT'])
  await end(first)

  const before = await plan('retried', {}, { retryOf: first })
  await rig.write('retried', 1, 'sales', sale(hour(1, 5), 'a', 1))
  await expect(start(before)).rejects.toMatchObject({
    code: 'BACKFILL_PLAN_MOVED',
    detail: { hint: `plan it again: millcourse backfill retry ${first} --failed` },
  })
  const planId = await plan('retried', {}, { retryOf: first })
  // Two more are left, which nobody asks for.
  expect(await ledger.backfillPlan(planId)).toMatchObject({
    ...{ retryOf: first, intervals: [{ start: hour(1), need: 'failed' }], limits: { costMax: -1 } },
    estimate: { runs: 1, files: 1 },
  })
  expect(await start(planId)).toMatchObject({ kind: 'awaiting-approval', intervals: 1 })
  expect(await ledger.backfill(planId)).toMatchObject({ retryOf: first, costMax: -1 })
  await end(planId)
  // Another limit may be named.
  const again = await start(await plan('retried', {}, { retryOf: first }), 5)
  expect(again).toMatchObject({ kind: 'started', backfill: { backfillId: `${planId}-2` } })
  expect(await ledger.backfill(`${planId}-2`)).toMatchObject({ costMax: 5 })
  expect([await next(`${planId}-2`), await run('retried', 1, `${planId}-2`)]).toEqual([['01:00'], 'done'])
  expect(await end(`${planId}-2`)).toMatchObject({ state: 'done' })
})
