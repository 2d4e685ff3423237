import {
  Dashboard,
  GraphWidget,
  type IWidget,
  LogQueryWidget,
  Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch'
import type { Construct } from 'constructs'
import { type Alarms, incidentRules, type Watched } from './alarms.js'

/** The account's side: tasks, Postgres, DynamoDB, the load balancer. What the product itself measures is in infra/observability. */
export function buildDashboard(scope: Construct, watched: Watched, { incidents, throttles }: Alarms): void {
  const { config, data, worker, watcher, servers } = watched
  const { instance } = data.database
  const tasks = [worker, watcher, ...servers].map(({ service }) =>
    service.metricCpuUtilization({ statistic: Stats.SAMPLE_COUNT, label: service.node.id }),
  )
  const rows: IWidget[][] = [
    [
      new TextWidget({
        width: 24,
        height: 2,
        markdown: `# millcourse ${config.project}\nFirst: \`millcourse incidents\`, then \`millcourse doctor\`.`,
      }),
    ],
    [
      new GraphWidget({ title: 'Open incidents', stacked: true, left: incidentRules.map((rule) => incidents[rule]) }),
      new GraphWidget({ title: 'Tasks', left: tasks }),
      new GraphWidget({
        title: 'Worker CPU and memory, %',
        left: [worker.service.metricCpuUtilization(), worker.service.metricMemoryUtilization()],
      }),
      new GraphWidget({ title: 'DynamoDB throttles', left: [throttles] }),
    ],
    [
      new GraphWidget({ title: 'Postgres CPU, %', left: [instance.metricCPUUtilization()] }),
      new GraphWidget({ title: 'Postgres free disk', left: [instance.metricFreeStorageSpace()] }),
      new GraphWidget({ title: 'Postgres connections', left: [instance.metricDatabaseConnections()] }),
      new GraphWidget({ title: 'Lake, bytes', left: [lakeBytes(data.lake.bucketName)] }),
    ],
    servers.flatMap(({ service, targets }) => [
      new GraphWidget({ title: `${service.node.id}: requests`, left: [targets.metrics.requestCount()] }),
      new GraphWidget({
        title: `${service.node.id}: seconds`,
        left: [
          targets.metrics.targetResponseTime({ statistic: 'p50' }),
          targets.metrics.targetResponseTime({ statistic: 'p99' }),
        ],
      }),
    ]),
    [
      new LogQueryWidget({
        title: 'Runs that failed',
        width: 24,
        logGroupNames: [worker.process.log.logGroupName],
        queryLines: [
          'fields @timestamp, view, interval.start, code, msg',
          'filter msg like /^run failed/',
          'sort @timestamp desc',
          'limit 50',
        ],
      }),
    ],
  ]
  new Dashboard(scope, 'Dashboard', { dashboardName: `millcourse-${config.project}`, widgets: rows })
}

function lakeBytes(bucketName: string): Metric {
  return new Metric({
    namespace: 'AWS/S3',
    metricName: 'BucketSizeBytes',
    dimensionsMap: { BucketName: bucketName, StorageType: 'StandardStorage' },
    statistic: Stats.AVERAGE,
  })
}
