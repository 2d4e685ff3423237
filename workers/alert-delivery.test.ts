/** Delivery to real receivers: in order, each for itself, again until it is there, and told where it is not. */
import { afterEach, expect, test, vi } from 'vitest'
import { createWebhookAlertChannel } from '../adapters/alerts/webhook/webhook-alert-channel.js'
import { SystemClock } from '../adapters/clock/system-clock.js'
import type { AlertMessage } from '../core/ports/alert-channel.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { type AlertReceiver, alertMessage, startAlertReceiver, teller } from '../test/support/alert-receiver.js'
import { type DeliveryState, deliveryDefaults, startDelivery } from './alert-delivery.js'
import { undeliveredDrafts } from './undelivered.js'

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ....').toString('base64')}`
const soon = { timeout: 20_000, interval: 10 }
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function receivers<Names extends string>(...names: Names[]): Promise<Record<Names, AlertReceiver>> {
  const started = await Promise.all(names.map(async (name) => [name, await startAlertReceiver()] as const))
  for (const [, receiver] of started) cleanups.push(receiver.close)
  return Object.fromEntries(started) as Record<Names, AlertReceiver>
}

function deliverTo(
  to: Readonly<Record<string, AlertReceiver>>,
  over: Partial<typeof deliveryDefaults> = {},
  timeoutMs = 5_000,
) {
  let state: DeliveryState = { outbox: [], troubles: [] }
  const said: string[] = []
  const counted: string[] = []
  const clock = new SystemClock(null)
  const delivery = startDelivery(
    {
      channels: Object.entries(to).map(([name, { url }]) =>
        createWebhookAlertChannel({ ...teller, name, url, secret, timeoutMs }),
      ),
      clock,
      log: {
        info: (_facts, text) => void said.push(`info ${text}`),
        warn: (_facts, text) => void said.push(`warn ${text}`),
        error: (_facts, text) => void said.push(`error ${text}`),
      },
      telemetry: { ...noTelemetry, count: (_name, labels) => void counted.push(Object.values(labels).join(' ')) },
      read: () => state,
      async change(to) {
        state = to(state)
      },
    },
    { ...deliveryDefaults, firstMs: 10, maxMs: 20, ...over },
  )
  cleanups.push(() => delivery.close())
  return {
    ...{ delivery, said, counted },
    state: () => state,
    tell: (...messages: AlertMessage[]) => {
      const entries = messages.flatMap((message) => Object.keys(to).map((channel) => ({ channel, message })))
      state = { ...state, outbox: [...state.outbox, ...entries] }
      delivery.wake()
    },
    drafts: (afterMs = 0) => undeliveredDrafts(state, clock.realNow(), afterMs),
  }
}

const message = (deliveryId: string) => ({ ...alertMessage(), deliveryId })
const idsAt = (receiver: AlertReceiver) => receiver.received.map(({ headers }) => headers['webhook-id'])

test('a channel that never answers keeps no other waiting, and telling waits for none', async () => {
  const { dead, alive } = await receivers('dead', 'alive')
  dead.answer({ status: 'silent' })
  const { tell, state } = deliverTo({ dead, alive })
  tell(message('m1'), message('m2'))
  await vi.waitFor(() => expect(idsAt(alive)).toEqual(['m1', 'm2']), soon)
  await vi.waitFor(() => expect(idsAt(dead)).toEqual(['m1']), soon)
  const left = () => state().outbox.map(({ channel, message: { deliveryId } }) => `${channel} ${deliveryId}`)
  // What has arrived is forgotten a moment later.
  await vi.waitFor(() => expect(left()).toEqual(['dead m1', 'dead m2']), soon)
})

test('what fails is tried again under the same id until it is delivered, the rest after it, in order', async () => {
  const { hook } = await receivers('hook')
  hook.answer({ status: 503 })
  const { tell, state, said, counted, drafts } = deliverTo({ hook })
  tell(message('m1'), message('m2'))
  await vi.waitFor(() => expect(idsAt(hook).length).toBeGreaterThanOrEqual(3), soon)
  expect(new Set(idsAt(hook))).toEqual(new Set(['m1']))
  expect(state().troubles).toMatchObject([{ channel: 'hook', refusedSince: null, givenUp: 0 }])
  // Passing: told once it lasts.
  expect(drafts(3_600_000)).toEqual([])
  expect(drafts()).toMatchObject([
    { key: 'undelivered/hook', rule: 'undelivered', nextStep: 'millcourse alerts test hook', facts: { waiting: 2 } },
  ])
  hook.answer({ status: 200 })
  await vi.waitFor(() => expect(state()).toEqual({ outbox: [], troubles: [] }), soon)
  expect(idsAt(hook).slice(-2)).toEqual(['m1', 'm2'])
  // One line when it begins, one when it is over.
  expect(said).toEqual(['warn an alert could not be delivered; it is tried again', 'info alerts are delivered again'])
  expect(counted.filter((one) => one === 'hook delivered')).toHaveLength(2)
})

test('a receiver that says when is not asked before', async () => {
  const { hook } = await receivers('hook')
  hook.answer({ status: 429, headers: { 'retry-after': '3600' } })
  const { tell, delivery } = deliverTo({ hook })
  tell(message('m1'))
  await delivery.settled()
  // Its own pause would be over long ago.
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(hook.received).toHaveLength(1)
})

test('a message that is refused for what it says is given up, told, and the next one goes', async () => {
  const { hook } = await receivers('hook')
  hook.answer({ status: 400 })
  const { tell, state, said, counted, drafts, delivery } = deliverTo({ hook })
  tell(message('m1'))
  await vi.waitFor(() => expect(state().outbox).toEqual([]), soon)
  expect(hook.received).toHaveLength(1)
  expect(counted).toEqual(['hook failed', 'hook given_up'])
  expect(said[0]).toMatch(/^error an alert is given up: delays@v1 failed/)
  expect(drafts(3_600_000)).toMatchObject([{ facts: { givenUp: 1 }, news: 'away given-up' }])
  hook.answer({ status: 200 })
  tell(message('m2'))
  await delivery.settled()
  expect(idsAt(hook)).toEqual(['m1', 'm2'])
  expect(drafts()).toEqual([])
})

test('a channel that refuses everything is told at once and tried on; after its time each message is tried once', async () => {
  const { hook } = await receivers('hook')
  hook.answer({ status: 404 })
  const patient = deliverTo({ hook })
  patient.tell(message('m1'))
  await vi.waitFor(() => expect(hook.received.length).toBeGreaterThanOrEqual(2), soon)
  expect(patient.state().outbox).toHaveLength(1)
  expect(patient.drafts(3_600_000)).toMatchObject([
    { news: 'refuses', summary: expect.stringMatching(/ALERT_REFUSED: webhook at 127.0.0.1:\d+ answered 404/) },
  ])
  await patient.delivery.close()
  hook.received.splice(0)
  const done = deliverTo({ hook }, { refusedMaxMs: 0 })
  done.tell(message('m1'), message('m2'))
  await vi.waitFor(() => expect(done.state().outbox).toEqual([]), soon)
  expect(idsAt(hook)).toEqual(['m1', 'm2'])
  expect(done.state().troubles).toMatchObject([{ givenUp: 2 }])
})

test('beyond what may wait, the oldest are given up', async () => {
  const { hook } = await receivers('hook')
  hook.answer({ status: 500 })
  const { tell, state } = deliverTo({ hook }, { waitingMax: 2 })
  tell(...['m1', 'm2', 'm3', 'm4'].map(message))
  await vi.waitFor(() => expect(state().outbox).toHaveLength(2), soon)
  expect(state().outbox.map(({ message: { deliveryId } }) => deliveryId)).toEqual(['m3', 'm4'])
})

test('closing waits a moment for what is under way and begins nothing', async () => {
  const { hook } = await receivers('hook')
  hook.answer({ status: 'silent' })
  const { tell, state, delivery } = deliverTo({ hook }, { closeMs: 50 }, 60_000)
  tell(message('m1'), message('m2'))
  await vi.waitFor(() => expect(hook.received).toHaveLength(1), soon)
  await delivery.close()
  delivery.wake()
  expect(hook.received).toHaveLength(1)
  expect(state().outbox).toHaveLength(2)
})
