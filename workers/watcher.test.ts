/** What the watcher does where its own disk fails it; against a ledger and a scheduler that are really not there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { SystemClock } from '../adapters/clock/system-clock.js'
import { connectPostgres } from '../adapters/postgres/index.js'
import { TemporalRunControl } from '../adapters/temporal/temporal-run-control.js'
import { createWatcher, watcherDefaults } from './watcher.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function startBlind(stateDir: string) {
  const nowhere = `127.0.0.1:${await freePort()}`
  const stores = connectPostgres({ url: `postgresql://me:word@${nowhere}/x`, project: 'shop' })
  const scheduler = new TemporalRunControl({
    ...{ address: nowhere, namespace: 'default', isTls: false, apiKey: null, apiKeyFile: null },
    tls: { ca: null, cert: null, key: null, serverName: null },
    ...{ project: 'shop', taskQueue: 'shop', runsPerTick: 1, heartbeatMs: 5_000 },
  })
  cleanups.push(
    () => stores.close(),
    () => scheduler.close(),
  )
  const sent: string[] = []
  const errors: string[] = []
  const log = { info: () => {}, warn: () => {}, error: (_facts: object, message: string) => void errors.push(message) }
  const channels = [
    { name: 'collected', send: async ({ incident }: { incident: { rule: string } }) => void sent.push(incident.rule) },
  ]
  const parts = { clock: new SystemClock(null), log, ledger: stores.ledger, registry: stores.registry }
  const settings = { ...watcherDefaults, stateDir, pollMs: 500, unreachableAfterMs: 0 }
  const watcher = await createWatcher({ ...parts, scheduler, channels }, settings)
  return { watcher, sent, errors }
}

test('a watcher that cannot write its state alerts from memory, says so, and writes again when it can', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millcourse-blind-'))
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
  const inTheWay = join(dir, 'state')
  writeFileSync(inTheWay, 'a file where the folder should be')
  const { watcher, sent, errors } = await startBlind(inTheWay)

  await watcher.look()
  expect(sent).toEqual(['ledger_unreachable', 'scheduler_unreachable'])
  expect(watcher.unkept()?.message).toMatch(/^the state cannot be written to .*state\/watcher\.json/)
  await watcher.look()
  expect(sent).toHaveLength(2)
  expect(errors).toEqual([watcher.unkept()?.message])

  rmSync(inTheWay)
  await watcher.look()
  expect(watcher.unkept()).toBeNull()
  expect(JSON.parse(readFileSync(join(inTheWay, 'watcher.json'), 'utf8'))).toMatchObject({
    open: [{ rule: 'ledger_unreachable' }, { rule: 'scheduler_unreachable' }],
    outbox: [],
  })
})
