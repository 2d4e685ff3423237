import { expect, test } from 'vitest'
import { channelsFor } from '../../../core/alert/index.js'
import type { MillcourseError } from '../../../core/errors.js'
import { alertMessage } from '../../../test/support/alert-receiver.js'
import { readRouting } from './read-routing.js'

const whole = `
# Who is told of what.
channels:
  ads-oncall: { type: pagerduty, routingKey: { env: ADS_PAGERDUTY_KEY } }
  ads:
    type: slack
    url: { env: ADS_SLACK_URL }
  team:
    type: email
    host: smtp.example.com
    from: millcourse@example.com
    to: [ml@example.com]
    user: millcourse
    password: { env: SMTP_PASSWORD }
  bus: { type: sns, topic: 'arn:aws:sns:eu-central-1:111122223333:alerts' }
  console: { type: webhook, url: 'https://console.example.com/alerts', secret: { env: CONSOLE_SECRET } }
routes:
  - owner: ads
    severity: critical
    to: [ads-oncall, ads]
  - owner: [ads, search]
    to: [ads]
  - rule: [ledger_unreachable, scheduler_unreachable]
    to: [bus, console]
default: [team]
`

test('a whole file is read, with the place of each secret', () => {
  const { routing, secrets } = readRouting(whole, 'alerts.yaml')
  expect(routing.channels.team).toMatchObject({ type: 'email', tls: 'starttls' })
  expect(secrets).toEqual([
    { env: 'ADS_PAGERDUTY_KEY', where: 'alerts.yaml:4:53: channels.ads-oncall.routingKey' },
    { env: 'ADS_SLACK_URL', where: 'alerts.yaml:7:17: channels.ads.url' },
    { env: 'SMTP_PASSWORD', where: 'alerts.yaml:14:22: channels.team.password' },
    { env: 'CONSOLE_SECRET', where: 'alerts.yaml:16:87: channels.console.secret' },
  ])
})

test('the first route that matches decides, the rest goes the default’s way, and everything is logged', () => {
  const { routing } = readRouting(whole, 'alerts.yaml')
  const to = (incident: Parameters<typeof alertMessage>[1]) =>
    channelsFor(routing, alertMessage('opened', incident).incident)
  expect(to({ owner: 'ads', severity: 'critical' })).toEqual(['log', 'ads-oncall', 'ads'])
  expect(to({ owner: 'ads', severity: 'warning' })).toEqual(['log', 'ads'])
  expect(to({ owner: 'search', severity: 'critical' })).toEqual(['log', 'ads'])
  expect(to({ owner: null, rule: 'ledger_unreachable' })).toEqual(['log', 'bus', 'console'])
  expect(to({ owner: 'nobody' })).toEqual(['log', 'team'])
  expect(to({ owner: null })).toEqual(['log', 'team'])
  // One cause, views of several owners: each is told, nobody twice.
  const facts = { owners: 'ads, search, nobody' }
  expect(to({ owner: 'ads', severity: 'critical', facts })).toEqual(['log', 'ads-oncall', 'ads', 'team'])
})

test.each<[string, string, string]>([
  ['not YAML', 'channels: {\ndefault: []', 'alerts.yaml:2:1: not YAML'],
  ['the same name twice', 'channels: {}\ndefault: []\ndefault: []', 'alerts.yaml:3:1: not YAML: duplicate key'],
  ['nothing', '', 'alerts.yaml:1:1: the file: '],
  ['no default', 'channels: {}\n', 'alerts.yaml:1:1: default: '],
  ['a word that is not known', 'channels: {}\nrout: []\ndefault: []', 'alerts.yaml:2:1: rout: not known here'],
  [
    'a secret in the file',
    'channels:\n  ads:\n    type: slack\n    url: https://hooks.slack.com/services/T0/B0/hidden\ndefault: [ads]',
    'alerts.yaml:4:5: channels.ads.url: a secret is named, not written: { env: NAME }',
  ],
  [
    'a kind that is not known',
    'channels:\n  ads: { type: fax }\ndefault: [ads]',
    'alerts.yaml:2:10: channels.ads.type: one of: webhook, slack, pagerduty, sns, email',
  ],
  [
    'a channel that is not there',
    'channels:\n  ads: { type: slack, url: { env: X } }\nroutes:\n  - owner: ads\n    to: [ads, add]\ndefault: [ads]',
    'alerts.yaml:5:15: routes.0.to.1: no channel of this name; there are: ads',
  ],
  [
    'a rule that is not there',
    'channels: {}\nroutes:\n  - rule: faild\n    to: []\ndefault: []',
    'alerts.yaml:3:5: routes.0.rule: ',
  ],
  [
    'a password in the clear',
    'channels:\n  team: { type: email, host: h, tls: none, from: a@example.com, to: [b@example.com], user: u, password: { env: P } }\ndefault: []',
    'alerts.yaml:2:33: channels.team.tls: a password is not sent in the clear',
  ],
  [
    'a name that is the log’s',
    'channels:\n  log: { type: slack, url: { env: X } }\ndefault: []',
    'alerts.yaml:2:3: channels.log: ',
  ],
])('%s is told with line, column and path', (_what, text, fault) => {
  const read = () => readRouting(text, 'alerts.yaml')
  expect(read).toThrow(fault)
  try {
    read()
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', detail: { facts: { file: 'alerts.yaml' } } })
    // Values are not repeated: a secret may stand where it should not.
    expect((error as MillcourseError).message).not.toMatch(/hidden/)
  }
})

test('all faults are told at once', () => {
  expect(() =>
    readRouting('channels:\n  A: { type: slack, url: { env: X } }\nroutes: 3\ndefault: [b]', 'alerts.yaml'),
  ).toThrow(/alerts\.yaml:2:3: channels\.A: .*; alerts\.yaml:3:1: routes: /)
})
