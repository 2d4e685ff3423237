/** What the watcher does where its own disk fails it; against a ledger and a scheduler that are really not there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { sendHeartbeat } from '../adapters/alerts/heartbeat/http-heartbeat.js'
import { createWebhookAlertChannel } from '../adapters/alerts/webhook/webhook-alert-channel.js'
import { SystemClock } from '../adapters/clock/system-clock.js'
import { connectPostgres } from '../adapters/postgres/index.js'
import { TemporalRunControl } from '../adapters/temporal/temporal-run-control.js'
import type { AlertChannel, AlertMessage } from '../core/ports/alert-channel.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { startAlertReceiver, teller } from '../test/support/alert-receiver.js'
import { deliveryDefaults } from './alert-delivery.js'
import { startHeartbeat } from './outward-heartbeat.js'
import { createWatcher, runWatcher, watcherDefaults } from './watcher.js'

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

async function startBlind(
  stateDir: string,
  more: readonly AlertChannel[] = [],
  graceMs: number = watcherDefaults.graceMs,
) {
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
    {
      name: 'collected',
      send: async ({ event, incident }: AlertMessage) =>
        `taken as ${sent.push(event === 'opened' ? incident.rule : `${event} ${incident.rule}`)}`,
    },
    ...more,
  ]
  const parts = { clock: new SystemClock(null), log, ledger: stores.ledger, registry: stores.registry }
  const delivery = { ...deliveryDefaults, firstMs: 1, maxMs: 1, closeMs: 50 }
  const settings = { ...watcherDefaults, stateDir, graceMs, pollMs: 500, unreachableAfterMs: 0, delivery }
  const deps = { ...parts, scheduler, channels }
  const watcher = await createWatcher(deps, settings)
  cleanups.push(() => watcher.leave())
  return { watcher, sent, errors, deps, settings }
}

test('a watcher that cannot write its state alerts from memory, says so, and writes again when it can', async () => {
  const dir = newFolder()
  const inTheWay = join(dir, 'state')
  writeFileSync(inTheWay, 'a file where the folder should be')
  const { watcher, sent, errors } = await startBlind(inTheWay)

  await watcher.look()
  await watcher.settled()
  expect(sent).toEqual(['ledger_unreachable', 'scheduler_unreachable'])
  expect(watcher.unkept()?.message).toMatch(/^the state cannot be written to .*state\/watcher\.json/)
  await watcher.look()
  await watcher.settled()
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

function newFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'millcourse-blind-'))
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const soon = { timeout: 20_000, interval: 10 }

test('a channel that never answers keeps neither a look nor another channel waiting, and what it lacks is on disk', async () => {
  const dir = newFolder()
  const { watcher, sent } = await startBlind(dir, [{ name: 'dead', send: () => new Promise(() => {}) }])
  await watcher.look()
  await vi.waitFor(() => expect(sent).toHaveLength(2), soon)
  await watcher.look()
  await vi.waitFor(() => {
    expect(kept(dir).outbox.map(({ channel }) => channel)).toEqual(['dead', 'dead'])
  }, soon)
})

interface Kept {
  readonly outbox: readonly { readonly channel: string }[]
  readonly troubles: readonly { readonly channel: string }[]
}

const kept = (dir: string): Kept => JSON.parse(readFileSync(join(dir, 'watcher.json'), 'utf8')) as Kept

test('a channel that is taken out of the file takes what waits for it along, and its incident ends', async () => {
  const dir = newFolder()
  const before = await startBlind(dir, [{ name: 'gone', send: () => Promise.reject(new Error('nobody there')) }], 0)
  await before.watcher.look()
  await vi.waitFor(() => expect(kept(dir).troubles).toMatchObject([{ channel: 'gone' }]), soon)
  await before.watcher.look()
  await vi.waitFor(() => expect(before.sent.at(-1)).toBe('undelivered'), soon)
  await before.watcher.leave()

  const after = await startBlind(dir)
  expect(after.errors).toEqual([expect.stringMatching(/^an alert is given up/), expect.anything()])
  await after.watcher.look()
  await vi.waitFor(() => expect(after.sent).toEqual(['resolved undelivered']), soon)
  await vi.waitFor(() => expect(kept(dir)).toMatchObject({ outbox: [], troubles: [] }), soon)
})

test('a channel that refuses is an incident, told by the others and not by itself, until it takes one', async () => {
  const receiver = await startAlertReceiver({ status: 404 })
  cleanups.push(receiver.close)
  const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ....').toString('base64')}`
  const hook = createWebhookAlertChannel({ ...teller, name: 'hook', url: receiver.url, secret, timeoutMs: 15_000 })
  const dir = newFolder()
  const { watcher, sent } = await startBlind(dir, [hook])
  await watcher.look()
  await vi.waitFor(() => expect(kept(dir).troubles).toMatchObject([{ channel: 'hook' }]), soon)
  await watcher.look()
  await vi.waitFor(() => expect(sent).toEqual(['ledger_unreachable', 'scheduler_unreachable', 'undelivered']), soon)
  receiver.answer({ status: 200 })
  await vi.waitFor(() => expect(kept(dir).troubles).toEqual([]), soon)
  await watcher.look()
  await vi.waitFor(() => expect(sent.at(-1)).toBe('resolved undelivered'), soon)
  const rules = receiver.received.map(({ body }) => (JSON.parse(body) as { data: { rule: string } }).data.rule)
  expect(new Set(rules)).toEqual(new Set(['ledger_unreachable', 'scheduler_unreachable']))
})

test('the heartbeat goes out after a look that worked, and not after one that did not', async () => {
  const receiver = await startAlertReceiver()
  cleanups.push(receiver.close)
  const { deps, settings } = await startBlind(newFolder())
  const send = () => sendHeartbeat(receiver.url, 15_000)
  const run = async (isBroken: boolean) => {
    const stop = new AbortController()
    const isReachable = () => Promise.reject(new Error('nobody foresaw this'))
    const scheduler: typeof deps.scheduler = Object.assign(Object.create(deps.scheduler), { isReachable })
    const outcomes: boolean[] = []
    const heartbeat = startHeartbeat({ ...deps, telemetry: noTelemetry, send }, 0)
    const running = runWatcher(
      {
        ...deps,
        ...(isBroken ? { scheduler } : {}),
        heartbeat,
        onLook: (error) => {
          outcomes.push(error === null)
          stop.abort()
        },
      },
      settings,
      stop.signal,
    )
    await running
    await heartbeat.settled()
    return outcomes
  }
  expect(await run(true)).toEqual([false])
  expect(receiver.received).toEqual([])
  expect(await run(false)).toEqual([true])
  expect(receiver.received).toHaveLength(1)
})
