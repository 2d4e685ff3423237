/** Which runs lose their details, what stays of them, and what a removal that is killed has done. */
import { type RawBuilder, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { schemaName, toJson } from '../../adapters/postgres/client.js'
import { baselineReachNs } from '../../core/judge/index.js'
import { addSpend, nothingSpent } from '../../core/measure/index.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import type { RunDetailsRetention } from '../../core/ports/run-details-ledger.js'
import { endOfTime, type Instant, parseInstant } from '../../core/time/instant.js'
import type { Incident } from '../../core/watch/index.js'
import { ledgerProject } from '../support/ledger-project.js'
import {
  allTime,
  candidateOf,
  commit,
  end,
  fail,
  finish,
  hold,
  hour,
  hourNs,
  open,
  part,
  pin,
  publishAll,
  publishRequest,
  record,
  startOf,
  view,
} from '../support/ledger-steps.js'
import type { TestProject } from '../support/postgres.js'

let ledger: LedgerWriter
let project: TestProject
ledgerProject((given) => {
  project = given
  ledger = given.ledger
})

const msNs = 1_000_000n
const all: RunDetailsRetention = { endedUntil: parseInstant('2100-01-01T00:00:00Z'), baselineReachNs: 0n }
const profile = {
  ...{ rowsRead: 3, rowsKept: 3, nullKeys: 0, nullEventTimes: 0, keysDistinctApproximate: 2, duplicateRows: 0 },
  columns: [],
}
const sketches = { hash: '1', keys: 'k', columns: { delay: { distinct: 'd' } } }

/** What judging it is made of, and what it has cost. */
async function detail(runId: string): Promise<void> {
  await ledger.recordProgress(runId, { candidate: candidateOf(runId), profile, sketches })
  const subject = { ...view, day: '2026-11-22', work: 'run', subject: runId, backfillId: null } as const
  await ledger.recordSpend([{ ...subject, spendId: `${runId}/1`, spend: addSpend(nothingSpent, { writeUnits: 5 }) }])
}

async function committed(runId: string, index: number): Promise<void> {
  const { supersedes } = await pin(ledger, runId, index)
  await detail(runId)
  await ledger.commitRun({ runId, data: part(runId), supersedes })
  await end(ledger, runId, 'committed')
}

async function removeRunFiles(key = view): Promise<void> {
  await ledger.markRunFiles(key, { candidatesKeptMs: 0, quarantineKeptMs: 0 })
  await ledger.forgetRunFiles(key, await ledger.markedRunFiles(key, 0))
}

async function detailed(...runIds: readonly string[]): Promise<string[]> {
  const runs = await ledger.profiledRuns(runIds, { withSketches: true })
  return runs.filter(({ detailsRemovedAt }) => detailsRemovedAt === null).map(({ runId }) => runId)
}

/** All that values, publishes and training sets are made of. */
async function whatCounts() {
  return {
    states: await ledger.intervalStates(view, allTime),
    commits: await ledger.currentCommits(view, allTime),
    history: await ledger.publishHistory(view, endOfTime),
    shown: await ledger.shownState(view),
    set: await ledger.trainingSet('set'),
    pinned: await ledger.pinnedPaths([part('run-0').path, part('run-1').path]),
    spent: await ledger.dailySpend({ from: '2026-01-01', to: '2026-12-31', view: null }),
  }
}

describe('of a run that ended long enough ago', () => {
  const runs = ['run-0', 'again-0', 'run-1', 'run-2', 'run-3']
  beforeEach(async () => {
    for (const index of [0, 1]) await committed(`run-${index}`, index)
    await publishAll(ledger, 'first')
    await committed('again-0', 0)
    for (const index of [2, 3]) await committed(`run-${index}`, index)
    await publishAll(ledger, 'second')
    const pinned = { mode: 'as-published', spineDigest: 'digest', by: 'test', keepMs: 3_600_000 } as const
    await ledger.pinTrainingSet({ ...pinned, setId: 'set', paths: [part('run-0').path] })
  })

  test('the details go and nothing else: commits current and superseded, publishes, a pinned set, sums of costs', async () => {
    await removeRunFiles()
    const [before, run] = [await whatCounts(), (await ledger.run('run-0'))!]
    expect(before).toMatchObject({ set: { setId: 'set' }, pinned: [part('run-0').path], spent: [{}] })
    expect(run).toMatchObject({ profile, detailsRemovedAt: null })
    expect(await ledger.spendOf('run-0')).not.toBeNull()
    // Of hour 3, the newest good one's, nothing goes.
    expect(await ledger.removeRunDetails(view, all)).toBe(4)
    expect(await ledger.removeRunDetails(view, all)).toBe(0)
    expect(await detailed(...runs)).toEqual(['run-3'])
    expect(await whatCounts()).toEqual(before)
    expect(await ledger.run('run-0')).toEqual({ ...run, profile: null, detailsRemovedAt: expect.any(BigInt) })
    expect(await ledger.spendOf('run-0')).toBeNull()
    expect(await ledger.profiledRuns(['run-0', 'run-3'], { withSketches: true })).toMatchObject([
      { runId: 'run-0', profile: null, sketches: null, detailsRemovedAt: expect.any(BigInt) },
      { runId: 'run-3', profile, sketches, detailsRemovedAt: null },
    ])
    const good = await ledger.runsByInterval(view, [allTime], ['committed', 'done'])
    expect(good.map(({ runId, hasDetails }) => [runId, hasDetails])).toEqual([
      ['again-0', false],
      ['run-1', false],
      ['run-2', false],
      ['run-3', true],
    ])
    // What is known of its files went with them: they are not looked for again.
    expect(await ledger.markRunFiles(view, { candidatesKeptMs: 0, quarantineKeptMs: 0 })).toBe(0)
    const folders = await project.client.query((db) => db.selectFrom('run_files').select('run_id').execute())
    expect(folders.map(({ run_id: runId }) => runId)).toEqual(['run-3', 'run-3'])
    expect(await ledger.removeRunDetails({ ...view, version: 2 }, all)).toBe(0)
  })

  test('a millisecond decides', async () => {
    await removeRunFiles()
    const endedAt = (await ledger.run('run-0'))!.endedAt!
    const removeUntil = (endedUntil: Instant) => ledger.removeRunDetails(view, { ...all, endedUntil })
    expect(await removeUntil(endedAt - msNs)).toBe(0)
    expect(await removeUntil(endedAt - 1n)).toBe(0)
    expect(await removeUntil(endedAt)).toBe(1)
    const next = (await ledger.run('run-1'))!.endedAt!
    expect(await removeUntil(next + msNs)).toBe(1)
    expect(await detailed(...runs)).toEqual(['again-0', 'run-2', 'run-3'])
  })

  test('they stay until its candidate and its rejected rows are known to be gone', async () => {
    expect(await ledger.removeRunDetails(view, all)).toBe(0)
    await ledger.markRunFiles(view, { candidatesKeptMs: 0, quarantineKeptMs: 86_400_000 })
    await ledger.forgetRunFiles(view, await ledger.markedRunFiles(view, 0))
    expect(await ledger.removeRunDetails(view, all)).toBe(0)
    await ledger.markRunFiles(view, { candidatesKeptMs: 0, quarantineKeptMs: 0 })
    expect(await ledger.removeRunDetails(view, all)).toBe(0)
    await removeRunFiles()
    expect(await ledger.removeRunDetails(view, all)).toBe(4)
  })

  test('they stay where a baseline of what comes next reaches, however old it is', async () => {
    await removeRunFiles()
    // A later run that failed is none.
    await fail(ledger, 'failed-9', 9)
    expect(await ledger.removeRunDetails(view, { ...all, baselineReachNs: hourNs })).toBe(3)
    expect(await detailed(...runs)).toEqual(['run-2', 'run-3'])
    expect(baselineReachNs(hourNs)).toBe((28n * 24n + 1n) * hourNs)
    expect(baselineReachNs(240n * hourNs)).toBe(7n * 240n * hourNs)
  })
})

describe('what somebody may still ask of a run stays', () => {
  beforeEach(() => committed('newest', 20))

  test('R37: of one under way, and of a held one that can be accepted; not of one that failed, or was held and replaced', async () => {
    await pin(ledger, 'open', 1)
    await hold(ledger, 'held', 2)
    await hold(ledger, 'replaced', 3)
    await commit(ledger, 'instead', 3)
    await fail(ledger, 'failed', 4)
    await ledger.startRun(startOf('skipped', 5))
    await ledger.endRun('skipped', { outcome: 'skipped', error: null, keyCounts: null, measures: null })
    for (const runId of ['open', 'held', 'replaced', 'failed']) await detail(runId)
    await removeRunFiles()
    expect(await ledger.removeRunDetails(view, all)).toBe(4)
    expect(await detailed('open', 'held', 'replaced', 'instead', 'failed', 'skipped')).toEqual(['open', 'held'])
    expect((await ledger.run('failed'))!.error).toMatchObject({ code: 'SOURCE_FILE_CORRUPT' })
  })

  test('R35: of one whose feature awaits a decision; not once it is decided', async () => {
    const { supersedes } = await pin(ledger, 'alone', 1)
    await detail('alone')
    await ledger.commitRun({ runId: 'alone', data: part('alone'), supersedes, heldFeatures: ['delay'] })
    await end(ledger, 'alone', 'committed')
    await removeRunFiles()
    expect(await ledger.removeRunDetails(view, all)).toBe(0)
    const decision = { ...view, interval: hour(1), runId: 'alone', reason: 'looked at', by: 'ann' } as const
    const { decisionId } = await ledger.recordDecision({ ...decision, action: 'reject' })
    await ledger.applyDecision(decisionId, null)
    expect(await ledger.removeRunDetails(view, all)).toBe(1)
  })

  test('of one that an open incident names, and of one of an open backfill', async () => {
    await pin(ledger, 'named', 1)
    await pin(ledger, 'filled', 2, { kind: 'backfill', backfillId: 'fill' })
    for (const runId of ['named', 'filled']) await end(ledger, runId, 'done')
    await removeRunFiles()
    const now = '2026-11-22T00:00:00Z'
    await project.client.query((db) =>
      db
        .insertInto('backfills')
        .values({
          ...{ backfill_id: 'fill', plan_id: 'plan', ...view, start_at: hour(2).start, end_at: hour(2).end },
          ...{ state: 'running', options: '{}', asked_by: 'ann', reason: 'fixed' },
        })
        .execute(),
    )
    const incident: Incident = {
      ...{
        key: 'failed/x',
        rule: 'failed',
        severity: 'warning',
        ...view,
        owner: 'ann',
        summary: 'an error of a file has said NUL: \0',
        nextStep: 'x',
      },
      ...{ openedAt: now, updatedAt: now, resolvedAt: null, facts: { run: 'named' } },
    }
    await ledger.upsertIncident(incident)
    expect(await ledger.removeRunDetails(view, all)).toBe(0)
    await ledger.takeWatch('w', 60_000)
    await ledger.recordChanges('w', [{ event: 'resolved', incident: { ...incident, resolvedAt: now } }], new Map())
    expect(await ledger.removeRunDetails(view, all)).toBe(1)
    expect(await detailed('named', 'filled')).toEqual(['filled'])
    await project.client.query((db) =>
      db.updateTable('backfills').set({ ended_at: sql<Instant>`clock_timestamp()` }).execute(),
    )
    expect(await ledger.removeRunDetails(view, all)).toBe(1)
  })
})

describe('a removal of many', () => {
  const batch = 500
  const ids = Array.from({ length: 1_200 }, (_, at) => `run-${String(at).padStart(4, '0')}`)
  const left = async () => (await detailed(...ids)).length

  beforeEach(async () => {
    const now = sql<bigint>`clock_timestamp()`
    const runs = ids.map((run_id, at) => ({
      ...{ run_id, ...view, start_at: hour(at).start, end_at: hour(at).end, kind: 'scheduled' as const },
      ...{ definition_hash: 'x', workflow_id: 'x', temporal_run_id: 'x', outcome: 'done' as const },
      ...{ ended_at: now, profile: toJson(profile) },
    }))
    const files = ids.flatMap((run_id) =>
      (['candidates', 'quarantine'] as const).map((room) => ({ room, run_id, ...view, removed_at: now })),
    )
    await project.client.query(async (db) => {
      await db.insertInto('runs').values(runs).execute()
      await db.insertInto('run_files').values(files).execute()
      const kept = ids.map((run_id) => ({ run_id, body: toJson(sketches) }))
      await db.insertInto('run_sketches').values(kept).execute()
    })
    await committed('newest', ids.length)
  })

  test('goes in batches, the oldest first, and passes over a run that somebody holds', async () => {
    const release = await holding(sql`select from runs where run_id = ${ids[0]} for update`)
    expect(await ledger.removeRunDetails(view, all)).toBe(batch)
    expect(await left()).toBe(ids.length - batch)
    expect(await ledger.removeRunDetails(view, all)).toBe(batch)
    expect(await ledger.removeRunDetails(view, all)).toBe(ids.length - 2 * batch - 1)
    expect(await detailed(...ids)).toEqual([ids[0]])
    await release()
    expect(await ledger.removeRunDetails(view, all)).toBe(1)
    expect(await ledger.removeRunDetails(view, all)).toBe(0)
  })

  test('that is killed within a batch leaves this batch whole, holds nobody up meanwhile, and is gone on with', async () => {
    expect(await ledger.removeRunDetails(view, all)).toBe(batch)
    // It has its runs, and comes to the sketches, which wait.
    const release = await holding(sql`select from run_sketches for update`)
    const other = project.connectAgain().ledger
    const killed = expect(other.removeRunDetails(view, all)).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    const pid = await waitingPid()
    await commit(ledger, 'beside', ids.length + 1)
    const publish = await open(ledger, publishRequest('beside', { window: null }))
    await record(ledger, publish)
    await finish(ledger, publish)
    expect((await ledger.run('beside'))!.outcome).toBe('done')
    await project.client.query((db) => sql`select pg_terminate_backend(${pid})`.execute(db))
    await killed
    await release()
    expect(await left()).toBe(ids.length - batch)
    const sketched = await project.client.query((db) => db.selectFrom('run_sketches').select('run_id').execute())
    expect(sketched).toHaveLength(ids.length - batch + 1)
    expect(await ledger.removeRunDetails(view, all)).toBe(batch)
    expect(await ledger.removeRunDetails(view, all)).toBe(ids.length - 2 * batch)
    expect(await left()).toBe(0)
  })
})

const held: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const letGo of held.splice(0)) await letGo()
})

/** A transaction of somebody else's that keeps the locks of the statement. */
async function holding(statement: RawBuilder<unknown>): Promise<() => Promise<void>> {
  let letGo = () => {}
  const released = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let over = Promise.resolve()
  await new Promise<void>((resolve) => {
    over = project.connectAgain().client.transact(async (trx) => {
      await sql`set local search_path to ${sql.id(schemaName(project.project))}`.execute(trx)
      await statement.execute(trx)
      resolve()
      await released
    })
  })
  held.push(async () => {
    letGo()
    await over
  })
  return held.at(-1)!
}

/** Of the one that waits for a lock. */
async function waitingPid(): Promise<number> {
  return await vi.waitFor(
    async () => {
      const { rows } = await project.client.query((db) =>
        sql<{ pid: number }>`select pid from pg_stat_activity where wait_event_type = 'Lock'`.execute(db),
      )
      expect(rows).toHaveLength(1)
      return rows[0]!.pid
    },
    { timeout: 10_000 },
  )
}
