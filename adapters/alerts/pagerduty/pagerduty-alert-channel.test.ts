import { afterEach, expect, test } from 'vitest'
import { type AlertReceiver, alertMessage, startAlertReceiver, teller } from '../../../test/support/alert-receiver.js'
import { createPagerDutyAlertChannel, dedupKey } from './pagerduty-alert-channel.js'

const routingKey = 'R0123456789ABCDEFGHIJKLMNOPQRSTU'
let receiver: AlertReceiver | undefined
afterEach(() => receiver?.close())

async function channelTo(answer: Parameters<typeof startAlertReceiver>[0]) {
  receiver = await startAlertReceiver(answer)
  const url = `${receiver.url}/v2/enqueue`
  return createPagerDutyAlertChannel({ ...teller, name: 'oncall', url, routingKey, timeoutMs: 15_000 })
}
const accepted = { status: 202, body: '{"status":"success","message":"Event processed","dedup_key":"k"}' }
const events = () => receiver!.received.map(({ body }) => JSON.parse(body) as Record<string, unknown>)

test('an incident triggers, triggers again when it changes, is acknowledged, and resolves, under one key', async () => {
  const channel = await channelTo(accepted)
  for (const event of ['opened', 'updated', 'acknowledged', 'silenced', 'escalated', 'resolved'] as const)
    expect(await channel.send(alertMessage(event))).toBe('202: success, Event processed')
  const dedup_key = 'flights/failed/delays@v1/SOURCE_FILE_CORRUPT'
  const head = { routing_key: routingKey, dedup_key }
  const [opened, updated, acknowledged, silenced, escalated, resolved] = events()
  expect(receiver!.received[0]).toMatchObject({ method: 'POST', path: '/v2/enqueue' })
  expect(opened).toMatchObject({
    ...head,
    event_action: 'trigger',
    payload: {
      summary: '[critical] flights: delays@v1 failed — größer <!channel> & so on',
      source: 'flights',
      severity: 'critical',
      timestamp: '2001-01-01T01:00:00Z',
      class: 'failed',
      group: 'ops',
      component: 'delays@v1',
      custom_details: {
        since: '2001-01-01T00:00:00Z',
        services: 'delay_model',
        first_cause: 'SOURCE_FILE_CORRUPT',
        next: 'millcourse runs show r1',
      },
    },
    links: [{ href: 'https://docs.example.com/runbooks/source_file_corrupt.md', text: 'runbook' }],
  })
  expect(updated).toMatchObject({ ...head, event_action: 'trigger' })
  expect([acknowledged, silenced]).toEqual(Array(2).fill({ ...head, event_action: 'acknowledge' }))
  expect(escalated).toMatchObject({ ...head, event_action: 'trigger' })
  expect(resolved).toEqual({ ...head, event_action: 'resolve' })
})

test('a long key keeps to PagerDuty’s limit, and two of them apart', () => {
  const long = (end: string) => dedupKey('flights', `failed/${'x'.repeat(400)}/${end}`)
  expect(long('a').length).toBeLessThanOrEqual(255)
  expect(long('a')).not.toBe(long('b'))
})

test('what PagerDuty has against an event is told, without the routing key', async () => {
  const body = `{"status":"invalid event","message":"Event object is invalid","errors":["'${routingKey}' is unknown"]}`
  const channel = await channelTo({ status: 400, body })
  await expect(channel.send(alertMessage())).rejects.toMatchObject({
    code: 'ALERT_REFUSED',
    message: expect.stringContaining("400: invalid event, Event object is invalid, '[routing key]' is unknown"),
  })
})
