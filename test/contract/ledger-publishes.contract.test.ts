import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { LedgerWriter, Publish } from '../../core/ports/ledger.js'
import { ledgerProject } from '../support/ledger-project.js'
import {
  allTime,
  commit,
  commitHours,
  deltaOf,
  finish,
  hour,
  hourNs,
  noKeys,
  open,
  part,
  pin,
  publishAll,
  publishRequest,
  record,
  since,
  view,
} from '../support/ledger-steps.js'
import type { TestProject } from '../support/postgres.js'

let project: TestProject
let ledger: LedgerWriter
ledgerProject((opened) => {
  project = opened
  ledger = opened.ledger
})

const runsOf = (commits: Publish['covered']) => commits.map((one) => one.runId)
const lookup = { window: null } as const
/** As if the last heartbeat had been so much longer ago. */
const ageLease = (ms: number) =>
  project.client.query((db) =>
    db
      .updateTable('view_versions')
      .set({ lease_renewed_at: sql`lease_renewed_at - ${ms} * interval '1 millisecond'` })
      .execute(),
  )
/** Those of the server's who wait for a lock. */
const waiting = async () => {
  const asked = sql<{ count: bigint }>`select count(*) from pg_stat_activity where wait_event_type = 'Lock'`
  const { rows } = await project.client.query((db) => asked.execute(db))
  return Number(rows[0]!.count)
}
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))

describe('what a publish covers', () => {
  test('R32, R33: block: up to the newest unblocked end; later commits stay unmarked and bring the next publish', async () => {
    await commitHours(ledger, 0, 1, 3, 4)
    const first = await open(ledger, publishRequest('w'))
    expect(first.endAt).toBe(hour(1).end)
    expect(runsOf(first.covered)).toEqual(['run-0', 'run-1'])
    expect(runsOf(first.current)).toEqual(['run-0', 'run-1'])
    expect(first.missing).toEqual([])
    expect(await finish(ledger, first)).toBe('ok')
    expect(await ledger.openPublish(publishRequest('w'))).toEqual({ kind: 'nothing' })
    expect(await ledger.unmarkedCommits(view)).toBe(2)
    await commitHours(ledger, 2)
    const second = await open(ledger, publishRequest('w'))
    expect(second.endAt).toBe(hour(4).end)
    expect(runsOf(second.covered)).toEqual(['run-2', 'run-3', 'run-4'])
    expect(runsOf(second.current)).toEqual(['run-2', 'run-3', 'run-4'])
  })

  test('R32: mark: at the newest end, with what the windows miss named', async () => {
    await commitHours(ledger, 0, 1, 3, 7)
    const marking = publishRequest('w', { window: { reachNs: 5n * hourNs, onGap: 'mark' } })
    const publish = await open(ledger, marking)
    expect(publish.endAt).toBe(hour(7).end)
    expect(publish.missing).toEqual([hour(4), hour(5), hour(6)])
    expect(runsOf(publish.covered)).toEqual(['run-0', 'run-1', 'run-3', 'run-7'])
    expect(runsOf(publish.current)).toEqual(['run-3', 'run-7'])
  })

  test('R22, R32: a lookup view is merged from everything, gaps or not', async () => {
    await commitHours(ledger, 3, 0, 9)
    const publish = await open(ledger, publishRequest('w', lookup))
    expect(publish.endAt).toBe(hour(9).end)
    expect(runsOf(publish.current)).toEqual(['run-0', 'run-3', 'run-9'])
    expect(publish.coarse).toEqual([])
    await finish(ledger, publish)
    await commitHours(ledger, 5)
    const late = await open(ledger, publishRequest('w', lookup))
    expect(late.endAt).toBe(hour(9).end)
    expect(runsOf(late.covered)).toEqual(['run-5'])
  })

  test('R31: what a covered commit replaced online is named, superseded unmarked commits are covered', async () => {
    await commitHours(ledger, 0, 1)
    await publishAll(ledger, 'first')
    await commit(ledger, 'second', 1)
    await publishAll(ledger, 'second')
    await commit(ledger, 'third', 1)
    await commit(ledger, 'fourth', 1)
    const publish = await open(ledger, publishRequest('w'))
    expect(runsOf(publish.covered)).toEqual(['third', 'fourth'])
    expect(runsOf(publish.replaced)).toEqual(['second'])
    expect(runsOf(publish.current)).toEqual(['run-0', 'fourth'])
    expect(publish.endAt).toBe(hour(1).end)
    await finish(ledger, publish)
    expect(await ledger.unmarkedCommits(view)).toBe(0)
  })

  test('R33: a commit that comes while a publish is open is not marked by it and brings a further one', async () => {
    await commitHours(ledger, 0)
    const publish = await open(ledger, publishRequest('w'))
    await commit(ledger, 'late', 0)
    await finish(ledger, publish)
    expect(await ledger.unmarkedCommits(view)).toBe(1)
    expect(await ledger.run('run-0')).toMatchObject({ outcome: 'done' })
    expect(await ledger.run('late')).toMatchObject({ outcome: 'committed' })
    const next = await open(ledger, publishRequest('w'))
    expect([runsOf(next.covered), runsOf(next.replaced)]).toEqual([['late'], ['run-0']])
  })

  test('R9: coarse tiles that lie in the reach and stand for current commits come along', async () => {
    await commitHours(ledger, 0, 1, 2, 3)
    const commits = await ledger.currentCommits(view, allTime)
    const tile = (from: number, to: number) => ({
      span: { start: hour(from).start, end: hour(to).end },
      data: part(`${from}-${to}`),
      commitIds: commits.slice(from, to + 1).map((one) => one.commitId),
    })
    await ledger.recordCoarseTile(view, tile(0, 0))
    await ledger.recordCoarseTile(view, tile(1, 1))
    await ledger.recordCoarseTile(view, tile(2, 3))
    // Two and a half hours: the tile of hour 1 holds rows from before.
    const request = publishRequest('w', { window: { reachNs: (5n * hourNs) / 2n, onGap: 'block' } })
    expect((await open(ledger, request)).coarse).toEqual([tile(2, 3)])
  })

  test('nothing committed, nothing to publish; another version of the view is another matter', async () => {
    expect(await ledger.openPublish(publishRequest('w'))).toEqual({ kind: 'nothing' })
    await commitHours(ledger, 0)
    expect(await ledger.openPublish(publishRequest('w', { version: 2 }))).toEqual({ kind: 'nothing' })
    expect(await ledger.lastPublish(view)).toBeNull()
  })

  test('R29: E never moves back, also when an unfinished publish had got further', async () => {
    await commitHours(ledger, 0, 1, 2, 3)
    const wide = publishRequest('a', { window: { reachNs: hourNs, onGap: 'block' } })
    const unfinished = await open(ledger, wide)
    await record(ledger, unfinished)
    await ledger.releaseLease(view, unfinished.sequence, unfinished.owner)
    const narrow = publishRequest('b', { since: since - hourNs, window: { reachNs: 9n * hourNs, onGap: 'block' } })
    // What is committed does not reach that end: neither an older one nor one over the hole.
    expect(await ledger.openPublish(narrow)).toEqual({ kind: 'nothing' })
  })

  test('R33: the ledger keeps when what was published, to which end', async () => {
    await commitHours(ledger, 0)
    const publish = await publishAll(ledger, 'w')
    expect(await ledger.lastPublish(view)).toEqual({
      sequence: publish.sequence,
      endAt: hour(0).end,
      finishedAt: expect.any(BigInt),
    })
    expect(await ledger.currentCommits(view, allTime)).toMatchObject([{ publishedSequence: publish.sequence }])
    expect((await ledger.intervalStates(view, allTime))[0]?.committed?.isPublished).toBe(true)
  })

  test('R33: a commit under way when a publish opens is waited for, and covered', async () => {
    const { supersedes } = await pin(ledger, 'slow', 0)
    const order: string[] = []
    const pending: Promise<unknown>[] = []
    await project.client.transact(async (trx) => {
      // The commit holds its view version and waits here for its interval.
      await trx.selectFrom('intervals').selectAll().forUpdate().execute()
      const commits = ledger.commitRun({ runId: 'slow', data: part('slow'), supersedes })
      pending.push(commits.then(() => order.push('committed')))
      await expect.poll(waiting, { timeout: 20_000 }).toBe(1)
      const opens = open(project.connectAgain().ledger, publishRequest('w'))
      pending.push(opens.then((publish) => order.push(...runsOf(publish.covered))))
      await expect.poll(waiting, { timeout: 20_000 }).toBe(2)
      expect(order).toEqual([])
    })
    await Promise.all(pending)
    expect(order.sort()).toEqual(['committed', 'slow'])
  })
})

describe('the lease', () => {
  test('R36: of publishers that race, exactly one opens; the others learn who and for how long', async () => {
    await commitHours(ledger, 0)
    const ledgers = [ledger, project.connectAgain().ledger]
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, at) => ledgers[at % 2]!.openPublish(publishRequest(`w${at}`))),
    )
    expect(results.filter((result) => result.kind === 'opened')).toHaveLength(1)
    for (const result of results)
      if (result.kind === 'busy') {
        expect(result.owner).toMatch(/^w\d\/1$/)
        expect(result.expiresInMs).toBeGreaterThan(50_000)
        expect(result.expiresInMs).toBeLessThanOrEqual(60_000)
      }
    expect(results.filter((result) => result.kind === 'busy')).toHaveLength(9)
    expect(await ledger.isPublishOpen(view)).toBe(true)
  })

  test('R36: an expired lease is overtaken with a new sequence, and its former holder records nothing', async () => {
    await commitHours(ledger, 0)
    const zombie = await open(ledger, publishRequest('zombie'))
    await record(ledger, zombie)
    await ageLease(60_001)
    expect(await ledger.isPublishOpen(view)).toBe(false)
    const successor = await open(ledger, publishRequest('successor'))
    expect(successor.sequence).toBe(zombie.sequence + 1n)
    expect(successor.unfinished).toEqual([deltaOf(zombie.sequence)])
    expect(await record(ledger, zombie)).toBe('overtaken')
    expect(await ledger.renewLease(view, zombie.sequence, zombie.owner, 60_000)).toBe('overtaken')
    expect(await finish(ledger, zombie)).toBe('overtaken')
    await ledger.releaseLease(view, zombie.sequence, zombie.owner)
    expect(await ledger.unmarkedCommits(view)).toBe(1)
    expect(await record(ledger, successor)).toBe('ok')
    expect(await finish(ledger, successor)).toBe('ok')
    expect(await finish(ledger, zombie)).toBe('overtaken')
    expect((await ledger.lastPublish(view))?.sequence).toBe(successor.sequence)
  })

  test('R36: a renewed lease is not overtaken', async () => {
    await commitHours(ledger, 0)
    const holder = await open(ledger, publishRequest('holder'))
    for (let beat = 0; beat < 3; beat += 1) {
      await ageLease(40_000)
      expect(await ledger.renewLease(view, holder.sequence, holder.owner, 60_000)).toBe('ok')
      expect((await ledger.openPublish(publishRequest('other'))).kind).toBe('busy')
    }
    await ageLease(70_000)
    expect(await ledger.isPublishOpen(view)).toBe(false)
    // Late, but nobody took it: the lease lives on.
    expect(await ledger.renewLease(view, holder.sequence, holder.owner, 60_000)).toBe('ok')
    expect((await ledger.openPublish(publishRequest('other'))).kind).toBe('busy')
  })

  test('R36: a heartbeat from the future counts as old', async () => {
    await commitHours(ledger, 0)
    const holder = await open(ledger, publishRequest('holder'))
    await project.client.query((db) =>
      db
        .updateTable('view_versions')
        .set({ lease_renewed_at: sql`clock_timestamp() + interval '100 years'` })
        .execute(),
    )
    expect(await ledger.isPublishOpen(view)).toBe(false)
    expect((await open(ledger, publishRequest('other'))).sequence).toBe(holder.sequence + 1n)
    expect(await finish(ledger, holder)).toBe('overtaken')
  })

  test('R36: a recorded delta is resumed by its own workflow with the same sequence, and the earlier attempt is fenced off', async () => {
    await commitHours(ledger, 0, 1)
    const first = await open(ledger, publishRequest('w'))
    await record(ledger, first)
    await commit(ledger, 'later', 1)
    const result = await ledger.openPublish(publishRequest('w', { owner: 'w/2' }))
    if (result.kind !== 'resumed') throw new Error(result.kind)
    expect(result.publish).toEqual({ ...first, owner: 'w/2', recorded: deltaOf(first.sequence) })
    expect(await finish(ledger, first)).toBe('overtaken')
    expect(await ledger.renewLease(view, first.sequence, first.owner, 60_000)).toBe('overtaken')
    expect(await finish(ledger, result.publish)).toBe('ok')
    expect(await ledger.unmarkedCommits(view)).toBe(1)
  })

  test('R36: an attempt that recorded no delta has written nothing: its workflow draws a new sequence at once', async () => {
    await commitHours(ledger, 0)
    const first = await open(ledger, publishRequest('w'))
    const second = await open(ledger, publishRequest('w', { owner: 'w/2' }))
    expect(second.sequence).toBe(first.sequence + 1n)
    expect(second.unfinished).toEqual([])
    expect(await record(ledger, first)).toBe('overtaken')
  })

  test('R36: a recorded delta of another table is not resumed', async () => {
    await commitHours(ledger, 0)
    const first = await open(ledger, publishRequest('w', { table: 'first-load' }))
    await record(ledger, first)
    const second = await open(ledger, publishRequest('w', { owner: 'w/2', table: 'second-load' }))
    expect(second.sequence).toBe(first.sequence + 1n)
    // What it wrote stands in the other one.
    expect(second.unfinished).toEqual([])
  })

  test('R36: a released publish is rewritten by its successor; every unfinished one since the last finished is', async () => {
    await commitHours(ledger, 0)
    for (const workflow of ['a', 'b']) {
      const publish = await open(ledger, publishRequest(workflow))
      await record(ledger, publish)
      await ledger.releaseLease(view, publish.sequence, publish.owner)
    }
    const third = await open(ledger, publishRequest('c'))
    expect(third.sequence).toBe(3n)
    expect(third.unfinished).toEqual([deltaOf(1n), deltaOf(2n)])
    await record(ledger, third)
    await finish(ledger, third)
    expect(await ledger.openPublish(publishRequest('d'))).toEqual({ kind: 'nothing' })
    await commitHours(ledger, 1)
    expect((await open(ledger, publishRequest('e'))).unfinished).toEqual([])
  })

  test('finishing, recording and releasing may be repeated', async () => {
    await commitHours(ledger, 0)
    const publish = await open(ledger, publishRequest('w'))
    expect([await record(ledger, publish), await record(ledger, publish)]).toEqual(['ok', 'ok'])
    expect([await finish(ledger, publish), await finish(ledger, publish)]).toEqual(['ok', 'ok'])
    await ledger.releaseLease(view, publish.sequence, publish.owner)
    expect((await ledger.lastPublish(view))?.sequence).toBe(1n)
  })

  test('R36: a publish records one delta', async () => {
    await commitHours(ledger, 0)
    const publish = await open(ledger, publishRequest('w'))
    await record(ledger, publish)
    const other = { ...deltaOf(publish.sequence), digest: 'another' }
    await expect(ledger.recordDelta(view, publish.sequence, publish.owner, other)).rejects.toMatchObject({
      code: 'INTERNAL',
    })
  })
})

describe('the published state', () => {
  test('grows by a delta a publish and is replaced by a new base', async () => {
    await commitHours(ledger, 0)
    expect((await publishAll(ledger, 'a')).published).toBeNull()
    await commitHours(ledger, 1)
    expect((await publishAll(ledger, 'b')).published).toEqual({
      tableIdentity: 'table-1',
      files: [{ path: 'published/1.parquet', digest: 'digest-1', sequence: 1n, kind: 'delta' }],
    })
    await commitHours(ledger, 2)
    const third = await open(ledger, publishRequest('c'))
    expect(third.published?.files.map((file) => file.sequence)).toEqual([1n, 2n])
    await record(ledger, third)
    const newBase = { path: 'published/base.parquet', digest: 'base', sequence: 3n, kind: 'base' as const }
    await ledger.finishPublish(view, third.sequence, third.owner, {
      keyCounts: noKeys,
      itemsWritten: 3,
      tableIdentity: 'table-2',
      newBase,
    })
    await commitHours(ledger, 3)
    expect((await open(ledger, publishRequest('d'))).published).toEqual({ tableIdentity: 'table-2', files: [newBase] })
  })

  test('a publish that opened on another state of it does not finish', async () => {
    await commitHours(ledger, 0)
    const publish = await open(ledger, publishRequest('w'))
    await project.client.query((db) =>
      db.updateTable('view_versions').set({ published_generation: sql`published_generation + 1` }).execute(),
    )
    expect(await finish(ledger, publish)).toBe('overtaken')
    expect(await ledger.unmarkedCommits(view)).toBe(1)
  })
})

test('R33: commits, publishes and crashes at once leave nothing committed unpublished, and each commit marked once', async () => {
  const other = project.connectAgain().ledger
  let stopped = false
  const publisher = async (name: string, mine: LedgerWriter) => {
    for (let turn = 0; !stopped; turn += 1) {
      const result = await mine.openPublish(publishRequest(`${name}${turn}`, { leaseMs: 30 }))
      if (result.kind !== 'opened') continue
      await record(mine, result.publish)
      // Every third one dies here.
      if (turn % 3 !== 2) await finish(mine, result.publish)
    }
  }
  const publishers = [publisher('a', ledger), publisher('b', other)]
  for (let index = 0; index < 20; index += 1) {
    const { supersedes } = await pin(ledger, `r${index}`, index % 10)
    await ledger.commitRun({ runId: `r${index}`, data: part('x'), supersedes })
  }
  await pause(100)
  stopped = true
  await Promise.all(publishers)
  await pause(50)
  const last = await ledger.openPublish(publishRequest('last'))
  if (last.kind === 'opened') {
    await record(ledger, last.publish)
    expect(await finish(ledger, last.publish)).toBe('ok')
  }
  expect(await ledger.unmarkedCommits(view)).toBe(0)
  expect((await ledger.lastPublish(view))?.endAt).toBe(hour(9).end)
  const rows = await project.client.query((db) =>
    db
      .selectFrom('publishes')
      .select(['sequence', 'covered', 'end_at'])
      .where('state', '=', 'finished')
      .orderBy('sequence')
      .execute(),
  )
  const covered = rows.flatMap((row) => row.covered)
  expect(covered.length).toBe(20)
  expect(new Set(covered).size).toBe(20)
  const ends = rows.map((row) => row.end_at)
  expect(ends).toEqual([...ends].sort((a, b) => Number(a - b)))
})
