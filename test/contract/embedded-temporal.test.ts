/** The dev server as a child: starts, keeps its state, says why it does not start, and never outlives the process that started it. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import getPort from 'get-port'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type EmbeddedTemporal, startEmbeddedTemporal } from '../../adapters/embedded/embedded-temporal.js'
import { findTemporalBinary } from '../../adapters/embedded/temporal-binary.js'

let dir: string
const running: EmbeddedTemporal[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millcourse-embedded-temporal-'))
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
  rmSync(dir, { recursive: true, force: true })
})

async function start(given: Partial<Parameters<typeof startEmbeddedTemporal>[0]> = {}): Promise<EmbeddedTemporal> {
  const server = await startEmbeddedTemporal({
    env: process.env,
    dbFile: join(dir, 'state', 'temporal.db'),
    logFile: join(dir, 'logs', 'temporal.log'),
    ...given,
  })
  running.push(server)
  return server
}

async function withClient<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address })
  try {
    return await work(new Client({ connection }))
  } finally {
    await connection.close()
  }
}

test('answers once started, shows its web UI, and keeps workflows over a restart', async () => {
  const first = await start()
  expect((await fetch(first.uiUrl!)).ok).toBe(true)
  await withClient(first.address, (client) =>
    client.workflow.start('waits', { taskQueue: 'nobody', workflowId: 'kept' }),
  )
  await first.stop()
  await first.stop()
  expect(isAlive(first.pid)).toBe(false)

  const second = await start()
  const { status } = await withClient(second.address, (client) => client.workflow.getHandle('kept').describe())
  expect(status.name).toBe('RUNNING')
})

test('is ended once it answers no more though its process lives, so that it can be started again where it was', async () => {
  const told: string[] = []
  const hung = await start({ endSilentAfterMs: 2_000, onProgress: (line) => told.push(line) })
  await sleep(4_000)
  expect(isAlive(hung.pid)).toBe(true)
  process.kill(hung.pid, 'SIGSTOP')
  await hung.exited
  expect(told).toEqual([expect.stringContaining('has not answered for 2 s; it is ended')])

  const again = await start({ port: Number(hung.address.split(':')[1]) })
  expect(again.address).toBe(hung.address)
})

test('a port that is taken fails with the reason from its log', async () => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  try {
    await expect(start({ port })).rejects.toMatchObject({
      code: 'STACK_START_FAILED',
      message: expect.stringMatching(new RegExp(`127.0.0.1:${port}.*(in use|${port})`)),
      detail: { hint: expect.stringContaining('temporal.log') },
    })
  } finally {
    taken.close()
  }
})

test('a program that cannot be run fails', async () => {
  const broken = join(dir, 'temporal')
  writeFileSync(broken, 'not a program', { mode: 0o755 })
  await expect(start({ env: { PATH: dir } })).rejects.toMatchObject({ code: 'STACK_START_FAILED' })
})

describe('a server that falls over while it starts', () => {
  /** A program that falls over so often, as Go programs do, before it becomes the real one. */
  async function fallsOver(times: number): Promise<{ PATH: string }> {
    const real = await findTemporalBinary({ env: process.env })
    const script = `#!/bin/sh
echo start >> ${dir}/starts
if [ "$(wc -l < ${dir}/starts)" -le ${times} ]; then
  printf 'panic: listen tcp 127.0.0.1:7233: bind: address already in use\\n\\ngoroutine 1 [running]:\\nmain.main()\\n\\tmain.go:18 +0x96\\n'
  exit 2
fi
exec ${real} "$@"`
    writeFileSync(join(dir, 'temporal'), script, { mode: 0o755 })
    return { PATH: `${dir}:${process.env.PATH}` }
  }

  test.each([
    ['a free port', undefined],
    ['the port that was asked for', 'asked'],
  ])('is started again on %s', async (_, asked) => {
    const told: string[] = []
    const port = asked ? await getPort({ host: '127.0.0.1' }) : undefined
    const server = await start({
      env: await fallsOver(2),
      onProgress: (line) => told.push(line),
      ...(port ? { port } : {}),
    })
    expect(isAlive(server.pid)).toBe(true)
    if (port) expect(server.address).toBe(`127.0.0.1:${port}`)
    expect(told).toEqual([
      expect.stringMatching(/did not start: panic: .*address already in use; starting it again$/),
      expect.stringMatching(/starting it again/),
    ])
  })

  test('is given up after three times, with its own words for it', async () => {
    await expect(start({ env: await fallsOver(3) })).rejects.toMatchObject({
      code: 'STACK_START_FAILED',
      message: expect.stringMatching(/did not start: panic: listen tcp 127.0.0.1:7233: bind: address already in use$/),
    })
  })
})

test('ends when the process that started it is killed', async () => {
  const module = new URL('../../adapters/embedded/embedded-temporal.ts', import.meta.url).href
  const parent = join(dir, 'parent.mts')
  writeFileSync(
    parent,
    `import { startEmbeddedTemporal } from ${JSON.stringify(module)}
const { pid } = await startEmbeddedTemporal({ env: process.env, dbFile: null, logFile: ${JSON.stringify(join(dir, 'log'))} })
process.send({ pid })
setInterval(() => {}, 1000)`,
  )
  const child = fork(parent, { execArgv: ['--import', import.meta.resolve('tsx')] })
  const [{ pid }] = (await once(child, 'message')) as [{ pid: number }]
  expect(isAlive(pid)).toBe(true)
  child.kill('SIGKILL')
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
