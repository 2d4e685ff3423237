/** From the environment to what a receiver hears: the routes' file, its secrets, and what is said of each that is wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { testAlerts } from '../cli/commands/alerts-test.js'
import type { CliContext } from '../cli/context.js'
import { checkAlerts } from '../cli/doctor/check-alerts.js'
import { type AlertReceiver, alertMessage, startAlertReceiver } from '../test/support/alert-receiver.js'
import { commandContext } from '../test/support/command-context.js'
import { type Environment, readConfig } from './config.js'
import { openAlertChannels, readAlerts } from './open-alert-channels.js'
import type { StackPorts } from './stack-ports.js'

const enough = {
  MILLCOURSE_POSTGRES_URL: 'postgresql://me@db/x',
  MILLCOURSE_LAKE: '/lake',
  TEMPORAL_ADDRESS: 't:7233',
  MILLCOURSE_PROJECT: 'shop',
}
const key = 'R0123456789ABCDEFGHIJKLMNOPQRSTU'
const whsec = `whsec_${Buffer.from('a secret of thirty-two bytes ....').toString('base64')}`
const dir = mkdtempSync(join(tmpdir(), 'millcourse-routes-'))
let receiver: AlertReceiver | undefined
afterEach(async () => {
  await receiver?.close()
  rmSync(dir, { recursive: true, force: true })
})

const alertsOf = async (env: Environment) => readAlerts(readConfig({ ...enough, ...env }))
const contextOf = (env: Environment, owners?: readonly string[], ofSources: readonly string[] = []): CliContext => ({
  ...commandContext({} as StackPorts),
  alerts: () => alertsOf(env),
  ...(owners && {
    readRepo: async () =>
      ({
        repo: { views: owners.map((owner) => ({ owner })), sources: ofSources.map((owner) => ({ owner })) },
        problems: [],
      }) as unknown as Awaited<ReturnType<CliContext['readRepo']>>,
  }),
})

/** Slack and PagerDuty at one receiver. */
async function twoChannels(answer?: Parameters<typeof startAlertReceiver>[0]) {
  receiver = await startAlertReceiver(answer)
  const routes = `
channels:
  ads: { type: slack, url: { env: ADS_SLACK_URL } }
  oncall: { type: pagerduty, routingKey: { env: ADS_KEY }, url: '${receiver.url}/v2/enqueue' }
routes:
  - { owner: ads, severity: critical, to: [oncall, ads] }
default: [ads]
`
  return {
    MILLCOURSE_ALERT_ROUTES: routes,
    MILLCOURSE_RUNBOOKS_URL: 'https://docs.example.com/books/',
    ADS_SLACK_URL: `${receiver.url}/services/hidden`,
    ADS_KEY: key,
  }
}

test('channels of a file are opened with their secrets, and speak of the project and its runbooks', async () => {
  const { MILLCOURSE_ALERT_ROUTES: text, ...env } = await twoChannels()
  const file = join(dir, 'alerts.yaml')
  writeFileSync(join(dir, 'alerts.yaml'), text)
  const alerts = await alertsOf({ ...env, MILLCOURSE_ALERT_ROUTES_FILE: file })
  expect([alerts.from, alerts.unset]).toEqual([file, []])
  const channels = await openAlertChannels(alerts)
  expect(channels.map(({ name }) => name)).toEqual(['ads', 'oncall'])
  const { incident } = alertMessage('opened', { owner: 'ads' })
  expect(alerts.channelsFor(incident)).toEqual(['log', 'oncall', 'ads'])
  for (const channel of channels) await channel.send(alertMessage())
  const [slack, pagerDuty] = receiver!.received
  expect(slack).toMatchObject({ path: '/services/hidden', body: expect.stringContaining('[critical] shop: ') })
  expect(slack!.body).toContain('https://docs.example.com/books/source_file_corrupt.md')
  expect(JSON.parse(pagerDuty!.body)).toMatchObject({ routing_key: key, dedup_key: expect.stringMatching(/^shop\//) })
})

test('one webhook of the environment is a channel that is told everything; without it the log is', async () => {
  receiver = await startAlertReceiver()
  const webhook = { MILLCOURSE_WEBHOOK_URL: receiver.url, MILLCOURSE_WEBHOOK_SECRET: whsec }
  const alerts = await alertsOf(webhook)
  expect(alerts.channelsFor(alertMessage().incident)).toEqual(['log', 'webhook'])
  const [channel] = await openAlertChannels(alerts)
  await channel!.send(alertMessage())
  expect(receiver.received[0]!.headers['webhook-signature']).toMatch(/^v1,/)
  expect((await alertsOf({})).channelsFor(alertMessage().incident)).toEqual(['log'])
  await expect(alertsOf({ MILLCOURSE_WEBHOOK_URL: receiver.url })).rejects.toThrow('MILLCOURSE_WEBHOOK_SECRET is not')
  await expect(alertsOf({ ...webhook, MILLCOURSE_ALERT_ROUTES: 'x' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a secret that is not set, or cannot be one, and a file that is not there, keep the watcher from starting', async () => {
  const env = await twoChannels()
  const { ADS_SLACK_URL: _url, ...without } = env
  const refused = async (given: Environment) =>
    alertsOf(given)
      .then(openAlertChannels)
      .then(
        () => '',
        (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
      )
  expect(await refused(without)).toBe(
    'CONFIG_INVALID: secrets that the routes of alerts name: MILLCOURSE_ALERT_ROUTES:3:35: channels.ads.url: ADS_SLACK_URL is not set',
  )
  const noAddress = await refused({ ...env, ADS_SLACK_URL: 'hidden' })
  expect(noAddress).toBe('CONFIG_INVALID: channel ads: ADS_SLACK_URL is no address')
  expect(await refused({ MILLCOURSE_ALERT_ROUTES_FILE: join(dir, 'none.yaml') })).toMatch(
    /CONFIG_INVALID: MILLCOURSE_ALERT_ROUTES_FILE: .*none\.yaml cannot be read/,
  )
})

test('`alerts test` sends a test and its end to each channel, and says what came back', async () => {
  const env = await twoChannels({ status: 200, body: 'ok' })
  const report = await testAlerts(contextOf(env), [])
  expect(report).toMatchObject({ outcome: 'done' })
  expect(report.text.split('\n')).toEqual([
    'ok     ads (slack)  opened: 200: ok',
    'ok     ads (slack)  resolved: 200: ok',
    'ok     oncall (pagerduty)  opened: 200',
    'ok     oncall (pagerduty)  resolved: 200',
  ])
  expect(receiver!.received[0]!.body).toContain('a test of channel ads: nothing is wrong')
  const actions = receiver!.received
    .slice(2)
    .map(({ body }) => (JSON.parse(body) as { event_action: string }).event_action)
  expect(actions).toEqual(['trigger', 'resolve'])

  receiver!.received.splice(0)
  receiver!.answer({ status: 403, body: 'invalid_token' })
  const failed = await testAlerts(contextOf(env), ['ads'])
  expect(failed.outcome).toBe('failed')
  expect(failed.text).toMatch(
    /^WRONG {2}ads \(slack\) {2}opened: ALERT_REFUSED: Slack at 127.0.0.1:\d+ answered 403: invalid_token$/,
  )
  expect(JSON.stringify(failed)).not.toMatch(/hidden/)
  expect(receiver!.received).toHaveLength(1)
  for (const name of ['adds', 'constructor'])
    await expect(testAlerts(contextOf(env), [name])).rejects.toThrow(`no channel is called ${name}`)
  await expect(testAlerts(contextOf({}), [])).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('`doctor` says what the routes are, whose owners are nobody’s, and which secrets are not set here', async () => {
  const env = await twoChannels()
  expect(await checkAlerts(contextOf(env, ['ads']))).toBe(
    'MILLCOURSE_ALERT_ROUTES: 2 channels (ads (slack), oncall (pagerduty)), 1 route',
  )
  expect(await checkAlerts(contextOf(env, ['adds']))).toMatchObject({
    state: 'wrong',
    found: expect.stringContaining('no view or source has the owner ads'),
  })
  // A source's faults go to its owner, who may have no view.
  expect(await checkAlerts(contextOf(env, ['adds'], ['ads']))).toEqual(expect.any(String))
  expect(await checkAlerts(contextOf({ ...env, ADS_KEY: '' }))).toMatchObject({
    state: 'absent',
    found: expect.stringContaining('channels.oncall.routingKey: ADS_KEY is not set'),
  })
  expect(await checkAlerts(contextOf({}))).toMatchObject({ state: 'absent', found: 'to the log alone' })
  await expect(checkAlerts(contextOf({ MILLCOURSE_ALERT_ROUTES: 'channels: 3' }))).rejects.toThrow(
    'MILLCOURSE_ALERT_ROUTES:1:1: channels: ',
  )
})
