/** `millcourse server` as production runs it: a process with an environment, Postgres, a DynamoDB endpoint, and clients. */
import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import getPort from 'get-port'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { DynamoDbOnlineStore } from '../../adapters/dynamodb/dynamodb-online-store.js'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../adapters/embedded/embedded-postgres.js'
import { createPostgresClient } from '../../adapters/postgres/client.js'
import { createPostgresRegistry } from '../../adapters/postgres/postgres-registry.js'
import { type Fault, type FaultProxy, startFaultProxy } from '../../drill/faults/fault-proxy.js'
import { localCredentials, startTestDynalite } from '../support/dynalite.js'
import { type ProductProcess, startProduct } from '../support/product-process.js'
import { bigId, fullRowJson, publishServedValues, servedNow, servedRepo } from '../support/served-values.js'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const project = 'served'
let dir: string
let postgres: EmbeddedPostgres
let postgresPort: number
let dynalite: Awaited<ReturnType<typeof startTestDynalite>>
let proxy: FaultProxy
let environment: Record<string, string>
const processes: ProductProcess[] = []

const startPostgres = () =>
  startEmbeddedPostgres({ dir: join(dir, 'postgres'), port: postgresPort, settings: { fsync: 'off' } })

beforeAll(async () => {
  dir = mkdtempSync(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'server-'))
  postgresPort = await getPort()
  ;[postgres, dynalite] = await Promise.all([startPostgres(), startTestDynalite()])
  proxy = await startFaultProxy(dynalite.endpoint)
  const client = createPostgresClient({ url: postgres.url, project })
  await client.migrate()
  await createPostgresRegistry(client).apply(servedRepo(project), { by: 'test' })
  await client.close()
  const online = new DynamoDbOnlineStore({ endpoint: dynalite.endpoint, credentials: localCredentials })
  await publishServedValues(online, project)
  await online.close()
  environment = {
    MILLCOURSE_PROJECT: project,
    MILLCOURSE_POSTGRES_URL: postgres.url,
    MILLCOURSE_DYNAMODB_ENDPOINT: proxy.endpoint,
    MILLCOURSE_NOW: servedNow,
    MILLCOURSE_HTTP_PORT: '0',
    MILLCOURSE_DRAIN_DELAY: '0s',
    MILLCOURSE_DEFINITIONS_REFRESH: '200ms',
    MILLCOURSE_LOG_LEVEL: 'debug',
  }
})
afterEach(async () => {
  proxy.choose = () => 'none'
  for (const process of processes.splice(0)) await process.end()
})
afterAll(async () => {
  await proxy?.stop()
  await Promise.all([dynalite?.stop(), postgres?.stop()])
  await rm(dir, { recursive: true, force: true, maxRetries: 5 })
})

function start(changes: Record<string, string> = {}): ProductProcess {
  const process = startProduct(['server'], { ...environment, ...changes }, dir)
  processes.push(process)
  return process
}

async function ready(process: ProductProcess): Promise<string> {
  const url = await process.url()
  await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), {
    timeout: 20_000,
    interval: 50,
  })
  return url
}

function post(url: string, name: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return fetch(`${url}/v1/online/${name}`, { method: 'POST', body: text, headers })
}

interface Got {
  readonly features: readonly { readonly name: string; readonly value: unknown }[]
  readonly views: readonly { readonly view: string }[]
}

async function get(...command: string[]): Promise<Got> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'get', ...command, '--json'], {
    cwd: dir,
    env: { PATH: process.env.PATH, ...environment, MILLCOURSE_LAKE: dir, TEMPORAL_ADDRESS: 'nowhere:1' },
  })
  return JSON.parse(stdout) as Got
}

/** Of an answer or of a problem. */
interface Body {
  readonly features: readonly { readonly name: string }[]
  readonly views: readonly { readonly missingIntervals: readonly object[] }[]
  readonly vectors: readonly {
    readonly values: Readonly<Record<string, unknown>>
    readonly views: Readonly<Record<string, object>>
  }[]
  readonly code: string
  readonly requestId: string
  readonly parts: readonly object[]
}

async function read(answer: Response | Promise<Response>): Promise<Body> {
  return (await (await answer).json()) as Body
}

const patiently = { timeout: 20_000, interval: 100 } as const

/** A request that reaches the store and waits there until `letGo`. */
function holdReads() {
  let letGo = () => {}
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let isHeld = () => {}
  const held = new Promise<void>((resolve) => {
    isHeld = resolve
  })
  proxy.choose = async (operation): Promise<Fault> => {
    if (operation === 'BatchGetItem') {
      isHeld()
      await gate
    }
    return 'none'
  }
  return { held, letGo: () => letGo() }
}

test('it answers what get answers: values with their type, status, event time and age per view', async () => {
  const url = await ready(start())
  const keys = [bigId, 1n, 2n, 3n, 4n].map((id) => ({ id: id.toString() }))
  const answer = await read(post(url, 'every_type', { keys }))
  expect(answer).toMatchObject({ kind: 'view', version: 1, now: servedNow, views: [{ publishedEnd: servedNow }] })
  expect(answer.vectors[0]?.values).toEqual(fullRowJson)
  expect(answer.vectors.map((vector) => vector.views)).toMatchObject([
    { every_type: { status: 'present', eventAt: '2001-01-31T12:30:00Z', ageMs: 1_800_000 } },
    { every_type: { status: 'present' } },
    { every_type: { status: 'expired', eventAt: '2001-01-31T10:59:59Z' } },
    { every_type: { status: 'missing' } },
    { every_type: { status: 'missing', eventAt: null, ageMs: null } },
  ])

  // As a number that JavaScript would round, and as a query.
  const [asNumber, queried, first, third, model] = await Promise.all([
    read(post(url, 'model', `{"keys": [{"id": ${bigId}, "region": "west"}]}`)),
    read(fetch(`${url}/v1/online/model?id=1&region=west`)),
    ...[get('every_type', `id=${bigId}`), get('every_type', 'id=2'), get('model', 'id=1', 'region=west')],
  ] as const)
  sameAsGet(answer, 0, first)
  sameAsGet(answer, 2, third)
  sameAsGet(queried, 0, model)
  expect(asNumber.vectors[0]?.values).toMatchObject({ every_type__big: bigId.toString(), sales__big_1h: null })
  expect(queried.vectors[0]).toMatchObject({
    values: { sales__big_1h: '9007199254740993', every_type__tiny: null, every_type__big: null },
    views: { sales: { status: 'partial' }, every_type: { status: 'present' } },
  })
  expect(queried.views[0]?.missingIntervals).toHaveLength(1)
  // R5: a null matches nothing. Never published: nothing is there, and that is an answer.
  const nothing = await read(post(url, 'model', { keys: [{ id: null, region: 'west' }] }))
  expect(nothing.vectors[0]?.views).toMatchObject({ sales: { status: 'missing' }, every_type: { status: 'missing' } })
  const never = await read(fetch(`${url}/v1/online/never?id=1`))
  expect(never).toMatchObject({
    views: [{ publishedEnd: null }],
    vectors: [{ views: { never: { status: 'missing' } } }],
  })
})

function sameAsGet(answer: Body, index: number, got: Got) {
  const { values, views } = answer.vectors[index]!
  expect(Object.entries(values)).toEqual(got.features.map(({ name, value }) => [name, value]))
  expect(answer.features.map(({ name }) => name)).toEqual(got.features.map(({ name }) => name))
  for (const shown of got.views) expect(shown).toMatchObject(views[shown.view]!)
}

describe('what cannot be answered says why', () => {
  test.each([
    [
      'GET',
      'lost?id=1',
      undefined,
      404,
      'REGISTRY_UNKNOWN_VIEW',
      /views are every_type, never, sales; services are model/,
    ],
    [
      'POST',
      'every_type',
      { keys: [{ id: 1 }], features: ['size'] },
      404,
      'REGISTRY_UNKNOWN_FEATURE',
      /every_type__big/,
    ],
    ['POST', 'every_type', { keys: [{ id: 1 }, { city: 1 }] }, 422, 'SERVE_KEY_INVALID', /id=…/],
    ['POST', 'every_type', { keys: [{ id: 'x' }] }, 422, 'SERVE_KEY_INVALID', /int64/],
    ['POST', 'every_type', { keys: [{ id: '9223372036854775808' }] }, 422, 'SERVE_KEY_INVALID', /int64/],
    ['POST', 'every_type', '{"keys": [{"id": 1, "__proto__": 1}]}', 422, 'SERVE_KEY_INVALID', /id=…/],
    ['POST', 'every_type', { keys: [{ id: 1 }], features: ['big', 'big'] }, 400, 'SERVE_REQUEST_INVALID', /once/],
    ['GET', 'every_type?id=1&__proto__=1', undefined, 422, 'SERVE_KEY_INVALID', /id=…/],
    ['GET', 'every_type', undefined, 422, 'SERVE_KEY_INVALID', /id=…/],
    ['GET', 'every_type?id=1&id=2', undefined, 400, 'SERVE_REQUEST_INVALID', /POST/],
    ['POST', 'every_type', '{"keys": [{"id": 1},]}', 400, 'SERVE_REQUEST_INVALID', /"keys"/],
    ['POST', 'every_type', { keys: [] }, 400, 'SERVE_REQUEST_INVALID', /openapi/],
    ['POST', 'every_type', { keys: [{ id: { a: 1 } }] }, 400, 'SERVE_REQUEST_INVALID', /openapi/],
    ['POST', 'every_type', { keys: Array(101).fill({ id: 1 }) }, 413, 'SERVE_REQUEST_TOO_LARGE', /KEYS_MAX/],
    ['POST', 'every_type', ' '.repeat(2 ** 21), 413, 'SERVE_REQUEST_TOO_LARGE', /BODY_MAX/],
    ['DELETE', 'every_type', undefined, 405, 'SERVE_METHOD_NOT_ALLOWED', /GET, HEAD, POST/],
    ['PUT', 'every_type', { keys: [{ id: 1 }] }, 405, 'SERVE_METHOD_NOT_ALLOWED', /GET, HEAD, POST/],
    ['GET', 'every_type/more', undefined, 404, 'SERVE_ROUTE_UNKNOWN', /POST/],
  ] as const)('%s %s %#', async (method, path, body, status, code, hint) => {
    const url = await sharedServer()
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await fetch(`${url}/v1/online/${path}`, { method, ...(body === undefined ? {} : { body: text }) })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
    const problem = await read(answer)
    expect(problem).toMatchObject({ code, status, hint: expect.stringMatching(hint) })
    expect(answer.headers.get('allow')).toBe(status === 405 ? 'GET, HEAD, POST' : null)
    expect(problem.requestId).toBe(answer.headers.get('x-request-id'))
  })

  let shared: ProductProcess | null = null
  /** One for the whole table: it is not ended after each row. */
  async function sharedServer(): Promise<string> {
    shared ??= startProduct(['server'], environment, dir)
    return await ready(shared)
  }
  afterAll(() => shared?.end())
})

test('who has no token is not answered, and no token is in the log', async () => {
  const [old, young] = ['an-old-token-of-the-team', 'a-young-token-of-the-team']
  const server = start({ MILLCOURSE_API_TOKENS: `${old},${young}` })
  const url = await ready(server)
  const ask = (authorization?: string) =>
    fetch(`${url}/v1/online/every_type?id=1`, authorization ? { headers: { authorization } } : {})
  for (const token of [old, young]) expect((await ask(`Bearer ${token}`)).status).toBe(200)
  for (const wrong of [undefined, 'Bearer not-one-of-the-tokens', `Basic ${old}`]) {
    const refused = await ask(wrong)
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  }
  expect(server.said()).toContain('/v1/online/:name 401')
  for (const secret of [old, young, 'not-one-of-the-tokens', new URL(postgres.url).password])
    expect(server.said()).not.toContain(secret)
})

test('the store away or slow: refused in time, by its code, and answered again when it is back', async () => {
  const server = start({ MILLCOURSE_API_TIMEOUT: '300ms', MILLCOURSE_API_CONCURRENCY: '2' })
  const url = await ready(server)
  const { letGo } = holdReads()
  const slow = await Promise.all([1, 2].map((id) => fetch(`${url}/v1/online/every_type?id=${id}`)))
  for (const answer of slow) expect(['SERVE_TIMED_OUT', 'PUBLISH_UNREACHABLE']).toContain((await read(answer)).code)
  letGo()
  proxy.choose = () => 'unavailable'
  await vi.waitFor(async () => {
    const answer = await fetch(`${url}/readyz`)
    expect([answer.status, (await read(answer)).parts[1]]).toMatchObject([503, { part: 'DynamoDB', ok: false }])
  }, patiently)
  const away = await fetch(`${url}/v1/online/every_type?id=1`)
  expect([503, 504]).toContain(away.status)
  proxy.choose = () => 'none'
  await ready(server)
  // A busy machine may take longer than the limit, once.
  await vi.waitFor(async () => expect((await fetch(`${url}/v1/online/every_type?id=1`)).status).toBe(200), patiently)
})

test('Postgres is not on the way of a read: it may go, and be gone at the start where definitions lie on disk', async () => {
  const first = start()
  const url = await ready(first)
  await postgres.stop()
  await first.hears('what is known is served on')
  expect((await fetch(`${url}/v1/online/model?id=1&region=west`)).status).toBe(200)
  const why = expect.stringContaining('revision 1, as last known')
  await vi.waitFor(
    async () =>
      expect(await read(fetch(`${url}/readyz`))).toMatchObject({
        ready: true,
        parts: [{ part: 'definitions', ok: true, why }, {}],
      }),
    patiently,
  )
  await first.end()

  const again = start()
  expect((await fetch(`${await ready(again)}/v1/online/model?id=1&region=west`)).status).toBe(200)

  const bare = start({ MILLCOURSE_SERVER_STATE_DIR: join(dir, 'nothing-here') })
  const bareUrl = await bare.url()
  const refused = await fetch(`${bareUrl}/v1/online/model?id=1&region=west`)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await refused.json()).toMatchObject({ code: 'SERVE_NOT_READY' })
  expect((await fetch(`${bareUrl}/readyz`)).status).toBe(503)
  postgres = await startPostgres()
  expect((await fetch(`${await ready(bare)}/v1/online/model?id=1&region=west`)).status).toBe(200)
  expect(bare.said()).not.toContain(new URL(postgres.url).password)
})

describe('SIGTERM', () => {
  test('a request under way gets its answer, no other is taken, and it ends with 0', async () => {
    const server = start({ MILLCOURSE_API_TIMEOUT: '20s' })
    const url = await ready(server)
    const { held, letGo } = holdReads()
    const answering = fetch(`${url}/v1/online/every_type?id=${bigId}`)
    await held
    server.kill('SIGTERM')
    await server.hears('server is stopping')
    await vi.waitFor(() => expect(fetch(`${url}/healthz`)).rejects.toThrow(), patiently)
    letGo()
    const answer = await answering
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close'])
    expect((await read(answer)).vectors[0]?.values).toEqual(fullRowJson)
    expect(await server.exited).toEqual([0, null])
  })

  test('until load balancers have noticed it is not ready, and answers', async () => {
    const server = start({ MILLCOURSE_DRAIN_DELAY: '1s' })
    const url = await ready(server)
    server.kill('SIGTERM')
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(503), {
      ...patiently,
      interval: 10,
    })
    const answer = await fetch(`${url}/v1/online/every_type?id=1`)
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close'])
    expect(await server.exited).toEqual([0, null])
  })

  test('a second one does not wait', async () => {
    const server = start({ MILLCOURSE_API_TIMEOUT: '20s' })
    const url = await ready(server)
    const { held, letGo } = holdReads()
    const cut = expect(fetch(`${url}/v1/online/every_type?id=1`)).rejects.toThrow()
    await held
    server.kill('SIGTERM')
    await server.hears('server is stopping')
    server.kill('SIGTERM')
    expect(await server.exited).toEqual([130, null])
    await cut
    letGo()
  })
})
