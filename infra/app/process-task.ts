/** One process of the product as a Fargate task: a role of its own, its secrets, its log, no rights in the container. */
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Repository } from 'aws-cdk-lib/aws-ecr'
import {
  ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
  Protocol,
} from 'aws-cdk-lib/aws-ecs'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { InfraConfig } from './config.js'
import type { DataStack } from './data-stack.js'
import { httpPort, processEnvironment, shutdownGraceSeconds, spillDir, stopSlackSeconds } from './environment.js'
import { type RoleName, roleStatements } from './process-roles.js'
import { tableKeyStatements } from './table-key.js'

export interface ProcessTaskProps {
  readonly name: RoleName
  readonly command: readonly string[]
  readonly cpu: number
  readonly memoryMiB: number
  readonly spillGiB?: number
  /** Listens, and is asked whether it lives. */
  readonly isService: boolean
}

export class ProcessTask extends Construct {
  readonly task: FargateTaskDefinition
  readonly log: LogGroup

  constructor(scope: Construct, config: InfraConfig, data: DataStack, props: ProcessTaskProps) {
    super(scope, `task-${props.name}`)
    const stack = Stack.of(this)
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') })
    const places = {
      partition: stack.partition,
      lakeBucketArn: data.lake.bucketArn,
      backupBucketArn: data.backups.bucketArn,
    }
    for (const statement of [
      ...roleStatements(props.name, config, places),
      ...tableKeyStatements(props.name, config, stack.urlSuffix),
    ])
      role.addToPolicy(statement)
    this.log = new LogGroup(this, 'Log', { retention: config.logDays, removalPolicy: RemovalPolicy.DESTROY })
    this.task = new FargateTaskDefinition(this, 'Definition', {
      family: `millcourse-${config.project}-${props.name}`,
      taskRole: role,
      cpu: props.cpu,
      memoryLimitMiB: props.memoryMiB,
      ...(props.spillGiB === undefined ? {} : { ephemeralStorageGiB: props.spillGiB + systemGiB }),
      runtimePlatform: {
        operatingSystemFamily: OperatingSystemFamily.LINUX,
        cpuArchitecture: CpuArchitecture.of(config.image.architecture),
      },
    })
    this.addContainer(config, data, props)
  }

  private addContainer(config: InfraConfig, data: DataStack, props: ProcessTaskProps): void {
    const { repositoryArn, tag } = config.image
    const repositoryName = repositoryArn.split(':repository/')[1]!
    const repository = Repository.fromRepositoryAttributes(this, 'Images', { repositoryArn, repositoryName })
    const container = this.task.addContainer('millcourse', {
      image: ContainerImage.fromEcrRepository(repository, tag),
      command: [...props.command],
      ...processEnvironment(this, props.name, config, data),
      user: 'node',
      readonlyRootFilesystem: true,
      stopTimeout: Duration.seconds(shutdownGraceSeconds + stopSlackSeconds),
      logging: LogDrivers.awsLogs({ logGroup: this.log, streamPrefix: props.name }),
      ...(props.isService ? { portMappings: [{ containerPort: httpPort, protocol: Protocol.TCP }], healthCheck } : {}),
    })
    for (const [name, path] of Object.entries(writable)) {
      this.task.addVolume({ name })
      container.addMountPoints({ sourceVolume: name, containerPath: path, readOnly: false })
    }
  }
}

/** Beside the spilled data: image layers and temporary files. */
const systemGiB = 20

/** The root is read only; these are the task's own disk, owned by the image's user (VOLUME in the Dockerfile). */
const writable = { spill: spillDir, tmp: '/tmp' }

/** Alive, not ready: a process that waits for Postgres is not helped by being killed. */
const healthCheck = {
  command: [
    'CMD',
    'node',
    '-e',
    `fetch('http://127.0.0.1:${httpPort}/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`,
  ],
  interval: Duration.seconds(15),
  timeout: Duration.seconds(5),
  retries: 4,
  startPeriod: Duration.seconds(60),
}
