/** `millcourse worker`, and a watcher, as a supervisor starts them, servers or not. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import getPort from 'get-port'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startEmbeddedPostgres } from '../../adapters/embedded/embedded-postgres.js'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
let dir: string
const cleanups: (() => unknown)[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millcourse-worker-start-'))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  rmSync(dir, { recursive: true, force: true })
})

function startWorker(environment: Readonly<Record<string, string>>, command = 'worker') {
  const child: ChildProcess = spawn(process.execPath, [program, command], {
    cwd: dir,
    env: { PATH: process.env.PATH, MILLCOURSE_LAKE: dir, ...environment },
  })
  const exited = once(child, 'exit')
  let said = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (part: string) => {
      said += part
    })
  cleanups.push(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const hears = (text: string) => vi.waitFor(() => expect(said).toContain(text), { timeout: 30_000, interval: 50 })
  return { child, exited, hears, said: () => said }
}

test('a ledger that is away at the start is waited for, in words; told to stop meanwhile, it stops', async () => {
  const port = await getPort()
  const start = async () => {
    const server = await startEmbeddedPostgres({ dir: join(dir, 'postgres'), port, settings: { fsync: 'off' } })
    cleanups.push(() => server.stop())
    return server
  }
  const first = await start()
  await first.stop()

  const temporal = `127.0.0.1:${await getPort()}`
  const worker = startWorker({ MILLCOURSE_POSTGRES_URL: first.url, TEMPORAL_ADDRESS: temporal })
  await worker.hears(`Postgres at 127.0.0.1:${port}/postgres does not answer`)
  await start()
  // The next server on its way: the ledger was reached and migrated.
  await worker.hears(`Temporal at ${temporal} does not answer; it is tried again`)
  expect(worker.said()).not.toContain(new URL(first.url).password)

  worker.child.kill('SIGTERM')
  expect(await worker.exited).toEqual([0, null])
})

test('a ledger that refuses the password is not waited for, and the password is not repeated', async () => {
  const server = await startEmbeddedPostgres({ dir: join(dir, 'postgres'), settings: { fsync: 'off' } })
  cleanups.push(() => server.stop())
  const url = new URL(server.url)
  url.password = 'not-the-secret'
  const worker = startWorker({ MILLCOURSE_POSTGRES_URL: url.href, TEMPORAL_ADDRESS: '127.0.0.1:1' })
  expect(await worker.exited).toEqual([78, null])
  expect(worker.said()).toContain('LEDGER_ACCESS_DENIED')
  expect(worker.said()).not.toContain('not-the-secret')
})

test('a watcher whose configuration is refused ends: it listened on, and looked alive', async () => {
  const watcher = startWorker(
    {
      MILLCOURSE_POSTGRES_URL: 'postgresql://me:secret@127.0.0.1:1/shop?sslmode=bananas',
      MILLCOURSE_HTTP_PORT: '0',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    },
    'watcher',
  )
  expect(await watcher.exited).toEqual([78, null])
  expect(watcher.said()).toMatch(/watcher listens on[\s\S]*CONFIG_INVALID/)
})
