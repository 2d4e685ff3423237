import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createLogAlertChannel } from '../../adapters/alerts/log/log-alert-channel.js'
import { backupDoneText, incidentRules } from '../app/alarms.js'
import { synthesisedExample } from './synthesised.js'

const alarms = synthesisedExample().ofType('AWS::CloudWatch::Alarm')
const filters = synthesisedExample().ofType('AWS::Logs::MetricFilter')

test('every rule of the watcher has its alarm', () => {
  const text = readFileSync(new URL('../../core/watch/incident.ts', import.meta.url), 'utf8')
  const rules = [.../IncidentRule =\n([\s\S]*?)\n\n/.exec(text)![1]!.matchAll(/'(\w+)'/g)].map((match) => match[1])
  expect([...incidentRules].sort()).toEqual(rules.sort())
  for (const rule of rules)
    expect(
      alarms.some(({ properties }) => properties.MetricName === `incident_${rule}`),
      rule,
    ).toBe(true)
})

test('a filter counts the line that the watcher writes when an incident opens, of its own rule only', async () => {
  const lines: object[] = []
  const log = { warn: (facts: object) => void lines.push(facts), info: (facts: object) => void lines.push(facts) }
  const incident = {
    key: 'failed/v@v1/X',
    rule: 'failed',
    severity: 'critical',
    view: 'v',
    version: 1,
    owner: null,
    openedAt: '',
    updatedAt: '',
    resolvedAt: null,
    summary: '',
    nextStep: '',
    facts: {},
  } as const
  for (const event of ['opened', 'updated', 'resolved'] as const)
    await createLogAlertChannel(log).send({ event, incident, deliveryId: 'd' })
  const counted = filters
    .filter(({ properties }) => String(properties.FilterPattern).startsWith('{'))
    .map(({ properties }) => {
      const tests = [...String(properties.FilterPattern).matchAll(/\$\.(\w+) = "(\w+)"/g)]
      const hits = lines.filter((line) =>
        tests.every(([, field, value]) => (line as Record<string, unknown>)[field!] === value),
      )
      const [{ MetricName }] = properties.MetricTransformations as [{ MetricName: string }]
      return [MetricName, tests.length, hits.length]
    })
  expect(counted).toHaveLength(incidentRules.length)
  expect(counted.filter(([, , hits]) => hits !== 0)).toEqual([['incident_failed', 2, 1]])
})

test('silence raises the alarms that are about something being there', () => {
  const bySilence = alarms
    .filter(({ properties }) => properties.TreatMissingData === 'breaching')
    .map(({ id }) => id.replace(/[0-9A-F]{8}$/, ''))
  expect(bySilence.sort()).toEqual([
    'BackupMissing',
    'PiiServerUnhealthy',
    'ServerUnhealthy',
    'WatcherAbsent',
    'WorkerAbsent',
  ])
})

test('each alarm tells somebody, when it comes and when it goes, and says what to do', () => {
  for (const { properties } of alarms) {
    expect(properties.AlarmActions).toHaveLength(1)
    expect(properties.OKActions).toHaveLength(1)
    expect(String(properties.AlarmDescription).length).toBeGreaterThan(15)
  }
  expect(synthesisedExample().ofType('AWS::SNS::Subscription')).toHaveLength(1)
})

test('the dashboard shows the incidents, the tasks, Postgres, DynamoDB and each server', () => {
  const [dashboard] = synthesisedExample().ofType('AWS::CloudWatch::Dashboard')
  const body = JSON.parse(String(dashboard!.properties.DashboardBody)) as {
    widgets: { properties: { title?: string } }[]
  }
  const titles = body.widgets.map(({ properties }) => properties.title ?? '')
  for (const part of [
    'Incidents opened',
    'Tasks',
    'Postgres CPU, %',
    'DynamoDB throttles',
    'Server: requests',
    'PiiServer: requests',
  ])
    expect(titles).toContain(part)
})
test('the backup says what its alarm waits for', () => {
  const command = readFileSync(new URL('../../cli/commands/backup.ts', import.meta.url), 'utf8')
  expect(command).toContain(backupDoneText)
})
