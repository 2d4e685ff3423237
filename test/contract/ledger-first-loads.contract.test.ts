/** First loads on the ledger: whose table it is, until when it is nobody's, and what a restore makes of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createFilesLake } from '../../adapters/files/files-lake.js'
import { createPostgresArchive } from '../../adapters/postgres/backup.js'
import { schemaName } from '../../adapters/postgres/client.js'
import { backup } from '../../cli/commands/backup.js'
import { restore } from '../../cli/commands/restore.js'
import type { LedgerWriter } from '../../core/ports/ledger.js'
import { onlineTableName } from '../../core/publish/index.js'
import { commandContext } from '../support/command-context.js'
import { startTestOnline } from '../support/dynalite.js'
import { ledgerProject } from '../support/ledger-project.js'
import {
  commit,
  commitHours,
  deltaOf,
  finish,
  hour,
  open,
  publishAll,
  publishRequest,
  record,
  view,
} from '../support/ledger-steps.js'
import type { TestProject } from '../support/postgres.js'

let project: TestProject
let ledger: LedgerWriter
ledgerProject((opened) => {
  project = opened
  ledger = opened.ledger
})

describe('a first load', () => {
  const plain = publishRequest('w').table
  const loading = (workflow: string, changes = {}) => publishRequest(workflow, { firstLoadsMax: 2, ...changes })

  test('R36: goes into a table of its own, which counts once it is finished, and from then on for every publish', async () => {
    await commitHours(ledger, 0)
    const load = await open(ledger, loading('w'))
    expect(load).toMatchObject({ table: `${plain}.s1`, isFirstLoad: true, unfinished: [], abandonedTables: [] })
    // It is remembered before it may be made.
    expect(await ledger.onlineTables()).toEqual([{ ...view, named: null, isPublished: false, ofAttempts: [] }])
    await record(ledger, load)
    await record(ledger, load)
    expect(await ledger.onlineTables()).toEqual([
      { ...view, named: null, isPublished: false, ofAttempts: [`${plain}.s1`] },
    ])
    expect(await ledger.onlineTable(view)).toBeNull()
    expect(await finish(ledger, load)).toBe('ok')
    expect(await finish(ledger, load)).toBe('ok')
    expect(await ledger.onlineTable(view)).toBe(`${plain}.s1`)
    expect(await ledger.onlineTables()).toEqual([{ ...view, named: `${plain}.s1`, isPublished: true, ofAttempts: [] }])
    await commitHours(ledger, 1)
    const next = await open(ledger, loading('x'))
    expect(next).toMatchObject({ table: `${plain}.s1`, isFirstLoad: false, abandonedTables: [] })
    expect(next.published?.files).toHaveLength(1)
    await record(ledger, next)
    await ledger.releaseLease(view, next.sequence, next.owner)
    const third = await open(ledger, loading('y'))
    expect(third).toMatchObject({ table: `${plain}.s1`, unfinished: [deltaOf(next.sequence)] })
    await record(ledger, third)
    // Under conditions it is continued, in the version's own table.
    expect(await ledger.openPublish(loading('y', { owner: 'y/2' }))).toMatchObject({ kind: 'resumed' })
  })

  test('R36: is not resumed, owes nothing to the one before, and finishes only under its own lease', async () => {
    await commitHours(ledger, 0)
    const first = await open(ledger, loading('w'))
    await record(ledger, first)
    const second = await open(ledger, loading('w', { owner: 'w/2' }))
    expect(second).toMatchObject({ table: `${plain}.s2`, isFirstLoad: true, unfinished: [], recorded: null })
    expect(second.abandonedTables).toEqual([`${plain}.s1`])
    expect(await finish(ledger, first)).toBe('overtaken')
    await record(ledger, second)
    const givenUp = () => Promise.all([first, second].map(({ table }) => ledger.isTableGivenUp(view, table)))
    expect(await givenUp()).toEqual([true, false])
    await finish(ledger, second)
    expect(await givenUp()).toEqual([true, false])
    expect(await Promise.all([plain, `${plain}.s9`].map((table) => ledger.isTableGivenUp(view, table)))).toEqual([
      false,
      false,
    ])
    expect(await ledger.onlineTable(view)).toBe(`${plain}.s2`)
    await commitHours(ledger, 1)
    expect((await publishAll(ledger, 'x')).abandonedTables).toEqual([`${plain}.s1`])
    await ledger.forgetTable(view, `${plain}.s1`)
    await ledger.forgetTable(view, `${plain}.s1`)
    await commitHours(ledger, 2)
    expect((await publishAll(ledger, 'y')).abandonedTables).toEqual([])
  })

  test('R36: is tried so often, counting those that may have written; then the plain table is written under conditions', async () => {
    await commitHours(ledger, 0)
    for (const [workflow, isRecorded] of [
      ['a', true],
      ['b', false],
      ['c', true],
    ] as const) {
      const load = await open(ledger, loading(workflow))
      expect(load.isFirstLoad).toBe(true)
      if (isRecorded) await record(ledger, load)
      await ledger.releaseLease(view, load.sequence, load.owner)
    }
    const fenced = await open(ledger, loading('d'))
    expect(fenced).toMatchObject({ table: plain, isFirstLoad: false, unfinished: [] })
    // The second made none.
    expect(fenced.abandonedTables).toEqual([1, 3].map((sequence) => `${plain}.s${sequence}`))
    await record(ledger, fenced)
    const again = await ledger.openPublish(loading('d', { owner: 'd/2', firstLoadsMax: 9 }))
    expect(again).toMatchObject({ kind: 'resumed', publish: { table: plain } })
    await ledger.releaseLease(view, fenced.sequence, 'd/2')
    // Where conditions have begun, they stay: what was written there is known.
    const next = await open(ledger, loading('e', { firstLoadsMax: 9 }))
    expect(next).toMatchObject({ table: plain, isFirstLoad: false, unfinished: [deltaOf(fenced.sequence)] })
    await record(ledger, next)
    await finish(ledger, next)
    expect(await ledger.onlineTable(view)).toBeNull()
  })

  test('R36: a version that was published under its plain name keeps it', async () => {
    await commitHours(ledger, 0)
    await publishAll(ledger, 'before')
    await commitHours(ledger, 1)
    expect(await open(ledger, loading('w'))).toMatchObject({ table: plain, isFirstLoad: false })
  })

  test('a worker of the release before, which opens under the plain name, is given the version’s table', async () => {
    const insert = async (sequence: number) => {
      const schema = sql.id(schemaName(project.project))
      const { rows } = await project.client.query((db) =>
        sql<{ table_name: string }>`insert into ${schema}.publishes (view, version, sequence, state, owner,
          workflow_run_id, table_name, end_at, missing, covered, commit_horizon, published_generation)
          values (${view.view}, ${view.version}, ${sequence}, 'open', 'old/1', 'old', ${plain}, 0, '[]', '{}', 0, 0)
          returning table_name`.execute(db),
      )
      return rows[0]?.table_name
    }
    await commitHours(ledger, 0)
    const load = await open(ledger, loading('w'))
    await record(ledger, load)
    await ledger.releaseLease(view, load.sequence, load.owner)
    expect(await insert(50)).toBe(plain)
    await project.client.query((db) =>
      db.updateTable('publishes').set({ state: 'unfinished' }).where('sequence', '=', 50n).execute(),
    )
    const second = await open(ledger, loading('x'))
    await record(ledger, second)
    await finish(ledger, second)
    expect(await insert(51)).toBe(second.table)
  })
})

test('R36: a version first loaded after the backup is taken over where it stands; what may still be written to is not', async () => {
  await commitHours(ledger, 0)
  const plain = onlineTableName(project.project, view.view, view.version)
  const request = (workflow: string) => publishRequest(workflow, { table: plain, firstLoadsMax: 2 })
  const given = await open(ledger, request('given-up'))
  await record(ledger, given)
  await ledger.releaseLease(view, given.sequence, given.owner)
  const load = await open(ledger, request('under-way'))
  expect(load.table).toBe(`${plain}.s2`)
  await record(ledger, load)
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'first-loads-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const { store: online, stop } = await startTestOnline()
  const context = commandContext({
    ledgerArchive: async () => createPostgresArchive(project.client),
    lakeAt: async (root: string) => createFilesLake(root),
    lake: async () => createFilesLake(join(dir, 'lake')),
    online: async () => online,
  } as never)
  try {
    const { data } = await backup(context, { out: join(dir, 'backups') })
    for (const table of [`${plain}.s1`, `${plain}.s2`, `${plain}.s3`, `${plain}1.s9`]) await online.ensureTable(table)
    await online.putEnd(`${plain}1.s9`, { sequence: 9n, endAt: hour(0).end, missing: [] })
    const restoreAnew = async () => {
      await project.client.query((db) => sql`drop schema ${sql.id(schemaName(project.project))} cascade`.execute(db))
      await restore(context, { from: (data as { backup: string }).backup, acceptLostFiles: true })
    }
    // Of all of them a write may still be under way.
    await restoreAnew()
    const ofAttempts = [`${plain}.s1`, `${plain}.s2`]
    expect(await ledger.onlineTables()).toEqual([{ ...view, named: null, isPublished: false, ofAttempts }])
    // This one was finished when the backup had been taken.
    await online.putEnd(`${plain}.s2`, { sequence: 2n, endAt: hour(0).end, missing: [] })
    await restoreAnew()
    expect(await ledger.onlineTables()).toEqual([
      { ...view, named: `${plain}.s2`, isPublished: false, ofAttempts: [`${plain}.s1`] },
    ])
  } finally {
    await stop()
  }
  // The lake had lost the committed file.
  await commit(ledger, 'again', 0)
  const next = await open(ledger, request('next'))
  expect(next).toMatchObject({ table: `${plain}.s2`, isFirstLoad: false, abandonedTables: [`${plain}.s1`] })
  expect(next.sequence).toBeGreaterThan(1_000_000n)
})
