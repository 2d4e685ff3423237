import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import { Cluster } from 'aws-cdk-lib/aws-ecs'
import type { Construct } from 'constructs'
import { buildAlarms } from './alarms.js'
import type { InfraConfig } from './config.js'
import { buildDashboard } from './dashboard.js'
import type { DataStack } from './data-stack.js'
import { buildOperatorTasks } from './operator-tasks.js'
import { buildServer, buildWatcher, buildWorker, type Place } from './services.js'

/** What a release replaces: nothing here keeps anything. */
export class ServicesStack extends Stack {
  constructor(scope: Construct, id: string, config: InfraConfig, data: DataStack, props: StackProps) {
    super(scope, id, props)
    const cluster = new Cluster(this, 'Cluster', { vpc: data.vpc, enableFargateCapacityProviders: true })
    const place: Place = { config, data, cluster }
    const worker = buildWorker(this, place)
    const watcher = buildWatcher(this, place)
    const hasPii = config.server.hasPiiService && config.piiViews.length > 0
    const servers = [buildServer(this, place, 'server'), ...(hasPii ? [buildServer(this, place, 'server-pii')] : [])]
    const operator = buildOperatorTasks(this, place)
    const watched = { ...place, worker, watcher, servers, operator }
    buildDashboard(this, watched, buildAlarms(this, watched))
    new CfnOutput(this, 'ClusterName', { value: cluster.clusterName })
    new CfnOutput(this, 'OperatorGroupId', { value: operator.group.securityGroupId })
    for (const { balancer, service } of servers)
      new CfnOutput(this, `${service.node.id}Address`, { value: balancer.loadBalancerDnsName })
  }
}
