import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Incident, incidentRules as rules } from '../../core/watch/index.js'
import { sayOpenIncidents } from '../../workers/open-incidents-line.js'
import { backupDoneText, incidentRules } from '../app/alarms.js'
import { synthesisedExample } from './synthesised.js'

const alarms = synthesisedExample().ofType('AWS::CloudWatch::Alarm')
const filters = synthesisedExample().ofType('AWS::Logs::MetricFilter')

test('every rule of the watcher has its alarm', () => {
  expect([...incidentRules].sort()).toEqual([...rules].sort())
  for (const rule of rules)
    expect(
      alarms.some(({ properties }) => properties.MetricName === `open_${rule}`),
      rule,
    ).toBe(true)
})

test('the alarms go by what the watcher says is open, for as long as it is, and an escalation raises one more', () => {
  const lines: object[] = []
  const say = sayOpenIncidents({ info: (facts) => void lines.push(facts), warn() {}, error() {} })
  const failed = { ...incident, severity: 'warning' as const }
  say([], 0)
  say([failed], 15_000)
  // Still open, five minutes later: said again, though nothing is new.
  say([failed], 315_000)
  say([incident], 330_000)
  say([], 345_000)
  say([], 360_000)
  const numbers = (metric: string) => {
    const { properties } = filters.find(
      ({ properties: { MetricTransformations } }) =>
        (MetricTransformations as [{ MetricName: string }])[0].MetricName === metric,
    )!
    const [{ MetricValue }] = properties.MetricTransformations as [{ MetricValue: string }]
    expect(properties.FilterPattern).toBe(`{ ${MetricValue} >= 0 }`)
    const [, ...path] = MetricValue.split('.')
    return lines.map((line) => path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], line))
  }
  expect(numbers('open_failed')).toEqual([0, 1, 1, 1, 0])
  expect(numbers('open_critical')).toEqual([0, 0, 0, 1, 0])
  for (const rule of incidentRules.filter((one) => one !== 'failed'))
    expect(numbers(`open_${rule}`)).toEqual([0, 0, 0, 0, 0])
  for (const metric of [...incidentRules.map((rule) => `open_${rule}`), 'open_critical'])
    expect(
      alarms.find(({ properties }) => properties.MetricName === metric && properties.Statistic === 'Maximum')
        ?.properties,
      metric,
    ).toMatchObject({ Threshold: 0, ComparisonOperator: 'GreaterThanThreshold' })
})

const incident: Incident = {
  rule: 'failed',
  severity: 'critical',
  ...{ key: 'failed/v@v1/X', view: 'v', version: 1, owner: null },
  ...{ openedAt: '', updatedAt: '', resolvedAt: null, summary: '', nextStep: '', facts: {} },
}

test('silence raises the alarms that are about something being there', () => {
  const bySilence = alarms
    .filter(({ properties }) => properties.TreatMissingData === 'breaching')
    .map(({ id }) => id.replace(/[0-9A-F]{8}$/, ''))
  expect(bySilence.sort()).toEqual([
    'BackupMissing',
    'PiiServerUnhealthy',
    'ServerUnhealthy',
    'WatcherAbsent',
    'WatcherBlind',
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
    'Open incidents',
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
