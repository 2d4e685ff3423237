/** Copy to config.ts, fill in, synthesise with `npx cdk synth --context config=config.ts`. */
import { infraConfig } from './app/config.js'

export const config = infraConfig({
  account: '111122223333',
  region: 'eu-central-1',
  project: 'flights',
  availabilityZones: ['eu-central-1a', 'eu-central-1b'],
  network: { cidr: '10.40.0.0/16', natGateways: 1, hasInterfaceEndpoints: false },
  lake: { prefix: 'flights', candidateDays: 14, quarantineDays: 90 },
  sources: [{ bucket: 'example-events', prefix: 'flights/' }],
  piiViews: ['passenger_profile'],
  // tableKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012',
  postgres: { instanceType: 't4g.medium', storageGiB: 50, storageMaxGiB: 500, isMultiAz: true, backupDays: 14 },
  backup: { at: '03:30', keptDays: 35 },
  temporal: {
    address: 'flights.a1b2c.tmprl.cloud:7233',
    namespace: 'flights.a1b2c',
    apiKeySecretArn: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:flights/temporal-api-key-AbCdEf',
  },
  image: {
    repositoryArn: 'arn:aws:ecr:eu-central-1:111122223333:repository/millcourse',
    tag: '0.1.0',
    architecture: 'X86_64',
  },
  worker: {
    cpu: 2048,
    memoryMiB: 8192,
    tasks: { min: 1, max: 8 },
    isSpot: false,
    memoryLimit: '3584MiB',
    spillGiB: 60,
  },
  watcher: {
    cpu: 256,
    memoryMiB: 1024,
    alerts: {
      routes: `
channels:
  oncall: { type: pagerduty, routingKey: { env: ONCALL_PAGERDUTY_KEY } }
  flights: { type: slack, url: { env: FLIGHTS_SLACK_URL } }
  incidents: { type: sns, topic: 'arn:aws:sns:eu-central-1:111122223333:feature-incidents' }
routes:
  - severity: critical
    to: [oncall, flights, incidents]
default: [flights, incidents]
`,
      secretArns: {
        ONCALL_PAGERDUTY_KEY: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:flights/pagerduty-key-AbCdEf',
        FLIGHTS_SLACK_URL: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:flights/slack-url-AbCdEf',
      },
      topicArns: ['arn:aws:sns:eu-central-1:111122223333:feature-incidents'],
    },
    runbooksUrl: 'https://github.com/example/features/blob/main/docs/runbooks',
    heartbeatSecretArn: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:flights/heartbeat-url-AbCdEf',
  },
  server: {
    cpu: 1024,
    memoryMiB: 2048,
    tasks: { min: 2, max: 10 },
    certificateArn: 'arn:aws:acm:eu-central-1:111122223333:certificate/12345678-1234-1234-1234-123456789012',
    clientCidrs: ['10.0.0.0/8'],
    requestsPerTaskAndMinute: 30_000,
    hasPiiService: true,
  },
  logDays: 30,
  alarmEmails: ['ml-oncall@example.com'],
})
