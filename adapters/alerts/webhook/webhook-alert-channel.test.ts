import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, expect, test } from 'vitest'
import type { AlertMessage } from '../../../core/ports/alert-channel.js'
import { createWebhookAlertChannel } from './webhook-alert-channel.js'

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ....').toString('base64')}`
const message: AlertMessage = {
  deliveryId: 'msg_1',
  event: 'opened',
  incident: {
    key: 'held/delays@v1',
    rule: 'held',
    severity: 'warning',
    view: 'delays',
    version: 1,
    owner: 'ops',
    openedAt: '2001-01-01T00:00:00Z',
    updatedAt: '2001-01-01T00:00:00Z',
    resolvedAt: null,
    summary: 'delays@v1 was held — größer',
    nextStep: 'millcourse runs',
    facts: { intervals: 1 },
  },
}

let server: Server | undefined
afterEach(() => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve())))

async function receive(
  status: number,
  delayMs = 0,
): Promise<{ url: string; requests: { headers: Record<string, string>; body: string }[] }> {
  const requests: { headers: Record<string, string>; body: string }[] = []
  const created = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      requests.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(parts).toString() })
      setTimeout(() => response.writeHead(status).end('no'), delayMs)
    })
  })
  server = created
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(created.address() as AddressInfo).port}/hook?token=hidden`, requests }
}

test('what arrives is signed so that a receiver with the same secret accepts it, and one with another refuses', async () => {
  const receiver = await receive(204)
  await createWebhookAlertChannel({ url: receiver.url, secret, timeoutMs: 15_000 }).send(message)
  const [request] = receiver.requests
  expect(new Webhook(secret).verify(request!.body, request!.headers)).toMatchObject({
    type: 'incident.opened',
    data: { summary: 'delays@v1 was held — größer' },
  })
  expect(request!.headers['webhook-id']).toBe('msg_1')
  expect(() => new Webhook(`${secret.slice(0, -8)}AAAAAAA=`).verify(request!.body, request!.headers)).toThrow()
})

test.each([500, 404, 302])(
  'an answer of %i is not a delivery, and the error names the host but not the token',
  async (status) => {
    const receiver = await receive(status)
    const error = await createWebhookAlertChannel({ url: receiver.url, secret, timeoutMs: 15_000 })
      .send(message)
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'ALERT_UNDELIVERED' })
    expect(String(error)).toContain(`answered ${status}`)
    expect(JSON.stringify(error) + String(error)).not.toContain('hidden')
  },
)

test('a receiver that does not answer is given up after the timeout', async () => {
  const receiver = await receive(200, 1_000)
  await expect(
    createWebhookAlertChannel({ url: receiver.url, secret, timeoutMs: 50 }).send(message),
  ).rejects.toMatchObject({ code: 'ALERT_UNDELIVERED' })
})

test('a secret that is not base64 is refused at start', () => {
  expect(() => createWebhookAlertChannel({ url: 'http://127.0.0.1', secret: 'whsec_%%%', timeoutMs: 1 })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})
