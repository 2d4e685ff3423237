/**
 * Files that are not what they should be, down the road of a run: what becomes of the run, what a person reads of it
 * (`millcourse runs show`, in bad-files.golden.txt), and that nothing is committed of what is refused.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SystemClock } from '../../../adapters/clock/system-clock.js'
import { showRun } from '../../../cli/commands/runs-show.js'
import type { CliContext } from '../../../cli/context.js'
import { parseInstant } from '../../../core/time/instant.js'
import { folder, hour, hourOf, type SalesRig, sale, startSalesRig } from '../../support/sales-views.js'

type Bytes = string | Uint8Array
/** Of the fixtures folder; those that DuckDB can write are SELECTs. */
const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`fixtures/${name}.parquet`, import.meta.url)))
const good = sale(hour(0, 5), 'x', 1)
const columns = (select: string) => ({ select: `SELECT ${select} FROM (${good})` })
const broken = (change: (bytes: Buffer) => void): Bytes => {
  const bytes = Buffer.from(fixture('nanoseconds-utc'))
  change(bytes)
  return bytes
}

/** Of the text "x" in the page of `shop`, behind its length. */
const letterX = (bytes: Buffer): number => bytes.indexOf(Uint8Array.of(1, 0, 0, 0, 0x78)) + 4

interface Case {
  readonly file: Bytes | { readonly select: string }
  readonly code: string
}

const refused: Readonly<Record<string, Case>> = {
  zero_bytes: { file: '', code: 'SOURCE_FILE_CORRUPT' },
  text_file: { file: 'at,shop\n1,2\n', code: 'SOURCE_FILE_CORRUPT' },
  truncated: { file: fixture('codec-lzo').subarray(0, 300), code: 'SOURCE_FILE_CORRUPT' },
  broken_footer: {
    file: broken((bytes) => bytes.fill(0x55, bytes.length - 100, bytes.length - 20)),
    code: 'SOURCE_FILE_CORRUPT',
  },
  broken_page: { file: broken((bytes) => bytes.fill(0xff, 150, 230)), code: 'SOURCE_FILE_CORRUPT' },
  not_utf8: {
    file: broken((bytes) => bytes.fill(0xe9, letterX(bytes), letterX(bytes) + 1)),
    code: 'SOURCE_FILE_CORRUPT',
  },
  claims_more_rows: { file: fixture('claims-more-rows'), code: 'SOURCE_FILE_CORRUPT' },
  codec_lzo: { file: fixture('codec-lzo'), code: 'SOURCE_FILE_UNSUPPORTED' },
  encrypted_column: { file: fixture('encrypted-asked'), code: 'SOURCE_FILE_UNSUPPORTED' },
  encrypted_footer: { file: fixture('encrypted-footer'), code: 'SOURCE_FILE_UNSUPPORTED' },
  named_twice: { file: fixture('named-twice'), code: 'SOURCE_SCHEMA_CHANGED' },
  missing: { file: columns('"at", shop, note'), code: 'SOURCE_SCHEMA_CHANGED' },
  retyped: { file: columns('"at", shop, amount::DOUBLE AS amount, note'), code: 'SOURCE_SCHEMA_CHANGED' },
  all_null_time: { file: fixture('all-null-time'), code: 'SOURCE_SCHEMA_CHANGED' },
  renamed_by_case: { file: columns('"at", shop AS "Shop", amount, note'), code: 'SOURCE_SCHEMA_CHANGED' },
  is_a_list: { file: columns('"at", shop, amount, [note] AS note'), code: 'SOURCE_SCHEMA_CHANGED' },
  is_a_struct: { file: columns(`"at", shop, amount, {'n': note} AS note`), code: 'SOURCE_SCHEMA_CHANGED' },
  is_a_map: { file: columns(`"at", shop, amount, MAP {'n': note} AS note`), code: 'SOURCE_SCHEMA_CHANGED' },
}

/** What is read all the same: [event time in ns, shop, amount] of the kept rows, and how many were rejected. */
const start = parseInstant(hour(0))
const minute = 60_000_000_000n
const exact = [
  [start + 5n * minute + 1n, 'x', 1n],
  [start + 10n * minute + 999n, 'y', 2n],
  [start + 60n * minute - 1n, 'z', 3n],
]
const inMicroseconds = exact.map(([at, ...rest]) => [((at as bigint) / 1_000n) * 1_000n, ...rest])
const read: Readonly<Record<string, readonly [Case['file'], readonly unknown[], rejected: object]>> = {
  nanoseconds_utc: [fixture('nanoseconds-utc'), exact, {}],
  int96: [fixture('int96'), exact, {}],
  int96_spark: [fixture('int96-spark'), inMicroseconds, {}],
  odd_columns: [fixture('odd-columns'), inMicroseconds, {}],
  encrypted_other: [fixture('encrypted-other'), inMicroseconds, {}],
  no_row_groups: [fixture('no-row-groups'), [], {}],
  all_null: [fixture('all-null'), inMicroseconds.map(([at, name]) => [at, name, null]), {}],
  empty_untyped: [fixture('empty-untyped'), [], {}],
  all_null_key: [fixture('all-null-key'), [], { null_key: 3 }],
  claims_no_nulls: [
    fixture('claims-no-nulls'),
    [[start + 5n * minute, 'x', null]],
    { null_key: 1, null_event_time: 1 },
  ],
  claims_other_values: [fixture('claims-other-values'), inMicroseconds, {}],
  another_order: [columns('note, amount, shop, "at", 7 AS more'), [[start + 5n * minute, 'x', 1n]], {}],
}

let rig: SalesRig
beforeAll(async () => {
  const names = [...Object.keys(refused), ...Object.keys(read), 'another_hour', 'swapped', 'retyped_time', 'full_lake']
  rig = await startSalesRig(Object.fromEntries(names.map((name) => [name, { view: { lookback: '48h' } }])))
})
afterAll(() => rig?.stop())

async function put(view: string, hours: number, file: Case['file']): Promise<string> {
  const path = `${folder(view, hours)}/part-0.parquet`
  if (typeof file === 'object' && 'select' in file) await rig.writeFile(path, file.select)
  else await rig.writeBytes(path, file)
  return rig.deps.sources.uri(path)
}

/** What `millcourse runs show` prints, without what differs from machine to machine. */
async function screen(view: string, runId: string): Promise<string> {
  const { ledger, registry, sources, engine } = rig.deps
  const context = {
    ...{ ledger: async () => ledger, registry: async () => registry },
    ...{ sources: async () => sources, engine: async () => engine },
    addresses: async () => ({
      from: 'test',
      temporal: 'localhost:1',
      temporalUi: null,
      temporalNamespace: 'default',
      runbooksUrl: null,
    }),
    clock: new SystemClock(parseInstant(hour(1))),
    givenOptions: '',
  } as unknown as CliContext
  const { text } = await showRun(context, runId)
  const root = sources.uri('x').slice(0, -2)
  // Where the cause is wrapped depends on how long the folder's name is.
  const cause = text.slice(0, text.indexOf('\nrun '))
  return text
    .replace(cause, cause.replaceAll(/\n {11}/g, ' '))
    .replaceAll(root, '/sources')
    .replaceAll(runId, 'RUN')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z(?=, took)/g, 'THEN')
    .replaceAll(/took [\d.]+ m?s/g, 'took TIME')
    .replaceAll(/[\d.]+ (KiB|B)\b/g, 'SIZE')
    .replaceAll(view, 'sales')
}

test('what is refused says which file and column, commits nothing, and is well as soon as the file is', async () => {
  const screens: string[] = []
  for (const [view, { file, code }] of Object.entries(refused)) {
    const uri = await put(view, 0, file)
    const { outcome, runId } = await rig.run(hourOf(view, 0))
    const run = await rig.deps.ledger.run(runId)
    expect([view, outcome, run?.error?.facts.file, run?.candidate]).toEqual([view, code, uri, null])
    expect(run?.error?.message).toContain(uri)
    expect(await commits(view)).toEqual([])
    screens.push(`== ${view}\n${await screen(view, runId)}`)
  }
  await expect(`${screens.join('\n\n')}\n`).toMatchFileSnapshot('bad-files.golden.txt')
  for (const view of Object.keys(refused)) {
    await put(view, 0, { select: good })
    expect([view, ...(await rig.settle(view, hour(1)))]).toEqual([view, '00:00 done'])
  }
})

test('R10, R11, R23, R28: what is odd and whole is read, by what its pages hold', async () => {
  for (const [view, [file, rows, rejected]] of Object.entries(read)) {
    await put(view, 0, file)
    const { outcome, runId } = await rig.run(hourOf(view, 0))
    expect([view, outcome]).toEqual([view, 'done'])
    const { counts } = (await rig.deps.ledger.run(runId))!.candidate!
    expect([view, counts.rejected]).toEqual([view, { null_key: 0, null_event_time: 0, ...rejected }])
    const [commit] = await commits(view)
    const kept = commit?.data ? await rig.rowsOf(commit.data.path) : []
    expect([view, kept.map((row) => [BigInt(row.__event_ns as string), row.shop, row.amount])]).toEqual([view, rows])
  }
})

test('R27: rows beyond what a footer claims of event times are not lost quietly', async () => {
  const uri = await put('another_hour', 0, fixture('claims-another-hour'))
  // Its footer says 01:10 to 01:20, so it is read there.
  expect(await rig.settle('another_hour', hour(2))).toEqual(['00:00 done', '01:00 SOURCE_FILE_CORRUPT'])
  const [run] = await rig.deps.ledger.runs({ view: 'another_hour', outcomes: ['failed'], limit: 1 })
  expect(run?.error?.message).toBe(
    `${uri} claims in its footer that "at" is 2001-01-01T01:10:00Z to 2001-01-01T01:20:00Z, but holds 2001-01-01T00:05:00Z to 2001-01-01T00:59:59.999999Z`,
  )
  await put('another_hour', 0, fixture('claims-other-values'))
  expect((await rig.settle('another_hour', hour(2))).toSorted()).toEqual(['00:00 done', '01:00 done'])
  expect((await commits('another_hour')).map(({ data }) => data?.rows ?? 0)).toEqual([3, 0])
})

test('R27: event times of another type stop the hour of their partition alone', async () => {
  const retyped = { select: `SELECT "at"::DATE AS "at", shop, amount, note FROM (${sale(hour(1, 5), 'x', 1)})` }
  await put('retyped_time', 0, { select: good })
  await put('retyped_time', 1, retyped)
  await put('retyped_time', 2, { select: sale(hour(2, 5), 'x', 1) })
  expect(await rig.settle('retyped_time', hour(3))).toEqual(['00:00 done', '01:00 SOURCE_SCHEMA_CHANGED', '02:00 done'])
})

test('a file swapped between plan and read counts for nothing, also one that is read from a copy', async () => {
  await put('swapped', 0, fixture('int96'))
  const run = await rig.planned('swapped', 0, 'swapped')
  await put('swapped', 0, fixture('nanoseconds-utc'))
  const { computeInterval } = await import('../../../activities/compute-interval.js')
  await expect(rig.step(computeInterval, [run], { id: run.runId })).rejects.toMatchObject({ code: 'PLAN_INPUTS_MOVED' })
  expect((await rig.deps.ledger.run(run.runId))?.candidate).toBeNull()
})

// Only root may mount a file system that is small enough to fill.
test.skipIf(process.getuid?.() !== 0)('a lake whose disk is full keeps no part of a candidate', async () => {
  const { computeInterval } = await import('../../../activities/compute-interval.js')
  // What is kept fits; what is rejected, for its null key, does not.
  const rejected = `SELECT TIMESTAMP '${hour(0).slice(0, -1)}', NULL, i, repeat(hash(i)::VARCHAR, 20) FROM range(60000) r(i)`
  await put('full_lake', 0, { select: `${good} UNION ALL ${rejected}` })
  const run = await rig.planned('full_lake', 0, 'full')
  const [candidates, quarantine] = ['candidates/full', 'quarantine'].map((path) => rig.deps.lake.uri(path)) as [
    string,
    string,
  ]
  const mount = (size: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', quarantine])
  mkdirSync(quarantine, { recursive: true })
  mount('256k')
  try {
    const compute = () => rig.step(computeInterval, [run], { id: run.runId })
    await expect(compute()).rejects.toMatchObject({ code: 'LAKE_FULL' })
    expect([...filesBelow(candidates), ...filesBelow(quarantine)]).toEqual([])
    mount('200m,remount')
    await compute()
    expect([...filesBelow(candidates), ...filesBelow(quarantine)]).toEqual(['data.parquet', 'rejected.parquet'])
    const { candidate } = (await rig.deps.ledger.run(run.runId))!
    expect([candidate?.data?.rows, candidate?.quarantine?.rows]).toEqual([1, 60_000])
  } finally {
    execFileSync('umount', ['--lazy', quarantine])
  }
})

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
}

function commits(view: string) {
  return rig.deps.ledger.currentCommits({ view, version: 1 }, { start: 0n, end: 10n ** 20n })
}
