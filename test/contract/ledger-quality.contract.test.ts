import { describe, expect, test } from 'vitest'
import { goodOutcomes } from '../../core/judge/index.js'
import type { RunOutcome } from '../../core/plan/interval-state.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { QualityCheck } from '../../core/quality/quality-check.js'
import { commitOf, request } from '../support/backfill-steps.js'
import { ledgerProject } from '../support/ledger-project.js'
import {
  allTime,
  commit,
  commitHours,
  end,
  finish,
  hold,
  hour,
  open,
  part,
  pin,
  publishAll,
  publishRequest,
  record,
  startOf,
  view,
} from '../support/ledger-steps.js'

let ledger: LedgerWriter
ledgerProject((opened) => {
  ledger = opened.ledger
})

const check = (change: Partial<QualityCheck> = {}): QualityCheck => ({
  ...{ ...view, checkedAt: '2001-01-02T00:00:00Z', seed: 1, keys: { committed: 1, published: 1, online: 1 } },
  ...{ intervals: { recomputed: 1, of: 1 }, lostInputs: 0, endAt: null, sequence: null, sequenceSeenMax: null },
  ...{ faults: [], faultsLeft: 0, lags: [], unsettled: 0, unreadable: null, ...change },
})

test('of each view version the last check is kept, as it was given', async () => {
  expect(await ledger.qualityChecks()).toEqual([])
  const first = check({ seed: 1 })
  expect(await ledger.recordQualityCheck(first, null)).toBe(true)
  const second = check({ seed: 2, checkedAt: '2001-01-03T00:00:00Z' })
  expect(await ledger.recordQualityCheck(second, first)).toBe(true)
  expect(await ledger.recordQualityCheck(check({ version: 2 }), null)).toBe(true)
  // Who has not seen the second takes no place of it.
  for (const before of [null, first])
    expect(await ledger.recordQualityCheck(check({ seed: 3, checkedAt: '2001-01-04T00:00:00Z' }), before)).toBe(false)
  expect(await ledger.qualityChecks()).toEqual([second, check({ version: 2 })])
  const { view: name } = check({})
  await ledger.keepQualityChecks([
    { view: name, version: 2 },
    { view: 'another', version: 1 },
  ])
  expect(await ledger.qualityChecks()).toEqual([check({ version: 2 })])
  await ledger.keepQualityChecks([])
  expect(await ledger.qualityChecks()).toEqual([])
})

test('a check that has found a NUL in a key gives its place to the next one', async () => {
  const fault = { cause: 'online-item', key: { user: 'a\0b' }, keyHex: '00', interval: null, file: null } as const
  const values = { features: [], expected: '1', found: '2', isRepairable: true }
  const found = check({ faults: [{ ...fault, ...values }] })
  expect(await ledger.recordQualityCheck(found, null)).toBe(true)
  const next = check({ checkedAt: '2001-01-03T00:00:00Z' })
  expect(await ledger.recordQualityCheck(next, found)).toBe(true)
  expect(await ledger.qualityChecks()).toEqual([next])
})

describe('what online should show', () => {
  test('is the state at the last finished publish’s horizon; its mark changes with each publish, not with each commit', async () => {
    expect(await ledger.shownState(view)).toBeNull()
    await commitHours(ledger, 0, 1)
    await publishAll(ledger, 'w')
    const before = (await ledger.shownState(view))!
    expect(before).toMatchObject({
      shown: { sequence: 1n, endAt: hour(1).end },
      isPublishUnfinished: false,
      lastSequence: 1n,
    })
    await commitHours(ledger, 2)
    const committed = (await ledger.shownState(view))!
    expect([committed.mark, committed.shown]).toEqual([before.mark, before.shown])
    const runs = async (shown: typeof before.shown) =>
      (await ledger.commitsAt(view, allTime, shown)).map(({ runId }) => runId)
    expect(await runs(before.shown)).toEqual(['run-0', 'run-1'])
    expect(await runs(null)).toEqual(['run-0', 'run-1', 'run-2'])
    const publish = await open(ledger, publishRequest('w'))
    const opened = (await ledger.shownState(view))!
    expect([opened.isPublishUnfinished, opened.mark === before.mark]).toEqual([false, false])
    await record(ledger, publish)
    const recorded = (await ledger.shownState(view))!
    expect([recorded.isPublishUnfinished, recorded.mark === opened.mark]).toEqual([true, false])
    expect(await finish(ledger, publish)).toBe('ok')
    expect(await ledger.shownState(view)).toMatchObject({ shown: { sequence: 2n }, isPublishUnfinished: false })
  })
})

describe('other versions of which a repair has something left to do', () => {
  const former = { ...view, version: 2 }
  const startAgain = (runId: string, index = 0) => pin(ledger, runId, index, { version: 2 })
  const listed = () => ledger.repairedVersions(view)

  test('are told until what was re-opened has run', async () => {
    await commitHours(ledger, 0, 1)
    for (const [version, because] of [
      [2, 'check-quality: a test'],
      [3, 'a late file'],
    ] as const) {
      await pin(ledger, `of ${version}`, 0, { version })
      await end(ledger, `of ${version}`, 'superseded')
      await ledger.reopenIntervals({ ...view, version }, [hour(0)], because)
    }
    await ledger.reopenIntervals(view, [hour(1)], 'check-quality: a test')
    expect(await listed()).toEqual([2])
    expect(await ledger.repairedVersions(former)).toEqual([view.version])
    await ledger.startRun(startOf('again', 0, { version: 2 }))
    await ledger.pinRun('again', { files: [], inputsHash: 'i' }, 1n)
    expect(await listed()).toEqual([])
  })

  test('and until a run of what is committed has come to an end that trying again does not better', async () => {
    const failAs = async (runId: string, code: string) => {
      await startAgain(runId)
      const error = { code, message: 'a test', hint: null, facts: {}, step: 'read', attempts: 1 }
      await ledger.endRun(runId, { outcome: 'failed', error, keyCounts: null, measures: null })
    }
    const commitFormer = async (runId: string) => {
      const { supersedes } = await startAgain(runId)
      await ledger.commitRun({ runId, data: part(runId), supersedes })
      await end(ledger, runId, 'committed')
    }
    // Nothing of the interval was committed, nobody follows it any more.
    await failAs('first', 'LAKE_UNREACHABLE')
    expect(await listed()).toEqual([])
    await commitFormer('good')
    expect(await listed()).toEqual([])
    await startAgain('under way')
    expect(await listed()).toEqual([2])
    await end(ledger, 'under way', 'superseded')
    await failAs('in passing', 'LAKE_UNREACHABLE')
    expect(await listed()).toEqual([2])
    await failAs('for good', 'SOURCE_FILE_CORRUPT')
    expect(await listed()).toEqual([])
    await failAs('in passing, too', 'LAKE_UNREACHABLE')
    await commitFormer('good again')
    expect(await listed()).toEqual([])
  })

  test('and until what was published once has nothing more to publish', async () => {
    await commitHours(ledger, 0)
    await publishAll(ledger, 'w')
    const ofFormer = () => ledger.repairedVersions(former)
    expect(await ofFormer()).toEqual([])
    await commitHours(ledger, 1)
    expect(await ofFormer()).toEqual([view.version])
    await publishAll(ledger, 'w')
    expect(await ofFormer()).toEqual([])
    await ledger.openBackfill(request('a', 2, 3))
    await commitOf(ledger, 'a', 'fill', 2)
    expect(await ofFormer()).toEqual([])
    await publishAll(ledger, 'w', { backfill: { backfillId: 'a', rowsMax: 1 } })
    await ledger.askRebuild(view, 0n)
    expect(await ofFormer()).toEqual([view.version])
    expect(await finish(ledger, await open(ledger, publishRequest('w')))).toBe('ok')
    expect(await ofFormer()).toEqual([])
  })
})

describe('a rebuild', () => {
  test('is refused where nothing was published, and needs nothing committed where something was', async () => {
    expect(await ledger.askRebuild(view, 0n)).toBe(false)
    await commitHours(ledger, 0, 1)
    await publishAll(ledger, 'w')
    expect(await ledger.openPublish(publishRequest('w'))).toEqual({ kind: 'nothing' })
    expect(await ledger.askRebuild(view, 0n)).toBe(true)
    expect(await ledger.isRebuildAsked(view)).toBe(true)
    const publish = await open(ledger, publishRequest('w'))
    expect(publish).toMatchObject({ covered: [], published: null, coarse: [], endAt: hour(1).end })
    expect(publish.current).toHaveLength(2)
    expect(await finish(ledger, publish)).toBe('ok')
    expect(await ledger.isRebuildAsked(view)).toBe(false)
    expect(await ledger.openPublish(publishRequest('w'))).toEqual({ kind: 'nothing' })
  })

  test('R36: is not had by a publish that began before it was asked for, which finishes as ever', async () => {
    await commitHours(ledger, 0)
    await publishAll(ledger, 'w')
    await commitHours(ledger, 1)
    const before = await open(ledger, publishRequest('w'))
    expect(await ledger.askRebuild(view, 0n)).toBe(true)
    await record(ledger, before)
    expect(await finish(ledger, before)).toBe('ok')
    expect(await ledger.isRebuildAsked(view)).toBe(true)
    const after = await open(ledger, publishRequest('w'))
    expect([after.published, after.covered]).toEqual([null, []])
  })

  test('R36: draws a sequence above one that an item bears and nobody drew', async () => {
    await commitHours(ledger, 0)
    await publishAll(ledger, 'w')
    await ledger.askRebuild(view, 5_000n)
    const publish = await open(ledger, publishRequest('w'))
    expect(publish.sequence).toBe(5_001n)
    expect(await finish(ledger, publish)).toBe('ok')
    expect(await ledger.isRebuildAsked(view)).toBe(false)
  })

  test('R36: may pass a sequence that it has met and nobody drew, while it holds the lease', async () => {
    await commitHours(ledger, 0)
    await publishAll(ledger, 'w')
    await ledger.askRebuild(view, 0n)
    const publish = await open(ledger, publishRequest('w'))
    expect(publish.isRebuild).toBe(true)
    expect(await ledger.passSequence(view, publish.sequence, 'another', 5_000n)).toBe('overtaken')
    expect(await ledger.passSequence(view, publish.sequence, publish.owner, 5_000n)).toBe('ok')
    expect(await ledger.passSequence(view, publish.sequence, publish.owner, 9_000n)).toBe('overtaken')
    const next = await open(ledger, publishRequest('w2'))
    expect([next.sequence, next.isRebuild]).toEqual([5_001n, true])
    // One that was drawn meanwhile is not gone below.
    expect(await ledger.passSequence(view, next.sequence, next.owner, 3n)).toBe('ok')
    const last = await open(ledger, publishRequest('w3'))
    expect(last.sequence).toBe(5_002n)
    expect(await finish(ledger, last)).toBe('ok')
    await commitHours(ledger, 1)
    expect((await open(ledger, publishRequest('w'))).isRebuild).toBeUndefined()
  })

  test('leaves no coarse tile that a publish may read, and is not awaited for that', async () => {
    await commitHours(ledger, 0, 1)
    await publishAll(ledger, 'w')
    const commitIds = (await ledger.currentCommits(view, allTime)).map(({ commitId }) => commitId)
    const span = { start: hour(0).start, end: hour(1).end }
    await ledger.recordCoarseTile(view, { span, data: null, commitIds })
    expect(await ledger.coarseTiles(view, allTime)).toHaveLength(1)
    await ledger.forgetCoarseTiles(view)
    expect(await ledger.coarseTiles(view, allTime)).toEqual([])
    await ledger.recordCoarseTile(view, { span, data: null, commitIds })
    expect(await ledger.coarseTiles(view, allTime)).toHaveLength(1)
  })

  test('is not begun while a commit at fault is shown: publishes are as ever until another took its place, or no window reaches it', async () => {
    const idOf = async (index: number) => (await ledger.currentCommits(view, hour(index)))[0]!.commitId
    await commitHours(ledger, 0, 1)
    await publishAll(ledger, 'w')
    await ledger.askRebuild(view, 0n, [await idOf(0), await idOf(1)])
    expect(await ledger.openPublish(publishRequest('w'))).toEqual({ kind: 'nothing' })
    await commit(ledger, 'again', 0)
    expect(await ledger.rebuildWaits(view)).toEqual([hour(1)])
    const meanwhile = await open(ledger, publishRequest('w'))
    expect(meanwhile.published).not.toBeNull()
    await record(ledger, meanwhile)
    // Begun before, it is none.
    await commit(ledger, 'again, too', 1)
    expect(await ledger.rebuildWaits(view)).toEqual([])
    expect(await finish(ledger, meanwhile)).toBe('ok')
    expect(await ledger.isRebuildAsked(view)).toBe(true)
    const rebuild = await open(ledger, publishRequest('w'))
    expect(rebuild.published).toBeNull()
    expect(await finish(ledger, rebuild)).toBe('ok')
    expect(await ledger.isRebuildAsked(view)).toBe(false)
    expect((await ledger.shownState(view))!.rebuiltSequence).toBe(rebuild.sequence)

    await ledger.askRebuild(view, 0n, [await idOf(0)])
    expect(await ledger.openPublish(publishRequest('w'))).toEqual({ kind: 'nothing' })
    await commitHours(ledger, 2, 3)
    expect((await open(ledger, publishRequest('w'))).published).toBeNull()
  })
})

test('of each interval the newest run of some outcomes is found, and what it has shown is read, the first of it that was kept', async () => {
  for (const [index, name] of ['a', 'b', 'c'].entries()) await commit(ledger, name, index)
  await commit(ledger, 'b again', 1)
  await hold(ledger, 'b held', 1)
  await commit(ledger, 'far', 9)
  await pin(ledger, 'elsewhere', 1, { version: 2 })
  const found = async (ranges: Parameters<LedgerWriter['runsByInterval']>[1], outcomes: readonly RunOutcome[]) =>
    (await ledger.runsByInterval(view, ranges, outcomes)).map(({ runId, start }) => [runId, start])
  const [early, far] = [{ start: hour(0).start, end: hour(2).start }, hour(9)]
  expect(await found([far, early], goodOutcomes)).toEqual([
    ['a', hour(0).start],
    ['b again', hour(1).start],
    ['far', hour(9).start],
  ])
  expect((await found([early, hour(1)], [...goodOutcomes, 'held'])).map(([runId]) => runId)).toEqual(['a', 'b held'])
  expect(await found([], goodOutcomes)).toEqual([])
  const sketches = { hash: '1', keys: 'k', columns: { delay: { distinct: 'd' } } }
  await ledger.recordProgress('far', { profile: emptyProfile, sketches })
  await ledger.recordProgress('far', { sketches: { ...sketches, keys: 'later' } })
  await expect(ledger.recordProgress('nobody', { sketches })).rejects.toMatchObject({ code: 'LEDGER_UNKNOWN_RUN' })
  const read = await ledger.profiledRuns(['far', 'b held', 'nobody'], { withSketches: true })
  expect(read).toMatchObject([
    { runId: 'b held', interval: hour(1), outcome: 'held', verdict: { decision: 'hold' }, sketches: null },
    { runId: 'far', interval: hour(9), outcome: 'committed', profile: { rowsRead: 0 }, sketches },
  ])
  expect(await ledger.profiledRuns(['far'], { withSketches: false })).toMatchObject([{ sketches: null }])
})

const emptyProfile = {
  ...{ rowsRead: 0, rowsKept: 0, nullKeys: 0, nullEventTimes: 0, keysDistinctApproximate: 0, duplicateRows: 0 },
  columns: [],
}
