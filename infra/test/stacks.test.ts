import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Match } from 'aws-cdk-lib/assertions'
import { describe, expect, test, vi } from 'vitest'
import { infraConfig } from '../app/config.js'
import { shutdownGraceSeconds } from '../app/environment.js'
import { config as example } from '../config.example.js'
import { synthesise, synthesisedExample } from './synthesised.js'

const synthesised = synthesisedExample()
const { data, services, config } = synthesised

interface Container {
  readonly StopTimeout: number
  readonly ReadonlyRootFilesystem: boolean
  readonly User: string
  readonly Image: string
  readonly HealthCheck?: { readonly Command: string[] }
}
const tasks = synthesised.ofType('AWS::ECS::TaskDefinition').map(({ properties }) => ({
  name: String(properties.Family).replace('millcourse-flights-', ''),
  properties,
  container: (properties.ContainerDefinitions as Container[])[0]!,
}))

describe('synthesis', () => {
  test('as a command leaves its templates in cdk.out', async () => {
    const [here, before] = [mkdtempSync(join(tmpdir(), 'millcourse-synth-')), process.cwd()]
    vi.stubEnv('MILLCOURSE_INFRA_CONFIG', fileURLToPath(new URL('../config.example.ts', import.meta.url)))
    vi.stubEnv('CDK_OUTDIR', undefined)
    process.chdir(here)
    try {
      await import('../app/main.js')
    } finally {
      process.chdir(before)
      vi.unstubAllEnvs()
    }
    const templates = readdirSync(join(here, 'cdk.out')).filter((file) => file.endsWith('.template.json'))
    expect(templates).toEqual(['millcourse-flights-data.template.json', 'millcourse-flights-services.template.json'])
    rmSync(here, { recursive: true })
  })
  test('asks no account, builds no image and ships no file but the templates', () => {
    expect(synthesised.assembly.manifest.missing ?? []).toEqual([])
    const files = readdirSync(synthesised.outdir).filter((file) => /^asset\./.test(file))
    expect(files).toEqual([])
    const parameters = [data, services].flatMap((template) => Object.keys(template.toJSON().Parameters ?? {}))
    expect(parameters).toEqual(['BootstrapVersion', 'BootstrapVersion'])
  })
  test('is the same each time', () => {
    expect(JSON.stringify(synthesise(example).services.toJSON())).toBe(JSON.stringify(services.toJSON()))
  })
  test('no password is in a template', () => {
    const text = JSON.stringify([data.toJSON(), services.toJSON()])
    expect(text).toMatch(/postgresql:\/\/millcourse:\{\{resolve:secretsmanager:/)
    expect(text).not.toMatch(/postgresql:\/\/[^:"]+:[^{"]/)
  })
})

describe('the config', () => {
  test('a mistake is named before anything is synthesised', () => {
    expect(() => infraConfig({ ...example, image: { ...example.image, tag: 'latest' } })).toThrow(/never moved/)
    expect(() => infraConfig({ ...example, worker: { ...example.worker, memoryLimit: '6GiB' } })).toThrow(/twice/)
    expect(() => infraConfig({ ...example, server: { ...example.server, tasks: { min: 3, max: 2 } } })).toThrow(
      /below min/,
    )
    expect(() => infraConfig({ ...example, extra: true } as never)).toThrow(/extra/)
  })
  const { postgres, worker, watcher, server, image } = example
  test.each([
    ['postgres.storageMaxGiB', { postgres: { ...postgres, storageMaxGiB: 54 } }],
    ['instanceType', { postgres: { ...postgres, instanceType: 'banana' } }],
    ['instanceType', { postgres: { ...postgres, instanceType: 'db.t4g.medium' } }],
    ['availabilityZones: one is named twice', { availabilityZones: ['eu-central-1a', 'eu-central-1a'] }],
    ['availabilityZones: name those', { availabilityZones: ['eu-central-1a', 'eu-west-1b'] }],
    ['tag', { image: { ...image, tag: '' } }],
    ['worker.cpu', { worker: { ...worker, cpu: 2000 } }],
    ['worker.memoryMiB: with cpu 1024', { worker: { ...worker, cpu: 1024, memoryMiB: 9216 } }],
    ['watcher.memoryMiB', { watcher: { ...watcher, memoryMiB: 1536 } }],
    ['server.memoryMiB', { server: { ...server, memoryMiB: 2500 } }],
    ['worker.memoryLimit', { worker: { ...worker, memoryLimit: '0GiB' } }],
    ['worker.memoryMiB: leave it twice', { worker: { ...worker, memoryLimit: '4GiB' } }],
  ])('names %s before anything is synthesised', (field, mistaken) => {
    expect(() => infraConfig({ ...example, ...mistaken })).toThrow(field)
  })
  test('without views of personal data there is no second server and no second operator', () => {
    const plain = synthesise({ ...example, piiViews: [] })
    const names = plain.ofType('AWS::ECS::TaskDefinition').map(({ properties }) => String(properties.Family))
    expect(names.filter((name) => name.endsWith('-pii'))).toEqual([])
    expect(plain.ofType('AWS::ElasticLoadBalancingV2::LoadBalancer')).toHaveLength(1)
  })
})

describe('buckets', () => {
  test('are closed, encrypted, versioned, TLS only, and outlive the stack', () => {
    data.resourceCountIs('AWS::S3::Bucket', 2)
    data.allResourcesProperties('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: Match.objectLike({ ServerSideEncryptionConfiguration: Match.anyValue() }),
      VersioningConfiguration: { Status: 'Enabled' },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    })
    data.allResources('AWS::S3::Bucket', { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
    data.allResourcesProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      }),
    })
  })
  test('the lake loses old versions of candidates and rejected rows, and unfinished uploads; nothing by its age alone', () => {
    const lake = synthesised.ofType('AWS::S3::Bucket').find(({ id }) => id.startsWith('Lake'))!
    const { Rules } = lake.properties.LifecycleConfiguration as {
      Rules: {
        Prefix?: string
        ExpirationInDays?: number
        NoncurrentVersionExpiration?: object
        AbortIncompleteMultipartUpload?: object
      }[]
    }
    // R37: a held run's candidate stays for as long as it can be accepted, which no age tells.
    expect(Rules.filter((rule) => rule.ExpirationInDays !== undefined)).toEqual([])
    for (const room of ['candidates', 'quarantine'])
      expect(Rules.find(({ Prefix }) => Prefix === `${config.lake.prefix}/${room}/`)).toMatchObject({
        NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      })
    expect(Rules.some((rule) => rule.AbortIncompleteMultipartUpload !== undefined && rule.Prefix === undefined)).toBe(
      true,
    )
  })
})

test('Postgres is doubled, encrypted, backed up, kept, out of reach of the internet, and speaks TLS only', () => {
  data.hasResource('AWS::RDS::DBInstance', {
    DeletionPolicy: 'Snapshot',
    Properties: Match.objectLike({
      MultiAZ: true,
      StorageEncrypted: true,
      DeletionProtection: true,
      PubliclyAccessible: false,
      BackupRetentionPeriod: config.postgres.backupDays,
    }),
  })
  data.hasResourceProperties('AWS::RDS::DBParameterGroup', { Parameters: Match.objectLike({ 'rds.force_ssl': '1' }) })
  const toPostgres = synthesised
    .ofType('AWS::EC2::SecurityGroupIngress')
    .filter(({ properties }) => properties.FromPort === 5432)
  expect(toPostgres.map(({ id }) => id).sort()).toEqual([
    'OperatorToPostgres',
    'PiiServerToPostgres',
    'ServerToPostgres',
    'WatcherToPostgres',
    'WorkerToPostgres',
  ])
  expect(toPostgres.every(({ properties }) => properties.CidrIp === undefined)).toBe(true)
})

test('S3 and DynamoDB are reached through gateways, which cost nothing', () => {
  const endpoints = synthesised
    .ofType('AWS::EC2::VPCEndpoint')
    .map(({ properties }) => [properties.VpcEndpointType, properties.ServiceName])
  expect(endpoints).toEqual([
    ['Gateway', `com.amazonaws.${config.region}.s3`],
    ['Gateway', `com.amazonaws.${config.region}.dynamodb`],
  ])
})

describe('tasks', () => {
  test('stop later than what is under way may take, and sooner than Fargate kills', () => {
    for (const { name, container } of tasks) {
      expect(container.StopTimeout, name).toBeGreaterThan(shutdownGraceSeconds)
      expect(container.StopTimeout, name).toBeLessThanOrEqual(120)
    }
  })
  test('run as nobody in particular on a disk they cannot change, from an image that does not move', () => {
    for (const { name, container } of tasks)
      expect([
        name,
        container.User,
        container.ReadonlyRootFilesystem,
        /:(?!latest$)[\w.:-]+$/.test(container.Image),
      ]).toEqual([name, 'node', true, true])
  })
  test('services are asked whether they live; the balancer asks whether they are ready', () => {
    const asked = tasks.filter(({ container }) => container.HealthCheck !== undefined)
    expect(asked.map(({ name }) => name).sort()).toEqual(['server', 'server-pii', 'watcher', 'worker'])
    for (const { container } of asked) expect(container.HealthCheck?.Command.join(' ')).toContain('/healthz')
    services.allResourcesProperties('AWS::ElasticLoadBalancingV2::TargetGroup', { HealthCheckPath: '/readyz' })
  })
  test('the worker has a disk for what it spills', () => {
    const worker = tasks.find(({ name }) => name === 'worker')!
    expect(worker.properties.EphemeralStorage).toEqual({ SizeInGiB: config.worker.spillGiB + 20 })
  })
  test('every log is kept for as long as the config says', () => {
    for (const template of [data, services])
      template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: config.logDays })
  })
})

describe('services', () => {
  test('worker and servers scale, the watcher is one', () => {
    const targets = synthesised.ofType('AWS::ApplicationAutoScaling::ScalableTarget')
    expect(targets.map(({ properties }) => [properties.MinCapacity, properties.MaxCapacity])).toEqual([
      [1, 8],
      [2, 10],
      [2, 10],
    ])
    const metrics = synthesised.ofType('AWS::ApplicationAutoScaling::ScalingPolicy').map(({ properties }) => {
      const tracking = properties.TargetTrackingScalingPolicyConfiguration as {
        PredefinedMetricSpecification: { PredefinedMetricType: string }
      }
      return tracking.PredefinedMetricSpecification.PredefinedMetricType
    })
    expect(metrics.sort()).toEqual([
      ...Array(2).fill('ALBRequestCountPerTarget'),
      ...Array(3).fill('ECSServiceAverageCPUUtilization'),
    ])
    services.hasResourceProperties('AWS::ECS::Service', {
      DesiredCount: 1,
      DeploymentConfiguration: Match.objectLike({ MaximumPercent: 100, MinimumHealthyPercent: 0 }),
    })
  })
  test('a deployment keeps the number of tasks that scaling has found, and takes itself back when it fails', () => {
    const ofServices = synthesised.ofType('AWS::ECS::Service')
    expect(ofServices.filter(({ properties }) => properties.DesiredCount !== undefined)).toHaveLength(1)
    for (const { properties } of ofServices)
      expect(properties.DeploymentConfiguration).toMatchObject({
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      })
  })
  test('the balancer is internal and speaks TLS only', () => {
    services.allResourcesProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', { Scheme: 'internal' })
    services.allResourcesProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Protocol: 'HTTPS',
      Port: 443,
      SslPolicy: Match.stringLikeRegexp('^ELBSecurityPolicy-TLS13-'),
    })
  })
  test('interruptible workers stand beside one that is not', () => {
    const spot = synthesise({ ...example, worker: { ...example.worker, isSpot: true } })
    spot.services.hasResourceProperties('AWS::ECS::Service', {
      CapacityProviderStrategy: [
        { CapacityProvider: 'FARGATE', Base: 1, Weight: 0 },
        { CapacityProvider: 'FARGATE_SPOT', Weight: 1 },
      ],
    })
  })
})
