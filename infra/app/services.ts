/** Worker, watcher and server as ECS services. */
import { Duration } from 'aws-cdk-lib'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import {
  CfnSecurityGroupIngress,
  type IConnectable,
  type ISecurityGroup,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  type Vpc,
} from 'aws-cdk-lib/aws-ec2'
import { type Cluster, FargateService, type FargateServiceProps, PropagatedTagSource } from 'aws-cdk-lib/aws-ecs'
import {
  ApplicationLoadBalancer,
  ApplicationProtocol,
  type ApplicationTargetGroup,
  SslPolicy,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import type { InfraConfig } from './config.js'
import type { DataStack } from './data-stack.js'
import { httpPort, watcherDir } from './environment.js'
import { ProcessTask } from './process-task.js'

export interface RunningService {
  readonly service: FargateService
  readonly process: ProcessTask
}

export interface ServerService extends RunningService {
  readonly balancer: ApplicationLoadBalancer
  readonly targets: ApplicationTargetGroup
}

export interface Place {
  readonly config: InfraConfig
  readonly data: DataStack
  readonly cluster: Cluster
}

/** CPU tells the backlog: DuckDB keeps its threads busy while work waits, and a worker without work takes none. */
const workerCpuPercent = 55
const serverCpuPercent = 60

export function buildWorker(scope: Construct, place: Place): RunningService {
  const { config, data } = place
  const { cpu, memoryMiB, spillGiB, tasks, isSpot } = config.worker
  const process = new ProcessTask(scope, config, data, {
    name: 'worker',
    command: ['worker'],
    cpu,
    memoryMiB,
    spillGiB,
    isService: true,
  })
  const service = runService(scope, 'Worker', place, process, {
    ...(isSpot
      ? {
          capacityProviderStrategies: [
            { capacityProvider: 'FARGATE', base: 1, weight: 0 },
            { capacityProvider: 'FARGATE_SPOT', weight: 1 },
          ],
        }
      : {}),
  })
  service.autoScaleTaskCount({ minCapacity: tasks.min, maxCapacity: tasks.max }).scaleOnCpuUtilization('Cpu', {
    targetUtilizationPercent: workerCpuPercent,
    scaleOutCooldown: Duration.minutes(1),
    // A worker that goes hands its steps to others, which start them again: not for a pause of a minute.
    scaleInCooldown: Duration.minutes(10),
  })
  return { service, process }
}

/** One at a time: two would send every alert twice. Between two there is a minute without one, and the alarm knows it. */
export function buildWatcher(scope: Construct, place: Place): RunningService {
  const { config, data } = place
  const process = new ProcessTask(scope, config, data, {
    name: 'watcher',
    command: ['watcher'],
    ...config.watcher,
    isService: true,
  })
  const { fileSystem, accessPoint, group } = data.watcherFiles
  process.task.addVolume({
    name: 'state',
    efsVolumeConfiguration: {
      fileSystemId: fileSystem.fileSystemId,
      transitEncryption: 'ENABLED',
      authorizationConfig: { accessPointId: accessPoint.accessPointId, iam: 'ENABLED' },
    },
  })
  process.task.defaultContainer!.addMountPoints({ sourceVolume: 'state', containerPath: watcherDir, readOnly: false })
  process.task.addToTaskRolePolicy(
    new PolicyStatement({
      sid: 'MountState',
      actions: ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite'],
      resources: [fileSystem.fileSystemArn],
      conditions: { StringEquals: { 'elasticfilesystem:AccessPointArn': accessPoint.accessPointArn } },
    }),
  )
  const service = runService(scope, 'Watcher', place, process, {
    desiredCount: 1,
    minHealthyPercent: 0,
    maxHealthyPercent: 100,
  })
  admit(scope, 'WatcherToFiles', group, service, 2049)
  return { service, process }
}

/** The read path behind an internal load balancer that speaks TLS. */
export function buildServer(scope: Construct, place: Place, name: 'server' | 'server-pii'): ServerService {
  const { config, data } = place
  const { cpu, memoryMiB, tasks, requestsPerTaskAndMinute } = config.server
  const id = name === 'server' ? 'Server' : 'PiiServer'
  const process = new ProcessTask(scope, config, data, { name, command: ['server'], cpu, memoryMiB, isService: true })
  const service = runService(scope, id, place, process, {
    healthCheckGracePeriod: Duration.seconds(60),
  })
  const { balancer, targets } = buildBalancer(scope, id, config, data.vpc, service)
  const scaling = service.autoScaleTaskCount({ minCapacity: tasks.min, maxCapacity: tasks.max })
  scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: serverCpuPercent })
  scaling.scaleOnRequestCount('Requests', { requestsPerTarget: requestsPerTaskAndMinute, targetGroup: targets })
  return { service, process, balancer, targets }
}

function buildBalancer(scope: Construct, id: string, config: InfraConfig, vpc: Vpc, service: FargateService) {
  const { certificateArn, clientCidrs } = config.server
  const group = new SecurityGroup(scope, `${id}BalancerGroup`, { vpc, allowAllOutbound: false })
  for (const cidr of clientCidrs) group.addIngressRule(Peer.ipv4(cidr), Port.tcp(443), 'clients')
  const balancer = new ApplicationLoadBalancer(scope, `${id}Balancer`, {
    vpc,
    internetFacing: false,
    vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
    securityGroup: group,
    dropInvalidHeaderFields: true,
    deletionProtection: true,
  })
  const listener = balancer.addListener('Https', {
    port: 443,
    protocol: ApplicationProtocol.HTTPS,
    sslPolicy: SslPolicy.TLS13_RES,
    certificates: [Certificate.fromCertificateArn(scope, `${id}Certificate`, certificateArn)],
    open: false,
  })
  const targets = listener.addTargets('Tasks', {
    port: httpPort,
    protocol: ApplicationProtocol.HTTP,
    targets: [service],
    deregistrationDelay: Duration.seconds(20),
    // Ready, not only alive: a task that stops says so here first, and gets no more requests.
    healthCheck: {
      path: '/readyz',
      healthyHttpCodes: '200',
      interval: Duration.seconds(10),
      timeout: Duration.seconds(5),
      healthyThresholdCount: 2,
      unhealthyThresholdCount: 2,
    },
  })
  return { balancer, targets }
}

function runService(
  scope: Construct,
  id: string,
  { cluster, data }: Place,
  process: ProcessTask,
  props: Partial<FargateServiceProps>,
): FargateService {
  const service = new FargateService(scope, id, {
    cluster,
    taskDefinition: process.task,
    vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
    // Without a desired count: a deployment keeps the number that the scaling has found.
    // A new release that does not come up is taken back by itself.
    circuitBreaker: { rollback: true },
    minHealthyPercent: 100,
    maxHealthyPercent: 200,
    enableExecuteCommand: false,
    propagateTags: PropagatedTagSource.SERVICE,
    securityGroups: [new SecurityGroup(scope, `${id}Group`, { vpc: data.vpc, description: `millcourse ${id}` })],
    ...props,
  })
  admit(scope, `${id}ToPostgres`, data.database.group, service, 5432)
  return service
}

/** In this stack, which knows both sides: the other one is older. */
export function admit(scope: Construct, id: string, to: ISecurityGroup, from: IConnectable, port: number): void {
  new CfnSecurityGroupIngress(scope, id, {
    groupId: to.securityGroupId,
    sourceSecurityGroupId: from.connections.securityGroups[0]!.securityGroupId,
    ipProtocol: 'tcp',
    fromPort: port,
    toPort: port,
    description: id,
  })
}
