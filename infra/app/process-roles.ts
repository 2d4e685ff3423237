/**
 * What each process may do, as statements. Least: a process that does not write has no right to. Views with personal data are closed
 * twice, by the names in the config and by the tag `pii` that their tables carry, so that a new one is closed before anybody edits this.
 */
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { InfraConfig } from './config.js'

export type RoleName =
  | 'worker'
  | 'watcher'
  | 'server'
  | 'server-pii'
  | 'operator'
  | 'operator-pii'
  | 'migrate'
  | 'backup'
  | 'restore'

export interface Places {
  readonly partition: string
  readonly lakeBucketArn: string
  readonly backupBucketArn: string
}

type Config = Pick<InfraConfig, 'account' | 'region' | 'project' | 'lake' | 'sources' | 'piiViews' | 'watcher'>

export function roleStatements(name: RoleName, config: Config, places: Places): PolicyStatement[] {
  switch (name) {
    case 'worker':
      return [...readSources(config, places), ...workInLake(config, places), ...writeTables(config, places)]
    case 'server':
      return [readTables(config, places), ...closePii(config, places)]
    case 'server-pii':
      return [readTables(config, places)]
    case 'operator':
      return [...operate(config, places), ...closePii(config, places), closePiiFiles(config, places)]
    case 'operator-pii':
      return operate(config, places)
    case 'restore':
      return restore(config, places)
    case 'backup':
      return [
        allow('ListBackups', ['s3:ListBucket'], [places.backupBucketArn]),
        // Never deletes, and never overwrites: the product writes each object only where there is none.
        allow(
          'WriteBackups',
          ['s3:PutObject', 's3:GetObject', 's3:AbortMultipartUpload'],
          [`${places.backupBucketArn}/*`],
        ),
      ]
    case 'watcher': {
      // Postgres, Temporal and most channels by their secrets.
      const topics = config.watcher.alerts?.topicArns ?? []
      return topics.length === 0 ? [] : [allow('TellTopics', ['sns:Publish'], topics)]
    }
    case 'migrate':
      // Postgres only, by its secret.
      return []
  }
}

const lakeFolders = ['candidates', 'rows', 'tiles', 'compacted', 'published', 'quarantine', 'training-sets'] as const

/** Each view version is a table of its own name (core/publish/online-table-name.ts). */
export function tableArn({ account, region, project }: Config, { partition }: Places, view: string): string {
  return `arn:${partition}:dynamodb:${region}:${account}:table/millcourse.${project}.${view}`
}

function readSources({ sources }: Config, { partition }: Places): PolicyStatement[] {
  return sources.flatMap(({ bucket, prefix }, index) => [
    allow(`ListSource${index}`, ['s3:ListBucket'], [`arn:${partition}:s3:::${bucket}`], {
      StringLike: { 's3:prefix': [`${prefix}*`] },
    }),
    allow(`ReadSource${index}`, ['s3:GetObject'], [`arn:${partition}:s3:::${bucket}/${prefix}*`]),
  ])
}

function listLake({ lake }: Config, { lakeBucketArn }: Places): PolicyStatement {
  return allow('ListLake', ['s3:ListBucket'], [lakeBucketArn], { StringLike: { 's3:prefix': [`${lake.prefix}/*`] } })
}

function workInLake(config: Config, places: Places): PolicyStatement[] {
  return [
    listLake(config, places),
    allow(
      'WorkInLake',
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      lakeFolders.map((folder) => `${places.lakeBucketArn}/${config.lake.prefix}/${folder}/*`),
    ),
  ]
}

const readActions = ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:BatchGetItem']

/**
 * Without conditions only into tables of first loads, and only those are deleted: ones that were given up (R36; that one which counts
 * bears such a name, too, no policy can tell). A retired version's table is dropped by a person.
 */
function writeTables(config: Config, places: Places): PolicyStatement[] {
  return [
    allow(
      'WriteTables',
      [
        ...readActions,
        'dynamodb:Scan',
        'dynamodb:PutItem',
        'dynamodb:PartiQLInsert',
        'dynamodb:PartiQLUpdate',
        'dynamodb:CreateTable',
        'dynamodb:TagResource',
        'dynamodb:ListTagsOfResource',
        'dynamodb:DescribeTimeToLive',
        'dynamodb:UpdateTimeToLive',
        'dynamodb:DescribeContinuousBackups',
        'dynamodb:UpdateContinuousBackups',
      ],
      [tableArn(config, places, '*')],
    ),
    allow('LoadTables', ['dynamodb:BatchWriteItem', 'dynamodb:DeleteTable'], [tableArn(config, places, '*.v*.s*')]),
  ]
}

function readTables(config: Config, places: Places): PolicyStatement {
  return allow('ReadTables', readActions, [tableArn(config, places, '*')])
}

/** A denial wins over every grant, also over one that is added to the role by hand. */
function closePii(config: Config, places: Places): PolicyStatement[] {
  const actions = [
    'dynamodb:GetItem',
    'dynamodb:BatchGetItem',
    'dynamodb:Query',
    'dynamodb:Scan',
    'dynamodb:PartiQLSelect',
  ]
  const byTag = new PolicyStatement({
    sid: 'ClosePiiByTag',
    effect: Effect.DENY,
    actions,
    resources: [tableArn(config, places, '*')],
    conditions: { StringEquals: { 'aws:ResourceTag/pii': 'true' } },
  })
  if (config.piiViews.length === 0) return [byTag]
  const byName = new PolicyStatement({
    sid: 'ClosePiiByName',
    effect: Effect.DENY,
    actions,
    resources: config.piiViews.map((view) => tableArn(config, places, `${view}.v*`)),
  })
  return [byName, byTag]
}

/** By view; candidates and rejected rows lie by run, whatever their view, and are for those who may see everything. */
const foldersByView = ['rows', 'tiles', 'compacted', 'published'] as const

function operate(config: Config, places: Places): PolicyStatement[] {
  const inLake = (path: string) => `${places.lakeBucketArn}/${config.lake.prefix}/${path}`
  return [
    listLake(config, places),
    allow(
      'ReadLake',
      ['s3:GetObject'],
      [...foldersByView, 'training-sets'].map((folder) => inLake(`${folder}/*`)),
    ),
    // A training set is a draft until it is whole: it is copied to its name, then the draft goes.
    allow(
      'WriteTrainingSets',
      ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      [inLake('training-sets/*')],
    ),
    readTables(config, places),
    // `doctor` looks whether tables are as they are made.
    allow(
      'SeeTableSettings',
      ['dynamodb:DescribeTimeToLive', 'dynamodb:DescribeContinuousBackups'],
      [tableArn(config, places, '*')],
    ),
    // These two know no resource: they are about the account.
    allow('SeeLimits', ['dynamodb:DescribeLimits', 'dynamodb:ListTables'], ['*']),
  ]
}

/** Training sets with personal data go to a folder of their own: `--out …/training-sets/pii/…`. */
function closePiiFiles({ lake, piiViews }: Config, { lakeBucketArn }: Places): PolicyStatement {
  const folders = piiViews.flatMap((view) => foldersByView.map((folder) => `${folder}/${view}`))
  return new PolicyStatement({
    sid: 'ClosePiiFiles',
    effect: Effect.DENY,
    actions: ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject', 's3:DeleteObject'],
    resources: [...folders, 'training-sets/pii'].map((folder) => `${lakeBucketArn}/${lake.prefix}/${folder}/*`),
  })
}

/** `millcourse restore`: lists the lake, and reads what is online to lift the ledger above it (R36). */
function restore(config: Config, places: Places): PolicyStatement[] {
  return [
    allow('ReadBackups', ['s3:ListBucket', 's3:GetObject'], [places.backupBucketArn, `${places.backupBucketArn}/*`]),
    listLake(config, places),
    allow(
      'ScanTables',
      ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Scan'],
      [tableArn(config, places, '*')],
    ),
    // A version first loaded after the backup has a table whose name the backup does not hold. It knows no resource.
    allow('FindTables', ['dynamodb:ListTables'], ['*']),
  ]
}

function allow(
  sid: string,
  actions: readonly string[],
  resources: readonly string[],
  conditions?: Record<string, Record<string, readonly string[]>>,
): PolicyStatement {
  return new PolicyStatement({
    sid,
    actions: [...actions],
    resources: [...resources],
    ...(conditions === undefined ? {} : { conditions }),
  })
}
