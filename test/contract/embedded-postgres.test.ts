import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import getPort from 'get-port'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startEmbeddedPostgres } from '../../adapters/embedded/embedded-postgres.js'

let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millcourse-embedded-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function queryAll(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** The server's own process, not the shell that guards it. */
async function serverPid(): Promise<number> {
  return Number((await readFile(join(dir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0])
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('embedded PostgreSQL', () => {
  test('picks its state up again, on another port, and leaves no process', async () => {
    const first = await startEmbeddedPostgres({ dir })
    await queryAll(first.url, 'create table kept (a int); insert into kept values (7)')
    const pids = [first.pid, await serverPid()]
    expect(pids.map(isAlive)).toEqual([true, true])
    await first.stop()
    await first.stop()
    await first.ended
    expect(pids.map(isAlive)).toEqual([false, false])
    const port = await getPort()
    const second = await startEmbeddedPostgres({ dir, port })
    expect(second.port).toBe(port)
    expect(await queryAll(second.url, 'select a from kept')).toEqual([{ a: 7 }])
    await second.stop()
  })

  test('asks for its password and listens on this machine only', async () => {
    const server = await startEmbeddedPostgres({ dir })
    try {
      const wrong = server.url.replace(/:[^:@]+@/, ':wrong@')
      await expect(queryAll(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' })
      expect(await queryAll(server.url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
    } finally {
      await server.stop()
    }
  })

  test('a second server on the same state is refused with what is in the way', async () => {
    const server = await startEmbeddedPostgres({ dir })
    await expect(startEmbeddedPostgres({ dir })).rejects.toMatchObject({
      code: 'STACK_START_FAILED',
      message: expect.stringContaining('postmaster.pid'),
    })
    await server.stop()
  })

  test('a taken port is refused by name', async () => {
    const server = await startEmbeddedPostgres({ dir: join(dir, 'a') })
    await expect(startEmbeddedPostgres({ dir: join(dir, 'b'), port: server.port })).rejects.toMatchObject({
      code: 'STACK_START_FAILED',
      message: expect.stringContaining(String(server.port)),
    })
    await server.stop()
  })

  test('ends with a parent that is killed, and starts again at once', async () => {
    const script = `
      import { startEmbeddedPostgres } from ${JSON.stringify(join(process.cwd(), 'adapters/embedded/embedded-postgres.ts'))}
      const server = await startEmbeddedPostgres({ dir: ${JSON.stringify(dir)} })
      console.log(server.url)
      setInterval(() => undefined, 1000)`
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const url = await new Promise<string>((done) => {
      parent.stdout.once('data', (text: Buffer) => done(text.toString().trim()))
    })
    await queryAll(url, 'create table kept (a int)')
    const orphan = await serverPid()
    const gone = new Promise((done) => parent.once('exit', done))
    parent.kill('SIGKILL')
    await gone
    const next = await startEmbeddedPostgres({ dir })
    expect(await queryAll(next.url, 'select * from kept')).toEqual([])
    expect(isAlive(orphan)).toBe(false)
    await next.stop()
  })
})
