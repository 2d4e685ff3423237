import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEmbeddedPostgres } from '../../adapters/embedded/embedded-postgres.js'
import { createPostgresClient, schemaName } from '../../adapters/postgres/client.js'
import { connectPostgres } from '../../adapters/postgres/index.js'
import type { MillcourseError } from '../../core/errors.js'
import { allTime, commit, hour, pin, view } from '../support/ledger-steps.js'
import { startTestPostgres, type TestPostgres } from '../support/postgres.js'

let postgres: TestPostgres

beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.stop())

/** What a failing call said, causes included. */
async function failureOf(url: string): Promise<{ error: MillcourseError; said: string }> {
  const stores = connectPostgres({ url, project: 'p' })
  try {
    await stores.ledger.run('r')
    throw new Error('it worked')
  } catch (error) {
    const { message, detail } = error as MillcourseError
    const cause = detail.cause as Error | undefined
    return { error: error as MillcourseError, said: JSON.stringify([message, detail, cause?.message, cause?.stack]) }
  } finally {
    await stores.close()
  }
}

describe('migrations', () => {
  test('run in several processes at once and again, and leave what is there', async () => {
    const clients = Array.from({ length: 4 }, () => createPostgresClient({ url: postgres.url, project: 'racing' }))
    try {
      await Promise.all(clients.map((client) => client.migrate()))
      const stores = connectPostgres({ url: postgres.url, project: 'racing' })
      await pin(stores.ledger, 'r', 0)
      await stores.migrate()
      expect((await stores.ledger.run('r'))?.number).toBe(1)
      await stores.close()
    } finally {
      await Promise.all(clients.map((client) => client.close()))
    }
  })

  test('run beside workers that hold the ledger open', async () => {
    const { ledger, client, connectAgain } = await postgres.newProject()
    await commit(ledger, 'before', 0)
    await client.transact(async (trx) => {
      await trx.selectFrom('runs').selectAll().execute()
      await connectAgain().client.migrate()
    })
    await commit(ledger, 'after', 1)
    expect(await ledger.currentCommits(view, allTime)).toHaveLength(2)
  })

  test('a missing or older schema is an error that says what to do', async () => {
    const { error } = await failureOf(postgres.url)
    expect(error).toMatchObject({ code: 'LEDGER_SCHEMA_OUTDATED', detail: { hint: 'millcourse migrate' } })
    const { client, ledger, project } = await postgres.newProject()
    await client.query((db) => sql`alter table ${sql.id(schemaName(project))}.runs drop column measures`.execute(db))
    await expect(pin(ledger, 'r', 0)).resolves.toBeDefined()
    await expect(
      ledger.endRun('r', { outcome: 'done', error: null, keyCounts: null, measures: null }),
    ).rejects.toMatchObject({ code: 'LEDGER_SCHEMA_OUTDATED' })
  })
})

describe('projects', () => {
  test('of any name live apart in one database', async () => {
    const long = 'x'.repeat(80)
    const names = ['Robert"; drop schema public; --', 'a b.c', `${long}1`, `${long}2`, 'flights']
    for (const name of names) await pin((await postgres.newProject(name)).ledger, name, 0)
    for (const name of names) {
      const { ledger } = await postgres.newProject(name)
      expect((await ledger.runs({ limit: 10 })).map((run) => run.runId)).toEqual([name])
    }
  })
})

describe('a failing connection', () => {
  test('that nobody answers is LEDGER_UNREACHABLE, and no message carries the password', async () => {
    const { error, said } = await failureOf('postgres://me:s3cret@127.0.0.1:1/db')
    expect(error.code).toBe('LEDGER_UNREACHABLE')
    expect(error.message).toContain('127.0.0.1:1/db')
    expect(said).not.toContain('s3cret')
    expect((await failureOf('postgres://me:s3cret@host.invalid:5432/db')).error.code).toBe('LEDGER_UNREACHABLE')
  })

  test('that is refused is LEDGER_ACCESS_DENIED, and no message carries the password', async () => {
    const wrong = new URL(postgres.url)
    wrong.password = 's3cret'
    const { error, said } = await failureOf(wrong.href)
    expect(error.code).toBe('LEDGER_ACCESS_DENIED')
    expect(said).not.toContain('s3cret')
    const absent = new URL(postgres.url)
    absent.pathname = '/no_such_database'
    expect((await failureOf(absent.href)).error.code).toBe('LEDGER_ACCESS_DENIED')
  })

  test('to something that is no URL is a configuration error without the text', () => {
    expect(() => connectPostgres({ url: 'postgres://me:s3cret@@:x/', project: 'p' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('s3cret') }),
    )
  })

  test('with a certificate that is not there is a configuration error that names the file', () => {
    expect(() => connectPostgres({ url: 'postgres://me:s3cret@db/x?sslrootcert=/none/ca.pem', project: 'p' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('sslrootcert=/none/ca.pem') }),
    )
  })

  test('to a server that hangs up is LEDGER_UNREACHABLE', async () => {
    const rude = createServer((socket) => socket.resume().end())
    await new Promise<void>((done) => rude.listen(0, '127.0.0.1', done))
    const { port } = rude.address() as { port: number }
    expect((await failureOf(`postgres://me:x@127.0.0.1:${port}/db`)).error.code).toBe('LEDGER_UNREACHABLE')
    await new Promise((done) => rude.close(done))
  })

  test('broken while idle, or inside a transaction, ends nothing but itself', async () => {
    const { client, ledger, connectAgain } = await postgres.newProject()
    const killer = connectAgain().client
    const killOthers = () =>
      killer.query((db) =>
        sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`.execute(
          db as unknown as Kysely<unknown>,
        ),
      )
    await pin(ledger, 'r', 0)
    await killOthers()
    await new Promise((done) => setTimeout(done, 50))
    expect((await ledger.run('r'))?.number).toBe(1)
    const broken = client.transact(async (trx) => {
      await trx.selectFrom('runs').selectAll().execute()
      await killOthers()
      await new Promise((done) => setTimeout(done, 50))
      await trx.selectFrom('runs').selectAll().execute()
    })
    await expect(broken).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    expect((await ledger.run('r'))?.number).toBe(1)
  })
})

test('a server that was started again is found again, without a restart of ours', async () => {
  const dir = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'postgres-again-'))
  const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }
  let server = await startEmbeddedPostgres({ dir, settings })
  const { ledger, migrate, close } = connectPostgres({ url: server.url, project: 'again' })
  try {
    await migrate()
    await pin(ledger, 'before', 0)
    const { port } = server
    await server.stop()
    await expect(ledger.run('before')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    server = await startEmbeddedPostgres({ dir, settings, port })
    expect((await ledger.run('before'))?.number).toBe(1)
    await pin(ledger, 'after', 1)
  } finally {
    await close()
    await server.stop()
    await rm(dir, { recursive: true, force: true })
  }
})

describe('contention', () => {
  test('a deadlock is tried again until it passes', async () => {
    const { client, ledger } = await postgres.newProject()
    await pin(ledger, 'a', 0)
    await pin(ledger, 'b', 1)
    let [met, holding] = [0, 0]
    let bothHold = () => {}
    const untilBothHold = new Promise<void>((resolve) => {
      bothHold = resolve
    })
    const touch = (first: string, second: string) =>
      client.transact(async (trx) => {
        met += 1
        await trx.updateTable('runs').set({ workflow_id: first }).where('run_id', '=', first).execute()
        // The first time each waits for the other to hold its first row.
        if (++holding === 2) bothHold()
        await untilBothHold
        await trx.updateTable('runs').set({ workflow_id: first }).where('run_id', '=', second).execute()
      })
    await Promise.all([touch('a', 'b'), touch('b', 'a')])
    expect(met).toBeGreaterThan(2)
  })

  test('a conflict that outlives the retries is LEDGER_CONFLICT', async () => {
    const { client } = await postgres.newProject()
    let attempts = 0
    const always = client.transact(async (trx) => {
      attempts += 1
      await sql`do $$ begin raise exception 'could not serialize' using errcode = '40001'; end $$`.execute(trx)
    })
    await expect(always).rejects.toMatchObject({ code: 'LEDGER_CONFLICT' })
    expect(attempts).toBe(6)
  })

  test('a process stopped inside a transaction loses its connection, so its locks end', async () => {
    const { client } = await postgres.newProject()
    const limits = await client.query(async (db) => {
      const names = ['idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout']
      const { rows } = await sql<{
        setting: string
      }>`select setting from pg_settings where name = any(${names}) order by name`.execute(db)
      return rows.map((row) => Number(row.setting))
    })
    expect(limits).toEqual([15_000, 15_000, 60_000])
  })
})

test("Postgres's moments are instants, whatever the session's time zone", async () => {
  const { ledger, client } = await postgres.newProject()
  await pin(ledger, 'r', 0)
  const moments = await client.transact(async (trx) => {
    const all: unknown[] = []
    for (const zone of ['UTC', 'Asia/Kolkata', 'America/New_York']) {
      await sql`select set_config('timezone', ${zone}, true)`.execute(trx)
      all.push((await trx.selectFrom('runs').select('started_at').executeTakeFirstOrThrow()).started_at)
    }
    return all
  })
  expect(new Set(moments).size).toBe(1)
  expect((await ledger.run('r'))?.interval).toEqual(hour(0))
})
