/** SNS by the wire: the signature is computed again from what arrived, as AWS does it. */
import { createHash, createHmac } from 'node:crypto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  type AlertReceiver,
  type Answer,
  alertMessage,
  type ReceivedAlert,
  startAlertReceiver,
  teller,
} from '../../../test/support/alert-receiver.js'
import { createSnsAlertChannel } from './sns-alert-channel.js'

const topic = 'arn:aws:sns:eu-central-1:111122223333:alerts'
const secretKey = 'not-a-real-secret-key'
const published = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>id-1</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>`
const fault = (code: string, message: string) =>
  `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`
const xml = (status: number, body: string): Answer => ({ status, headers: { 'content-type': 'text/xml' }, body })

let receiver: AlertReceiver | undefined
beforeEach(() => {
  for (const [name, value] of Object.entries({
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: secretKey,
    AWS_SESSION_TOKEN: 'session-token',
  }))
    vi.stubEnv(name, value)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await receiver?.close()
})

async function sendTo(answer: Answer, to = topic, timeoutMs = 15_000, message = alertMessage()) {
  receiver = await startAlertReceiver(answer)
  const channel = createSnsAlertChannel({ ...teller, name: 'bus', topic: to, endpoint: receiver.url, timeoutMs })
  return channel.send(message)
}
const form = () => Object.fromEntries(new URLSearchParams(receiver!.received[0]!.body))

/** AWS Signature Version 4 of what arrived. */
function signatureOf({ method, path, headers, body }: ReceivedAlert): string {
  const { authorization = '' } = headers
  const [, date, region, service] = /Credential=AKIDEXAMPLE\/(\d{8})\/([\w-]+)\/(\w+)\/aws4_request/.exec(
    authorization,
  )!
  const signed = /SignedHeaders=([^,]+)/.exec(authorization)![1]!.split(';')
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const lines = signed.map((name) => `${name}:${headers[name]!.trim()}\n`).join('')
  const canonical = [method, path, '', lines, signed.join(';'), sha256(body)].join('\n')
  const scope = `${date}/${region}/${service}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const key = [date!, region!, service!, 'aws4_request'].reduce<string | Buffer>(
    (parent, part) => createHmac('sha256', parent).update(part).digest(),
    `AWS4${secretKey}`,
  )
  expect(scope).toBe(`${date}/eu-central-1/sns/aws4_request`)
  return createHmac('sha256', key).update(toSign).digest('hex')
}

test('what arrives is signed by AWS’s rules, says it in words and as the incident, and can be filtered', async () => {
  expect(await sendTo(xml(200, published))).toBe('message id-1')
  const [request] = receiver!.received
  expect(/Signature=([0-9a-f]{64})$/.exec(request!.headers.authorization!)![1]).toBe(signatureOf(request!))
  expect(request!.headers['x-amz-security-token']).toBe('session-token')
  const fields = form()
  expect(fields).toMatchObject({
    Action: 'Publish',
    TopicArn: topic,
    Subject: '[critical] flights: delays@v1 failed ? gr?er <!channel> & so on',
    MessageStructure: 'json',
  })
  const bodies = JSON.parse(fields.Message!) as Record<string, string>
  expect(JSON.parse(bodies.default!)).toMatchObject({
    event: 'opened',
    deliveryId: 'msg_opened',
    project: 'flights',
    key: 'failed/delays@v1/SOURCE_FILE_CORRUPT',
    runbook: 'https://docs.example.com/runbooks/source_file_corrupt.md',
  })
  expect(bodies.email).toContain('next: millcourse runs show r1\n')
  const attributes = Object.entries(fields).filter(([name]) => /^MessageAttributes\.entry\.\d+\.Name$/.test(name))
  const attribute = (name: string) =>
    fields[attributes.find(([, value]) => value === name)![0].replace('.Name', '.Value.StringValue')]
  expect(['severity', 'owner', 'rule', 'event'].map(attribute)).toEqual(['critical', 'ops', 'failed', 'opened'])
  expect(fields.MessageGroupId).toBeUndefined()
})

test('what hits several owners can be filtered by each of them', async () => {
  await sendTo(xml(200, published), topic, 15_000, alertMessage('opened', { facts: { owners: 'ops, ads' } }))
  const fields = form()
  const [entry] = Object.entries(fields).find(([, value]) => value === 'owner')!
  const of = (part: string) => fields[entry.replace('.Name', part)]
  expect([of('.Value.DataType'), of('.Value.StringValue')]).toEqual(['String.Array', '["ops","ads"]'])
})

test('a FIFO topic is told the incident as the group and the delivery as what is one', async () => {
  await sendTo(xml(200, published), `${topic}.fifo`)
  expect(form()).toMatchObject({
    MessageGroupId: 'flights/failed/delays@v1/SOURCE_FILE_CORRUPT',
    MessageDeduplicationId: 'msg_opened',
  })
})

test('an incident of hundreds of views with long names goes into what SNS takes', async () => {
  const views = Array.from({ length: 500 }, (_, at) => `${'v'.repeat(60)}${at}@v1`)
  const missing = views.map(
    (view) => `${view} has no run for 8 intervals from 2001-01-01T00:00:00Z to 2001-01-01T07:00:00Z`,
  )
  const facts = { views: views.join(', '), missing: missing.join('; ') }
  await sendTo(xml(200, published), topic, 15_000, alertMessage('opened', { facts, summary: 'Temporal is gone' }))
  const message = form().Message!
  expect(Buffer.byteLength(message)).toBeLessThan(256 * 1_024)
  const { default: body } = JSON.parse(message) as { readonly default: string }
  expect(JSON.parse(body)).toMatchObject({
    summary: 'Temporal is gone',
    hits: expect.stringMatching(/^v{60}0@v1, .*…$/),
  })
})

test.each([
  [xml(500, fault('InternalError', 'try later')), 'ALERT_UNDELIVERED', {}],
  [xml(400, fault('Throttled', 'rate exceeded')), 'ALERT_UNDELIVERED', {}],
  [xml(403, fault('AuthorizationError', 'not allowed')), 'ALERT_REFUSED', { refused: 'channel' }],
  [xml(403, fault('InvalidClientTokenId', 'who?')), 'ALERT_REFUSED', { refused: 'channel' }],
  [xml(404, fault('NotFound', 'no topic')), 'ALERT_REFUSED', { refused: 'channel' }],
  [xml(400, fault('InvalidParameter', 'too long')), 'ALERT_REFUSED', { refused: 'message' }],
  [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } } as Answer, 'ALERT_REFUSED', { refused: 'channel' }],
])('%j is %s', async (answer, code, facts) => {
  const error = await sendTo(answer).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code, detail: { facts } })
  expect(JSON.stringify(error) + String(error)).not.toMatch(/secret-key|session-token|AKIDEXAMPLE/)
  // Its pauses are the watcher's.
  expect(receiver!.received).toHaveLength(1)
})

test('an endpoint that does not answer, or is not there, is tried later', async () => {
  await expect(sendTo({ status: 'silent' }, topic, 300)).rejects.toMatchObject({ code: 'ALERT_UNDELIVERED' })
  const { url, close } = receiver!
  await close()
  receiver = undefined
  const channel = createSnsAlertChannel({ ...teller, name: 'bus', topic, endpoint: url, timeoutMs: 15_000 })
  await expect(channel.send(alertMessage())).rejects.toMatchObject({
    code: 'ALERT_UNDELIVERED',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})
