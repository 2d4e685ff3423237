import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lakeProbe, tableProbe } from '../../cli/doctor/probes.js'
import { committedPath } from '../../core/publish/lake-paths.js'
import { firstLoadTableName, onlineTableName } from '../../core/publish/online-table-name.js'
import { allStatements, isAllowed, list, taskStatements } from './policies.js'
import { synthesise, synthesisedExample } from './synthesised.js'

const { config } = synthesisedExample()
const processes = [
  'worker',
  'watcher',
  'server',
  'server-pii',
  'operator',
  'operator-pii',
  'migrate',
  'backup',
  'restore',
]
const may = (process: string, action: string, resource: string, context?: Record<string, string>) =>
  isAllowed(taskStatements(synthesisedExample(), process), { action, resource, ...(context ? { context } : {}) })
const whoMay = (action: string, resource: string, context?: Record<string, string>) =>
  processes.filter((process) => may(process, action, resource, context))

const table = (view: string, project = config.project) =>
  `arn:aws:dynamodb:${config.region}:${config.account}:table/${onlineTableName(project, view, 3)}`
const firstLoad = (view: string) => firstLoadTableName(onlineTableName(config.project, view, 3), 41n)!
const open = table('airport_delays')
const pii = table('passenger_profile')
const lakeBucket = synthesisedExample()
  .ofType('AWS::S3::Bucket')
  .find(({ id }) => id.startsWith('Lake'))!.id
const inLake = (path: string) => `arn:aws:s3:::\${${lakeBucket}}/${config.lake.prefix}/${path}`
const rowsOf = (name: string) => inLake(committedPath({ name, version: 3, viewKind: 'lookup' }, 0n, 'run'))

/** What AWS gives no resource for. */
const withoutResource: Readonly<Record<string, string>> = {
  'ecr:GetAuthorizationToken': 'the token is the registry’s, not a repository’s',
  'dynamodb:DescribeLimits': 'limits are the account’s',
  'dynamodb:ListTables': 'a list of all tables',
}

test('no statement allows an action, or names a resource, by a bare wildcard; exceptions have their reason', () => {
  const found = allStatements(synthesisedExample())
    .filter(({ statement }) => statement.Effect === 'Allow' && statement.Resource !== undefined)
    .flatMap(({ where, statement }) => {
      const actions = list(statement.Action)
      const isEverything = list(statement.Resource).some(
        (resource) => resource === '*' || /^arn:aws:[a-z0-9]+:[^/]*\*$/.test(resource),
      )
      const unexplained = isEverything ? actions.filter((action) => !(action in withoutResource)) : []
      return [...actions.filter((action) => action.includes('*')), ...unexplained].map(
        (action) => `${where.id}: ${action}`,
      )
    })
  expect(found).toEqual([])
})

test('the walk sees every kind of policy there is', () => {
  const types = new Set(allStatements(synthesisedExample()).map(({ where }) => where.type))
  expect([...types].sort()).toEqual([
    'AWS::IAM::Policy',
    'AWS::IAM::Role',
    'AWS::S3::BucketPolicy',
    'AWS::SNS::TopicPolicy',
  ])
})

test('no role is open to another account or to people', () => {
  const principals = allStatements(synthesisedExample())
    .filter(({ where }) => where.type === 'AWS::IAM::Role')
    .map(({ statement }) => JSON.stringify(statement.Principal))
  expect([...new Set(principals)].sort()).toEqual([
    '{"Service":"ecs-tasks.amazonaws.com"}',
    '{"Service":"scheduler.amazonaws.com"}',
  ])
})

describe('the online store', () => {
  test('only the worker writes', () => {
    for (const action of ['PutItem', 'PartiQLUpdate', 'PartiQLInsert', 'CreateTable', 'UpdateTimeToLive'])
      expect(whoMay(`dynamodb:${action}`, open), action).toEqual(['worker'])
  })
  test('nobody deletes, or writes without conditions, but the worker in tables of first loads', () => {
    for (const action of ['DeleteTable', 'DeleteItem', 'PartiQLDelete', 'BatchWriteItem'])
      expect(whoMay(`dynamodb:${action}`, open), action).toEqual([])
    const own = open.replace(onlineTableName(config.project, 'airport_delays', 3), firstLoad('airport_delays'))
    expect(own).toMatch(/v3[.]s41$/)
    for (const action of ['DeleteTable', 'BatchWriteItem', 'PutItem', 'PartiQLUpdate', 'CreateTable', 'GetItem'])
      expect(whoMay(`dynamodb:${action}`, own), action).toContain('worker')
    expect(whoMay('dynamodb:DeleteTable', own)).toEqual(['worker'])
    expect(whoMay('dynamodb:DeleteItem', own)).toEqual([])
    expect(whoMay('dynamodb:GetItem', own).toSorted()).toEqual(whoMay('dynamodb:GetItem', open).toSorted())
    const closed = table('passenger_profile').replace(/[^/]+$/, firstLoad('passenger_profile'))
    expect(whoMay('dynamodb:GetItem', closed)).toEqual(whoMay('dynamodb:GetItem', pii))
    // The same view of another project.
    expect(whoMay('dynamodb:DeleteTable', own.replace(`.${config.project}.`, '.other.'))).toEqual([])
  })
  test('a table with personal data is read by those made for it, whether the config names the view or only its tag does', () => {
    const readers = ['worker', 'server-pii', 'operator-pii', 'restore']
    expect(whoMay('dynamodb:GetItem', open).toSorted()).toEqual([...readers, 'server', 'operator'].toSorted())
    expect(whoMay('dynamodb:GetItem', pii).toSorted()).toEqual(readers.toSorted())
    expect(whoMay('dynamodb:GetItem', open, { 'aws:ResourceTag/pii': 'true' }).toSorted()).toEqual(readers.toSorted())
    expect(may('server', 'dynamodb:GetItem', open, { 'aws:ResourceTag/pii': 'false' })).toBe(true)
  })
  test('a view whose name begins like one with personal data is not closed', () => {
    expect(may('server', 'dynamodb:BatchGetItem', table('passenger_profile_count'))).toBe(true)
  })
  test('another project of the account is out of reach', () => {
    for (const project of ['flights2', 'other'])
      expect(whoMay('dynamodb:GetItem', table('airport_delays', project))).toEqual([])
  })
  test('the worker may do all that the adapter asks of DynamoDB; what it may not is named here', () => {
    const elsewhere: Readonly<Record<string, string>> = {
      DeleteTable: 'only what was made for a first load; a person drops a retired table',
      BatchWriteItem: 'only first loads',
      DescribeLimits: 'plan',
      ListTables: 'plan and restore',
    }
    const needed = commandsIn('dynamodb').filter((command) => !(command in elsewhere))
    expect(needed).toContain('PutItem')
    const denied = needed
      .flatMap((command) => actionsOf[command] ?? [`dynamodb:${command}`])
      .filter((action) => !may('worker', action, open))
    expect(denied).toEqual([])
    expect(whoMay('dynamodb:DescribeLimits', 'any')).toEqual(['operator', 'operator-pii'])
    expect(whoMay('dynamodb:ListTables', 'any')).toEqual(['operator', 'operator-pii', 'restore'])
  })
})

test.each(['operator', 'operator-pii'])('`doctor` under the role of the %s is refused nothing', (process) => {
  const probe = table('doctor').replace(onlineTableName(config.project, 'doctor', 3), tableProbe(config.project))
  expect(may(process, 'dynamodb:DescribeTable', probe)).toBe(true)
  for (const [name, context] of [
    [open, {}],
    [pii, { 'aws:ResourceTag/pii': 'true' }],
  ] as const)
    for (const action of ['DescribeTable', 'DescribeTimeToLive', 'DescribeContinuousBackups'])
      expect(may(process, `dynamodb:${action}`, name, context), action).toBe(true)
  for (const action of ['ListTables', 'DescribeLimits']) expect(may(process, `dynamodb:${action}`, 'any')).toBe(true)
  for (const action of ['GetObject', 'PutObject', 'DeleteObject'])
    expect(may(process, `s3:${action}`, inLake(lakeProbe(1, 2n))), action).toBe(true)
})

describe('a KMS key of one’s own', () => {
  const key = 'arn:aws:kms:eu-central-1:111122223333:key/12345678-1234'
  const synthesised = synthesise({ ...config, tableKeyArn: key })
  const via = { 'kms:ViaService': 'dynamodb.eu-central-1.amazonaws.com' }
  const whoUses = (action: string, context: Record<string, string>, resource = key) =>
    processes.filter((process) => isAllowed(taskStatements(synthesised, process), { action, resource, context }))

  test('all who read items decrypt, those who make tables use the whole of it', () => {
    const readers = processes.filter((process) => may(process, 'dynamodb:GetItem', open))
    expect(readers).toContain('restore')
    for (const action of ['Decrypt', 'DescribeKey']) expect(whoUses(`kms:${action}`, via)).toEqual(readers)
    const makers = processes.filter((process) => may(process, 'dynamodb:CreateTable', open))
    for (const action of ['Encrypt', 'ReEncryptFrom', 'ReEncryptTo', 'GenerateDataKey'])
      expect(whoUses(`kms:${action}`, via), action).toEqual(makers)
    expect(whoUses('kms:CreateGrant', { ...via, 'kms:GrantIsForAWSResource': 'true' })).toEqual(makers)
  })
  test('only by way of DynamoDB, only this key, and no grant to anybody but AWS', () => {
    const elsewhere = { 'kms:ViaService': 's3.eu-central-1.amazonaws.com', 'kms:GrantIsForAWSResource': 'true' }
    for (const context of [{}, elsewhere])
      for (const action of ['Decrypt', 'Encrypt', 'CreateGrant'])
        expect(whoUses(`kms:${action}`, context), action).toEqual([])
    expect(whoUses('kms:CreateGrant', { ...via, 'kms:GrantIsForAWSResource': 'false' })).toEqual([])
    expect(whoUses('kms:Decrypt', via, `${key}9`)).toEqual([])
  })
  test('nobody deletes, disables or edits it', () => {
    for (const action of ['ScheduleKeyDeletion', 'DisableKey', 'PutKeyPolicy', 'RetireGrant', 'RevokeGrant'])
      expect(whoUses(`kms:${action}`, via), action).toEqual([])
  })
  test('those who make tables, and `doctor`, are told it; without one nobody is', () => {
    const told = (of: typeof synthesised) =>
      of
        .ofType('AWS::ECS::TaskDefinition')
        .filter(({ properties }) =>
          (
            properties.ContainerDefinitions as { Environment: { Name: string; Value: string }[] }[]
          )[0]!.Environment.some(({ Name, Value }) => Name === 'MILLCOURSE_DYNAMODB_KMS_KEY' && Value === key),
        )
        .map(({ properties }) => String(properties.Family).replace('millcourse-flights-', ''))
    expect(told(synthesised).toSorted()).toEqual(['operator', 'operator-pii', 'worker'])
    expect(told(synthesisedExample())).toEqual([])
    expect(processes.filter((process) => may(process, 'kms:Decrypt', key, via))).toEqual([])
  })
})

describe('the lake', () => {
  test('only the worker writes and deletes; training sets are an operator’s', () => {
    expect(whoMay('s3:PutObject', rowsOf('airport_delays'))).toEqual(['worker'])
    expect(whoMay('s3:DeleteObject', rowsOf('airport_delays'))).toEqual(['worker'])
    expect(whoMay('s3:PutObject', inLake('compacted/airport_delays/v1/7/0-of-1.parquet'))).toEqual(['worker'])
    for (const action of ['s3:PutObject', 's3:DeleteObject']) {
      expect(whoMay(action, inLake('training-sets/a/b.parquet'))).toEqual(['worker', 'operator', 'operator-pii'])
      expect(whoMay(action, inLake('training-sets/pii/b.parquet'))).toEqual(['worker', 'operator-pii'])
    }
  })
  test('personal data: an operator reads neither the view’s files nor its training sets, nor what lies there by run', () => {
    const compacted = inLake('compacted/passenger_profile/v1/7/0-of-1.parquet')
    for (const resource of [rowsOf('passenger_profile'), compacted, inLake('training-sets/pii/x.parquet')])
      expect(whoMay('s3:GetObject', resource)).toEqual(['worker', 'operator-pii'])
    for (const folder of ['candidates', 'quarantine'])
      expect(whoMay('s3:GetObject', inLake(`${folder}/run/x.parquet`))).toEqual(['worker'])
    expect(may('operator', 's3:GetObject', rowsOf('airport_delays'))).toBe(true)
  })
  test('nothing outside the prefix, and no listing of it', () => {
    expect(whoMay('s3:GetObject', `arn:aws:s3:::\${${lakeBucket}}/other/rows/x`)).toEqual([])
    expect(whoMay('s3:ListBucket', `arn:aws:s3:::\${${lakeBucket}}`, { 's3:prefix': 'other/' })).toEqual([])
    expect(
      may('worker', 's3:ListBucket', `arn:aws:s3:::\${${lakeBucket}}`, { 's3:prefix': `${config.lake.prefix}/rows/` }),
    ).toBe(true)
  })
  test.each([
    ['worker', rowsOf('airport_delays')],
    ['operator', inLake('training-sets/flights/2001.parquet')],
    ['operator-pii', inLake('training-sets/pii/2001.parquet')],
  ])('the %s may do all that the adapter asks of S3 where it writes', (process, file) => {
    const needed = commandsIn('s3').flatMap((command) => actionsOf[command] ?? [`s3:${command}`])
    expect(needed).toContain('s3:DeleteObject')
    expect(needed.filter((action) => action !== 's3:ListBucket' && !may(process, action, file))).toEqual([])
    const below = { 's3:prefix': file.split('/').slice(1).join('/') }
    expect(may(process, 's3:ListBucket', `arn:aws:s3:::\${${lakeBucket}}`, below)).toBe(true)
  })
})

test('sources are read by the worker, and written by nobody', () => {
  const file = 'arn:aws:s3:::example-events/flights/date=2001-01-01/part-0.parquet'
  expect(whoMay('s3:GetObject', file)).toEqual(['worker'])
  expect(whoMay('s3:PutObject', file)).toEqual([])
  expect(whoMay('s3:GetObject', 'arn:aws:s3:::example-events/others/x.parquet')).toEqual([])
})

test('backups are written by the backup, read by the restore, and deleted by nobody', () => {
  const bucket = synthesisedExample()
    .ofType('AWS::S3::Bucket')
    .find(({ id }) => id.startsWith('Backups'))!.id
  const file = `arn:aws:s3:::\${${bucket}}/flights/x/manifest.json`
  expect(whoMay('s3:PutObject', file)).toEqual(['backup'])
  expect(whoMay('s3:DeleteObject', file)).toEqual([])
  expect(whoMay('s3:GetObject', file)).toEqual(['backup', 'restore'])
})

test('migrate has its secret only, the watcher its topics, too', () => {
  expect(taskStatements(synthesisedExample(), 'migrate')).toEqual([])
  expect(taskStatements(synthesisedExample(), 'watcher').map(({ Sid }) => Sid)).toEqual(['TellTopics', 'MountState'])
  const [topic] = config.watcher.alerts!.topicArns
  expect(whoMay('sns:Publish', topic!)).toEqual(['watcher'])
  expect(whoMay('sns:Publish', `${topic}-of-others`)).toEqual([])
})

test('each process is given its own secrets and no other', () => {
  const given = synthesisedExample()
    .ofType('AWS::ECS::TaskDefinition')
    .map(({ properties }) => {
      const [container] = properties.ContainerDefinitions as { Secrets: { Name: string }[] }[]
      return [
        String(properties.Family).replace('millcourse-flights-', ''),
        container!.Secrets.map(({ Name }) => Name).sort(),
      ]
    })
  const url = 'MILLCOURSE_POSTGRES_URL'
  expect(Object.fromEntries(given)).toEqual({
    worker: [url, 'TEMPORAL_API_KEY'],
    watcher: [url, 'FLIGHTS_SLACK_URL', 'MILLCOURSE_HEARTBEAT_URL', 'ONCALL_PAGERDUTY_KEY', 'TEMPORAL_API_KEY'].sort(),
    server: ['MILLCOURSE_API_TOKENS', url],
    'server-pii': ['MILLCOURSE_API_TOKENS', url],
    operator: [url, 'TEMPORAL_API_KEY'],
    'operator-pii': [url, 'TEMPORAL_API_KEY'],
    migrate: [url],
    backup: [url],
    restore: [url],
  })
})

/** The SDK's commands that an adapter names, as the API's names. */
function commandsIn(adapter: string): string[] {
  const folder = new URL(`../../adapters/${adapter}/`, import.meta.url)
  const text = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n')
  const named = [...text.matchAll(/\b([A-Z]\w+)Command\b/g)].map((match) => match[1]!)
  const paged = [...text.matchAll(/\bpaginate([A-Z]\w+)\b/g)].map((match) => match[1]!)
  return [...new Set([...named, ...paged])]
}

/** Where an API call is not allowed by an action of its own name. */
const actionsOf: Readonly<Record<string, readonly string[]>> = {
  BatchExecuteStatement: ['dynamodb:PartiQLInsert', 'dynamodb:PartiQLUpdate'],
  ExecuteStatement: ['dynamodb:PartiQLInsert', 'dynamodb:PartiQLUpdate'],
  ListObjectsV2: ['s3:ListBucket'],
  HeadBucket: ['s3:ListBucket'],
  HeadObject: ['s3:GetObject'],
  GetObject: ['s3:GetObject'],
  CopyObject: ['s3:GetObject', 's3:PutObject'],
  CreateMultipartUpload: ['s3:PutObject'],
  UploadPart: ['s3:PutObject'],
  UploadPartCopy: ['s3:GetObject', 's3:PutObject'],
  CompleteMultipartUpload: ['s3:PutObject'],
  DeleteObjects: ['s3:DeleteObject'],
  ListParts: ['s3:ListMultipartUploadParts'],
}
