import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readRouting } from '../../adapters/alerts/routing-file/read-routing.js'
import { readConfig } from '../../workers/config.js'
import { configMistakes } from '../app/config-mistakes.js'
import { knownVariables, productCommands, writtenFolders } from './product-words.js'
import { synthesisedExample } from './synthesised.js'

interface Named {
  readonly Name: string
  readonly Value?: string
}

const secretValues: Readonly<Record<string, string>> = {
  MILLCOURSE_POSTGRES_URL: 'postgresql://millcourse:secret@db.example.com:5432/millcourse?sslmode=verify-full',
  MILLCOURSE_HEARTBEAT_URL: 'https://switch.example.com/flights',
  ONCALL_PAGERDUTY_KEY: 'R0123456789ABCDEFGHIJKLMNOPQRSTU',
  FLIGHTS_SLACK_URL: 'https://hooks.example.com/services/T0/B0/x',
  MILLCOURSE_API_TOKENS: 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv',
  TEMPORAL_API_KEY: 'key',
}

const { config } = synthesisedExample()
const { secretArns } = config.watcher.alerts!

/** What each task's process will find in its environment; secrets with a value such as they hold. */
const environments = synthesisedExample()
  .ofType('AWS::ECS::TaskDefinition')
  .map(({ properties }) => {
    const [container] = properties.ContainerDefinitions as {
      Environment: Named[]
      Secrets: Named[]
      Command: string[]
      MountPoints: { ContainerPath: string; ReadOnly: boolean }[]
    }[]
    return {
      process: String(properties.Family).replace('millcourse-flights-', ''),
      command: container!.Command,
      mounts: container!.MountPoints.filter(({ ReadOnly }) => !ReadOnly).map(({ ContainerPath }) => ContainerPath),
      variables: Object.fromEntries([
        ...container!.Environment.map(({ Name, Value }) => [Name, Value!]),
        ...container!.Secrets.map(({ Name }) => [Name, secretValues[Name]!]),
      ]) as Record<string, string>,
    }
  })

describe.each(environments)('$process', ({ process, command, mounts, variables }) => {
  test('every variable is one that the product reads', () => {
    const own = process === 'watcher' ? Object.keys(secretArns) : []
    expect(Object.keys(variables).filter((name) => !knownVariables().includes(name))).toEqual(own)
  })
  test('its process starts with them', () => {
    const config = readConfig(variables)
    expect(config.project).toBe('flights')
    expect(config.lake).toMatch(/^s3:\/\/.+\/flights$/)
    expect(config.worker.shutdownGraceMs).toBe(90_000)
    expect(config.temporal.isTls).toBe('TEMPORAL_API_KEY' in variables)
    if (process === 'watcher')
      expect(config.alerts).toMatchObject({ webhook: null, heartbeatUrl: secretValues.MILLCOURSE_HEARTBEAT_URL! })
    if (process === 'worker')
      expect(config.engine).toMatchObject({
        memoryLimitMb: 3584,
        threads: 2,
        spillDir: '/spill',
        spillMaxMb: 60 * 1024,
      })
    if (process === 'worker')
      expect(config.compaction).toMatchObject({ candidatesKeptMs: 14 * 86_400_000, quarantineKeptMs: 90 * 86_400_000 })
  })
  test('what it writes to is mounted, for the root is read only', () => {
    const folders = writtenFolders(variables)
    const written = { worker: ['/spill'], watcher: ['/state'], server: ['/tmp/server'], 'server-pii': ['/tmp/server'] }
    if (process in written) expect(folders).toEqual(written[process as keyof typeof written])
    const isMounted = (folder: string) => mounts.some((mount) => folder === mount || folder.startsWith(`${mount}/`))
    expect(folders.filter((folder) => !isMounted(folder))).toEqual([])
  })
  test('its command is one of the product’s', () => {
    expect(productCommands()).toContain(command[0])
  })
})

test('the routes of alerts are such as the product reads, and their secrets are there', () => {
  const { variables } = environments.find(({ process }) => process === 'watcher')!
  const { routing, secrets } = readRouting(variables.MILLCOURSE_ALERT_ROUTES!, 'routes')
  expect(Object.values(routing.channels).map(({ type }) => type)).toEqual(['pagerduty', 'slack', 'sns'])
  expect(secrets.map(({ env }) => env).sort()).toEqual(Object.keys(secretArns).sort())
})

test('one webhook does without routes; beside them it is refused, as is a secret or a topic that nobody gives', () => {
  const { watcher } = config
  const { alerts, ...rest } = watcher
  const webhook = { url: 'https://alerts.example.com', secretArn: Object.values(secretArns)[0]! }
  expect(configMistakes({ ...config, watcher: { ...rest, webhook } })).toEqual([])
  expect(configMistakes({ ...config, watcher: { ...watcher, webhook } })).toEqual([
    'watcher.webhook: the product refuses it beside watcher.alerts',
  ])
  expect(
    configMistakes({ ...config, watcher: { ...watcher, alerts: { ...alerts!, secretArns: {}, topicArns: [] } } }),
  ).toEqual([
    'watcher.alerts.secretArns: lacks ONCALL_PAGERDUTY_KEY',
    'watcher.alerts.secretArns: lacks FLIGHTS_SLACK_URL',
    'watcher.alerts.topicArns: lacks arn:aws:sns:eu-central-1:111122223333:feature-incidents',
  ])
})

test('the image holds what the environment counts on', () => {
  const dockerfile = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8')
  const url = synthesisedExample()
    .ofType('AWS::SecretsManager::Secret')
    .find(({ id }) => id.startsWith('PostgresUrl'))!
  const authorities = /sslrootcert=(\S+)$/.exec(String(url.properties.SecretString))![1]!
  expect(dockerfile).toContain(authorities)
  for (const { variables } of environments)
    for (const folder of writtenFolders(variables))
      expect(dockerfile).toMatch(new RegExp(`VOLUME .*"/${folder.split('/')[1]}"`))
})
