/** What a publish shows while a backfill is open (R33, R34): nothing that it has committed, until it publishes that itself, at its end. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { commitOf, request } from '../support/backfill-steps.js'
import { ledgerProject } from '../support/ledger-project.js'
import { allTime, finish, hour, open, part, publishRequest, record, since, view } from '../support/ledger-steps.js'

let ledger: LedgerWriter
ledgerProject((project) => {
  ;({ ledger } = project)
})

const commitBy = (by: string | null, runId: string, index: number, held: readonly string[] = []) =>
  commitOf(ledger, by, runId, index, held)
const runsOf = (commits: readonly { readonly runId: string }[]) => commits.map(({ runId }) => runId)
const finishedBy = async (workflow: string, changes = {}) => {
  const opened = await open(ledger, publishRequest(workflow, changes))
  await record(ledger, opened)
  await finish(ledger, opened)
  return opened
}

describe('R33, R34: while a backfill is open, a publish of a lookup view', () => {
  const publish = (workflow: string, changes = {}) =>
    open(ledger, publishRequest(workflow, { window: null, ...changes }))
  const lookedUp = (workflow: string, changes = {}) => finishedBy(workflow, { window: null, ...changes })

  beforeEach(async () => {
    await commitBy(null, 'old-1', 1)
    await commitBy(null, 'old-2', 2)
    await lookedUp('first')
    await ledger.openBackfill(request('a', 0, 3))
    for (const index of [0, 1, 2]) await commitBy('a', `fill-${index}`, index)
  })

  test('shows what its commits have replaced, and is not due because of them', async () => {
    expect(await ledger.unmarkedCommits(view)).toBe(0)
    await commitBy(null, 'new-3', 3)
    expect(await ledger.unmarkedCommits(view)).toBe(1)
    const shown = await lookedUp('tick')
    expect([runsOf(shown.covered), runsOf(shown.current)]).toEqual([['new-3'], ['old-1', 'old-2', 'new-3']])
    const state = (await ledger.shownState(view))!.shown
    expect(runsOf(await ledger.commitsAt(view, allTime, state))).toEqual(['old-1', 'old-2', 'new-3'])
    // Later, too: what that publish showed stays what it was.
    const ofIt = async () =>
      (await ledger.intervalStates(view, allTime)).map(({ committed }) => committed?.isOfOpenBackfill ?? false)
    expect(await ofIt()).toEqual([true, true, true, false])
    await ledger.endBackfill('a', 'done', null)
    expect(await ofIt()).toEqual([false, false, false, false])
    expect(await ledger.unmarkedCommits(view)).toBe(3)
    await lookedUp('rest')
    expect(runsOf(await ledger.commitsAt(view, allTime, state))).toEqual(['old-1', 'old-2', 'new-3'])
    const { publishes, commits } = await ledger.publishHistory(view, 2n ** 62n)
    const leftOut = publishes.map((one) => commits.filter(({ commitId }) => one.leftOut?.includes(commitId)).length)
    expect(leftOut).toEqual([0, 3, 0])
  })

  test('its own takes them in parts, the newest first, so that no key is written twice', async () => {
    const backfill = { backfillId: 'a', rowsMax: part('fill-0').rows }
    const [one, two] = [await lookedUp('p1', { backfill }), await lookedUp('p2', { backfill })]
    expect([runsOf(one.covered), runsOf(one.current)]).toEqual([['fill-2'], ['old-1', 'fill-2']])
    expect([runsOf(two.covered), runsOf(two.current)]).toEqual([['fill-1'], ['fill-1', 'fill-2']])
    expect(await ledger.backfillProgress('a')).toMatchObject({ unpublished: 1 })
  })

  test('a part of it is told when a scheduled publish waits for its lease', async () => {
    const rowsMax = part('fill-0').rows
    const held = await publish('p1', { backfill: { backfillId: 'a', rowsMax } })
    const isWanted = () => ledger.isLeaseWanted(view, held.sequence)
    const ask = (workflow: string, changes = {}) =>
      ledger.openPublish(publishRequest(workflow, { window: null, ...changes }))
    expect(await ask('p2', { backfill: { backfillId: 'b', rowsMax } })).toMatchObject({ kind: 'busy' })
    expect(await isWanted()).toBe(false)
    expect(await ask('tick')).toMatchObject({ kind: 'busy' })
    expect(await isWanted()).toBe(true)
    await ledger.releaseLease(view, held.sequence, held.owner)
    expect(await isWanted()).toBe(false)
    const next = await publish('p3', { backfill: { backfillId: 'a', rowsMax } })
    expect(await ledger.isLeaseWanted(view, next.sequence)).toBe(false)
  })

  test('a run of another that replaces one of them is shown', async () => {
    await commitBy(null, 'again-1', 1)
    const shown = await lookedUp('tick')
    expect([runsOf(shown.covered), runsOf(shown.current)]).toEqual([['again-1'], ['again-1', 'old-2']])
  })
})

describe('R33, R34: while a backfill is open, a publish of a window view', () => {
  /** It reaches three hours back: at hour 5 those from 2 on. */
  const held = (onGap: 'block' | 'mark' = 'block') => ({
    window: { reachNs: hour(3).start - since, onGap, features: { avg: hour(3).start - since } },
  })
  const backfill = { backfillId: 'a', rowsMax: 1 }

  test('shows what its commits have replaced, to the end; its own then takes them all, at once', async () => {
    for (const at of [0, 1, 2, 3]) await commitBy(null, `old-${at}`, at)
    await finishedBy('first')
    await ledger.openBackfill(request('a', 0, 4))
    for (const at of [0, 1, 2]) await commitBy('a', `fill-${at}`, at)
    expect(await ledger.openPublish(publishRequest('idle'))).toEqual({ kind: 'nothing' })
    await commitBy(null, 'new-4', 4)
    const shown = await finishedBy('tick')
    expect([runsOf(shown.covered), runsOf(shown.current)]).toEqual([['new-4'], ['old-2', 'old-3', 'new-4']])
    const own = await finishedBy('own', { backfill })
    expect([runsOf(own.covered), runsOf(own.current)]).toEqual([
      ['fill-0', 'fill-1', 'fill-2'],
      ['fill-2', 'old-3', 'new-4'],
    ])
    expect([own.sequence - shown.sequence, own.endAt]).toEqual([1n, shown.endAt])
    expect(await ledger.backfillProgress('a')).toMatchObject({ unpublished: 0 })
    // What the tick's publish showed stays what it was.
    const state = { sequence: shown.sequence, newestCommitId: shown.covered[0]!.commitId }
    const reached = { start: hour(2).start, end: hour(4).end }
    expect(runsOf(await ledger.commitsAt(view, reached, state))).toEqual(['old-2', 'old-3', 'new-4'])
  })

  test('has coarse tiles of what it shows, which are not those of what is committed', async () => {
    for (const at of [0, 1, 2]) await commitBy(null, `old-${at}`, at)
    const first = await finishedBy('first')
    const span = { start: hour(0).start, end: hour(2).end }
    const commitIds = first.current.map(({ commitId }) => commitId)
    await ledger.recordCoarseTile(view, { span, data: part('coarse'), commitIds })
    await ledger.openBackfill(request('a', 0, 1))
    await commitBy('a', 'fill-0', 0)
    await commitBy(null, 'again-2', 2)
    const { shown } = (await ledger.shownState(view))!
    expect(await ledger.coarseTiles(view, allTime, shown)).toHaveLength(1)
    expect(await ledger.coarseTiles(view, allTime)).toEqual([])
  })

  test.each([
    ['block', { endAt: hour(1).start, missing: [] }],
    ['mark', { endAt: hour(3).start, missing: [hour(1)] }],
  ] as const)('has the gap that its commits close until it ends (R32): %s', async (onGap, meanwhile) => {
    await commitBy(null, 'old-0', 0)
    await commitBy(null, 'old-2', 2)
    await finishedBy('first', held(onGap))
    await ledger.openBackfill(request('a', 1, 2))
    await commitBy('a', 'fill-1', 1)
    await commitBy(null, 'again-0', 0)
    expect(await finishedBy('tick', held(onGap))).toMatchObject({ ...meanwhile, covered: [{ runId: 'again-0' }] })
    expect(await finishedBy('own', { ...held(onGap), backfill })).toMatchObject({ endAt: hour(3).start, missing: [] })
  })

  test('has its end kept back by those that have committed what is beyond it, each from its oldest commit that counts', async () => {
    const keeping = () => ledger.keepingBackfills([view, { view: 'another', version: 1 }])
    await commitBy(null, 'old-0', 0)
    await finishedBy('first', held())
    const ranges = { before: [0, 1], a: [1, 3], b: [3, 5], unbegun: [6, 7] } as const
    for (const [id, [from, to]] of Object.entries(ranges)) await ledger.openBackfill(request(id, from, to))
    await commitBy('before', 'fill-0', 0)
    expect(await keeping()).toEqual([])
    for (const at of [1, 2]) await commitBy('a', `fill-${at}`, at)
    await commitBy('b', 'fill-4', 4)
    await ledger.beginBackfill('a', 9)
    await ledger.changeBackfill('b', { to: 'pause', by: 'bob', reason: null })
    const [a, b] = [
      { ...view, backfillId: 'a', state: 'running', interval: hour(1) },
      { ...view, backfillId: 'b', state: 'paused', interval: hour(4) },
    ]
    expect(await keeping()).toEqual([a, b])
    expect(await ledger.keepingBackfills([])).toEqual([])
    // A run of another is shown: the end may pass it.
    await commitBy(null, 'again-1', 1)
    expect(await keeping()).toEqual([{ ...a, interval: hour(2) }, b])
    await ledger.endBackfill('b', 'cancelled', null)
    expect(await keeping()).toEqual([{ ...a, interval: hour(2) }])
  })

  test('that is of another backfill leaves its commits out', async () => {
    for (const at of [0, 1]) await commitBy(null, `old-${at}`, at)
    await finishedBy('first')
    for (const [at, id] of ['a', 'b'].entries()) {
      await ledger.openBackfill(request(id, at, at + 1))
      await commitBy(id, `fill-${id}`, at)
    }
    const own = await finishedBy('own', { backfill })
    expect([runsOf(own.covered), runsOf(own.current)]).toEqual([['fill-a'], ['fill-a', 'old-1']])
  })

  test('holds the features that the replaced commits lack, not those that its commits lack (R35)', async () => {
    await commitBy(null, 'old-0', 0)
    await commitBy(null, 'old-1', 1, ['avg'])
    const first = await finishedBy('first', held())
    await ledger.openBackfill(request('a', 0, 2))
    await commitBy('a', 'fill-0', 0, ['avg'])
    await commitBy('a', 'fill-1', 1)
    await commitBy(null, 'new-2', 2)
    const shown = await finishedBy('tick', held())
    expect([first.held, shown.held]).toMatchObject([[{ endAt: '2001-01-01T01:00:00Z' }], first.held!])
    expect((await finishedBy('own', { ...held(), backfill })).held).toMatchObject([{ endAt: null }])
  })
})
