import { afterEach, expect, test } from 'vitest'
import { sendHeartbeat } from '../adapters/alerts/heartbeat/http-heartbeat.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { type AlertReceiver, startAlertReceiver } from '../test/support/alert-receiver.js'
import { startHeartbeat } from './outward-heartbeat.js'

let receiver: AlertReceiver | undefined
afterEach(() => receiver?.close())

test('a sign of life goes out at most so often, at once again where it was not heard, and tells no address', async () => {
  receiver = await startAlertReceiver()
  const url = `${receiver.url}/ping/a-secret`
  const said: string[] = []
  let nowMs = 0
  const heartbeat = startHeartbeat(
    {
      clock: { monotonicMs: () => nowMs },
      log: {
        info: (_facts, text) => void said.push(text),
        warn: (facts) => void said.push(JSON.stringify(facts)),
        error() {},
      },
      telemetry: noTelemetry,
      send: () => sendHeartbeat(url, 15_000),
    },
    60_000,
  )
  const beatAt = async (ms: number) => {
    nowMs = ms
    heartbeat.beat()
    await heartbeat.settled()
    return receiver!.received.length
  }
  expect(await beatAt(0)).toBe(1)
  expect(receiver.received[0]).toMatchObject({ method: 'GET', path: '/ping/a-secret' })
  expect(await beatAt(59_999)).toBe(1)
  receiver.answer({ status: 500 })
  expect(await beatAt(60_000)).toBe(2)
  expect(await beatAt(75_000)).toBe(3)
  receiver.answer({ status: 200 })
  expect(await beatAt(90_000)).toBe(4)
  expect(await beatAt(149_999)).toBe(4)
  expect(await beatAt(150_000)).toBe(5)
  expect(said).toEqual([
    expect.stringMatching(/"why":"heartbeat at 127.0.0.1:\d+ answered 500"/),
    'the heartbeat is heard again',
  ])
})

test('one that gets no answer is not waited for, and not doubled', async () => {
  receiver = await startAlertReceiver({ status: 'silent' })
  const { url } = receiver
  let sent = 0
  const heartbeat = startHeartbeat(
    {
      clock: { monotonicMs: () => 1_000_000 * sent },
      log: { info() {}, warn() {}, error() {} },
      telemetry: noTelemetry,
      send: async () => {
        sent += 1
        await sendHeartbeat(url, 300)
      },
    },
    0,
  )
  heartbeat.beat()
  heartbeat.beat()
  expect(sent).toBe(1)
  await heartbeat.settled()
})
