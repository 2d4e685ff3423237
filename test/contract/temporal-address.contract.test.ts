/** Temporal by address: TLS, client certificates and API keys through a TLS proxy that checks them, for clients and workers alike. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ActivityDeps } from '../../activities/activity-deps.js'
import { SystemClock } from '../../adapters/clock/system-clock.js'
import { TemporalRunControl } from '../../adapters/temporal/temporal-run-control.js'
import { MillcourseError } from '../../core/errors.js'
import { type Environment, readConfig } from '../../workers/config.js'
import { type RunningWorker, runMaterializationWorker } from '../../workers/materialization-worker.js'
import { workerProbes } from '../../workers/process-probes.js'
import type { StackPorts } from '../../workers/stack-ports.js'
import { startTestTemporal, type TestTemporal, testBundle } from '../support/temporal.js'
import {
  createTestAuthority,
  startTemporalTlsProxy,
  type TemporalTlsProxy,
  type TestAuthority,
} from '../support/temporal-tls-proxy.js'

const key = 'a-key-that-nobody-prints'
let dir: string
let temporal: TestTemporal
let authority: TestAuthority
let proxy: TemporalTlsProxy
let keyFile: string

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'millcourse-address-'))
  keyFile = join(dir, 'api-key')
  authority = createTestAuthority()
  temporal = await startTestTemporal()
  proxy = await startTemporalTlsProxy({ authority, target: temporal.server.address, apiKeys: [key] })
})
const cleanups: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  await proxy?.stop()
  await temporal?.stop()
  authority?.remove()
  rmSync(dir, { recursive: true, force: true })
})

function configOf(given: Environment, address = proxy.address) {
  return readConfig({
    ...{ MILLCOURSE_POSTGRES_URL: 'postgresql://nowhere/none', MILLCOURSE_LAKE: dir, TEMPORAL_ADDRESS: address },
    ...{ TEMPORAL_TLS_CA: authority.ca, TEMPORAL_TLS_SERVER_NAME: 'temporal.test', ...given },
  })
}

/** A tick is the shortest road through client and worker; the registry's answer ends it. */
async function tick(given: Environment, address?: string) {
  const { temporal: target } = configOf(given, address)
  const control = new TemporalRunControl({ ...target, project: 'p', runsPerTick: 1, heartbeatMs: 20_000 })
  try {
    await control.tick({ view: 'v', now: null, kind: 'manual', range: null, runsMax: 1 })
  } finally {
    await control.close()
  }
}

function startWorker(given: Environment) {
  const log: { message: string; facts: Record<string, unknown> }[] = []
  const away: MillcourseError[] = []
  const note = (facts: object, message: string) => log.push({ message, facts: { ...facts } })
  const registry = {
    view: async (): Promise<never> => {
      throw new MillcourseError('REGISTRY_UNKNOWN_VIEW', 'the worker behind the proxy knows no view')
    },
  }
  const deps = {
    ...{ registry, clock: new SystemClock(), log: { info: note, warn: note, error: note } },
    settings: { project: 'p', leaseMs: 1_000, publishWaitMs: 1_000, publishPartItems: 1 },
  } as unknown as ActivityDeps
  const stop = new AbortController()
  const { promise: ready, resolve: onReady } = newPromise<RunningWorker>()
  const ended = testBundle().then((bundle) =>
    runMaterializationWorker({
      ...{ config: configOf(given), deps, signal: stop.signal, bundle, onReady },
      onAway: (why) => away.push(why),
      lookEveryMs: 100,
    }),
  )
  cleanups.push(async () => {
    stop.abort()
    await ended.catch(() => {})
  })
  return { log, away, ready, said: () => JSON.stringify(log) }
}

async function failureOf(given: Environment, address?: string): Promise<MillcourseError> {
  try {
    await tick(given, address)
  } catch (error) {
    if (error instanceof MillcourseError) return error
    throw error
  }
  throw new Error('it worked')
}

describe('through the proxy', () => {
  test('client and worker send key and namespace, and a tick is done', async () => {
    const taskQueue = { MILLCOURSE_TASK_QUEUE: temporal.newTaskQueue() }
    const worker = startWorker({ ...taskQueue, TEMPORAL_API_KEY: key })
    await worker.ready
    const error = await failureOf({ ...taskQueue, TEMPORAL_API_KEY: key })
    expect(error.message).toBe('the worker behind the proxy knows no view')
    for (const method of ['StartWorkflowExecution', 'PollActivityTaskQueue', 'RespondWorkflowTaskCompleted']) {
      const call = proxy.calls.find((one) => one.method === method)
      expect(call?.headers, method).toMatchObject({
        authorization: `Bearer ${key}`,
        'temporal-namespace': 'default',
      })
    }
  })

  test('an unknown key is a fault of the configuration, which is said without it', async () => {
    const error = await failureOf({ TEMPORAL_API_KEY: 'another-key' })
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: `Temporal at ${proxy.address} refused: it does not know these credentials`,
      detail: { hint: expect.stringContaining('TEMPORAL_API_KEY') },
    })
    expect(JSON.stringify([error.message, error.detail, String(error.detail.cause)])).not.toContain('another-key')
  })

  test('a worker with an unknown key says so and waits for a good one', async () => {
    const taskQueue = { MILLCOURSE_TASK_QUEUE: temporal.newTaskQueue() }
    writeFileSync(keyFile, 'not-yet-a-key\n')
    const worker = startWorker({ ...taskQueue, TEMPORAL_API_KEY_FILE: keyFile })
    await expect.poll(() => worker.log.length, { timeout: 20_000 }).toBeGreaterThan(0)
    expect(worker.log[0]).toMatchObject({
      message: expect.stringContaining('does not know these credentials'),
      facts: { code: 'CONFIG_INVALID', hint: expect.stringContaining('TEMPORAL_API_KEY') },
    })
    expect(worker.said()).not.toContain('not-yet-a-key')
    writeFileSync(keyFile, `${key}\n`)
    await worker.ready
    const error = await failureOf({ ...taskQueue, TEMPORAL_API_KEY_FILE: keyFile })
    expect(error.message).toBe('the worker behind the proxy knows no view')
  })

  test('a key withdrawn from a worker at work is said, once, and it goes on when the key is taken again', async () => {
    const taskQueue = { MILLCOURSE_TASK_QUEUE: temporal.newTaskQueue() }
    const worker = startWorker({ ...taskQueue, TEMPORAL_API_KEY: key })
    const probes = workerProbes({} as Pick<StackPorts, 'ledger' | 'lake'>)
    probes.onRunning(await worker.ready)
    const lines = (words: string) => worker.log.filter(({ message }) => message.includes(words))
    proxy.accept([])
    await expect.poll(() => lines('no step is taken or reported meanwhile').length, { timeout: 20_000 }).toBe(1)
    expect(lines('no step')[0]).toMatchObject({
      message: expect.stringContaining('it does not know these credentials'),
      facts: { code: 'CONFIG_INVALID', hint: expect.stringContaining('TEMPORAL_API_KEY') },
    })
    await expect(probes.questions[0]!.ask()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('it does not know these credentials'),
    })
    proxy.accept([key])
    await expect.poll(() => lines('Temporal answers again').length, { timeout: 20_000 }).toBe(1)
    expect(lines('no step')).toHaveLength(1)
    await probes.questions[0]!.ask()
    // Its pollers have been pausing meanwhile, and a tick that finds none says so.
    const tickSays = async () => (await failureOf({ ...taskQueue, TEMPORAL_API_KEY: key })).message
    await expect.poll(tickSays, { timeout: 60_000 }).toBe('the worker behind the proxy knows no view')
    expect(worker.said()).not.toContain(key)
  })

  test('a namespace that is not there is named, to client and worker alike; the server has answered', async () => {
    const given = { TEMPORAL_NAMESPACE: 'nope', TEMPORAL_API_KEY: key }
    const error = await failureOf(given)
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: `Temporal at ${proxy.address} has no namespace "nope"`,
      detail: { hint: expect.stringContaining('TEMPORAL_NAMESPACE') },
    })
    const worker = startWorker(given)
    await expect.poll(() => worker.log.length, { timeout: 20_000 }).toBeGreaterThan(0)
    expect(worker.log[0]).toMatchObject({
      message: `${error.message}; it is tried again`,
      facts: { code: 'CONFIG_INVALID', hint: error.detail.hint },
    })
    expect(worker.away[0]).toMatchObject({ code: 'CONFIG_INVALID', message: error.message })
    const probes = workerProbes({} as Pick<StackPorts, 'ledger' | 'lake'>)
    probes.onAway(worker.away[0]!)
    await expect(probes.questions[0]!.ask()).rejects.toThrow(error.message)
  })

  test('a certificate of an authority that is not ours is refused, in words', async () => {
    const other = createTestAuthority()
    try {
      const given = { TEMPORAL_TLS_CA: other.ca, TEMPORAL_API_KEY: key }
      const error = await failureOf(given)
      expect(error).toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('certificate'),
        detail: { hint: expect.stringContaining('TEMPORAL_TLS_CA') },
      })
      const worker = startWorker(given)
      await expect.poll(() => worker.log.length, { timeout: 20_000 }).toBeGreaterThan(0)
      expect(worker.log[0]).toMatchObject({
        message: `${error.message}; it is tried again`,
        facts: { code: 'CONFIG_INVALID', hint: error.detail.hint },
      })
    } finally {
      other.remove()
    }
  })

  test('a certificate for another name is refused, in words', async () => {
    const error = await failureOf({ TEMPORAL_TLS_SERVER_NAME: 'elsewhere.test', TEMPORAL_API_KEY: key })
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      detail: { hint: expect.stringContaining('TEMPORAL_TLS_SERVER_NAME') },
    })
  })

  test('a server without TLS is said to have none', async () => {
    const error = await failureOf({ TEMPORAL_API_KEY: key }, temporal.server.address)
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain('TLS')
  })

  test('a client certificate is shown where it is asked for', async () => {
    const strict = await startTemporalTlsProxy({
      ...{ authority, target: temporal.server.address, apiKeys: null, asksForCertificate: true },
    })
    cleanups.push(() => strict.stop())
    const { cert, key: certKey } = authority.client
    const good = { TEMPORAL_TLS_CERT: cert, TEMPORAL_TLS_KEY: certKey, MILLCOURSE_TASK_QUEUE: temporal.newTaskQueue() }
    expect((await failureOf(good, strict.address)).code).toBe('STACK_NOT_RUNNING')
    expect(strict.calls.map(({ method }) => method)).toContain('StartWorkflowExecution')
    const without = await failureOf({}, strict.address)
    expect(without).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(without.detail.hint).toContain('TEMPORAL_TLS_CERT')
  })
})

describe('files', () => {
  test.each([
    ['TEMPORAL_TLS_CA', () => join(dir, 'absent.pem'), 'cannot be read'],
    ['TEMPORAL_TLS_CA', () => garbled(), 'is no certificate'],
    ['TEMPORAL_TLS_CERT', () => garbled(), 'is no certificate'],
    ['TEMPORAL_TLS_KEY', () => garbled(), 'is no private key'],
    ['TEMPORAL_TLS_KEY', () => authority.server.key, 'is not the key of the certificate in TEMPORAL_TLS_CERT'],
    ['TEMPORAL_API_KEY_FILE', () => join(dir, 'absent'), 'holds no API key'],
  ])('%s at fault is named', async (variable, file, what) => {
    const { cert, key: certKey } = authority.client
    const error = await failureOf({ TEMPORAL_TLS_CERT: cert, TEMPORAL_TLS_KEY: certKey, [variable]: file() })
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', detail: { facts: { variable, file: file() } } })
    expect(error.message.startsWith(`${variable}: ${file()} ${what}`), error.message).toBe(true)
    expect(error.message).not.toContain('s3cret')
  })
})

function newPromise<T>() {
  let resolve = (_value: T) => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

function garbled(): string {
  const file = join(dir, 'garbled.pem')
  writeFileSync(file, '-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----\n')
  return file
}
