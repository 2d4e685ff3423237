import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import { SecurityGroup, SubnetType, type Vpc } from 'aws-cdk-lib/aws-ec2'
import { type AccessPoint, FileSystem } from 'aws-cdk-lib/aws-efs'
import type { Bucket } from 'aws-cdk-lib/aws-s3'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import { buildBackupBucket, buildLakeBucket } from './buckets.js'
import type { InfraConfig } from './config.js'
import { buildDatabase, type Database } from './database.js'
import { buildNetwork } from './network.js'

export interface WatcherFiles {
  readonly fileSystem: FileSystem
  readonly accessPoint: AccessPoint
  /** Lets nobody in; the services' stack names who may. */
  readonly group: SecurityGroup
}

/** What must survive every deployment: network, files, Postgres, secrets. Changed rarely, and with termination protection. */
export class DataStack extends Stack {
  readonly vpc: Vpc
  readonly lake: Bucket
  readonly backups: Bucket
  readonly database: Database
  readonly apiTokens: Secret
  readonly watcherFiles: WatcherFiles
  private readonly config: InfraConfig

  /** As the config names them; else synthesis would ask the account. */
  override get availabilityZones(): string[] {
    return this.config.availabilityZones
  }

  constructor(scope: Construct, id: string, config: InfraConfig, props: StackProps) {
    super(scope, id, { ...props, terminationProtection: true })
    this.config = config
    this.vpc = buildNetwork(this, config)
    this.lake = buildLakeBucket(this, config)
    this.backups = buildBackupBucket(this, config)
    this.database = buildDatabase(this, this.vpc, config)
    this.apiTokens = new Secret(this, 'ApiTokens', {
      description: 'MILLCOURSE_API_TOKENS of the server; put more in, comma-separated, to rotate them',
      generateSecretString: { passwordLength: 48, excludePunctuation: true },
    })
    this.watcherFiles = buildWatcherFiles(this, this.vpc)
  }
}

/** The watcher keeps its calendar and its unsent alerts on disk, for the hour when Postgres is gone; a task's own disk goes with the task. */
function buildWatcherFiles(scope: Construct, vpc: Vpc): WatcherFiles {
  const group = new SecurityGroup(scope, 'WatcherFilesGroup', { vpc, allowAllOutbound: false })
  const fileSystem = new FileSystem(scope, 'WatcherFiles', {
    vpc,
    vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
    securityGroup: group,
    encrypted: true,
    removalPolicy: RemovalPolicy.RETAIN,
  })
  // The user `node` of the image.
  const owner = { uid: '1000', gid: '1000' }
  const accessPoint = fileSystem.addAccessPoint('WatcherState', {
    path: '/watcher',
    posixUser: owner,
    createAcl: { ownerUid: owner.uid, ownerGid: owner.gid, permissions: '750' },
  })
  return { fileSystem, accessPoint, group }
}
