import { describe, expect, test } from 'vitest'
import type { LedgerWriter, RunEnd } from '../../core/ports/ledger.js'
import type { Interval } from '../../core/time/interval.js'
import { ledgerProject } from '../support/ledger-project.js'
import {
  allTime,
  commit,
  commitHours,
  end,
  fail,
  hold,
  hour,
  hourNs,
  pin,
  startOf,
  view,
} from '../support/ledger-steps.js'

let ledger: LedgerWriter
ledgerProject((opened) => {
  ledger = opened.ledger
})

const hours = (from: number, to: number): Interval => ({ start: hour(from).start, end: hour(to).start })

test('a publish is given up for what was committed until then, of this version alone', async () => {
  expect(await ledger.isPublishGivenUp(view)).toBe(false)
  await commitHours(ledger, 0, 1)
  expect(await ledger.isPublishGivenUp(view)).toBe(false)
  await ledger.giveUpPublish(view)
  expect(await ledger.isPublishGivenUp(view)).toBe(true)
  expect(await ledger.isPublishGivenUp({ ...view, version: view.version + 1 })).toBe(false)
  await commitHours(ledger, 2)
  expect(await ledger.isPublishGivenUp(view)).toBe(false)
})

describe('gaps', () => {
  const gaps = (range: Interval) => ledger.intervalGaps(view, range)

  test('where nothing has run all of the range is one gap', async () => {
    expect(await gaps(hours(0, 9))).toEqual([hours(0, 9)])
    expect(await gaps(hours(4, 4))).toEqual([])
  })

  test('R21: a gap begins where an interval ends and ends where the next begins, oldest first', async () => {
    for (const index of [5, 2, 3]) await commit(ledger, `r${index}`, index)
    expect(await gaps(hours(0, 9))).toEqual([hours(0, 2), hours(4, 5), hours(6, 9)])
    expect(await gaps(hours(2, 4))).toEqual([])
    expect(await gaps(hours(3, 6))).toEqual([hours(4, 5)])
  })

  test('a range may begin and end inside an interval', async () => {
    await commit(ledger, 'r', 2)
    const half = hourNs / 2n
    const inside = { start: hour(2).start + half, end: hour(3).start + half }
    expect(await gaps(inside)).toEqual([{ start: hour(3).start, end: inside.end }])
    expect(await gaps({ start: hour(1).start + half, end: hour(2).start + half })).toEqual([
      { start: hour(1).start + half, end: hour(2).start },
    ])
  })

  test('an interval inside a wider one opens no gap, whichever ends last', async () => {
    await pin(ledger, 'wide', 0, { interval: hours(1, 6) })
    await pin(ledger, 'narrow', 2)
    expect(await gaps(hours(0, 8))).toEqual([hours(0, 1), hours(6, 8)])
  })

  test('what has been started is no gap, however it ended; other views and versions count for themselves', async () => {
    await fail(ledger, 'failed', 0)
    await hold(ledger, 'held', 1)
    await ledger.startRun(startOf('running', 2))
    await pin(ledger, 'other view', 3, { view: 'other' })
    await pin(ledger, 'other version', 4, { version: 2 })
    expect(await gaps(hours(0, 5))).toEqual([hours(3, 5)])
  })
})

describe('unsettled intervals', () => {
  const unsettled = async (range = allTime) =>
    (await ledger.unsettledIntervals(view, range)).map(({ interval }) =>
      Number((interval.start - hour(0).start) / hourNs),
    )
  const endAs = (runId: string, outcome: RunEnd['outcome']) =>
    ledger.endRun(runId, { outcome, error: null, keyCounts: null, measures: null })

  test('are those without a commit, re-opened, or whose latest run is open, failed or was not ready, oldest first', async () => {
    for (const index of [6, 5, 4, 3, 2, 1, 0]) await commit(ledger, `good${index}`, index)
    await hold(ledger, 'held, never committed', 7)
    await ledger.startRun(startOf('open again', 5))
    await fail(ledger, 'failed again', 4)
    await ledger.startRun(startOf('not ready again', 3))
    await endAs('not ready again', 'not-ready')
    await ledger.reopenIntervals(view, [hour(2)], 'late file')
    await ledger.startRun(startOf('nothing new', 1))
    await endAs('nothing new', 'skipped')
    await pin(ledger, 'other version', 8, { version: 2 })
    expect(await unsettled()).toEqual([2, 3, 4, 5, 7])
    expect(await unsettled(hours(3, 5))).toEqual([3, 4])
  })

  test('say of each interval what `intervalStates` says', async () => {
    await commit(ledger, 'good', 0)
    await fail(ledger, 'failed', 0)
    await commit(ledger, 'settled', 1)
    expect(await ledger.unsettledIntervals(view, allTime)).toEqual(await ledger.intervalStates(view, hour(0)))
  })

  test('a later run settles what earlier ones could not, a skipped one does not', async () => {
    for (const index of [0, 1]) {
      await commit(ledger, `first${index}`, index)
      await fail(ledger, `failed${index}`, index)
      await ledger.startRun(startOf(`not ready${index}`, index))
      await endAs(`not ready${index}`, 'not-ready')
    }
    expect(await unsettled()).toEqual([0, 1])
    await commit(ledger, 'made good', 0)
    await ledger.startRun(startOf('nothing new', 1))
    await endAs('nothing new', 'skipped')
    expect(await unsettled()).toEqual([1])
  })

  test('a commit settles what was held', async () => {
    await hold(ledger, 'held', 0)
    expect(await unsettled()).toEqual([0])
    await commit(ledger, 'good', 0)
    await end(ledger, 'held', 'superseded')
    expect(await unsettled()).toEqual([])
  })
})
