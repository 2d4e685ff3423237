/** What nobody should have to look for. The watcher's incidents come first: they name the cause; the rest is for when it is silent. */
import { Duration } from 'aws-cdk-lib'
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { HttpCodeTarget } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { FilterPattern, type LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Construct } from 'constructs'
import type { OperatorTasks } from './operator-tasks.js'
import type { Place, RunningService, ServerService } from './services.js'

export interface Watched extends Place {
  readonly worker: RunningService
  readonly watcher: RunningService
  readonly servers: readonly ServerService[]
  readonly operator: OperatorTasks
}

/** The watcher's rules (core/watch/incident.ts). */
export const incidentRules = [
  'missing_run',
  'skipped',
  'stale',
  'slow_run',
  'failed',
  'schema_change',
  'held',
  'blocked',
  'not_ready',
  'warned',
  'quality',
  'over_budget',
  'ledger_unreachable',
  'scheduler_unreachable',
  'undelivered',
] as const

export type IncidentMetrics = Readonly<Record<(typeof incidentRules)[number] | 'critical', Metric>>

export interface Alarms {
  readonly all: readonly Alarm[]
  readonly incidents: IncidentMetrics
  readonly throttles: IMetric
}

export function buildAlarms(scope: Construct, watched: Watched): Alarms {
  const { config, data, worker, watcher, servers, operator } = watched
  const topic = new Topic(scope, 'Alarms', { enforceSSL: true })
  for (const email of config.alarmEmails) topic.addSubscription(new EmailSubscription(email))
  const namespace = `Millcourse/${config.project}`
  const all: Alarm[] = []
  const raise = (id: string, metric: IMetric, when: When, what: string) => {
    const alarm = new Alarm(scope, id, {
      metric,
      alarmDescription: what,
      threshold: when.above ?? when.below!,
      comparisonOperator:
        when.above === undefined ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: when.periods ?? 1,
      treatMissingData: when.isSilenceBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    })
    alarm.addAlarmAction(new SnsAction(topic))
    alarm.addOkAction(new SnsAction(topic))
    all.push(alarm)
  }

  const incidents = openIncidents(scope, watcher.process.log, namespace)
  for (const rule of incidentRules)
    raise(`Incident-${rule}`, incidents[rule], { above: 0 }, `An incident is open: ${rule}. millcourse incidents`)
  // What begins as a warning may become critical while its own alarm is on.
  raise('IncidentsCritical', incidents.critical, { above: 0 }, 'A critical incident is open. millcourse incidents')
  raise(
    'WatcherBlind',
    incidents.critical.with({ statistic: Stats.SAMPLE_COUNT }),
    { below: 1, periods: 2, isSilenceBad: true },
    'The watcher has looked at nothing for ten minutes. Its log says why',
  )
  for (const [name, { service }] of [
    ['Worker', worker],
    ['Watcher', watcher],
  ] as const)
    raise(
      `${name}Absent`,
      // One sample a task and minute: their number is the number of tasks.
      service.metricCpuUtilization({ statistic: Stats.SAMPLE_COUNT, period: Duration.minutes(1) }),
      { below: 1, periods: 5, isSilenceBad: true },
      `No ${name.toLowerCase()} has run for five minutes. See the service's events in ECS`,
    )
  for (const server of servers) raiseForServer(raise, server)

  const { instance } = data.database
  raise(
    'PostgresStorage',
    instance.metricFreeStorageSpace(),
    { below: 5 * 1024 ** 3, periods: 3 },
    'Postgres has less than 5 GiB of disk left',
  )
  raise('PostgresCpu', instance.metricCPUUtilization(), { above: 85, periods: 6 }, 'Postgres is busy')
  raise(
    'PostgresConnections',
    instance.metricDatabaseConnections(),
    { above: 200, periods: 3 },
    'Postgres has more connections than the processes should open',
  )
  const throttles = throttledWrites()
  raise(
    'DynamoDbThrottles',
    throttles,
    { above: 100, periods: 3 },
    'DynamoDB refuses requests of this account and region. Publishing goes on slowly; see the tables',
  )
  raise(
    'BackupMissing',
    countBackups(scope, operator.backup.log, namespace),
    { below: 1, isSilenceBad: true },
    'No backup was written for a day. See the log of the backup task',
  )
  return { all, incidents, throttles }
}

interface When {
  readonly above?: number
  readonly below?: number
  readonly periods?: number
  /** No data is a bad sign, too. */
  readonly isSilenceBad?: boolean
}

type Raise = (id: string, metric: IMetric, when: When, what: string) => void

function raiseForServer(raise: Raise, { service, targets }: ServerService): void {
  const id = service.node.id
  raise(
    `${id}Errors`,
    targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT),
    { above: 20, periods: 2 },
    'The server answers with errors',
  )
  raise(
    `${id}Slow`,
    targets.metrics.targetResponseTime({ statistic: 'p99' }),
    { above: 0.5, periods: 3 },
    'One answer in a hundred takes more than half a second',
  )
  raise(
    `${id}Unhealthy`,
    targets.metrics.healthyHostCount({ statistic: Stats.MINIMUM, period: Duration.minutes(1) }),
    { below: 1, periods: 3, isSilenceBad: true },
    'No server is ready. /readyz of a task says why',
  )
}

/** The watcher says each minute how many are open (workers/open-incidents-line.ts): an alarm lasts as long as its incident. */
function openIncidents(scope: Construct, logGroup: LogGroup, metricNamespace: string): IncidentMetrics {
  const metrics = [...incidentRules, 'critical' as const].map((word) => {
    const field = `$.openIncidents.${word}`
    const filter = new MetricFilter(scope, `Open-${word}`, {
      logGroup,
      metricNamespace,
      metricName: `open_${word}`,
      filterPattern: FilterPattern.numberValue(field, '>=', 0),
      metricValue: field,
    })
    return [word, filter.metric({ statistic: Stats.MAXIMUM, period: Duration.minutes(5) })] as const
  })
  return Object.fromEntries(metrics) as unknown as IncidentMetrics
}

/** What `millcourse backup` says when its manifest is written. */
export const backupDoneText = 'backup complete'

function countBackups(scope: Construct, logGroup: LogGroup, metricNamespace: string): Metric {
  const filter = new MetricFilter(scope, 'Count-backups', {
    logGroup,
    metricNamespace,
    metricName: 'backups',
    filterPattern: FilterPattern.literal(`"${backupDoneText}"`),
    metricValue: '1',
  })
  return filter.metric({ statistic: Stats.SUM, period: Duration.days(1) })
}

/** Tables are made by the product, one per view version: a query over all of them, because an alarm cannot search. */
function throttledWrites(): IMetric {
  return new MathExpression({
    expression: 'SELECT SUM(WriteThrottleEvents) FROM SCHEMA("AWS/DynamoDB", TableName)',
    label: 'throttled writes',
    period: Duration.minutes(5),
  })
}
