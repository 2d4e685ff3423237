/** What a restore finds beside the ledger: a lake that is another one or ahead, and rights that others have. On a real Postgres. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFilesLake } from '../../adapters/files/files-lake.js'
import { createPostgresArchive } from '../../adapters/postgres/backup.js'
import { createPostgresClient, schemaName } from '../../adapters/postgres/client.js'
import { createPostgresRegistry } from '../../adapters/postgres/postgres-registry.js'
import { backup } from '../../cli/commands/backup.js'
import { restore } from '../../cli/commands/restore.js'
import { committedPath } from '../../core/publish/index.js'
import { commandContext } from '../support/command-context.js'
import { allTime, commit, hour, view } from '../support/ledger-steps.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.stop())

const interval = (run: string, at: number) =>
  committedPath({ name: 'airport_delays', version: 1, viewKind: 'window' }, hour(at).start, run)
const coarseTile = 'tiles/airport_delays/v1/coarse/20010101T000000Z/7-run.parquet'

/** Two intervals committed, and a backup of them; the lake is empty, and nothing is online. */
async function taken() {
  const dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'restore-'))
  const project = await postgres.newProject()
  const { client, ledger } = project
  const context = commandContext({
    ledgerArchive: async () => createPostgresArchive(client),
    lakeAt: async (root: string) => createFilesLake(root),
    lake: async () => createFilesLake(join(dir, 'lake')),
    online: async () => ({ listTables: async () => [], describeTable: async () => null }),
  } as never)
  await commit(ledger, 'first', 0)
  await commit(ledger, 'second', 1)
  const path = sql<string>`case run_id when 'first' then ${interval('first', 0)} else ${interval('second', 1)} end`
  await client.query((db) => db.updateTable('commits').set({ path, size_bytes: 5n }).execute())
  const { data } = await backup(context, { out: join(dir, 'backups') })
  return { ...project, context, place: (data as { backup: string }).backup }
}

test('a lake without most of the committed files is refused, unless told otherwise; files of no interval are not counted', async () => {
  const { ledger, context, place } = await taken()
  await expect(restore(context, { from: place, replace: true })).rejects.toMatchObject({
    code: 'RESTORE_FILES_MISSING',
    detail: {
      hint: expect.stringMatching(/MILLCOURSE_LAKE.*--accept-lost-files/),
      facts: { missing: 2, committed: 2 },
    },
  })
  expect(await ledger.currentCommits(view, allTime)).toHaveLength(2)

  const lake = await context.lake()
  for (const file of [interval('first', 0), interval('newer', 0), interval('after', 4), coarseTile])
    await lake.writeIfAbsent(file, Buffer.from('tiles'))
  const { data, text } = await restore(context, { from: place, replace: true })
  expect(data).toMatchObject({
    views: [{ lostFiles: [interval('second', 1)], unknownFiles: [interval('after', 4)], laterVersions: { length: 1 } }],
  })
  expect(text).toContain('1 committed files are gone: their intervals run again; 1 files were committed later')
  expect(await ledger.currentCommits(view, allTime)).toHaveLength(1)

  await lake.remove(interval('first', 0))
  await restore(context, { from: place, replace: true, acceptLostFiles: true })
  expect(await ledger.currentCommits(view, allTime)).toHaveLength(0)
})

test('a committed file that went after the backup is no loss where a compaction of the backup holds it whole', async () => {
  const { ledger, context } = await taken()
  const lake = await context.lake()
  const bucket = { number: 0, of: 1 }
  const compacted = (name: string) => `compacted/airport_delays/v1/${name}/0.parquet`
  const commits = await ledger.currentCommits(view, allTime)
  for (const [name, held] of [
    ['whole', commits.slice(0, 1)],
    ['broken', commits],
  ] as const) {
    const id = await ledger.beginCompaction(view, { start: hour(0).start, end: hour(1).end })
    const files = [{ path: compacted(name), rows: 2, sizeBytes: 5, bucket }]
    await ledger.recordCompaction(id, { commitIds: held.map(({ commitId }) => commitId), files })
  }
  await lake.writeIfAbsent(compacted('whole'), Buffer.from('tiles'))
  await lake.writeIfAbsent(compacted('broken'), Buffer.from('cut'))
  const out = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'restore-'))
  const place = ((await backup(context, { out })).data as { backup: string }).backup
  const { data } = await restore(context, { from: place, replace: true })
  expect(data).toMatchObject({ views: [{ lostFiles: [interval('second', 1)], reopened: { length: 1 } }] })
  expect(await ledger.currentCommits(view, allTime)).toEqual(commits.slice(0, 1))
  // Its own file is asked for no more: readers take the compaction.
  const removedIds = [commits[0]!.commitId]
  expect(await ledger.compactions(view, allTime)).toMatchObject([{ removedIds, files: [{ path: compacted('whole') }] }])

  // Its own file is back: not a file that was committed later.
  await lake.writeIfAbsent(interval('first', 0), Buffer.from('tiles'))
  // A folder's name tells no more than the second.
  const again = ((await backup(context, { out: join(out, 'again') })).data as { backup: string }).backup
  const second = await restore(context, { from: again, replace: true })
  expect(second.data).toMatchObject({ views: [{ lostFiles: [], unknownFiles: [], laterVersions: [] }] })
})

test('a login that docs/deploying.md lets read goes on reading after a restore, also what later migrations make', async () => {
  const { client, project, url, context, place } = await taken()
  const page = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8')
  const owner = new URL(url).username
  const statements = /```sql\n([^`]+)```/
    .exec(page)![1]!
    .replaceAll('millcourse_flights', schemaName(project))
    .replaceAll('FOR ROLE millcourse ', `FOR ROLE "${owner}" `)
  const asOwner = (text: string) => client.query((db) => sql.raw(text).execute(db))
  for (const statement of statements.split(';\n').filter(Boolean)) await asOwner(statement)
  const reader = createPostgresClient({
    url: Object.assign(new URL(url), { username: 'millcourse_server', password: 'a long random text' }).href,
    project,
  })
  const reads = async (later: string) => {
    await createPostgresRegistry(reader).serving()
    await reader.query((db) => sql`select * from ${sql.id(schemaName(project), later)}`.execute(db))
  }
  const migrated = (name: string) => asOwner(`create table "${schemaName(project)}".${name} (a int)`)
  try {
    await migrated('made_later')
    await reads('made_later')
    await asOwner(`drop table "${schemaName(project)}".made_later`)
    await restore(context, { from: place, replace: true, acceptLostFiles: true })
    await migrated('made_after')
    await reads('made_after')
    const write = reader.query((db) => db.deleteFrom('audit').execute())
    await expect(write).rejects.toMatchObject({ code: 'LEDGER_ACCESS_DENIED' })
  } finally {
    await reader.close()
  }
})
