/** What each answer of a receiver means, for every channel that speaks HTTP; and that no answer brings a secret to light. */
import { createServer } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { MillcourseError } from '../../core/errors.js'
import { type Answer, alertMessage, startAlertReceiver, teller } from '../../test/support/alert-receiver.js'
import { sendHeartbeat } from './heartbeat/http-heartbeat.js'
import { createPagerDutyAlertChannel } from './pagerduty/pagerduty-alert-channel.js'
import { createSlackAlertChannel } from './slack/slack-alert-channel.js'
import { createWebhookAlertChannel } from './webhook/webhook-alert-channel.js'

const routingKey = 'R0123456789ABCDEFGHIJKLMNOPQRSTU'
const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ....').toString('base64')}`
const path = '/services/T0/B0/path-that-is-a-secret?token=hidden'
const secrets = [routingKey, secret, 'path-that-is-a-secret', 'hidden', 'leads-elsewhere']

const senders: Readonly<Record<string, (base: string, timeoutMs: number) => Promise<unknown>>> = {
  webhook: (base, timeoutMs) =>
    createWebhookAlertChannel({ ...teller, name: 'hook', url: base + path, secret, timeoutMs }).send(alertMessage()),
  slack: (base, timeoutMs) =>
    createSlackAlertChannel({ ...teller, name: 'team', url: base + path, timeoutMs }).send(alertMessage()),
  pagerduty: (base, timeoutMs) =>
    createPagerDutyAlertChannel({ ...teller, name: 'oncall', url: base + path, routingKey, timeoutMs }).send(
      alertMessage(),
    ),
  heartbeat: (base, timeoutMs) => sendHeartbeat(base + path, timeoutMs),
}

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function refusal(
  send: (base: string, timeoutMs: number) => Promise<unknown>,
  answer: Answer,
  timeoutMs = 15_000,
) {
  const receiver = await startAlertReceiver(answer)
  cleanups.push(receiver.close)
  const error = await send(receiver.url, timeoutMs).then(
    () => null,
    (caught: unknown) => caught,
  )
  if (!(error instanceof MillcourseError)) throw new Error(`expected a refusal, not ${inspect(error)}`)
  for (const one of secrets) expect(inspect(error, { depth: 9 })).not.toContain(one)
  expect(error.message).toContain('127.0.0.1')
  return {
    code: error.code,
    message: error.message,
    facts: error.detail.facts ?? {},
    requests: receiver.received.length,
  }
}

describe.each(Object.entries(senders))('%s', (_name, send) => {
  test.each([500, 502, 503, 408, 425])('%i passes: it is tried again', async (status) => {
    const { code, message, facts } = await refusal(send, { status, body: `echo ${secrets.join(' ')}` })
    expect([code, facts.retryAfterMs]).toEqual(['ALERT_UNDELIVERED', undefined])
    expect(message).toContain(`answered ${status}`)
  })

  test('429 passes, and says not before when', async () => {
    const seconds = await refusal(send, { status: 429, headers: { 'retry-after': '17' } })
    expect([seconds.code, seconds.facts.retryAfterMs]).toEqual(['ALERT_UNDELIVERED', 17_000])
    const at = new Date(Date.now() + 3_600_000).toUTCString()
    const dated = await refusal(send, { status: 503, headers: { 'retry-after': at } })
    expect(dated.facts.retryAfterMs).toBeGreaterThan(3_000_000)
    expect(dated.facts.retryAfterMs).toBeLessThanOrEqual(3_600_000)
    const words = await refusal(send, { status: 429, headers: { 'retry-after': 'soon' } })
    expect([words.code, words.facts.retryAfterMs]).toEqual(['ALERT_UNDELIVERED', undefined])
  })

  test.each([401, 403, 404, 410])('%i does not pass: the channel is refused', async (status) => {
    expect(await refusal(send, { status, body: secrets.join(' ') })).toMatchObject({
      code: 'ALERT_REFUSED',
      facts: { refused: 'channel' },
    })
  })

  test.each([400, 413, 422])('%i is about this message alone', async (status) => {
    expect(await refusal(send, { status })).toMatchObject({ code: 'ALERT_REFUSED', facts: { refused: 'message' } })
  })

  test('a redirect is not followed, nor repeated', async () => {
    const elsewhere = await startAlertReceiver()
    cleanups.push(elsewhere.close)
    for (const status of [301, 302, 307, 308])
      expect(await refusal(send, { status, headers: { location: `${elsewhere.url}/leads-elsewhere` } })).toMatchObject({
        code: 'ALERT_REFUSED',
        facts: { refused: 'channel' },
        requests: 1,
      })
    expect(elsewhere.received).toEqual([])
  })

  test('a receiver that does not answer is given up after the timeout', async () => {
    const { code, message } = await refusal(send, { status: 'silent' }, 50)
    expect(code).toBe('ALERT_UNDELIVERED')
    expect(message).toContain('gave no answer within 50 ms')
  })

  test('a connection that is refused, or cut, is told by its code', async () => {
    const cutting = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => cutting.listen(0, '127.0.0.1', resolve))
    const { port } = cutting.address() as { port: number }
    const attempt = () => send(`http://127.0.0.1:${port}`, 15_000).catch((error: unknown) => String(error))
    expect(await attempt()).toMatch(/could not be reached \((UND_ERR_SOCKET|ECONNRESET)\)/)
    await new Promise((resolve) => cutting.close(resolve))
    expect(await attempt()).toContain(`at 127.0.0.1:${port} could not be reached (ECONNREFUSED)`)
  })
})

test('an answer without end is read to a point', async () => {
  const receiver = await startAlertReceiver({ status: 200, body: 'x'.repeat(5_000_000) })
  cleanups.push(receiver.close)
  await senders.slack!(receiver.url, 15_000)
  expect(receiver.received).toHaveLength(1)
})
