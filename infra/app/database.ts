import { Duration, Fn, RemovalPolicy, SecretValue } from 'aws-cdk-lib'
import { InstanceType, SecurityGroup, SubnetType, type Vpc } from 'aws-cdk-lib/aws-ec2'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import {
  Credentials,
  DatabaseInstance,
  DatabaseInstanceEngine,
  ParameterGroup,
  PostgresEngineVersion,
  StorageType,
} from 'aws-cdk-lib/aws-rds'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import type { InfraConfig } from './config.js'

export interface Database {
  readonly instance: DatabaseInstance
  /** Lets nobody in; the services' stack names who may. */
  readonly group: SecurityGroup
  /** Its whole value is MILLCOURSE_POSTGRES_URL. */
  readonly url: Secret
}

const user = 'millcourse'
const database = 'millcourse'
/** In the image (Dockerfile): Amazon's certificate authorities, so that the server's name is verified. */
const authorities = '/etc/ssl/certs/rds-global-bundle.pem'

/** Registry and ledger. Small, written all day, and all that is not in the lake: so it is kept, doubled and backed up. */
export function buildDatabase(scope: Construct, vpc: Vpc, config: InfraConfig): Database {
  const { postgres, logDays } = config
  const engine = DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_18 })
  const group = new SecurityGroup(scope, 'PostgresGroup', { vpc, allowAllOutbound: false, description: 'Postgres' })
  const name = `millcourse-${config.project.replaceAll('_', '-')}`
  const logs = ['postgresql', 'upgrade']
  const logGroups = logs.map(
    (log) =>
      new LogGroup(scope, `PostgresLog-${log}`, {
        logGroupName: `/aws/rds/instance/${name}/${log}`,
        retention: logDays,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
  )
  const instance = new DatabaseInstance(scope, 'Postgres', {
    engine,
    instanceIdentifier: name,
    databaseName: database,
    instanceType: new InstanceType(postgres.instanceType),
    vpc,
    vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
    securityGroups: [group],
    credentials: Credentials.fromGeneratedSecret(user, { excludeCharacters: notInUrls }),
    allocatedStorage: postgres.storageGiB,
    maxAllocatedStorage: postgres.storageMaxGiB,
    storageType: StorageType.GP3,
    storageEncrypted: true,
    multiAz: postgres.isMultiAz,
    backupRetention: Duration.days(postgres.backupDays),
    deleteAutomatedBackups: false,
    copyTagsToSnapshot: true,
    deletionProtection: true,
    removalPolicy: RemovalPolicy.SNAPSHOT,
    autoMinorVersionUpgrade: true,
    // For people with psql; the processes have the password.
    iamAuthentication: true,
    cloudwatchLogsExports: logs,
    parameterGroup: new ParameterGroup(scope, 'PostgresParameters', {
      engine,
      parameters: { 'rds.force_ssl': '1', log_min_duration_statement: '5000' },
    }),
  })
  // Postgres would make them itself, kept for ever.
  instance.node.addDependency(...logGroups)
  return { instance, group, url: buildUrlSecret(scope, instance) }
}

/** The password is a reference that CloudFormation resolves: it is in no template. After a rotation deploy again. */
function buildUrlSecret(scope: Construct, instance: DatabaseInstance): Secret {
  const password = instance.secret!.secretValueFromJson('password').unsafeUnwrap()
  const server = `${instance.dbInstanceEndpointAddress}:${instance.dbInstanceEndpointPort}/${database}`
  return new Secret(scope, 'PostgresUrl', {
    description: 'MILLCOURSE_POSTGRES_URL',
    secretStringValue: SecretValue.unsafePlainText(
      Fn.join('', [`postgresql://${user}:`, password, '@', server, `?sslmode=verify-full&sslrootcert=${authorities}`]),
    ),
  })
}

/** All that has a meaning in a URL. */
const notInUrls = ' !"#$%&\'()*+,/:;<=>?@[\\]^`{|}~'
