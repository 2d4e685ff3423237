/** How sources are looked at, over a folder and S3: what is found, and how many requests it takes. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { currentFiles } from '../../activities/current-files.js'
import { listPartitions } from '../../activities/list-partitions.js'
import { verifyPins } from '../../activities/pinned-files.js'
import type { Lake } from '../../core/ports/lake.js'
import { parseInstant } from '../../core/time/instant.js'
import { type S3Proxy, startS3Proxy } from '../../drill/faults/s3-proxy.js'
import { openStackLakes } from '../../workers/stack-lakes.js'
import { startTestS3, type TestS3 } from '../support/versitygw.js'

const path = 'flights/date={yyyy-MM-dd}/hour={HH}/*.parquet'
const hourNs = 3_600_000_000_000n
const start = parseInstant('2001-01-01T00:00:00Z')
const hours = (from: number, to: number) => ({ start: start + BigInt(from) * hourNs, end: start + BigInt(to) * hourNs })
const s3Config = { isPathStyle: true, region: 'us-east-1', roleArn: null, caFile: null }

let server: TestS3
let proxy: S3Proxy
let folder: string
const closers: (() => Promise<void>)[] = []

beforeAll(async () => {
  server = await startTestS3()
  proxy = await startS3Proxy(server.endpoint)
  Object.assign(process.env, server.environment)
  folder = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'millcourse-sources-'))
  await server.newBucket('lake')
  // 45 days of hours, two files each, and between them what no run reads: a marker in each hour.
  const names: string[] = []
  for (let hour = 0; hour < 45 * 24; hour++) {
    const iso = new Date(Number((start + BigInt(hour) * hourNs) / 1_000_000n)).toISOString()
    const partition = `flights/date=${iso.slice(0, 10)}/hour=${iso.slice(11, 13)}`
    names.push(...['a.parquet', 'b.parquet', '_SUCCESS'].map((name) => `${partition}/${name}`))
  }
  names.push(...Array.from({ length: 1_200 }, (_, n) => `small/hour=00/${String(n).padStart(5, '0')}.parquet`))
  for (const root of [folder, join(server.folder, 'lake/root')]) {
    for (const place of new Set(names.map((name) => dirname(name)))) await mkdir(join(root, place), { recursive: true })
    for (let at = 0; at < names.length; at += 200)
      await Promise.all(names.slice(at, at + 200).map((name) => writeFile(join(root, name), name)))
  }
})

afterAll(async () => {
  for (const close of closers) await close()
  await proxy.stop()
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

beforeEach(() => {
  proxy.seen.length = 0
})

async function sourcesAt(root: string): Promise<Lake> {
  const lakes = openStackLakes({ ...s3Config, endpoint: proxy.endpoint })
  closers.push(() => lakes.close())
  return lakes.sourcesAt(root)
}

describe.each([
  ['a folder', () => folder],
  ['S3', () => 's3://lake/root'],
])('%s', (_, root) => {
  test('a thousand partitions: each file with its own hour, and nothing beyond the range', async () => {
    const sources = await sourcesAt(root())
    const found = await listPartitions({ sources }, path, hours(30, 1_030))
    expect(found).toHaveLength(2_000)
    expect(found[0]).toMatchObject({
      uri: sources.uri('flights/date=2001-01-02/hour=06/a.parquet'),
      partition: hours(30, 31),
    })
    expect(found.at(-1)).toMatchObject({
      uri: sources.uri('flights/date=2001-02-12/hour=21/b.parquet'),
      partition: hours(1_029, 1_030),
    })
    // 3,000 objects, markers included, and a look at what comes after them.
    expect(proxy.seen.length).toBeLessThanOrEqual(4)
  })

  test('partitions that are single files, absent, or far apart in the order of names', async () => {
    const sources = await sourcesAt(root())
    const one = await listPartitions({ sources }, 'flights/date=2001-01-{dd}/hour={HH}/a.parquet', hours(0, 48))
    expect(one).toHaveLength(48)
    expect(await listPartitions({ sources }, 'flights/hour={HH}/*.parquet', hours(0, 24))).toEqual([])
    // Days before hours: other hours of all days lie between.
    const crossed = await listPartitions({ sources }, 'flights/date=*/hour={HH}/*.parquet', hours(0, 1))
    expect(crossed).toHaveLength(90)
  })

  test('an absolute path lies where it says, whatever the root', async () => {
    const sources = await sourcesAt('.')
    const absolute = root().startsWith('s3:') ? root() : `file://${root()}`
    const uris = (await listPartitions({ sources }, `${absolute}/${path}`.replace('file://', ''), hours(0, 2))).map(
      (file) => file.uri,
    )
    expect(uris).toHaveLength(4)
    expect(uris[0]).toBe(`${root()}/flights/date=2001-01-01/hour=00/a.parquet`)
    expect((await sources.head(uris[0]!))?.sizeBytes).toBeGreaterThan(0)
  })

  test('1,200 pinned files of an hour are verified by listings, one that moved or went is found', async () => {
    const sources = await sourcesAt(root())
    const uris = Array.from({ length: 1_200 }, (_, n) =>
      sources.uri(`small/hour=00/${String(n).padStart(5, '0')}.parquet`),
    )
    const now = await currentFiles(sources, uris)
    const requests = proxy.seen.length
    expect(requests).toBeLessThanOrEqual(2)
    const pins = uris.map((uri) => ({
      uri,
      etag: now.get(uri)!.etag,
      sizeBytes: now.get(uri)!.sizeBytes,
      role: 'own' as const,
    }))
    await verifyPins({ sources }, pins)
    const moved = pins.map((pin, index) => (index === 700 ? { ...pin, etag: 'another' } : pin))
    await expect(verifyPins({ sources }, moved)).rejects.toMatchObject({
      code: 'PLAN_INPUTS_MOVED',
      detail: { facts: { file: uris[700], pinned: 'another' } },
    })
    const gone = [...pins, { ...pins[0]!, uri: sources.uri('small/hour=00/00001x.parquet') }]
    await expect(verifyPins({ sources }, gone)).rejects.toMatchObject({ detail: { facts: { found: 'absent' } } })
  })
})

test('few files among many others are asked for one by one', async () => {
  const sources = await sourcesAt('s3://lake/root')
  const uris = [...Array(8).keys()].map((n) => sources.uri(`small/hour=00/${String(n * 170).padStart(5, '0')}.parquet`))
  const found = await currentFiles(sources, uris)
  expect([...found.values()].every((file) => file !== null)).toBe(true)
  expect(proxy.seen.filter((line) => line.startsWith('HEAD'))).toHaveLength(8)
})
