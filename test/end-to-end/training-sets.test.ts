/** Training sets over a real ledger, lake and engine: what pins them, how they are made again, and what is said where they cannot be. */
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TrainingSetOptions, trainingSet } from '../../cli/commands/training-set.js'
import type { CliContext } from '../../cli/context.js'
import type { FeatureRepo, FeatureServiceDefinition } from '../../core/define/definitions.js'
import { window } from '../../core/define/index.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'
import type { TrainingManifest } from '../../core/training/index.js'
import type { StackPorts } from '../../workers/stack-ports.js'
import { commandContext } from '../support/command-context.js'
import { hour, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

let rig: SalesRig
let folder: string
let context: CliContext

beforeAll(async () => {
  const totals = { features: { total: window.sum('amount', { over: '4h' }) }, tile: '1h', coarseTile: '2h' }
  rig = await startSalesRig({ sales: { view: { ttl: undefined, lag: '30m' } }, totals: { view: totals } })
  const { ledger, registry, lake, engine } = rig.deps
  const ports = {
    ledger: async () => ledger,
    registry: async () => registry,
    lake: async () => lake,
    engine: async () => engine,
  }
  context = commandContext(ports as unknown as StackPorts)
  folder = lake.uri('sets')
  await lake.prepareWrite('sets/x')
  for (const at of [0, 1, 2])
    await rig.write('sales', at, 'a', sale(hour(at, 10), 'x', at), sale(hour(at, 20), 'y', 10 + at))
  await rig.settle('sales', hour(3))
  await query(
    `COPY (SELECT * FROM (VALUES ('b', 'x', TIMESTAMP '2001-01-01 02:15:00', 1), ('a', 'y', TIMESTAMP '2001-01-01 01:50:00', 2), ('b', 'nobody', TIMESTAMP '2001-01-01 02:59:00', NULL)) v(id, shop, "at", n)) TO '${join(folder, 'spine.parquet')}' (FORMAT parquet)`,
  )
})
afterAll(() => rig?.stop())

const query = (sql: string) => rig.deps.engine.withSession((session) => session.all({ sql }))
const file = (name: string) => join(folder, name)
const rowsOf = async (name: string) =>
  (await query(`SELECT sales__amount AS amount FROM '${file(name)}'`)).map(({ amount }) => amount)
const manifestOf = (name: string) => JSON.parse(readFileSync(file(`${name}.manifest.json`), 'utf8')) as TrainingManifest

function make(out: string, options: Partial<TrainingSetOptions> = {}, given: CliContext = context) {
  const asked = { spine: file('spine.parquet'), eventTime: 'at', features: ['sales:amount'] }
  return trainingSet(given, { ...(options.rebuild ? {} : asked), ...options, out: file(out) })
}
const again = (of: string, out: string, more: Partial<TrainingSetOptions> = {}) =>
  make(out, { rebuild: file(`${of}.manifest.json`), ...more })

test('a set says what it was made of, pins it, and is made again to the byte', async () => {
  const report = await make('first.parquet')
  expect(await rowsOf('first.parquet')).toEqual([2n, 11n, null])
  const manifest = manifestOf('first.parquet')
  expect(report.data).toMatchObject({ id: manifest.id, mode: 'knowable', rows: 3, columns: ['sales__amount'] })
  const [view] = manifest.views
  expect(view).toMatchObject({ view: 'sales', version: 1, features: ['amount'], mapping: {} })
  expect(view!.files.map(({ start }) => start)).toEqual([hour(0), hour(1), hour(2)])
  const paths = view!.files.flatMap(({ path }) => path ?? [])
  expect((await rig.deps.ledger.pinnedPaths([...paths, 'rows/other'])).sort()).toEqual(paths.toSorted())
  expect(await rig.deps.ledger.trainingSet(manifest.id)).toMatchObject({ mode: 'knowable', by: 'test' })

  // An hour that no row of the spine reaches is none of its business.
  await rig.write('sales', 3, 'a', sale(hour(3, 10), 'x', 99))
  await rig.settle('sales', hour(4))
  expect((await again('first.parquet', 'second.parquet')).data).toMatchObject({ id: manifest.id, isSameBytes: true })
  expect(readFileSync(file('second.parquet')).equals(readFileSync(file('first.parquet')))).toBe(true)
})

test('--explain says what it would read and take, and leaves nothing', async () => {
  const [before, pinned] = [readdirSync(folder), await rig.deps.ledger.trainingSet(manifestOf('first.parquet').id)]
  const asked = { spine: file('spine.parquet'), eventTime: 'at', features: ['sales:amount', 'again=sales'] }
  const { text, data } = await trainingSet(context, { ...asked, explain: true })
  expect(
    text
      .replace(/[0-9a-f]{64}/, 'ID')
      .replace(/[\d.]+ (B|KiB)/g, 'SIZE')
      .replace(/ +/g, ' '),
  ).toBe(
    [
      'set ID, knowable',
      'spine: 3 rows, SIZE, 2001-01-01T01:50:00Z to 2001-01-01T02:59:00Z',
      'view features joins intervals from to files rows bytes',
      'sales@v1 1 1 3 2001-01-01T00:00:00Z 2001-01-01T03:00:00Z 3 6 SIZE',
      'sales@v1 2 1 3 2001-01-01T00:00:00Z 2001-01-01T03:00:00Z 3 6 SIZE',
      'output: 3 features, about SIZE before compression',
      "memory: about SIZE; what is beyond the engine's limit is spilled",
      'nothing was pinned, joined or written',
    ].join('\n'),
  )
  const { id } = data as { id: string }
  expect(data).toMatchObject({ out: null, columns: ['sales__amount', 'again__amount', 'again__note'] })
  expect(await rig.deps.ledger.trainingSet(id)).toBeNull()
  expect(readdirSync(folder)).toEqual(before)
  expect(await rig.deps.ledger.trainingSet(manifestOf('first.parquet').id)).toEqual(pinned)
  await expect(trainingSet(context, asked)).rejects.toMatchObject({ code: 'USAGE', message: '--out is missing' })
})

test('R30: as served and as published are other sets, with other ids', async () => {
  // 02:15 - 30m: the newest end is 01:00; 01:50: 01:00; 02:59: 02:00.
  await make('served.parquet', { asServed: true })
  expect(await rowsOf('served.parquet')).toEqual([0n, 10n, null])
  const { ledger } = rig.deps
  const key = { view: 'sales', version: 1 }
  const owner = 'test/1'
  const opened = await ledger.openPublish({
    ...key,
    ...{ owner, workflowRunId: 'test', table: 't', firstLoadsMax: 0, leaseMs: 60_000, window: null },
    ...{ since: 978_307_200_000_000_000n, everyNs: 3_600_000_000_000n },
  })
  if (opened.kind !== 'opened') throw new Error(opened.kind)
  const { sequence } = opened.publish
  const keyCounts = { touched: 0, published: 0, unchanged: 0, superseded: 0, takenBack: 0, rewritten: 0 }
  await ledger.finishPublish(key, sequence, owner, { keyCounts, itemsWritten: 0, tableIdentity: 't', newBase: null })
  const { finishedAt } = (await ledger.lastPublish(key))!
  const at = (ns: bigint) => `('x', make_timestamp_ns(${ns}))`
  await query(
    `COPY (SELECT * FROM (VALUES ${at(finishedAt - 1n)}, ${at(finishedAt)}) v(shop, "at")) TO '${file('now.parquet')}' (FORMAT parquet)`,
  )
  await make('published.parquet', { asPublished: true, spine: file('now.parquet') })
  expect(await rowsOf('published.parquet')).toEqual([null, 99n])
  const [view] = manifestOf('published.parquet').views
  expect(view!.reads).toMatchObject([{ publishes: [{ sequence: '1', recordedAt: formatInstant(finishedAt) }] }])
  expect((await again('published.parquet', 'published-2.parquet')).data).toMatchObject({ isSameBytes: true })
  expect(new Set(['first', 'served', 'published'].map((name) => manifestOf(`${name}.parquet`).id)).size).toBe(3)
})

test('an interval that was committed anew is named, and the pinned files are read instead while they are there', async () => {
  await rig.write('sales', 1, 'late', sale(hour(1, 30), 'y', 77))
  const interval = { start: 978_310_800_000_000_000n, end: 978_314_400_000_000_000n }
  await rig.deps.ledger.reopenIntervals({ view: 'sales', version: 1 }, [interval], 'a late file')
  await rig.settle('sales', hour(4))
  const before = readdirSync(folder)
  await expect(again('first.parquet', 'third.parquet')).rejects.toMatchObject({
    code: 'TRAINING_STATE_CHANGED',
    message: expect.stringMatching(/sales@v1 \[2001-01-01T01:00:00Z, 2001-01-01T02:00:00Z\)$/),
  })
  expect(readdirSync(folder)).toEqual(before)
  expect((await again('first.parquet', 'pinned.parquet', { pinned: true })).data).toMatchObject({ isSameBytes: true })
  await make('anew.parquet')
  expect(await rowsOf('anew.parquet')).toEqual([2n, 77n, null])
  // What was published then is what it was.
  expect((await again('published.parquet', 'published-3.parquet')).data).toMatchObject({ isSameBytes: true })

  const gone = manifestOf('first.parquet').views[0]!.files[1]!
  const path = rig.deps.lake.uri(gone.path!)
  const bytes = readFileSync(path)
  rmSync(path)
  writeFileSync(path, bytes)
  // The same bytes under another ETag: what it holds is anybody's guess.
  await expect(again('first.parquet', 'fourth.parquet', { pinned: true })).rejects.toMatchObject({
    code: 'TRAINING_FILES_REMOVED',
    detail: { hint: expect.stringContaining('put back from a backup') },
  })
  rmSync(path)
  for (const [of, more] of [
    ['first.parquet', { pinned: true }],
    ['published.parquet', {}],
  ] as const)
    await expect(again(of, 'fourth.parquet', more)).rejects.toMatchObject({
      code: 'TRAINING_FILES_REMOVED',
      message: expect.stringContaining('[2001-01-01T01:00:00Z, 2001-01-01T02:00:00Z)'),
    })
})

test('more parts than have names, or parts without rows, are refused before the work', async () => {
  const spine = file('many-rows.parquet')
  await query(
    `COPY (SELECT 'x' AS shop, TIMESTAMP '2001-01-01 00:30:00' AS "at" FROM range(100001)) TO '${spine}' (FORMAT parquet)`,
  )
  const refused = { code: 'USAGE', message: expect.stringContaining('more than 100000 parts') }
  await expect(make('many/', { spine, partitionRows: 1 })).rejects.toMatchObject(refused)
  await make('few/', { partitionRows: 2 })
  const { asked, ...rest } = manifestOf('few')
  for (const partRows of [0, -1, 0.5]) {
    writeFileSync(file('edited.manifest.json'), JSON.stringify({ ...rest, asked: { ...asked, partRows } }))
    await expect(make('edited/', { rebuild: file('edited.manifest.json') })).rejects.toMatchObject({
      code: 'TRAINING_MANIFEST_INVALID',
      message: expect.stringContaining('partRows'),
    })
  }
  expect(readdirSync(folder).filter((name) => name.startsWith('.') || name.startsWith('many.'))).toEqual([])
})

test('R11, R14: a spine keeps times of INT96 that nanoseconds do not reach', async () => {
  const spine = file('far.parquet')
  copyFileSync(new URL('../faults/bad-input/fixtures/int96-far.parquet', import.meta.url), spine)
  await make('far-set.parquet', { spine })
  const rows = await query(`SELECT CAST("at" AS VARCHAR) AS "at", shop FROM '${file('far-set.parquet')}'`)
  expect(rows.map(({ at, shop }) => [at, shop])).toEqual([
    ['0001-01-01 00:00:00.000001', 'x'],
    ['1969-12-31 23:59:59.999999', 'y'],
    ['9999-12-31 23:59:59.999999', 'z'],
  ])
})

test('R14: a spine with columns that the engine would change is refused by their names', async () => {
  const spine = file('odd-spine.parquet')
  copyFileSync(new URL('../faults/bad-input/fixtures/odd-columns.parquet', import.meta.url), spine)
  await expect(make('odd-set.parquet', { spine })).rejects.toMatchObject({
    code: 'TRAINING_SPINE_INVALID',
    message: `the spine's "wide" has decimals of 60 digits, of which the engine makes other numbers`,
  })
})

test('a set of another project is not looked for in this one', async () => {
  const rebuild = file('first.parquet.manifest.json')
  for (const pinned of [false, true])
    await expect(make('theirs.parquet', { rebuild, pinned }, { ...context, project: 'another' })).rejects.toMatchObject(
      {
        code: 'TRAINING_MANIFEST_INVALID',
        message: expect.stringMatching(/is of project "[^"]+", and this is "another"/),
      },
    )
})

test('another spine and an edited manifest are refused', async () => {
  const spine = file('other.parquet')
  await query(`COPY (SELECT 'x' AS shop, TIMESTAMP '2001-01-01' AS "at") TO '${spine}' (FORMAT parquet)`)
  await expect(again('first.parquet', 'fifth.parquet', { spine })).rejects.toMatchObject({
    code: 'TRAINING_STATE_CHANGED',
  })
  const edited = { ...manifestOf('first.parquet'), mode: 'as-served' }
  writeFileSync(file('edited.json'), JSON.stringify(edited))
  for (const rebuild of ['edited.json', 'spine.parquet', 'nowhere.json'])
    await expect(make('fifth.parquet', { rebuild: file(rebuild) })).rejects.toMatchObject({
      code: 'TRAINING_MANIFEST_INVALID',
    })
})

test('a file that appears at its place meanwhile stays as it is, and nothing else is left', async () => {
  const before = readdirSync(folder)
  const update = (text: string) => void (text === 'writing' && writeFileSync(file('taken.parquet'), 'of another'))
  const progress = { update, line() {}, end() {} }
  await expect(make('taken.parquet', { spine: file('other.parquet') }, { ...context, progress })).rejects.toMatchObject(
    {
      code: 'USAGE',
    },
  )
  expect(readFileSync(file('taken.parquet'), 'utf8')).toBe('of another')
  const left = readdirSync(folder).filter((name) => !before.includes(name))
  expect(left).toEqual(['taken.parquet'])
})

test('interrupted while it writes it leaves nothing, and what a killed process left goes', async () => {
  const abandoned = file(`.training-set-${(await import('node:os')).hostname()}-999999999-0.draft`)
  writeFileSync(abandoned, 'half')
  const controller = new AbortController()
  const update = (text: string) => void (text === 'writing' && controller.abort(new Error('interrupted')))
  const progress = { update, line() {}, end() {} }
  const before = readdirSync(folder).filter((name) => !name.includes('999999999'))
  await expect(make('cut.parquet', {}, { ...context, progress, signal: controller.signal })).rejects.toThrow(
    'interrupted',
  )
  expect(readdirSync(folder)).toEqual(before)
})

test('windows read a coarse tile where it stands for exactly what is committed, and only there', async () => {
  for (const at of [0, 1, 2]) await rig.write('totals', at, 'a', sale(hour(at, 10), 'x', 10 ** at))
  await rig.settle('totals', hour(3))
  const totalsIn = async (name: string) => {
    await make(name, { features: ['totals:total'] })
    return (await query(`SELECT totals__total AS total FROM '${file(name)}'`)).map(({ total }) => total)
  }
  expect(await totalsIn('fine.parquet')).toEqual(['11', null, null])

  const key = { view: 'totals', version: 1 }
  const span = { start: parseInstant(hour(0)), end: parseInstant(hour(2)) }
  const commits = (await rig.deps.ledger.currentCommits(key, span)).map(({ commitId }) => commitId)
  const record = (commitIds: readonly bigint[]) =>
    // As if nothing had happened in the span: whoever reads it is found out.
    rig.deps.ledger.recordCoarseTile(key, { span, data: null, commitIds })
  await record(commits)
  expect(await totalsIn('coarse.parquet')).toEqual([null, null, null])
  await record([commits[0]!])
  expect(await totalsIn('fine-again.parquet')).toEqual(['11', null, null])
})

test('intervals that are not committed are named wherever the set is, and are no part of its id', async () => {
  const { runId } = await rig.planned('totals', 3, 'a run that fails')
  await query(
    `COPY (SELECT 'x' AS shop, TIMESTAMP '2001-01-01 05:30:00' AS "at") TO '${file('late.parquet')}' (FORMAT parquet)`,
  )
  const asked = { spine: file('late.parquet'), features: ['totals:total', 'sales:amount', 'again=sales'] }
  const gap = (view: string, from: number, to: number, state: string) => ({
    ...{ view, version: 1, start: hour(from), end: hour(to), intervals: to - from, state },
  })
  const gaps = (state: string) => ({
    intervals: 4,
    spans: [gap('totals', 3, 4, state), gap('totals', 4, 5, 'missing'), gap('sales', 4, 6, 'missing')],
  })
  const explained = await trainingSet(context, { ...asked, eventTime: 'at', explain: true })
  expect(explained.data).toMatchObject({ gaps: gaps('running') })
  expect(explained.text).toContain(
    '4 intervals are not committed and count as if without rows: totals@v1 [2001-01-01T03:00:00Z, 2001-01-01T04:00:00Z) running; ',
  )
  await make('lacking.parquet', asked)
  const error = { code: 'INTERNAL', message: 'on purpose', hint: null, facts: {}, step: 'compute', attempts: 1 }
  await rig.deps.ledger.endRun(runId, { outcome: 'failed', error, keyCounts: null, measures: null })
  const { text, data } = await again('lacking.parquet', 'lacking-2.parquet')
  expect(data).toMatchObject({ id: manifestOf('lacking.parquet').id, isSameBytes: true, gaps: gaps('failed') })
  expect(text).toContain('sales@v1 2 intervals [2001-01-01T04:00:00Z, 2001-01-01T06:00:00Z) missing')
  expect(manifestOf('lacking-2.parquet').gaps).toEqual(gaps('failed'))
  // Made of the commits of the manifest, it lacks what that one lacked.
  expect((await again('lacking.parquet', 'lacking-3.parquet', { pinned: true })).data).toMatchObject({
    gaps: gaps('running'),
  })
  expect((await make('whole.parquet')).data).toMatchObject({ gaps: { intervals: 0, spans: [] } })
  expect((await make('shown.parquet', { ...asked, asPublished: true })).data).not.toHaveProperty('gaps')
})

test('a view that a service pins and that is asked for by its name is one version, or an error that names both', async () => {
  const registry = rig.deps.registry as RegistryWriter
  const { repo } = (await registry.current())!
  const model: FeatureServiceDefinition = {
    ...{ kind: 'service', name: 'model', version: 1, owner: 'test', description: null, tags: {}, at: null },
    features: [{ view: 'sales', viewVersion: 1, feature: 'note' }],
  }
  const apply = (views: FeatureRepo['views']) => registry.apply({ ...repo, views, services: [model] }, { by: 'test' })
  const features = ['service:model', 'sales:amount']
  await apply(repo.views)
  expect((await make('of-service.parquet', { features })).data).toMatchObject({
    columns: ['sales__note', 'sales__amount'],
  })
  await apply(repo.views.flatMap((view) => (view.name === 'sales' ? [view, { ...view, version: 2 }] : [view])))
  await expect(make('of-two.parquet', { features })).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(/service model has sales@v1, and sales by its name is sales@v2/),
    detail: { facts: { view: 'sales', service: 'model', pinned: 1, newest: 2 } },
  })
  await make('of-two.parquet', { features: ['service:model', 'newest=sales:amount'] })
  expect(manifestOf('of-two.parquet').views.map(({ alias, version }) => [alias, version])).toEqual([
    ['sales', 1],
    ['newest', 2],
  ])
})
