import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { errorText } from '../cli/output/error-text.js'
import { MillcourseError } from '../core/errors.js'
import { redactSecrets } from '../core/measure/index.js'
import { configVariables, readConfig } from './config.js'

const enough = {
  MILLCOURSE_POSTGRES_URL: 'postgresql://me:secret@db:5432/shop',
  MILLCOURSE_LAKE: '/lake',
  TEMPORAL_ADDRESS: 'temporal:7233',
}

describe('readConfig', () => {
  test('three variables are enough', () => {
    const config = readConfig(enough)
    expect(config).toMatchObject({
      project: 'millcourse',
      postgresUrl: enough.MILLCOURSE_POSTGRES_URL,
      lake: '/lake',
      online: { endpoint: null, region: 'us-east-1' },
      temporal: { address: 'temporal:7233', namespace: 'default', taskQueue: 'millcourse-millcourse', isTls: false },
      now: null,
      engine: { memoryLimitMb: 1024, spillMaxMb: 20_480 },
      worker: { heartbeatMs: 20_000, runsPerTick: 24 },
      publish: { leaseMs: 60_000, waitMs: 10_000 },
    })
  })

  test('durations and sizes are read, an empty variable is an unset one', () => {
    const config = readConfig({
      ...enough,
      MILLCOURSE_PROJECT: 'shop',
      MILLCOURSE_HEARTBEAT: '1m30s',
      MILLCOURSE_MEMORY_LIMIT: '2GiB',
      MILLCOURSE_LEASE: '',
    })
    expect(config.worker.heartbeatMs).toBe(90_000)
    expect(config.engine.memoryLimitMb).toBe(2048)
    expect(config.publish.leaseMs).toBe(60_000)
    expect(config.temporal.taskQueue).toBe('millcourse-shop')
  })

  test('an API key or a client certificate means TLS', () => {
    expect(readConfig({ ...enough, TEMPORAL_API_KEY: 'k' }).temporal.isTls).toBe(true)
    expect(readConfig({ ...enough, TEMPORAL_TLS_CERT: 'c.pem', TEMPORAL_TLS_KEY: 'k.pem' }).temporal.isTls).toBe(true)
    expect(readConfig({ ...enough, TEMPORAL_TLS: 'true' }).temporal.isTls).toBe(true)
  })

  test('a lake is a folder or a bucket; an endpoint means path style, unless told otherwise', () => {
    for (const lake of ['lake', '/lake', 'file:///lake', 's3://bucket', 's3://bucket/a/b'])
      expect(readConfig({ ...enough, MILLCOURSE_LAKE: lake }).lake).toBe(lake)
    expect(readConfig({ ...enough, AWS_REGION: 'eu-west-1' }).s3).toEqual({
      endpoint: null,
      isPathStyle: false,
      region: 'eu-west-1',
      roleArn: null,
      caFile: null,
    })
    const endpoint = { ...enough, MILLCOURSE_S3_ENDPOINT: 'https://minio:9000', MILLCOURSE_S3_REGION: 'here' }
    expect(readConfig(endpoint).s3).toMatchObject({ isPathStyle: true, region: 'here' })
    expect(readConfig({ ...endpoint, MILLCOURSE_S3_PATH_STYLE: 'false' }).s3.isPathStyle).toBe(false)
  })

  test.each([
    ['MILLCOURSE_LAKE', 'gs://secret/lake'],
    ['MILLCOURSE_SOURCES', 's3:///secret'],
    // A slip of the pen must not become a folder of that name.
    ['MILLCOURSE_LAKE', 's3:/secret/lake'],
    ['MILLCOURSE_LAKE', 'S3://secret/lake'],
    ['MILLCOURSE_DYNAMODB_ENDPOINT', 'secret:4567'],
    ['MILLCOURSE_POSTGRES_URL', 'postgresql:///secret'],
    ['MILLCOURSE_API_TIMEOUT', '30d'],
    ['MILLCOURSE_WATCH_POLL', '0s'],
    ['MILLCOURSE_S3_ENDPOINT', 'secret:9000'],
    ['MILLCOURSE_S3_ROLE_ARN', 'secret'],
    ['MILLCOURSE_POSTGRES_URL', 'mysql://me:secret@db/shop'],
    ['TEMPORAL_ADDRESS', 'no-port'],
    ['MILLCOURSE_HEARTBEAT', 'secret'],
    ['MILLCOURSE_MEMORY_LIMIT', '80%'],
    ['MILLCOURSE_MEMORY_LIMIT', '0MiB'],
    ['MILLCOURSE_MEMORY_LIMIT', '99999999999TiB'],
    ['MILLCOURSE_SPILL_LIMIT', '0MiB'],
    ['MILLCOURSE_API_BODY_MAX', '0MiB'],
    ['MILLCOURSE_THREADS', '0'],
    ['MILLCOURSE_THREADS', '100000'],
    ['MILLCOURSE_THREADS', 'secret'],
    ['MILLCOURSE_POSTGRES_POOL', '1e9'],
    ['MILLCOURSE_ACTIVITIES_MAX', '1.5'],
    ['MILLCOURSE_NOW', '2001-02-31'],
    ['MILLCOURSE_PROJECT', 'Shop/1'],
  ])('%s at fault is named, its value is not', (name, value) => {
    const error = errorOf(() => readConfig({ ...enough, [name]: value }))
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain(name)
    expect(error.detail.facts).toEqual({ variables: name })
    expect(error.message).not.toContain('secret')
  })

  test('a number out of its range is told its range', () => {
    const said = (given: object) => errorOf(() => readConfig({ ...enough, ...given })).message
    expect(said({ MILLCOURSE_THREADS: '100000' })).toContain('at least 1, at most 256')
    expect(said({ MILLCOURSE_SPILL_LIMIT: '0MiB' })).toContain('at least 64MiB, at most 64TiB')
  })

  test('an IP address has no host names for buckets', () => {
    const style = { ...enough, MILLCOURSE_S3_PATH_STYLE: 'false' }
    for (const endpoint of ['http://127.0.0.1:7070', 'https://[::1]:9000']) {
      const error = errorOf(() => readConfig({ ...style, MILLCOURSE_S3_ENDPOINT: endpoint }))
      expect(error.code).toBe('CONFIG_INVALID')
      expect(error.detail.facts).toEqual({ variables: 'MILLCOURSE_S3_PATH_STYLE' })
    }
    expect(readConfig({ ...style, MILLCOURSE_S3_ENDPOINT: 'https://s3.internal' }).s3.isPathStyle).toBe(false)
  })

  test('an address shows its form, and the advice names the variable, also once it has been cleaned', () => {
    const said = (given: object) => redactSecrets(errorText(errorOf(() => readConfig({ ...enough, ...given }))))
    const url = said({ MILLCOURSE_POSTGRES_URL: 'postgres:host' })
    expect(url).toContain('MILLCOURSE_POSTGRES_URL: write it as postgresql://user:password@host:5432/database')
    expect(url).toContain('what to do: correct MILLCOURSE_POSTGRES_URL: docs/configuration.md')
    expect(url).not.toContain('millcourse dev')
    const endpoint = said({ MILLCOURSE_DYNAMODB_ENDPOINT: '127.0.0.1:99', MILLCOURSE_LAKE: '' })
    expect(endpoint).toContain('MILLCOURSE_DYNAMODB_ENDPOINT: write it as http://127.0.0.1:8000')
    expect(endpoint).toContain('MILLCOURSE_LAKE: is not set')
    expect(endpoint).toContain('correct MILLCOURSE_DYNAMODB_ENDPOINT')
    expect(endpoint).toContain('set MILLCOURSE_LAKE, or start the local stack with `millcourse dev`')
  })

  test('all that is missing is named at once', () => {
    expect(errorOf(() => readConfig({})).detail.facts).toEqual({
      variables: 'MILLCOURSE_POSTGRES_URL, MILLCOURSE_LAKE, TEMPORAL_ADDRESS',
    })
  })
})

test('docs/configuration.md describes each variable, and none that is not read', () => {
  const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8')
  const described = [...page.matchAll(/^\| (`[A-Z0-9_`, ]+`) \|/gm)].flatMap(
    ([, names]) => names!.match(/[A-Z0-9_]+/g) ?? [],
  )
  // The actor is the command line's own: no process needs it.
  expect(described.filter((name) => name !== 'MILLCOURSE_ACTOR').sort()).toEqual([...configVariables].sort())
})

function errorOf(work: () => unknown): MillcourseError {
  try {
    work()
  } catch (error) {
    if (error instanceof MillcourseError) return error
    throw error
  }
  throw new Error('it did not throw')
}
