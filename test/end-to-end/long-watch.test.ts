/** What the watcher sees of a view that it has watched for longer than it looks back, of a real ledger: nothing is over because it is old. */
import { expect, test } from 'vitest'
import { entity, featureView, parquet, t, window } from '../../core/define/index.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { formatInstant } from '../../core/time/instant.js'
import type { CalendarEntry } from '../../core/watch/index.js'
import { DayBudgets } from '../../workers/day-budgets.js'
import { FirstCauses } from '../../workers/first-causes.js'
import { observe } from '../../workers/observe-views.js'
import { SeenViews } from '../../workers/seen-views.js'
import { commitOf, request } from '../support/backfill-steps.js'
import { ledgerProject } from '../support/ledger-project.js'
import { commit, fail, hold, hour, publishAll, view } from '../support/ledger-steps.js'

let ledger: LedgerWriter
let registry: RegistryWriter
let project: string
ledgerProject((opened) => {
  ledger = opened.ledger
  registry = opened.registry
  project = opened.project
})

const settings = {
  unreachableAfterMs: 30_000,
  pollMs: 1_000,
  graceMs: 60_000,
  horizonMs: 6 * 3_600_000,
  heldMaxMs: null,
}

/** Looks as one watcher does, one look after the other; which incidents there are of runs. */
async function watched({ online = false } = {}) {
  const item = entity('airport', { keys: { id: t.string() } })
  const source = parquet('flights', {
    path: 'flights/*.parquet',
    eventTime: 'ts',
    schema: { ts: t.timestamp(), id: t.string(), delay: t.float64() },
  })
  const delays = featureView(view.view, {
    version: view.version,
    entity: item,
    source,
    since: formatInstant(hour(0).start),
    every: '1h',
    tile: '1m',
    features: { total: window.sum('delay', { over: '3h' }) },
    online,
  })
  const definitions = { entities: [item.definition], sources: [source.definition], views: [delays.definition] }
  await registry.apply({ project, ...definitions, services: [] }, { by: 'test' })
  const nobody = () => Promise.reject(new Error('Temporal is not asked'))
  const parts = {
    ...{ ledger, registry, isSchedulerUp: false, scheduler: { schedule: nobody, workers: nobody } },
    log: { info() {}, warn() {}, error() {} },
  }
  let calendar: readonly CalendarEntry[] = []
  const begin = () => ({
    causes: new FirstCauses(ledger, nobody),
    budgets: new DayBudgets(ledger, registry),
    seenViews: new SeenViews(ledger),
  })
  let memory = begin()
  return {
    async look(index: number, minutes = 30): Promise<string[]> {
      const now = hour(index).start + BigInt(minutes) * 60_000_000_000n
      const clock = { now: () => now, realNow: () => now }
      const found = await observe({ ...parts, ...memory, clock }, settings, calendar, 'w1')
      if (found.kind !== 'seen') throw new Error(found.why)
      calendar = found.calendar
      return found.drafts.map(({ rule, facts }) => `${rule} ${facts.intervals ?? facts.state}`)
    },
    /** What it remembers of its looks is lost; its calendar is on disk. */
    restart() {
      memory = begin()
    },
  }
}

test('a view that was first seen longer ago than the watcher looks back misses no run that is older', async () => {
  const { look } = await watched()
  expect(await look(0)).toEqual([])
  for (let index = 0; index < 10; index++) await commit(ledger, `run-${index}`, index)
  expect(await look(10)).toEqual([])
  // None of these has run.
  expect(await look(12)).toEqual(['missing_run 2'])
})

test('what failed, or is held, has its incident however old its interval becomes, until it is made good', async () => {
  const { look, restart } = await watched()
  expect(await look(0)).toEqual([])
  await fail(ledger, 'failed', 0)
  await commit(ledger, 'good', 1)
  await hold(ledger, 'held', 1)
  const commitHours = async (from: number, end: number) => {
    for (let index = from; index < end; index++) await commit(ledger, `run-${index}`, index)
  }
  await commitHours(2, 7)
  const both = ['failed 1', 'held 1']
  expect(await look(6, 59)).toEqual(both)
  // Nothing has happened since: the view is not read again.
  expect(await look(7, 0)).toEqual(both)
  await commitHours(7, 12)
  expect(await look(12)).toEqual(both)
  restart()
  expect(await look(12)).toEqual(both)
  await commit(ledger, 'mended', 0)
  expect(await look(12)).toEqual(['held 1'])
  // A backfill of a time long before.
  await fail(ledger, 'failed again', 2)
  expect(await look(12)).toEqual(['failed 1', 'held 1'])
})

test('what blocks a published end since a backfill was paused is told, though nothing has happened to the view', async () => {
  const { look } = await watched({ online: true })
  expect(await look(0)).toEqual([])
  await commit(ledger, 'first', 0)
  await publishAll(ledger, 'w')
  await ledger.openBackfill(request('a', 1, 2))
  await ledger.beginBackfill('a', 1)
  await commitOf(ledger, 'a', 'fill', 1)
  await commit(ledger, 'last', 2)
  expect(await look(3, 0)).toEqual([])
  await ledger.changeBackfill('a', { to: 'pause', by: 'ann', reason: null })
  expect(await look(3, 0)).toEqual(['blocked paused'])
  await ledger.endBackfill('a', 'cancelled', null)
  await publishAll(ledger, 'x')
  expect(await look(3, 0)).toEqual([])
})
