/** S3 on its bad days, between the real SDK and a real server: what is retried, what is not, and what a person is told. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import getPort from 'get-port'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { S3Options } from '../../adapters/s3/client.js'
import { S3Connection } from '../../adapters/s3/s3-connection.js'
import { createS3Lake } from '../../adapters/s3/s3-lake.js'
import { uploadFile } from '../../adapters/s3/upload-file.js'
import { MillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import { type S3Fault, type S3Proxy, startS3Proxy } from '../../drill/faults/s3-proxy.js'
import { startTestS3, type TestS3 } from '../support/versitygw.js'

const mib = 1024 ** 2
const text = (value: string) => new TextEncoder().encode(value)
const slowDown = { status: 503, code: 'SlowDown' }
const connections: S3Connection[] = []

let server: TestS3
let proxy: S3Proxy
let scratch: string
let lake: Lake

beforeAll(async () => {
  server = await startTestS3()
  proxy = await startS3Proxy(server.endpoint)
  scratch = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'millcourse-s3-'))
  Object.assign(process.env, server.environment)
  await server.newBucket('lake')
  lake = open().lake
})

afterAll(async () => {
  for (const s3 of connections) s3.close()
  await proxy?.stop()
  await server?.stop()
  await rm(scratch, { recursive: true, force: true })
})

beforeEach(() => {
  proxy.choose = () => 'none'
  proxy.seen.length = 0
})

function open(options: Partial<S3Options> = {}, root = 's3://lake/root') {
  const s3 = new S3Connection({
    endpoint: proxy.endpoint,
    isPathStyle: true,
    silenceMaxMs: 400,
    patienceMs: 3_000,
    ...options,
  })
  connections.push(s3)
  return { s3, lake: createS3Lake(s3, root) }
}

async function errorOf(work: Promise<unknown>): Promise<MillcourseError> {
  const error = await work.then(
    () => new Error('no error'),
    (error: unknown) => error,
  )
  if (!(error instanceof MillcourseError)) throw error
  // Whatever is printed, logged or sent to the ledger of it.
  expect(inspect(error, { depth: 10 }) + JSON.stringify(error)).not.toMatch(/test-secret|authorization/i)
  return error
}

async function paths(from: Lake, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { path } of from.list(prefix)) found.push(path)
  return found
}

describe('passing faults are retried, by cause', () => {
  test('SlowDown, 500, a cut connection, a body that did not arrive whole: the same request again, until it is answered', async () => {
    const cut = { status: 400, code: 'IncompleteBody' }
    for (const fault of [slowDown, { status: 500, code: 'InternalError' }, cut, 'hang-up'] as const) {
      const path = `again/${typeof fault === 'string' ? fault : fault.code}`
      proxy.choose = (_, nth) => (nth <= 2 ? fault : 'none')
      expect(await lake.writeIfAbsent(path, text('x'))).toBe('written')
      proxy.choose = () => 'none'
      expect(Buffer.from(await lake.read(path)).toString()).toBe('x')
    }
  })

  test('what lasts becomes an error that says so', async () => {
    const impatient = open({ patienceMs: 300 }).lake
    proxy.choose = () => slowDown
    expect(await errorOf(paths(impatient, ''))).toMatchObject({
      code: 'LAKE_THROTTLED',
      message: 's3://lake/root/ is throttled (SlowDown)',
    })
    expect(proxy.seen.length).toBeGreaterThan(1)
    const nobody = open({ patienceMs: 300, endpoint: `http://127.0.0.1:${await getPort()}` }).lake
    const error = await errorOf(nobody.head('x'))
    expect(error).toMatchObject({ code: 'LAKE_UNREACHABLE', message: expect.stringContaining('ECONNREFUSED') })
    expect(error.message).toContain('s3://lake/root/x cannot be reached')
  })

  test('an answer that got lost: the write is known as ours, another’s is not', async () => {
    proxy.choose = (line, nth) => (line.startsWith('PUT') && nth === 1 ? 'swallow-answer' : 'none')
    expect(await lake.writeIfAbsent('lost/ours', text('ours'))).toBe('written')
    await open({ endpoint: server.endpoint }).lake.writeIfAbsent('lost/theirs', text('theirs'))
    expect(await lake.writeIfAbsent('lost/theirs', text('ours'))).toBe('exists')
  })

  test('a promotion whose last answer got lost is done, once', async () => {
    await lake.writeIfAbsent('lost/from', text('candidate'))
    proxy.choose = (line, nth) => (/^POST .*[?&]uploadId=/.test(line) && nth === 1 ? 'swallow-answer' : 'none')
    expect(await lake.promote('lost/from', 'lost/to')).toBe('written')
    expect(Buffer.from(await lake.read('lost/to')).toString()).toBe('candidate')
    expect(await lake.head('lost/from')).toBeNull()
  })
})

describe('what a person has to change is not retried', () => {
  test.each([
    [{ status: 403, code: 'AccessDenied' }, 'LAKE_ACCESS_DENIED', /may not be accessed \(as told\)/, /policy/],
    [{ status: 400, code: 'ExpiredToken' }, 'LAKE_ACCESS_DENIED', /credentials have expired/, /renew/],
    [{ status: 403, code: 'RequestTimeTooSkewed' }, 'LAKE_ACCESS_DENIED', /clock is wrong/, /NTP/],
    [{ status: 403, code: 'InvalidObjectState' }, 'LAKE_ACCESS_DENIED', /is archived/, /restore/],
    [
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } },
      'CONFIG_INVALID',
      /lies in the region eu-west-1/,
      /MILLCOURSE_S3_REGION to eu-west-1/,
    ],
    [{ status: 507, code: 'QuotaExceeded' }, 'LAKE_FULL', /store is full/, /free space/],
    [{ status: 501, code: 'NotImplemented' }, 'CONFIG_INVALID', /was refused \(NotImplemented/, /speak S3/],
  ])('%o', async (fault, code, message, hint) => {
    proxy.choose = () => fault
    for (const ask of [
      () => lake.read('x'),
      () => lake.head('x'),
      () => lake.writeIfAbsent('x', text('x')),
      () => paths(lake, 'x'),
    ]) {
      proxy.seen.length = 0
      const error = await errorOf(ask())
      expect({ code: error.code, message: error.message, hint: error.detail.hint }).toEqual({
        code,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      })
      expect(error.message).toMatch(/^s3:\/\/lake\/root\/x /)
      // A HEAD has no body to say why, so that a listing is asked.
      expect(proxy.seen.length).toBeLessThanOrEqual(2)
    }
  })

  test('a wrong secret, and no credentials at all', async () => {
    const key = process.env.AWS_SECRET_ACCESS_KEY
    process.env.AWS_SECRET_ACCESS_KEY = 'test-secret-that-is-wrong'
    const error = await errorOf(open().lake.read('x'))
    process.env.AWS_SECRET_ACCESS_KEY = key
    expect(error.code).toBe('LAKE_ACCESS_DENIED')
    const none = {
      AWS_ACCESS_KEY_ID: '',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    }
    Object.assign(process.env, none)
    const without = await errorOf(open().lake.read('x'))
    for (const name of Object.keys(none)) delete process.env[name]
    Object.assign(process.env, server.environment)
    expect(without).toMatchObject({ code: 'LAKE_ACCESS_DENIED', message: expect.stringContaining('credentials') })
  })

  test('a bucket that is not there has its own message, whatever is asked', async () => {
    const { lake: nowhere } = open({}, 's3://no-such-bucket/root')
    for (const ask of [
      () => nowhere.head('x'),
      () => nowhere.read('x'),
      () => nowhere.writeIfAbsent('x', text('x')),
      () => nowhere.promote('x', 'y'),
      () => paths(nowhere, ''),
    ]) {
      const error = await errorOf(ask())
      expect(error.code).toBe('LAKE_BUCKET_MISSING')
      expect(error.message).toContain('there is no bucket no-such-bucket')
    }
  })
})

describe('requests', () => {
  test('a thousand partitions are one listing: as many requests as there are thousands of files', async () => {
    const folder = join(server.folder, 'lake/root/many')
    for (let partition = 0; partition < 1_000; partition++) {
      const place = join(folder, `hour=${String(partition).padStart(4, '0')}`)
      await mkdir(place, { recursive: true })
      await Promise.all(['a', 'b'].map((name) => writeFile(join(place, `${name}.parquet`), '')))
    }
    // One that is answered late would be asked for again.
    const { lake: patient } = open({ silenceMaxMs: 60_000, patienceMs: 60_000 })
    expect(await paths(patient, 'many/')).toHaveLength(2_000)
    expect(proxy.seen).toHaveLength(2)

    proxy.seen.length = 0
    const range = { from: 'many/hour=0500/', below: 'many/hour=0700/' }
    const some: string[] = []
    for await (const { path } of patient.list('many/', range)) some.push(path)
    expect(some).toHaveLength(400)
    expect(some[0]).toBe('many/hour=0500/a.parquet')
    expect(some.at(-1)).toBe('many/hour=0699/b.parquet')
    expect(proxy.seen).toHaveLength(1)
  })

  test('no more of them at once than sockets', async () => {
    const { lake: narrow } = open({ concurrency: 3, silenceMaxMs: 10_000 })
    const before = proxy.atOnceMax()
    await Promise.all(Array.from({ length: 30 }, (_, n) => narrow.head(`x${n}`)))
    expect(proxy.atOnceMax()).toBeLessThanOrEqual(Math.max(3, before))
  })
})

describe('large objects', () => {
  const bytes = Buffer.alloc(12 * mib, 'millcourse ')

  test('go up in parts and are copied in parts, and are the same bytes', async () => {
    const { s3, lake: large } = open({ uploadPartBytes: 5 * mib, copyPartBytes: 5 * mib, silenceMaxMs: 10_000 })
    await writeFile(join(scratch, 'large'), bytes)
    await uploadFile(s3, join(scratch, 'large'), large.uri('large/from'))
    expect(proxy.seen.filter((line) => line.includes('partNumber='))).toHaveLength(3)
    proxy.seen.length = 0
    expect(await large.promote('large/from', 'large/to')).toBe('written')
    expect(proxy.seen.filter((line) => line.includes('partNumber='))).toHaveLength(3)
    expect(bytes.equals(await large.read('large/to'))).toBe(true)
    expect(await large.promote('large/from', 'large/to')).toBe('exists')
  })

  test('a source that is replaced between two parts is not put together from both', async () => {
    const { s3, lake: large } = open({ uploadPartBytes: 5 * mib, copyPartBytes: 5 * mib, silenceMaxMs: 10_000 })
    const put = async (file: string, content: Buffer) => {
      await writeFile(join(scratch, file), content)
      await uploadFile(s3, join(scratch, file), large.uri('large/replaced'))
    }
    await put('large', bytes)
    let parts = 0
    proxy.choose = async (_line, _nth, headers): Promise<S3Fault> => {
      if (!('x-amz-copy-source' in headers) || ++parts > 1) return 'none'
      proxy.choose = () => 'none'
      await put('other', Buffer.alloc(bytes.length, 'another '))
      return 'none'
    }
    expect(await errorOf(large.promote('large/replaced', 'large/mixed'))).toMatchObject({
      code: 'LAKE_FILE_MISSING',
      message: 's3://lake/root/large/replaced was replaced while it was copied',
    })
    expect(parts).toBe(1)
    expect(await large.head('large/mixed')).toBeNull()
    expect(await large.head('large/replaced')).not.toBeNull()
  })

  test('a part that fails leaves nothing: no object, no parts', async () => {
    const { s3, lake: large } = open({ uploadPartBytes: 5 * mib, silenceMaxMs: 10_000, patienceMs: 300 })
    let isThirdUnderWay = false
    const atAbort: boolean[] = []
    proxy.choose = async (line): Promise<S3Fault> => {
      if (line.startsWith('DELETE')) atAbort.push(isThirdUnderWay)
      if (line.includes('partNumber=2')) return { status: 403, code: 'AccessDenied' }
      if (line.includes('partNumber=3')) {
        isThirdUnderWay = true
        await new Promise((resolve) => setTimeout(resolve, 200))
        isThirdUnderWay = false
      }
      return 'none'
    }
    await writeFile(join(scratch, 'large'), bytes)
    const error = await errorOf(uploadFile(s3, join(scratch, 'large'), large.uri('large/failed')))
    expect(error.code).toBe('LAKE_ACCESS_DENIED')
    expect(await large.head('large/failed')).toBeNull()
    const uploads = await s3.client.send(new ListMultipartUploadsCommand({ Bucket: 'lake' }))
    expect(uploads.Uploads ?? []).toEqual([])
    // A part that arrives after the upload was given up would stay.
    expect(atAbort).toEqual([false])
  })
})
