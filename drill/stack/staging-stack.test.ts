import { afterEach, expect, test } from 'vitest'
import { readConfig } from '../../workers/config.js'
import { NotPossibleHere } from '../until.js'
import type { BreakablePart, DrillStack, PartName } from './drill-stack.js'
import { openStagingStack, stackEnvironment } from './staging-stack.js'

const plain = {
  MILLCOURSE_POSTGRES_URL: 'postgresql://who:secret@db.staging:6543/millcourse?sslmode=require',
  MILLCOURSE_LAKE: 's3://bucket/prefix',
  MILLCOURSE_S3_ENDPOINT: 'http://minio.staging:9000',
  MILLCOURSE_DYNAMODB_ENDPOINT: 'http://dynamo.staging:8000/dynamodb',
  TEMPORAL_ADDRESS: 'temporal.staging:7233',
}

const opened: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const { stop } of opened.splice(0).reverse()) await stop()
})

async function breakable(part: PartName, given: Readonly<Record<string, string | undefined>>): Promise<BreakablePart> {
  const environment = { ...plain, ...given }
  const stack: DrillStack = await openStagingStack(readConfig(environment), environment)
  opened.push(stack)
  const found = await stack.breakable(part, stack.dir)
  opened.push(found)
  return found
}

test.each([
  ['dynamodb', { MILLCOURSE_DYNAMODB_ENDPOINT: undefined }, "AWS's own"],
  ['dynamodb', { MILLCOURSE_DYNAMODB_ENDPOINT: 'https://dynamo.staging' }, 'TLS'],
  ['s3', { MILLCOURSE_S3_ENDPOINT: undefined }, "AWS's own"],
  ['s3', { MILLCOURSE_S3_ENDPOINT: 'https://minio.staging' }, 'TLS'],
  ['s3', { MILLCOURSE_S3_PATH_STYLE: 'false' }, 'host name for each bucket'],
  ['s3', { MILLCOURSE_LAKE: '/lake' }, 'a folder'],
  ['postgres', { MILLCOURSE_POSTGRES_URL: 'postgresql://u@db/d?sslmode=verify-full' }, 'verify-full'],
] as const)('%s with %j cannot be broken, and why is said', async (part, given, why) => {
  const refused = breakable(part, given)
  await expect(refused).rejects.toBeInstanceOf(NotPossibleHere)
  await expect(refused).rejects.toThrow(why)
})

const here = String.raw`127\.0\.0\.1:\d+`

test.each([
  ['dynamodb', {}, { MILLCOURSE_DYNAMODB_ENDPOINT: `^http://${here}/dynamodb$` }],
  ['s3', {}, { MILLCOURSE_S3_ENDPOINT: `^http://${here}/$` }],
  [
    'postgres',
    {},
    { MILLCOURSE_POSTGRES_URL: String.raw`^postgresql://who:secret@${here}/millcourse\?sslmode=require$` },
  ],
  ['temporal', {}, { TEMPORAL_ADDRESS: `^${here}$` }],
  [
    'temporal',
    { TEMPORAL_TLS: 'true' },
    { TEMPORAL_ADDRESS: `^${here}$`, TEMPORAL_TLS_SERVER_NAME: String.raw`^temporal\.staging$` },
  ],
] as const)('%s with %j is reached through a proxy of the drill', async (part, given, expected) => {
  const { environment } = await breakable(part, given)
  expect(environment).toEqual(
    Object.fromEntries(Object.entries(expected).map(([name, text]) => [name, expect.stringMatching(text)])),
  )
})

test('of the environment drills keep the way to the stack, and nothing of how its own processes work', () => {
  const way = { ...plain, MILLCOURSE_ENVIRONMENT: 'staging', AWS_PROFILE: 'staging', TEMPORAL_NAMESPACE: 'team' }
  const others = {
    MILLCOURSE_ALERT_ROUTES_FILE: '/etc/alerts.yaml',
    MILLCOURSE_HEARTBEAT_URL: 'https://on.call',
    MILLCOURSE_HTTP_PORT: '9464',
    MILLCOURSE_DEPLOYMENT: 'features',
    MILLCOURSE_BUILD_ID: 'b7',
    MILLCOURSE_LOG_LEVEL: 'silent',
    MILLCOURSE_TASK_QUEUE: 'theirs',
  }
  const { MILLCOURSE_LAKE: _, ...kept } = way
  expect(stackEnvironment({ ...way, ...others, MILLCOURSE_S3_REGION: '' })).toEqual(kept)
})
