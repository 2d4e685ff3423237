import { Webhook } from 'standardwebhooks'
import { afterEach, expect, test } from 'vitest'
import { type AlertReceiver, alertMessage, startAlertReceiver, teller } from '../../../test/support/alert-receiver.js'
import { createWebhookAlertChannel } from './webhook-alert-channel.js'

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes ....').toString('base64')}`
const options = { ...teller, name: 'hook', secret, timeoutMs: 15_000 }

let receiver: AlertReceiver | undefined
afterEach(() => receiver?.close())

test('what arrives is signed so that a receiver with the same secret accepts it, and one with another refuses', async () => {
  receiver = await startAlertReceiver({ status: 204 })
  const answer = await createWebhookAlertChannel({ ...options, url: `${receiver.url}/hook` }).send(alertMessage())
  expect(answer).toBe('204')
  const [request] = receiver.received
  expect(request).toMatchObject({ method: 'POST', path: '/hook', headers: { 'content-type': 'application/json' } })
  expect(new Webhook(secret).verify(request!.body, request!.headers)).toMatchObject({
    type: 'incident.opened',
    data: {
      ...alertMessage().incident,
      project: 'flights',
      hits: 'delays@v1',
      firstCause: 'SOURCE_FILE_CORRUPT',
      runbook: 'https://docs.example.com/runbooks/source_file_corrupt.md',
    },
  })
  expect(request!.headers['webhook-id']).toBe('msg_opened')
  expect(() => new Webhook(`${secret.slice(0, -8)}AAAAAAA=`).verify(request!.body, request!.headers)).toThrow()
})

test('a secret that is not base64 is refused at start', () => {
  expect(() => createWebhookAlertChannel({ ...options, url: 'http://127.0.0.1', secret: 'whsec_%%%' })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})
