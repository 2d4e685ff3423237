import { expect, test } from 'vitest'
import { addSpend, nothingSpent, type Spend } from '../../core/measure/index.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { SpendRecord } from '../../core/ports/spend-ledger.js'
import { ledgerProject } from '../support/ledger-project.js'

let ledger: LedgerWriter
ledgerProject((opened) => {
  ledger = opened.ledger
})

const spent = (change: Partial<Spend>) => addSpend(nothingSpent, change)
const record = (spendId: string, writeUnits: number, change: Partial<SpendRecord> = {}): SpendRecord => ({
  ...{ spendId, day: '2026-11-22', view: 'orders', version: 1, work: 'run', subject: 'run-1', backfillId: null },
  spend: spent({ writeUnits, engineSeconds: writeUnits / 2 }),
  ...change,
})
const all = { from: '2026-11-01', to: '2026-11-30', view: null }
const units = async () =>
  (await ledger.dailySpend(all)).map(({ day, view, version, work, spend }) => [
    day,
    view,
    version,
    work,
    spend.writeUnits,
  ])

test('totals told again replace what was told before: the sum of a day grows by the difference alone', async () => {
  expect(await ledger.spendOf('run-1')).toBeNull()
  await ledger.recordSpend([])
  const before = [record('a/1', 5), record('a/2', 7, { subject: 'run-2' })]
  await ledger.recordSpend(before)
  // The answer was lost: the same once more.
  await ledger.recordSpend(before)
  await ledger.recordSpend([record('a/1', 11), record('b/1', 100)])
  expect(await units()).toEqual([['2026-11-22', 'orders', 1, 'run', 118]])
  // Two workers have worked on it.
  expect(await ledger.spendOf('run-1')).toEqual(spent({ writeUnits: 111, engineSeconds: 55.5 }))
  expect(await ledger.spendOf('run-2')).toEqual(spent({ writeUnits: 7, engineSeconds: 3.5 }))
})

test('what was told twice at once, as by a statement that outlived its connection, and less than was told since, adds nothing', async () => {
  await Promise.all(Array.from({ length: 8 }, () => ledger.recordSpend([record('a/1', 5), record('a/2', 7)])))
  expect(await units()).toEqual([['2026-11-22', 'orders', 1, 'run', 12]])
  await ledger.recordSpend([record('a/1', 9)])
  await ledger.recordSpend([record('a/1', 5)])
  expect(await units()).toEqual([['2026-11-22', 'orders', 1, 'run', 16]])
  expect(await ledger.spendOf('run-1')).toEqual(spent({ writeUnits: 16, engineSeconds: 8 }))
})

test('days, views, versions and kinds of work are apart; a range and a view choose among them', async () => {
  const backfill = { work: 'backfill', backfillId: 'b-1' } as const
  await ledger.recordSpend([
    record('a/1', 1),
    record('a/2', 2, { version: 2 }),
    record('a/3', 4, backfill),
    record('a/4', 8, { day: '2026-11-23' }),
    record('a/5', 16, { view: 'clicks' }),
    record('a/6', 32, { day: '2026-12-01' }),
  ])
  expect(await units()).toEqual([
    ['2026-11-22', 'clicks', 1, 'run', 16],
    ['2026-11-22', 'orders', 1, 'backfill', 4],
    ['2026-11-22', 'orders', 1, 'run', 1],
    ['2026-11-22', 'orders', 2, 'run', 2],
    ['2026-11-23', 'orders', 1, 'run', 8],
  ])
  const some = await ledger.dailySpend({ from: '2026-11-23', to: '2026-12-01', view: 'orders' })
  expect(some.map(({ spend }) => spend.writeUnits)).toEqual([8, 32])
})

test('many workers that tell of one day at once lose nothing', async () => {
  const writers = Array.from({ length: 8 }, (_, writer) => writer)
  const views = ['a', 'b', 'c']
  await Promise.all(
    writers.map((writer) =>
      ledger.recordSpend(
        [...views.keys()].map((index) => {
          const view = views[(index + writer) % views.length]!
          return record(`${writer}/${view}`, 1, { view })
        }),
      ),
    ),
  )
  expect(await units()).toEqual(views.map((view) => ['2026-11-22', view, 1, 'run', 8]))
})

test('of a view above its budget: since when, and what has spent it, a backfill as one', async () => {
  const backfill = { work: 'backfill', backfillId: 'b-1' } as const
  await ledger.recordSpend([record('a/1', 60)])
  await ledger.recordSpend([record('a/2', 50, { ...backfill, subject: 'run-2', version: 2 })])
  await ledger.recordSpend([
    record('a/3', 40, { ...backfill, subject: 'run-3' }),
    record('a/4', 500, { view: 'clicks' }),
  ])
  const over = (day: string, writeUnitsPerDay: number) =>
    ledger.overBudget(day, [
      { view: 'orders', writeUnitsPerDay },
      { view: 'never_ran', writeUnitsPerDay: 1 },
    ])
  expect(await over('2026-11-22', 150)).toEqual([])
  expect(await over('2026-11-23', 1)).toEqual([])
  expect(await ledger.overBudget('2026-11-22', [])).toEqual([])
  const [found, ...more] = await over('2026-11-22', 100)
  expect(more).toEqual([])
  expect(found).toMatchObject({
    view: 'orders',
    writeUnits: 150,
    causes: [
      { work: 'backfill', subject: 'b-1', writeUnits: 90 },
      { work: 'run', subject: 'run-1', writeUnits: 60 },
    ],
  })
  const [later] = await over('2026-11-22', 120)
  expect(later!.since > found!.since).toBe(true)
})
