/** A watcher that takes the duty over, against a real ledger and a real receiver: it goes on where the other one was. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createWebhookAlertChannel } from '../../adapters/alerts/webhook/webhook-alert-channel.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import type { AlertMessage } from '../../core/ports/alert-channel.js'
import { deliveryDefaults } from '../../workers/alert-delivery.js'
import { createWatcher, watcherDefaults } from '../../workers/watcher.js'
import { startAlertReceiver, teller } from '../support/alert-receiver.js'
import { ledgerProject } from '../support/ledger-project.js'
import type { TestProject } from '../support/postgres.js'

let project: TestProject
ledgerProject((opened) => {
  project = opened
})

const soon = { timeout: 10_000, interval: 20 }

test('a channel that takes nothing is not told as mended by whoever takes the duty over, before it takes something', async () => {
  const receiver = await startAlertReceiver({ status: 404 })
  const dirs: string[] = []
  const start = async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'millcourse-duty-'))
    dirs.push(stateDir)
    const told: string[] = []
    const collected = {
      name: 'collected',
      send: async ({ event, incident }: AlertMessage) => `taken as ${told.push(`${event} ${incident.rule}`)}`,
    }
    const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ....').toString('base64')}`
    const hook = createWebhookAlertChannel({ ...teller, name: 'hook', url: receiver.url, secret, timeoutMs: 15_000 })
    const { ledger, registry } = project.connectAgain()
    // Nothing is due: that Temporal is away is what there is to tell.
    const scheduler = {
      isReachable: async () => false,
      schedule: async () => ({ kind: 'absent' }) as const,
      workers: async () => [],
      workOf: async () => ({ kind: 'over' }) as const,
    }
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const delivery = { ...deliveryDefaults, firstMs: 20, maxMs: 20, closeMs: 50 }
    const watcher = await createWatcher(
      { clock: new SystemClock(null), log, ledger, registry, scheduler, channels: [collected, hook] },
      { ...watcherDefaults, stateDir, pollMs: 500, unreachableAfterMs: 0, delivery },
    )
    return { watcher, told }
  }
  const first = await start()
  await first.watcher.look()
  await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(0), soon)
  await vi.waitFor(async () => {
    await first.watcher.look()
    expect(first.told).toEqual(['opened scheduler_unreachable', 'opened undelivered'])
  }, soon)

  // It is not heard of any more.
  const second = await start()
  await second.watcher.look()
  expect(second.told).toEqual([])
  await vi.waitFor(async () => {
    await second.watcher.look()
    expect(second.told).toEqual(['opened scheduler_unreachable'])
  }, soon)
  await sleep(100)
  await second.watcher.look()
  expect(await project.ledger.openIncidents()).toHaveLength(2)

  receiver.answer({ status: 200 })
  await vi.waitFor(async () => {
    await second.watcher.look()
    expect(second.told).toEqual(['opened scheduler_unreachable', 'resolved undelivered'])
  }, soon)
  for (const { watcher } of [first, second]) await watcher.leave()
  await receiver.close()
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
}, 60_000)
