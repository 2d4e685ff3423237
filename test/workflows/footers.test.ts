/** Sources without partitions: footers decide which files a run pins and reads (R27), over a folder and S3. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { computeInterval } from '../../activities/compute-interval.js'
import { readSource } from '../../activities/read-source.js'
import { type S3Proxy, startS3Proxy } from '../../drill/faults/s3-proxy.js'
import { hour, hourOf, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'
import { startTestS3, type TestS3 } from '../support/versitygw.js'

const views = { plain: { path: 'plain/*.parquet', view: { lookback: '3h' } }, moved: { path: 'moved/*.parquet' } }
const hours = 5

let server: TestS3
let proxy: S3Proxy

beforeAll(async () => {
  server = await startTestS3()
  proxy = await startS3Proxy(server.endpoint)
  Object.assign(process.env, server.environment)
  await server.newBucket('lake')
})

afterAll(async () => {
  await proxy?.stop()
  await server?.stop()
})

describe.each([
  ['a folder', () => null],
  [
    'S3',
    () => ({
      lake: 's3://lake/lake',
      sources: 's3://lake/sources',
      s3: { endpoint: proxy.endpoint, isPathStyle: true, region: 'us-east-1', roleArn: null, caFile: null },
    }),
  ],
])('%s', (name, roots) => {
  let rig: SalesRig
  beforeAll(async () => {
    rig = await startSalesRig(views, roots())
    for (let at = 0; at < hours; at++) await rig.writeFile(`plain/${at}.parquet`, sale(hour(at, 5), 'x', at))
  })
  afterAll(() => rig?.stop())
  beforeEach(() => {
    proxy.seen.length = 0
  })

  const pins = async (runId: string) => (await rig.deps.ledger.run(runId))!.pins!.files.map((file) => file.uri)
  const read = () => [
    ...new Set(proxy.seen.flatMap((line) => /^GET \/lake\/(sources\/.*\.parquet)/.exec(line)?.[1] ?? [])),
  ]

  test('only files whose event times touch the interval are pinned and read, footers are read once', async () => {
    const first = await rig.planned('plain', 0, 'plain-0')
    expect(await pins(first.runId)).toEqual([rig.deps.sources.uri('plain/0.parquet')])
    if (name === 'S3') {
      expect(read()).toHaveLength(hours)
      // One listing; for each file a HEAD and a GET of its footer, and a HEAD to see that it has not moved meanwhile.
      expect(proxy.seen.length).toBeLessThanOrEqual(3 * hours + 1)
      proxy.seen.length = 0
    }
    await rig.writeFile('plain/late.parquet', sale(hour(3, 50), 'y', 1))
    proxy.seen.length = 0
    const later = await rig.planned('plain', 3, 'plain-3')
    expect(await pins(later.runId)).toEqual(
      ['plain/3.parquet', 'plain/late.parquet'].map((path) => rig.deps.sources.uri(path)),
    )
    // The footer of the new file alone.
    if (name === 'S3') expect(read()).toEqual(['sources/plain/late.parquet'])
    proxy.seen.length = 0
    await rig.step(readSource, [later], { id: later.runId })
    await rig.step(computeInterval, [later], { id: later.runId })
    if (name === 'S3') expect(read().sort()).toEqual(['sources/plain/3.parquet', 'sources/plain/late.parquet'])
    expect((await rig.deps.ledger.run(later.runId))!.candidate!.counts).toMatchObject({ read: 2, kept: 2 })
  })

  test('a late file re-opens the hour that its footer names, and no other', async () => {
    await rig.settle('plain', hour(3))
    await rig.writeFile('plain/later.parquet', sale(hour(2, 59), 'z', 1))
    expect(await rig.settle('plain', hour(3))).toEqual(['02:00 done'])
  })

  test('a file swapped or removed between plan and read: nothing is recorded, and the run plans anew', async () => {
    const file = 'moved/a.parquet'
    await rig.writeFile(file, sale(hour(0, 5), 'x', 1))
    const run = await rig.planned('moved', 0, 'moved-0')
    for (const move of [() => rig.writeFile(file, sale(hour(0, 5), 'x', 2)), () => rig.deps.sources.remove(file)]) {
      await move()
      for (const step of [readSource, computeInterval])
        await expect(rig.step<[typeof run], unknown>(step, [run], { id: run.runId })).rejects.toMatchObject({
          code: 'PLAN_INPUTS_MOVED',
          detail: { facts: { file: rig.deps.sources.uri(file) } },
        })
    }
    expect((await rig.deps.ledger.run(run.runId))!.candidate).toBeNull()
    await rig.writeFile(file, sale(hour(0, 5), 'x', 3))
    expect((await rig.run(hourOf('moved', 0))).outcome).toBe('done')
  })
})
