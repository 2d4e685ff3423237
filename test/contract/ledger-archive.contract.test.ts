/** Registry and ledger as files and back, on a real Postgres: exact, all or nothing, and never over something else. */
import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createFilesLake } from '../../adapters/files/files-lake.js'
import { createPostgresArchive } from '../../adapters/postgres/backup.js'
import { type PostgresClient, schemaName } from '../../adapters/postgres/client.js'
import { backup } from '../../cli/commands/backup.js'
import { restore } from '../../cli/commands/restore.js'
import type { CliContext } from '../../cli/context.js'
import { sealManifest } from '../../core/backup/manifest.js'
import type { MillcourseError } from '../../core/errors.js'
import { commandContext } from '../support/command-context.js'
import { columnsSinceFirst, tablesSinceFirst } from '../support/first-release.js'
import { allTime, commit, hour, pin, view } from '../support/ledger-steps.js'
import { startTestPostgres, type TestPostgres, type TestProject } from '../support/postgres.js'
import { rewritePart } from '../support/rewrite-backup.js'

let postgres: TestPostgres
let dir: string
beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.stop())
beforeEach(() => {
  dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'backup-'))
})

/** Nothing online, and a lake that holds what is committed: what they say otherwise is tested in test/end-to-end/backup.test.ts. */
function contextOf(client: PostgresClient): CliContext {
  return commandContext({
    ledgerArchive: async () => createPostgresArchive(client),
    lakeAt: async (root: string) => createFilesLake(root),
    lake: async () => createFilesLake(join(dir, 'lake')),
    online: async () => ({ listTables: async () => [], describeTable: async () => null }),
  } as never)
}

async function takeBackup(client: PostgresClient): Promise<string> {
  const { data } = await backup(contextOf(client), { out: join(dir, 'backups') })
  return (data as { backup: string }).backup
}

/** Every row of every table, as text, without what a restore adds, ends or lifts. */
async function contents(client: PostgresClient): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  await createPostgresArchive(client).exportTables(async ({ name }, rows) => {
    found[name] = []
    for await (const some of rows) found[name].push(...some.map((row) => JSON.stringify(row)))
    found[name].sort()
  })
  const versions = found.view_versions!.map((row) => row.replace('"1000000"', '"0"'))
  return { ...found, view_versions: versions, audit: found.audit!.filter((row) => !row.includes('"restore"')) }
}

const schemas = async (client: PostgresClient): Promise<string[]> => {
  const { rows } = await client.query((db) =>
    sql<{ name: string }>`select nspname as name from pg_namespace where nspname like 'millcourse%' order by 1`.execute(
      db,
    ),
  )
  return rows.map(({ name }) => name)
}

const refusal = (work: Promise<unknown>): Promise<MillcourseError> =>
  work.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: MillcourseError) => error,
  )

const odd = { text: 'a "quoted" \\ line\nand\ttab \u0000 \u{1F600} {}, \'', number: Number.NaN }

async function filled(name?: string): Promise<TestProject> {
  const project = await postgres.newProject(name)
  await commit(project.ledger, 'first', 0)
  await commit(project.ledger, 'second', 1)
  await pin(project.ledger, 'under-way', 2)
  await project.client.query((db) =>
    db
      .updateTable('commits')
      .set({ path: sql`'tiles/airport_delays/v1/' || run_id || '.parquet'`, size_bytes: 5n })
      .execute(),
  )
  for (const run of ['first', 'second', 'later'])
    await createFilesLake(join(dir, 'lake')).writeIfAbsent(
      `tiles/airport_delays/v1/${run}.parquet`,
      Buffer.from('tiles'),
    )
  await project.ledger.recordProgress('first', { profile: { odd } as never })
  await project.ledger.audit({ by: 'ann', action: 'apply', subject: 'line\nbreak, "quote"', reason: null })
  return project
}

async function dropProject({ client, project }: TestProject): Promise<void> {
  await client.query((db) => sql`drop schema ${sql.id(schemaName(project))} cascade`.execute(db))
}

describe('backup and restore', () => {
  test('bring back every row, with its exact text, and numbers go on after the highest', async () => {
    const project = await filled()
    const { client, ledger } = project
    const before = await contents(client)
    const place = await takeBackup(client)
    await dropProject(project)
    const report = await restore(contextOf(client), { from: place })
    expect(report.text).toContain('1 runs were under way then')
    const after = await contents(client)
    const { runs, ...rest } = after
    const { runs: ran, ...others } = before
    expect(rest).toEqual(others)
    // What was under way has ended; everything else of the runs is as it was.
    expect(runs!.filter((row) => !row.includes('under-way'))).toEqual(ran!.filter((row) => !row.includes('under-way')))
    expect(await ledger.run('under-way')).toMatchObject({ outcome: 'failed', error: { code: 'RUN_STEP_TIMED_OUT' } })
    expect((await ledger.run('first'))?.profile).toEqual({ odd })
    await commit(ledger, 'third', 3)
    const commits = await ledger.currentCommits(view, allTime)
    expect(commits.map(({ interval }) => interval.start)).toEqual([0, 1, 3].map((at) => hour(at).start))
    expect(new Set(commits.map(({ commitId }) => commitId)).size).toBe(3)
    // Files of compactions that were begun after the backup lie in folders of the numbers that followed.
    expect(await ledger.beginCompaction(view, allTime)).toBeGreaterThan(1_000_000n)
  })

  test('take one state of all tables, whatever is committed meanwhile', async () => {
    const { client, ledger } = await filled()
    const seen: Record<string, number> = {}
    let isFirst = true
    await createPostgresArchive(client).exportTables(async ({ name }, rows) => {
      if (isFirst) await commit(ledger, 'meanwhile', 5)
      isFirst = false
      seen[name] = 0
      for await (const some of rows) seen[name] += some.length
    })
    expect(seen).toMatchObject({ commits: 2, runs: 3 })
    expect(await ledger.currentCommits(view, allTime)).toHaveLength(3)
  })

  test('refuse a project that is not empty; with --replace what was there is kept under another name', async () => {
    const { client, ledger } = await filled()
    const place = await takeBackup(client)
    await commit(ledger, 'later', 6)
    const before = await contents(client)
    const error = await refusal(restore(contextOf(client), { from: place }))
    expect(error).toMatchObject({
      code: 'RESTORE_TARGET_NOT_EMPTY',
      detail: { hint: expect.stringContaining('--replace') },
    })
    expect(await contents(client)).toEqual(before)
    const report = await restore(contextOf(client), { from: place, replace: true })
    const { keptAs } = report.data as { keptAs: string }
    expect(await ledger.run('later')).toBeNull()
    const { rows } = await client.query((db) =>
      sql<{ runs: bigint }>`select count(*) as runs from ${sql.id(keptAs, 'runs')} where run_id = 'later'`.execute(db),
    )
    expect(rows).toEqual([{ runs: 1n }])
  })

  test('load a backup of an older release and bring it up to this one', async () => {
    const project = await filled()
    const place = await takeBackup(project.client)
    // As the first release made it: without what later migrations added.
    const manifest = readManifest(place)
    manifest.migrations = manifest.migrations.slice(0, 1)
    manifest.tables = manifest.tables.filter(({ name }: { name: string }) => !tablesSinceFirst.includes(name))
    for (const [name, names] of Object.entries(columnsSinceFirst)) {
      const table = manifest.tables.find((one: { name: string }) => one.name === name)
      const kept = table.columns.length - names.length
      expect(table.columns.splice(kept).map((column: { name: string }) => column.name)).toEqual(names)
      for (const part of table.parts) rewritePart(place, part, (row) => row.slice(0, kept))
    }
    writeManifest(place, manifest)
    await dropProject(project)
    await restore(contextOf(project.client), { from: place })
    await commit(project.ledger, 'next', 7)
    expect(await project.ledger.currentCommits(view, allTime)).toHaveLength(3)
  })
})

describe('what is not a whole backup is refused, and changes nothing', () => {
  const cases: [string, string, (place: string) => void][] = [
    ['a part is gone', 'it is not there', (place) => rmSync(firstPart(place))],
    [
      'a part is cut short',
      'bytes, not',
      (place) => writeFileSync(firstPart(place), readFileSync(firstPart(place)).subarray(0, -9)),
    ],
    [
      'a part was changed',
      'its bytes are not those that were written',
      (place) => writeFileSync(firstPart(place), flipped(readFileSync(firstPart(place)))),
    ],
    ['it was never finished', 'one that was not finished', (place) => rmSync(join(place, 'manifest.json'))],
    [
      'its manifest is cut short',
      'it is not JSON',
      (place) =>
        writeFileSync(join(place, 'manifest.json'), readFileSync(join(place, 'manifest.json')).subarray(0, 99)),
    ],
    [
      'its manifest counts other rows',
      'do not hold its',
      (place) =>
        edited(place, (manifest) => {
          manifest.tables[0].rows += 1
        }),
    ],
    [
      'a table was taken out of its manifest',
      'it is not as it was written',
      (place) => {
        const manifest = readManifest(place)
        manifest.tables = manifest.tables.filter(({ name }: { name: string }) => name !== 'runs')
        writeFileSync(join(place, 'manifest.json'), JSON.stringify(manifest))
      },
    ],
    [
      'its manifest has no checksum',
      'it is not as it was written',
      (place) => {
        const { sha256: _, ...manifest } = readManifest(place)
        writeFileSync(join(place, 'manifest.json'), JSON.stringify(manifest))
      },
    ],
    [
      'it lacks a table of its schema',
      'it lacks runs (',
      (place) =>
        edited(place, (manifest) => {
          manifest.tables = manifest.tables.filter(({ name }: { name: string }) => name !== 'runs')
        }),
    ],
    [
      'it lacks a column of its schema',
      'it lacks incidents (',
      (place) =>
        edited(place, (manifest) => {
          manifest.tables.find(({ name }: { name: string }) => name === 'incidents').columns.pop()
        }),
    ],
    [
      'it names an empty table that is none',
      'it has none (a)',
      (place) =>
        edited(place, (manifest) => {
          manifest.tables.push({ name: 'none', columns: [{ name: 'a', type: 'text' }], rows: 0, parts: [] })
        }),
    ],
    [
      'it names a table twice',
      'it has audit (',
      (place) =>
        edited(place, (manifest) => {
          manifest.tables.push(manifest.tables.find(({ name }: { name: string }) => name === 'audit'))
        }),
    ],
    [
      'it is of a later format',
      'made by a newer millcourse',
      (place) =>
        edited(place, (manifest) => {
          manifest.formatVersion = 2
        }),
    ],
    [
      'it is of no format',
      'formatVersion',
      (place) =>
        edited(place, (manifest) => {
          manifest.formatVersion = 0
        }),
    ],
    [
      'it is of another project',
      'is a backup of project other',
      (place) =>
        edited(place, (manifest) => {
          manifest.project = 'other'
        }),
    ],
    [
      'it names a table that is none',
      'and has none (',
      (place) =>
        edited(place, (manifest) => {
          manifest.tables.find(({ parts }: { parts: unknown[] }) => parts.length > 0).name = 'none'
        }),
    ],
    [
      'a type is a statement',
      'is not a type of Postgres',
      (place) =>
        edited(place, (manifest) => {
          manifest.tables.find(({ parts }: { parts: unknown[] }) => parts.length > 0).columns[0].type =
            'text); drop table runs; --'
        }),
    ],
    [
      'it is of a newer release',
      'made by a newer millcourse',
      (place) =>
        edited(place, (manifest) => {
          manifest.migrations.push('999-of-tomorrow')
        }),
    ],
  ]
  let whole: TestProject
  let intact: string
  let before: object
  const state = async () => ({ contents: await contents(whole.client), schemas: await schemas(whole.client) })
  beforeAll(async () => {
    dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'backup-'))
    whole = await filled()
    intact = await takeBackup(whole.client)
    before = await state()
  })

  test.each(cases)('%s', async (_, said, damage) => {
    const place = join(dir, 'damaged')
    cpSync(intact, place, { recursive: true })
    damage(place)
    const error = await refusal(restore(contextOf(whole.client), { from: place, replace: true }))
    expect(error.code).toBe(said.includes('newer') ? 'LEDGER_SCHEMA_OUTDATED' : 'BACKUP_INVALID')
    expect(error.message).toContain(said)
    expect(error.detail.hint).toBeTruthy()
    expect(await state()).toEqual(before)
  })

  test('an online store that does not answer stops it before anything is changed', async () => {
    const away = async () => {
      throw new Error('away')
    }
    const context = {
      ...contextOf(whole.client),
      online: async () => ({ listTables: away }),
    } as never
    await expect(restore(context, { from: intact, replace: true })).rejects.toThrow('away')
    expect(await state()).toEqual(before)
  })

  test('a backup that could not be finished leaves nothing that looks like one', async () => {
    const full = { ...createFilesLake(join(dir, 'backups')) }
    const lake = {
      ...full,
      uri: (path: string) => path,
      writeIfAbsent: async (path: string, bytes: Uint8Array) => {
        if (path.includes('runs')) throw new Error('disk full')
        return await createFilesLake(join(dir, 'backups')).writeIfAbsent(path, bytes)
      },
    }
    const context = { ...contextOf(whole.client), lakeAt: async () => lake } as never
    await expect(backup(context, { out: 'x' })).rejects.toThrow('disk full')
    const [folder] = readdirSync(join(dir, 'backups'))
    expect(readdirSync(join(dir, 'backups', folder!))).not.toContain('manifest.json')
  })
})

function firstPart(place: string): string {
  return join(place, 'runs', '000001.jsonl.gz')
}

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  const at = changed.length >> 1
  changed[at] = changed[at]! ^ (1 + (randomBytes(1)[0]! & 0x7e))
  return changed
}

// biome-ignore lint/suspicious/noExplicitAny: a manifest that is made wrong
type AnyManifest = any

function readManifest(place: string): AnyManifest {
  return JSON.parse(readFileSync(join(place, 'manifest.json'), 'utf8'))
}

/** With the checksum of what it says now, as if it had been written so. */
function writeManifest(place: string, { sha256: _, ...manifest }: AnyManifest): void {
  writeFileSync(join(place, 'manifest.json'), sealManifest(manifest))
}

function edited(place: string, change: (manifest: AnyManifest) => void): void {
  const manifest = readManifest(place)
  change(manifest)
  writeManifest(place, manifest)
}
