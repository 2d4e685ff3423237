/** The environment of each process; every name is one of docs/configuration.md, and test/environment.test.ts holds it to that. */
import { Secret as TaskSecret } from 'aws-cdk-lib/aws-ecs'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import type { InfraConfig } from './config.js'
import type { DataStack } from './data-stack.js'
import type { RoleName } from './process-roles.js'

export interface ProcessEnvironment {
  readonly environment: Record<string, string>
  /** Values that the task is given by Secrets Manager at its start; in no template and no task definition. */
  readonly secrets: Record<string, TaskSecret>
}

/** Health, readiness and metrics of every process; the server's answers, too. */
export const httpPort = 8080
/** Volumes of the image that belong to its user. */
export const spillDir = '/spill'
export const watcherDir = '/state'
/** Below the volume /tmp, which every task has. */
export const serverDir = '/tmp/server'
/** What is under way may end within it; the task is killed `stopSlackSeconds` later. Fargate waits 120 seconds at most. */
export const shutdownGraceSeconds = 90
export const stopSlackSeconds = 25

export function processEnvironment(
  scope: Construct,
  name: RoleName,
  config: InfraConfig,
  data: DataStack,
): ProcessEnvironment {
  const { temporal, watcher } = config
  const secrets: Record<string, TaskSecret> = {
    MILLCOURSE_POSTGRES_URL: TaskSecret.fromSecretsManager(data.database.url),
  }
  const named = (variable: string, arn: string) => {
    secrets[variable] = TaskSecret.fromSecretsManager(Secret.fromSecretCompleteArn(scope, `${name}-${variable}`, arn))
  }
  if (temporal.apiKeySecretArn !== undefined && needsTemporal(name)) named('TEMPORAL_API_KEY', temporal.apiKeySecretArn)
  if (name === 'watcher') {
    if (watcher.webhook !== undefined) named('MILLCOURSE_WEBHOOK_SECRET', watcher.webhook.secretArn)
    if (watcher.heartbeatSecretArn !== undefined) named('MILLCOURSE_HEARTBEAT_URL', watcher.heartbeatSecretArn)
    for (const [variable, arn] of Object.entries(watcher.alerts?.secretArns ?? {})) named(variable, arn)
  }
  if (isServer(name)) secrets.MILLCOURSE_API_TOKENS = TaskSecret.fromSecretsManager(data.apiTokens)
  return {
    secrets,
    environment: {
      AWS_REGION: config.region,
      MILLCOURSE_PROJECT: config.project,
      MILLCOURSE_LAKE: `s3://${data.lake.bucketName}/${config.lake.prefix}`,
      MILLCOURSE_SOURCES: `s3://${config.sources[0]!.bucket}/${config.sources[0]!.prefix.replace(/\/$/, '')}`,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      MILLCOURSE_SHUTDOWN_GRACE: `${shutdownGraceSeconds}s`,
      ...ofProcess(name, config),
    },
  }
}

function ofProcess(name: RoleName, { worker, watcher, lake, tableKeyArn }: InfraConfig): Record<string, string> {
  const http = { MILLCOURSE_HTTP_HOST: '0.0.0.0', MILLCOURSE_HTTP_PORT: String(httpPort) }
  const spill = { MILLCOURSE_SPILL_DIR: spillDir, MILLCOURSE_MEMORY_LIMIT: worker.memoryLimit }
  const tableKey: Record<string, string> = tableKeyArn === undefined ? {} : { MILLCOURSE_DYNAMODB_KMS_KEY: tableKeyArn }
  switch (name) {
    case 'worker':
      return {
        ...http,
        ...spill,
        ...tableKey,
        // The task's disk also holds the image and temporary files.
        MILLCOURSE_SPILL_LIMIT: `${worker.spillGiB}GiB`,
        MILLCOURSE_THREADS: String(Math.max(1, Math.floor(worker.cpu / 1024))),
        MILLCOURSE_KEEP_CANDIDATES: `${lake.candidateDays}d`,
        MILLCOURSE_KEEP_QUARANTINE: `${lake.quarantineDays}d`,
      }
    case 'watcher':
      return {
        ...http,
        MILLCOURSE_WATCH_STATE_DIR: watcherDir,
        ...(watcher.webhook === undefined ? {} : { MILLCOURSE_WEBHOOK_URL: watcher.webhook.url }),
        ...(watcher.alerts === undefined ? {} : { MILLCOURSE_ALERT_ROUTES: watcher.alerts.routes }),
        ...(watcher.runbooksUrl === undefined ? {} : { MILLCOURSE_RUNBOOKS_URL: watcher.runbooksUrl }),
      }
    case 'server':
    case 'server-pii':
      return { ...http, MILLCOURSE_SERVER_STATE_DIR: serverDir }
    case 'operator':
    case 'operator-pii':
      // `doctor` compares the tables' keys with it.
      return { ...spill, ...tableKey, MILLCOURSE_ACTOR: name }
    case 'migrate':
    case 'backup':
    case 'restore':
      return { MILLCOURSE_ACTOR: name }
  }
}

/** The watcher only asks whether it answers; the server and what concerns Postgres alone do without. */
function needsTemporal(name: RoleName): boolean {
  return name === 'worker' || name === 'watcher' || name === 'operator' || name === 'operator-pii'
}

export function isServer(name: RoleName): boolean {
  return name === 'server' || name === 'server-pii'
}
