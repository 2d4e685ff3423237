/** DuckDB on S3: names, credentials, swapped and missing objects, faults on the way; what it writes is there whole or not at all. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import getPort from 'get-port'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import type { S3Access } from '../../adapters/duckdb/httpfs.js'
import { S3Connection } from '../../adapters/s3/s3-connection.js'
import { createS3Lake } from '../../adapters/s3/s3-lake.js'
import { uploadFile } from '../../adapters/s3/upload-file.js'
import { MillcourseError } from '../../core/errors.js'
import { addSpend, nothingSpent } from '../../core/measure/index.js'
import type { Lake } from '../../core/ports/lake.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import type { SpendMeter } from '../../core/ports/spend-meter.js'
import { type S3Proxy, startS3Proxy } from '../../drill/faults/s3-proxy.js'
import { startTestS3, type TestS3 } from '../support/versitygw.js'

let server: TestS3
let proxy: S3Proxy
let s3: S3Connection
let lake: Lake
let engine: QueryEngine
let spillDir: string
const engines: QueryEngine[] = []

beforeAll(async () => {
  server = await startTestS3()
  proxy = await startS3Proxy(server.endpoint)
  spillDir = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'millcourse-spill-'))
  Object.assign(process.env, server.environment)
  s3 = new S3Connection({ endpoint: proxy.endpoint, isPathStyle: true, patienceMs: 1_000 })
  lake = createS3Lake(s3, `s3://${await server.newBucket('lake')}/root`)
  engine = await open()
  await write(lake.uri('data.parquet'), 'SELECT range AS i FROM range(1000)')
})

afterAll(async () => {
  for (const one of engines) await one.close()
  s3.close()
  await proxy.stop()
  await server.stop()
  await rm(spillDir, { recursive: true, force: true })
})

beforeEach(() => {
  proxy.choose = () => 'none'
  proxy.seen.length = 0
})

async function open(
  access: Partial<S3Access> = {},
  httpfsFile: string | null = null,
  spending?: SpendMeter,
): Promise<QueryEngine> {
  const given: S3Access = {
    endpoint: proxy.endpoint,
    isPathStyle: true,
    region: 'us-east-1',
    caFile: null,
    credentials: () => s3.credentials(),
    upload: (file, uri, signal) => uploadFile(s3, file, uri, signal),
    ...access,
  }
  const opened = await createDuckdbEngine({
    ...{ memoryLimitMb: 256, spillDir, threads: 2, s3: given, httpfsFile },
    ...(spending ? { spending } : {}),
  })
  engines.push(opened)
  return opened
}

const literal = (uri: string) => `'${uri.replaceAll("'", "''")}'`
const write = (uri: string, sql: string) =>
  engine.withSession((session) => session.execute({ sql: `COPY (${sql}) TO ${literal(uri)} (FORMAT parquet)` }))
const query = (sql: string, on = engine) => on.withSession((session) => session.all({ sql }))
const count = async (uri: string, on = engine) =>
  Number(
    (await query(`SELECT count(*) AS n FROM read_parquet([${literal(uri)}], hive_partitioning = false)`, on))[0]!.n,
  )

async function errorOf(work: Promise<unknown>): Promise<MillcourseError> {
  const error = await work.then(
    () => new Error('no error'),
    (error: unknown) => error,
  )
  if (!(error instanceof MillcourseError)) throw error
  expect(inspect(error, { depth: 10 }) + JSON.stringify(error)).not.toMatch(/test-secret/)
  return error
}

describe('names', () => {
  test('are names: what elsewhere is a glob, a parameter or an escape', async () => {
    for (const name of ["it's", 'a b', '100%25', '%2e', 'q?u*e[s]t', 'ünï-日本', 'x=1&y#z+']) {
      const uri = lake.uri(`${name}/f.parquet`)
      await write(uri, 'SELECT 1 AS x FROM range(7)')
      expect(await count(uri), name).toBe(7)
      // As the product prints paths for the engine, and gives them as parameters.
      expect(await count(uri.replaceAll(/[*?[]/g, (special) => `[${special}]`)), name).toBe(7)
      const footers = await engine.withSession((session) =>
        session.all({ sql: 'SELECT file_name FROM parquet_file_metadata($1)', parameters: [[uri]] }),
      )
      expect(footers).toEqual([{ file_name: uri }])
      expect((await lake.head(`${name}/f.parquet`))?.path).toBe(`${name}/f.parquet`)
    }
  })
})

describe('writing', () => {
  test('a statement that fails, or is cancelled, leaves no object, no part and no file', async () => {
    const uri = lake.uri('failed.parquet')
    const rows = (last: string) => `SELECT ${last} AS i, md5(range::VARCHAR) AS a FROM range(400000)`
    await errorOf(write(uri, rows(`CASE WHEN range = 390000 THEN error('boom') ELSE range END`)))
    const abort = new AbortController()
    const cancelled = engine.withSession(
      (session) =>
        session.execute({
          sql: `COPY (${rows('range').replace('400000', '40000000')}) TO ${literal(uri)} (FORMAT parquet)`,
        }),
      { signal: abort.signal },
    )
    setTimeout(() => abort.abort(new Error('stopped')), 300)
    await expect(cancelled).rejects.toThrow('stopped')
    expect(await lake.head('failed.parquet')).toBeNull()
    expect(proxy.seen.filter((line) => /^(PUT|POST)/.test(line))).toEqual([])
    const left = await readdir(spillDir, { recursive: true })
    expect(left.filter((name) => name.endsWith('.parquet'))).toEqual([])
  })

  test('an upload is tried again, and its error names the object', async () => {
    const uri = lake.uri('again.parquet')
    proxy.choose = (line, nth) => (line.startsWith('PUT') && nth === 1 ? { status: 503, code: 'SlowDown' } : 'none')
    await write(uri, 'SELECT 1 AS x')
    expect(await count(uri)).toBe(1)
    proxy.choose = (line) => (line.startsWith('PUT') ? { status: 403, code: 'AccessDenied' } : 'none')
    const error = await errorOf(write(lake.uri('denied.parquet'), 'SELECT 1 AS x'))
    expect(error).toMatchObject({ code: 'LAKE_ACCESS_DENIED', detail: { facts: { file: lake.uri('denied.parquet') } } })
  })
})

describe('reading', () => {
  const uri = () => lake.uri('data.parquet')

  test('a swapped object is never answered from what was read before', async () => {
    const swapped = lake.uri('swapped.parquet')
    for (const value of [1, 2, 3]) {
      await write(swapped, `SELECT ${value} AS x`)
      expect(await query(`SELECT x FROM read_parquet(${literal(swapped)})`)).toEqual([{ x: value }])
    }
  })

  test('SlowDown once or twice is no error; one that lasts names the file', async () => {
    proxy.choose = (line, nth) =>
      line.includes('data.parquet') && nth <= 2 ? { status: 503, code: 'SlowDown' } : 'none'
    expect(await count(uri())).toBe(1_000)
    proxy.choose = (line) => (line.includes('data.parquet') ? { status: 503, code: 'SlowDown' } : 'none')
    const impatient = await errorOf(count(uri()))
    expect(impatient).toMatchObject({ code: 'LAKE_THROTTLED', detail: { facts: { file: uri() } } })
  }, 60_000)

  test('403 is not tried again, says what to do and names the file', async () => {
    proxy.choose = (line) => (line.includes('data.parquet') ? { status: 403, code: 'AccessDenied' } : 'none')
    const error = await errorOf(count(uri()))
    expect(error).toMatchObject({ code: 'SOURCE_ACCESS_DENIED', detail: { facts: { file: uri() } } })
    expect(error.message).toMatch(/^s3:\/\/lake\/root\/data\.parquet may not be opened: /)
    // A HEAD, and DuckDB's own attempts at a GET; the statement is not sent again.
    expect(proxy.seen.filter((line) => line.startsWith('HEAD'))).toHaveLength(1)
    expect(proxy.seen.length).toBeLessThanOrEqual(6)
  })

  test('missing, empty and broken objects are named among others', async () => {
    const others = [uri(), lake.uri('swapped.parquet')]
    const read = (file: string) =>
      query(`SELECT count(*) FROM read_parquet([${[...others, file].map(literal).join(', ')}], union_by_name = true)`)
    await lake.writeIfAbsent('empty.parquet', new Uint8Array())
    await lake.writeIfAbsent('broken.parquet', Buffer.from('PAR1 not parquet at all PAR1'))
    for (const [name, code] of [
      ['none.parquet', 'SOURCE_FILE_MISSING'],
      ['empty.parquet', 'SOURCE_FILE_CORRUPT'],
      ['broken.parquet', 'SOURCE_FILE_CORRUPT'],
    ] as const)
      expect(await errorOf(read(lake.uri(name))), name).toMatchObject({
        code,
        detail: { facts: { file: lake.uri(name) } },
      })
  })

  test('nobody listens', async () => {
    const lonely = await open({ endpoint: `http://127.0.0.1:${await getPort()}` })
    expect(await errorOf(count(uri(), lonely))).toMatchObject({
      code: 'LAKE_UNREACHABLE',
      detail: { facts: { file: uri() } },
    })
  })
})

test('requests and bytes are counted in the classes they are billed by, those of the engine and those of the client', async () => {
  const spender = new AsyncLocalStorage<'one' | 'other'>()
  const spent = { one: nothingSpent, other: nothingSpent }
  const spending: SpendMeter = {
    add: (more) => {
      const who = spender.getStore()
      if (who) spent[who] = addSpend(spent[who], more)
    },
  }
  const counting = new S3Connection({ endpoint: proxy.endpoint, isPathStyle: true, patienceMs: 1_000, spending })
  const own = createS3Lake(counting, 's3://lake/root')
  const upload: S3Access['upload'] = (file, uri, signal) => uploadFile(counting, file, uri, signal)
  const counted = await open({ upload }, null, spending)
  const sizeOf = async (path: string) => (await stat(join(server.folder, 'lake/root', path))).size
  const to = (name: string) => `COPY (SELECT range AS i FROM range(5000)) TO ${literal(own.uri(name))} (FORMAT parquet)`
  // Two at once: each is told of its own.
  await Promise.all([
    spender.run('one', async () => {
      await counted.withSession((session) => session.execute({ sql: to('counted.parquet') }), { isLight: true })
      for await (const _ of own.list('')) {
      }
    }),
    spender.run('other', () =>
      counted.withSession(
        async (session) => {
          const sql = `SELECT sum(i) AS n FROM read_parquet(${literal(own.uri('data.parquet'))}, hive_partitioning = false)`
          await session.all({ sql })
          await session.all({ sql: 'SELECT 1 AS x' })
          proxy.choose = (line) => (line.startsWith('HEAD') ? { status: 404, code: 'NoSuchKey' } : 'none')
          await errorOf(session.all({ sql: sql.replace('data', 'absent') }))
        },
        { isLight: true },
      ),
    ),
  ])
  const seen = (method: string, part: string) =>
    proxy.seen.filter((line) => line.startsWith(method) && line.includes(part)).length
  expect(spent.one).toMatchObject({ s3Writes: 2, s3Reads: 0, s3BytesWritten: await sizeOf('counted.parquet') })
  expect(seen('PUT', 'counted') + seen('GET', 'list-type')).toBe(2)
  const readsSeen = seen('HEAD', '.parquet') + seen('GET', 'data.parquet') + seen('GET', 'absent.parquet')
  expect(spent.other).toMatchObject({ s3Writes: 0, s3Reads: readsSeen, s3BytesWritten: 0 })
  expect(readsSeen).toBeGreaterThan(2)
  const gets = seen('GET', 'data.parquet')
  expect(spent.other.s3BytesRead).toBeGreaterThan((await sizeOf('data.parquet')) / 2)
  expect(spent.other.s3BytesRead).toBeLessThanOrEqual((await sizeOf('data.parquet')) * gets)
  expect(spent.other.engineSeconds).toBeGreaterThan(0)
  proxy.seen.length = 0
  proxy.choose = () => 'none'
  // What was counted is not kept: the next session begins anew.
  spent.other = nothingSpent
  const again = `SELECT count(*) AS n FROM read_parquet(${literal(own.uri('data.parquet'))}, hive_partitioning = false)`
  await spender.run('other', () => counted.withSession((session) => session.all({ sql: again })))
  expect(spent.other.s3Reads).toBe(proxy.seen.length)
  counting.close()
})

describe('credentials', () => {
  test('renewed ones are used from the next statement on, in the same session; wrong ones are told without their text', async () => {
    let given = {
      accessKeyId: 'test-access',
      secretAccessKey: 'test-secret-wrong',
      sessionToken: null as string | null,
    }
    const rotating = await open({ credentials: async () => given })
    await rotating.withSession(async (session) => {
      const read = () =>
        session.all({ sql: `SELECT count(*)::INT AS n FROM read_parquet(${literal(lake.uri('data.parquet'))})` })
      expect((await errorOf(read())).code).toBe('SOURCE_ACCESS_DENIED')
      given = { ...given, secretAccessKey: server.credentials.secretAccessKey }
      expect(await read()).toEqual([{ n: 1_000 }])
    })
    expect(JSON.stringify(await query('SELECT * FROM duckdb_secrets()', rotating))).not.toContain('test-secret')
  })

  test('a session token is signed', async () => {
    let sent: unknown
    const receiver = await startS3Proxy(server.endpoint)
    receiver.choose = (_line, _nth, headers) => {
      sent = headers['x-amz-security-token']
      return { status: 403, code: 'AccessDenied' }
    }
    const through = await open({
      endpoint: receiver.endpoint,
      credentials: async () => ({ ...server.credentials, sessionToken: 'a-token' }),
    })
    await errorOf(count(lake.uri('data.parquet'), through))
    expect(sent).toBe('a-token')
    await receiver.stop()
  })
})

describe('the extension', () => {
  test('is not asked for by what reads no S3, and its absence is told with what was tried', async () => {
    const file = join(spillDir, 'absent.duckdb_extension')
    const bare = await open({}, file)
    expect(await query('SELECT 1 AS x', bare)).toEqual([{ x: 1 }])
    const error = await errorOf(count(lake.uri('data.parquet'), bare))
    expect(error).toMatchObject({ code: 'COMPUTE_EXTENSION_MISSING', detail: { facts: { file } } })
    expect(error.message).toContain(file)
    // What doctor asks.
    expect((await bare.describe(false)).s3Reader).toBeNull()
    await expect(bare.describe(true)).rejects.toMatchObject({ code: 'COMPUTE_EXTENSION_MISSING' })
    expect((await engine.describe(true)).s3Reader).toMatch(/^httpfs \w+ from /)
    expect((await engine.describe(false)).s3Reader).toMatch(/^httpfs from .*httpfs\.duckdb_extension$/)
    await writeFile(file, 'not an extension')
    expect((await errorOf(count(lake.uri('data.parquet'), bare))).code).toBe('COMPUTE_EXTENSION_MISSING')
  })
})
