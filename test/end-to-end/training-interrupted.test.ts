/** Training sets of a process that is killed or told to stop while it writes, here and in S3; spines and parts that lie in S3. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CliContext } from '../../cli/context.js'
import { outputInS3 } from '../../cli/training/output-in-s3.js'
import { spineCopyOf, type TrainingOutput } from '../../cli/training/training-output.js'
import { MillcourseError } from '../../core/errors.js'
import type { TrainingManifest } from '../../core/training/index.js'
import { openStackLakes } from '../../workers/stack-lakes.js'
import { hour, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'
import { startTestS3, type TestS3 } from '../support/versitygw.js'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const spineRows = 12_000
let rig: SalesRig
let s3: TestS3
let folder: string

beforeAll(async () => {
  ;[rig, s3] = await Promise.all([startSalesRig({ sales: { view: { ttl: undefined } } }), startTestS3()])
  await s3.newBucket('sets')
  folder = rig.deps.lake.uri('sets')
  await rig.deps.lake.prepareWrite('sets/x')
  await rig.write('sales', 0, 'a', sale(hour(0, 10), 'x', 1))
  await rig.settle('sales', hour(1))
  const time = `TIMESTAMP '2001-01-01 00:30:00' AS "at"`
  await query(
    `COPY (SELECT range AS n, 'x' AS shop, ${time}, md5(range::VARCHAR) AS text FROM range(${spineRows}) ORDER BY n) TO '${join(folder, 'spine.parquet')}' (FORMAT parquet)`,
  )
})
afterAll(async () => {
  await rig?.stop()
  await s3?.stop()
})

const query = (sql: string) => rig.deps.engine.withSession((session) => session.all({ sql }))

/** Nothing of it is asked. */
const unasked = { TEMPORAL_ADDRESS: '127.0.0.1:1', MILLCOURSE_DYNAMODB_ENDPOINT: 'http://127.0.0.1:1' }

/** `stopped`: sends the signal as soon as the process has written two parts of many. */
async function millcourse(
  out: string,
  options: string[],
  stopped?: { signal: NodeJS.Signals; drafts: string },
  [command, ...first]: readonly [string, ...string[]] = [process.execPath],
) {
  const child = spawn(command, [...first, program, 'training-set', '--out', out, '--json', ...options], {
    env: { ...process.env, ...unasked, ...rig.environment, ...s3.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (part) => (stdout += part))
  child.stderr.on('data', (part) => (stderr += part))
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.on('close', (exit, signal) => resolve(exit ?? signal)),
  )
  if (stopped) {
    const isWriting = () =>
      names(stopped.drafts, true).some(
        (name) => name.includes(`-${child.pid}-`) && existsSync(join(stopped.drafts, name, 'part-00001.parquet')),
      )
    while (!isWriting() && child.exitCode === null) await pause(5)
    child.kill(stopped.signal)
  }
  const exit = await ended
  return { exit, stderr, data: stdout === '' ? null : (JSON.parse(stdout) as Record<string, unknown>), pid: child.pid! }
}

/** Of the product's own: versitygw keeps some files of its own there, too. */
const names = (of: string, isHidden = false) =>
  readdirSync(of).filter((name) => (isHidden ? name.startsWith('.training-set') : !name.startsWith('.')))
const manifest = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as TrainingManifest
const keptBy = (of: string) => basename(manifest(join(of, 'train.manifest.json')).asked.spine)
const spine = () => join(folder, 'spine.parquet')
const asked = ['--event-time', 'at', '--features', 'sales:amount']

test.each([
  ['here', () => join(folder, 'train/'), () => folder],
  ['in S3', () => 's3://sets/train/', () => join(s3.folder, 'sets')],
])(
  '%s: killed it leaves nothing that looks like a set, and the next command removes what is left',
  async (_, out, place) => {
    const before = names(place())
    const options = [...asked, '--spine-sql', `SELECT * FROM '${spine()}' ORDER BY n`, '--partition-rows', '500']
    const killed = await millcourse(out(), options, { signal: 'SIGKILL', drafts: place() })
    expect(killed).toMatchObject({ exit: 'SIGKILL', stderr: '' })
    expect(names(place())).toEqual(before)
    expect(names(place(), true).length).toBeGreaterThan(0)
    expect(readdirSync(rig.environment.MILLCOURSE_SPILL_DIR!)).not.toEqual([])

    const stopped = await millcourse(out(), options, { signal: 'SIGINT', drafts: place() })
    expect(stopped).toMatchObject({ exit: 130, stderr: expect.stringContaining('interrupted') })
    expect([...names(place(), true), ...readdirSync(rig.environment.MILLCOURSE_SPILL_DIR!)]).toEqual([])
    expect(names(place())).toEqual(before)

    const made = await millcourse(out(), options)
    expect(made).toMatchObject({ exit: 0, stderr: '', data: { rows: spineRows, isOrdered: true } })
    expect(names(place())).toEqual([...before, 'train', 'train.manifest.json', keptBy(place())].toSorted())
    const written = manifest(join(place(), 'train.manifest.json'))
    expect(names(join(place(), 'train'))).toEqual(written.output.parts!.map(({ file }) => file))
    for (const { file, sha256 } of written.output.parts!.slice(0, 3))
      expect(
        createHash('sha256')
          .update(readFileSync(join(place(), 'train', file)))
          .digest('hex'),
      ).toBe(sha256)
    // What was not finished is kept for a day, what is there for as long as was asked.
    const kept = await rig.deps.ledger.trainingSet(written.id)
    expect(kept!.expiresAt - BigInt(Date.now()) * 1_000_000n).toBeGreaterThan(86_400_000_000_000n)
  },
)

test('a spine in S3, and sets beside it: hashed as they lie there, replaced only when it is said, and made again', async () => {
  const objects = join(s3.folder, 'sets')
  const kept = `s3://sets/${keptBy(objects)}`
  const whole = await millcourse('s3://sets/whole.parquet', [...asked, '--spine', kept])
  const hash = createHash('sha256')
    .update(readFileSync(join(objects, 'whole.parquet')))
    .digest('hex')
  expect(manifest(join(objects, 'whole.parquet.manifest.json'))).toMatchObject({
    id: manifest(join(objects, 'train.manifest.json')).id,
    asked: { spine: kept },
    output: { sha256: hash },
  })
  expect(whole.data).toMatchObject({ rows: spineRows, sha256: hash })

  const rebuild = 's3://sets/whole.parquet.manifest.json'
  const again = await millcourse('s3://sets/again.parquet', ['--rebuild', rebuild])
  expect(again).toMatchObject({ exit: 0, data: { isSameBytes: true, sha256: hash } })
  const inParts = await millcourse('s3://sets/again/', ['--rebuild', 's3://sets/train.manifest.json'])
  expect(inParts).toMatchObject({ exit: 0, data: { isSameBytes: true } })

  for (const out of ['s3://sets/whole.parquet', 's3://sets/again/'])
    expect(await millcourse(out, [...asked, '--spine', kept])).toMatchObject({
      exit: 64,
      stderr: expect.stringContaining('this file exists'),
    })
  const anew = ['--rebuild', 's3://sets/train.manifest.json', '--overwrite']
  expect(await millcourse('s3://sets/train/', anew)).toMatchObject({ exit: 0, data: { isSameBytes: true } })
  expect(names(objects)).toContain(keptBy(objects))
  const replaced = await millcourse('s3://sets/again/', [
    ...asked,
    '--spine',
    kept,
    '--overwrite',
    '--partition-rows',
    '9000',
  ])
  expect(replaced).toMatchObject({ exit: 0, data: { rows: spineRows } })
  expect(names(join(objects, 'again'))).toEqual(['part-00000.parquet', 'part-00001.parquet'])
  expect(names(objects, true)).toEqual([])
})

test('in S3 what is replaced stays until the new set is whole, and no spine and no file of others goes with it', async () => {
  Object.assign(process.env, s3.environment)
  const place = { endpoint: s3.endpoint, isPathStyle: true, region: 'us-east-1', roleArn: null, caFile: null }
  const s3Lakes = openStackLakes(place)
  const lake = await s3Lakes.lakeAt('s3://sets/replaced')
  const text = async (path: string) => new TextDecoder().decode(await lake.read(path))
  const put = async (path: string, content: string) => {
    await lake.remove(path)
    await lake.writeIfAbsent(path, new TextEncoder().encode(content))
  }
  let refused: string | null = null
  const lakeAt = async (root: string) => {
    const real = await s3Lakes.lakeAt(root)
    const replace = real.replace.bind(real)
    return Object.assign(real, {
      replace: (from: string, to: string) =>
        to === refused ? Promise.reject(new MillcourseError('LAKE_UNREACHABLE', 'away')) : replace(from, to),
    })
  }
  const open = async (name: string, spine: string | null) => {
    const [out, partRows] = [lake.uri(name), /[.]parquet$/.test(name) ? null : 1]
    const asked = { out: partRows === null ? out : `${out}/`, partRows, overwrite: true }
    const output = await outputInS3({ lakeAt } as CliContext, asked, spine)
    await put(output.draft(0).slice(lake.uri('x').length - 1), 'new set')
    return output
  }
  const [oldHash, newHash] = ['0'.repeat(64), '1'.repeat(64)]
  const oldSet = async (name: string, set: string) => {
    const spine = spineCopyOf(name, oldHash)
    await put(set, 'old set')
    await put(spine, 'old spine')
    const old = { asked: { spine: lake.uri(spine), sql: 'SELECT' }, spine: { sha256: oldHash } }
    await put(`${name}.manifest.json`, JSON.stringify(old))
    return { spine, manifest: JSON.stringify(old) }
  }
  const keep = (output: TrainingOutput) => put(output.spineCopy.draft.slice(lake.uri('x').length - 1), 'new spine')
  for (const [name, set] of [
    ['one.parquet', 'one.parquet'],
    ['many', 'many/part-00000.parquet'],
  ] as const) {
    const { spine, manifest } = await oldSet(name, set)
    const whole = async () => [await text(set), await text(`${name}.manifest.json`)]
    await expect(open(name, lake.uri(set))).rejects.toMatchObject({ message: expect.stringMatching(/would be lost/) })
    const own = await open(name, lake.uri(spine))
    expect(await text(set)).toBe('old set')
    await own.publish('new manifest', { parts: 1, keptSpine: null })
    await own.discard()
    expect([...(await whole()), await text(spine)]).toEqual(['new set', 'new manifest', 'old spine'])

    await oldSet(name, set)
    const other = await open(name, null)
    await keep(other)
    await other.publish('new manifest', { parts: 1, keptSpine: newHash })
    await other.discard()
    expect(await text(spineCopyOf(name, newHash))).toBe('new spine')
    expect(await lake.head(spine)).toBeNull()
    await lake.remove(spineCopyOf(name, newHash))

    await oldSet(name, set)
    const late = await open(name, null)
    await keep(late)
    if (name === 'many') await put('many/notes.txt', 'of another')
    else refused = name
    const failed = late.publish('newer', { parts: 1, keptSpine: newHash })
    await expect(failed).rejects.toMatchObject({ code: name === 'many' ? 'USAGE' : 'LAKE_UNREACHABLE' })
    await late.discard()
    expect([...(await whole()), await text(spine)]).toEqual(['old set', manifest, 'old spine'])
    expect(await lake.head(spineCopyOf(name, newHash))).toBeNull()
  }
  await s3Lakes.close()
  expect(names(join(s3.folder, 'sets/replaced'), true)).toEqual([])
})

/** As on a full disk, for which a test would need a disk: no file of the process grows beyond so much. */
test('where there is no room for it nothing is left', async () => {
  const limited = (blocks: number) => ['sh', '-c', `ulimit -f ${blocks} && exec "$0" "$@"`, process.execPath] as const
  const wide = `SELECT *, repeat(sha256(text), 40) AS wide FROM '${spine()}' ORDER BY n`
  for (const [out, options] of [
    ['full.parquet', ['--spine', spine()]],
    ['full/', ['--spine', spine(), '--partition-rows', '9000']],
    ['full.parquet', ['--spine-sql', wide]],
  ] as const) {
    const before = names(folder)
    const failed = await millcourse(join(folder, out), [...asked, ...options], undefined, limited(64))
    expect(failed).toMatchObject({ exit: 73, stderr: expect.stringContaining('TRAINING_OUT_UNWRITABLE') })
    expect(names(folder)).toEqual(before)
    expect(names(folder, true)).toEqual([])
  }
})
