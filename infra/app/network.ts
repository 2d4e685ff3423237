import {
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2'
import type { Construct } from 'constructs'
import type { InfraConfig } from './config.js'

/** Three tiers: NAT gateways in public, processes in private, Postgres in isolated subnets. Data to S3 and DynamoDB takes the free gateways. */
export function buildNetwork(scope: Construct, { network, availabilityZones }: InfraConfig): Vpc {
  const vpc = new Vpc(scope, 'Network', {
    ipAddresses: IpAddresses.cidr(network.cidr),
    availabilityZones,
    natGateways: network.natGateways,
    restrictDefaultSecurityGroup: false,
    subnetConfiguration: [
      { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
      { name: 'processes', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 22 },
      { name: 'postgres', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
    ],
    gatewayEndpoints: {
      S3: { service: GatewayVpcEndpointAwsService.S3 },
      DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
    },
  })
  if (network.hasInterfaceEndpoints)
    for (const [id, service] of Object.entries(interfaceServices)) vpc.addInterfaceEndpoint(id, { service })
  return vpc
}

const interfaceServices = {
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrImages: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Secrets: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}
