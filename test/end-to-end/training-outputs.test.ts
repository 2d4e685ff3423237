/** Spines that are queries, sets in parts, odd spines and bad places, over a real ledger, lake and engine. */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import { type TrainingSetOptions, trainingSet } from '../../cli/commands/training-set.js'
import type { CliContext } from '../../cli/context.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import type { TrainingManifest } from '../../core/training/index.js'
import type { StackPorts } from '../../workers/stack-ports.js'
import { commandContext } from '../support/command-context.js'
import { hour, type SalesRig, sale, startSalesRig } from '../support/sales-views.js'

const spineRows = 10_000
let rig: SalesRig
let folder: string
let context: CliContext

beforeAll(async () => {
  rig = await startSalesRig({ sales: { view: { ttl: undefined } } })
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
  await rig.write('sales', 0, 'a', sale(hour(0, 10), 'x', 1), sale(hour(0, 20), 'y', 2))
  await rig.settle('sales', hour(1))
  await writeSpine('spine.parquet', spineRows)
  writeFileSync(
    file('spine.csv'),
    `shop,at\n${['x', 'y', 'z', 'x', 'y'].map((shop) => `${shop},${hour(0, 30)}`).join('\n')}\n`,
  )
})
afterAll(() => rig?.stop())

const query = (sql: string) => rig.deps.engine.withSession((session) => session.all({ sql }))
const file = (name: string) => join(folder, name)
const at = `TIMESTAMP '2001-01-01 00:00:00' + INTERVAL (range % 3600) SECOND AS "at"`
const copy = (name: string, select: string) => query(`COPY (${select}) TO '${file(name)}' (FORMAT parquet)`)
const writeSpine = (name: string, rows: number, first = 0) =>
  copy(
    name,
    `SELECT range + ${first} AS n, CASE range % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'y' END AS shop, ${at} FROM range(${rows}) ORDER BY n`,
  )
const manifestOf = (name: string) => JSON.parse(readFileSync(file(`${name}.manifest.json`), 'utf8')) as TrainingManifest
const digest = (name: string) =>
  createHash('sha256')
    .update(readFileSync(file(name)))
    .digest('hex')
const rowsOf = (name: string) =>
  query(
    `SELECT * EXCLUDE (file_row_number) FROM read_parquet('${file(name)}', file_row_number = true) ORDER BY file_row_number`,
  )
const code = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) })
const beside = (name: string) => readdirSync(folder).filter((each) => each.startsWith(`${name}.`) && each !== name)
const keptBy = (name: string) => manifestOf(name).asked.spine
const hidden = () => readdirSync(folder).filter((name) => name.startsWith('.'))

function make(out: string, options: Partial<TrainingSetOptions> = {}, given: Partial<CliContext> = {}) {
  const spine = options.spineSql === undefined ? { spine: file('spine.parquet') } : {}
  const asked = { ...spine, eventTime: 'at', features: ['sales:amount'] }
  return trainingSet(
    { ...context, ...given },
    { ...(options.rebuild ? {} : asked), ...options, out: join(folder, out) },
  )
}

/** Does something when the command says what it is about to do. */
const when = (step: RegExp, act: () => void) => ({
  progress: { update: (text: string) => void (step.test(text) && act()), line() {}, end() {} },
})

test('the rows of a query are a spine; they are kept, so that the set is made again whatever became of its files', async () => {
  const sql = `SELECT n, shop, "at" FROM '${file('asked.parquet')}' WHERE n % 2 = 0`
  await writeSpine('asked.parquet', 2_000)
  const { text, data } = await make('of-query.parquet', { spineSql: sql })
  expect(data).toMatchObject({ rows: 1_000, isOrdered: false, spineKept: keptBy('of-query.parquet') })
  expect(text).toContain('in the order of the engine: the query has no ORDER BY')
  expect((await rowsOf('of-query.parquet')).slice(0, 2)).toMatchObject([
    { n: 0n, shop: 'x', sales__amount: null },
    { n: 2n, shop: null, sales__amount: null },
  ])
  const manifest = manifestOf('of-query.parquet')
  const kept = `of-query.parquet.spine-${manifest.spine.sha256.slice(0, 16)}.parquet`
  expect(manifest.asked).toMatchObject({ sql, isOrdered: false, spine: file(kept) })
  expect(manifest.spine.sha256).toBe(digest(kept))
  expect(
    (await trainingSet(context, { spineSql: sql, eventTime: 'at', features: ['sales:*'], explain: true })).text,
  ).toContain('1,000 rows')

  await writeSpine('asked.parquet', 2_000, 5)
  const rebuild = file('of-query.parquet.manifest.json')
  expect((await make('of-query-2.parquet', { rebuild })).data).toMatchObject({ id: manifest.id, isSameBytes: true })
  renameSync(file(kept), file('elsewhere.parquet'))
  await expect(make('of-query-3.parquet', { rebuild })).rejects.toMatchObject(
    code('TRAINING_STATE_CHANGED', /^what the query of the spine gives now is not the one/),
  )
  expect((await make('of-query-3.parquet', { rebuild, spine: file('elsewhere.parquet') })).data).toMatchObject({
    isSameBytes: true,
  })
  await writeSpine('asked.parquet', 2_000)
  writeFileSync(file('spine.sql'), `${sql}\nORDER BY n`)
  expect((await make('of-query-4.parquet', { rebuild })).data).toMatchObject({ id: manifest.id, isSameBytes: true })
  expect((await make('of-file.parquet', { spineSql: file('spine.sql') })).data).toMatchObject({
    id: manifest.id,
    isOrdered: true,
  })
  expect(hidden()).toEqual([])
})

test('columns of any type that Parquet holds come through a query untouched, and again', async () => {
  const own = {
    uuid: "uuid '6f1b3c5e-0000-4000-8000-00000000000f'",
    blob: "'\\x00\\xFF'::BLOB",
    enumerated: "'INTERVAL'::ENUM('INTERVAL', 'b')",
    struct: "{'a': {'HUGEINT': NULL::INT}, 'b': [1, NULL]}",
    map: "MAP {'k': [DATE '0044-03-15 (BC)']}",
    fixed: '[1.5, NULL]::FLOAT[2]',
    json: `'{"a": [1]}'::JSON`,
    time: "TIME '24:00:00'",
    seconds: "TIMESTAMP_S '9999-12-31 23:59:59'",
    milliseconds: "TIMESTAMP_MS '1969-12-31 23:59:59.999'",
    nanoseconds: "TIMESTAMP_NS '2001-01-01 00:00:00.123456789'",
    zoned: "TIMESTAMPTZ '2001-01-01 00:00:00.000001+05:30'",
    endless: "TIMESTAMP '-infinity'",
    unsigned: '18446744073709551615::UBIGINT',
    decimal: "'-99999999999999999999999999999999999.999'::DECIMAL(38, 3)",
    nan: "'nan'::FLOAT",
    zero: '-0.0::DOUBLE',
    point: "'POINT(1 2)'::GEOMETRY",
    letters: "'é' || chr(0)",
  }
  const rows = (n: number, values: readonly string[]) =>
    `SELECT ${n} AS n, 'x' AS shop, TIMESTAMP_S '2001-01-01 00:30:00' AS "at", ${values.join(', ')}`
  const values = Object.entries(own).map(([name, value]) => `${value} AS ${name}`)
  const sql = `${rows(0, values)} UNION ALL ${rows(
    1,
    values.map(() => 'NULL'),
  )} ORDER BY n`
  await make('typed.parquet', { spineSql: sql })
  const written = (from: string) =>
    query(`SELECT ${Object.keys(own).map((name) => `${name}::VARCHAR AS ${name}`)} FROM (${from}) ORDER BY n`)
  expect(await written(`FROM '${file('typed.parquet')}'`)).toEqual(await written(sql))
  const rebuild = file('typed.parquet.manifest.json')
  expect((await make('typed-2.parquet', { rebuild })).data).toMatchObject({ isSameBytes: true })
})

test.each([
  ["SELECT [TIMESTAMP_S 'infinity'] AS ends", { column: 'ends' }, /TIMESTAMP_S .* in column "ends"/],
  ['SELECT n FROM t', { line: 1, column: 15 }, /at line 1, column 15: Table with name t/],
  ['CREATE TABLE t (a INT)', undefined, /is not one SELECT/],
  ["SELECT 'x' AS shop, 'never' AS \"at\"", { column: 'at' }, /"at" is VARCHAR, not a timestamp/],
  ['SELECT \'x\'::INT AS shop, now() AS "at"', undefined, /does not fit/],
  ['nowhere/spine.sql', { file: 'nowhere/spine.sql' }, /there is no file/],
])('%s is no spine', async (spineSql, facts, message) => {
  await expect(make('never.parquet', { spineSql })).rejects.toMatchObject({
    ...code('TRAINING_SPINE_INVALID', message),
    ...(facts ? { detail: { facts: expect.objectContaining(facts) } } : {}),
  })
  expect([...hidden(), ...readdirSync(folder).filter((name) => name.startsWith('never'))]).toEqual([])
})

test('in parts a set is the same rows in the same order, each part with its hash', async () => {
  await make('whole.parquet')
  const { data } = await make('parts/', { partitionRows: 3_000 })
  const manifest = manifestOf('parts')
  expect(data).toMatchObject({ id: manifestOf('whole.parquet').id, rows: spineRows, out: `${file('parts')}/` })
  const names = ['part-00000.parquet', 'part-00001.parquet', 'part-00002.parquet', 'part-00003.parquet']
  expect(readdirSync(file('parts'))).toEqual(names)
  expect(manifest.output.parts).toMatchObject(
    names.map((name, part) => ({ file: name, rows: part === 3 ? 1_000 : 3_000, sha256: digest(`parts/${name}`) })),
  )
  const bytes = Buffer.concat(names.map((name) => readFileSync(file(`parts/${name}`))))
  expect(manifest.output.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
  const inParts = []
  for (const name of names) inParts.push(...(await rowsOf(`parts/${name}`)))
  expect(inParts).toEqual(await rowsOf('whole.parquet'))

  const rebuild = file('parts.manifest.json')
  expect((await make('again/', { rebuild })).data).toMatchObject({ id: manifest.id, isSameBytes: true })
  // One file of what were parts: the same set, and nothing is said of its bytes.
  expect((await make('again.parquet', { rebuild })).data).not.toHaveProperty('isSameBytes')
  expect(digest('again.parquet')).toBe(digest('whole.parquet'))
  await expect(make('again.parquet', { rebuild, partitionRows: 5 })).rejects.toMatchObject(code('USAGE', /is one file/))
})

test('of a text file, whose rows are counted otherwise, parts are the same, too', async () => {
  await make('of-text/', { spine: file('spine.csv'), partitionRows: 2 })
  const parts = readdirSync(file('of-text'))
  expect(
    (await Promise.all(parts.map((name) => rowsOf(`of-text/${name}`)))).map((rows) => rows.map(({ shop }) => shop)),
  ).toEqual([['x', 'y'], ['z', 'x'], ['y']])
})

test('a folder is replaced only when it is said, only if all in it are parts, and all of it', async () => {
  const small = { spine: file('spine.csv'), partitionRows: 2 }
  await make('own/', { partitionRows: 3_000 })
  await expect(make('own/', small)).rejects.toMatchObject(code('USAGE', /this file exists/))
  expect((await make('own/', { ...small, overwrite: true })).data).toMatchObject({ rows: 5 })
  expect(readdirSync(file('own'))).toHaveLength(3)
  writeFileSync(file('own/notes.txt'), 'mine')
  await expect(make('own/', { ...small, overwrite: true })).rejects.toMatchObject(
    code('USAGE', /"notes.txt" is no part/),
  )
  await expect(make('spine.csv/', small)).rejects.toMatchObject(code('USAGE', /this is a file/))
  await expect(make('nowhere/parts/', small)).rejects.toMatchObject(code('USAGE', /there is no folder/))
  mkdirSync(file('with-spine'))
  writeFileSync(file('with-spine/part-00000.parquet'), readFileSync(file('spine.parquet')))
  symlinkSync(file('with-spine/part-00000.parquet'), file('link.parquet'))
  await expect(make('with-spine/', { spine: file('link.parquet'), overwrite: true })).rejects.toMatchObject(
    code('USAGE', /the spine lies there/),
  )
  // What appears there meanwhile stays, and has no manifest of ours.
  const taken = when(/^writing part 2/, () => {
    mkdirSync(file('taken'), { recursive: true })
    writeFileSync(file('taken/part-00000.parquet'), 'of another')
  })
  await expect(make('taken/', small, taken)).rejects.toMatchObject(code('USAGE', /this file exists/))
  expect(readFileSync(file('taken/part-00000.parquet'), 'utf8')).toBe('of another')
  expect([existsSync(file('taken.manifest.json')), ...hidden()]).toEqual([false])
})

test('--overwrite removes no spine that it reads or did not write, and no file that appears in the folder meanwhile', async () => {
  const sql = `SELECT * FROM '${file('spine.csv')}' ORDER BY shop`
  await make('once.parquet', { spineSql: sql })
  const kept = keptBy('once.parquet')
  const rebuild = file('once.parquet.manifest.json')
  expect((await make('once.parquet', { rebuild, overwrite: true })).data).toMatchObject({ isSameBytes: true })
  // The same rows again have the same name.
  await make('once.parquet', { spineSql: sql, overwrite: true })
  expect(existsSync(kept)).toBe(true)
  // Once it is asked for as a file, it is its owner's, and in nobody's way.
  await make('once.parquet', { spine: kept, overwrite: true })
  await make('once.parquet', { spineSql: `${sql} DESC`, overwrite: true })
  const second = keptBy('once.parquet')
  expect([kept, second].map((each) => existsSync(each))).toEqual([true, true])
  // Of a set that is replaced by one of another spine nothing is left.
  await make('once.parquet', { spine: file('spine.csv'), overwrite: true })
  expect([kept, second].map((each) => existsSync(each))).toEqual([true, false])

  const own = { spine: file('spine.csv'), overwrite: true, partitionRows: 2 }
  await make('mine/', own)
  const added = when(/^writing part 2/, () => writeFileSync(file('mine/notes.txt'), 'mine'))
  await expect(make('mine/', own, added)).rejects.toMatchObject(code('USAGE', /"notes.txt" is no part/))
  rmSync(file('mine/notes.txt'))
  mkdirSync(file('mine/part-00009.parquet'))
  await expect(make('mine/', own)).rejects.toMatchObject(code('USAGE', /"part-00009.parquet" is no part/))
  expect([manifestOf('mine').asked.spine, ...hidden()]).toEqual([file('spine.csv')])
})

test('what cannot take the place of a set leaves it as it was: set, manifest and the kept rows, of which it is made again', async () => {
  const spineSql = `SELECT *, random() AS r FROM '${file('spine.csv')}'`
  const state = () => [digest('k.parquet'), manifestOf('k.parquet'), ...beside('k.parquet')]
  await make('k.parquet', { spineSql })
  const before = state()
  for (const name of ['k.parquet', 'k.parquet.manifest.json']) {
    // A rename onto a folder fails, whoever runs this.
    const blocked = when(/^looking/, () => {
      renameSync(file(name), file('set-aside'))
      mkdirSync(file(name))
    })
    const unwritable = code('TRAINING_OUT_UNWRITABLE', new RegExp(`${name}: EISDIR`))
    await expect(make('k.parquet', { spineSql, overwrite: true }, blocked)).rejects.toMatchObject(unwritable)
    rmSync(file(name), { recursive: true })
    renameSync(file('set-aside'), file(name))
    expect([...state(), ...hidden()]).toEqual(before)
  }
  const again = await make('k-2.parquet', { rebuild: file('k.parquet.manifest.json') })
  expect([again.data, beside('k.parquet').length]).toMatchObject([{ isSameBytes: true }, 2])
})

test('a spine that is written anew while it is read is noticed, whenever that is', async () => {
  for (const [out, step] of [
    ['moved-1.parquet', /^hashing the spine/],
    ['moved-2.parquet', /^reading the spine/],
  ] as const) {
    await writeSpine('moving.parquet', 100)
    await writeSpine('next.parquet', 100, 1)
    const swap = when(
      step,
      () => existsSync(file('next.parquet')) && renameSync(file('next.parquet'), file('moving.parquet')),
    )
    await expect(make(out, { spine: file('moving.parquet') }, swap)).rejects.toMatchObject(
      code('TRAINING_STATE_CHANGED', /was changed while it was read/),
    )
    expect(readdirSync(folder).filter((name) => name.includes(out))).toEqual([])
  }
})

test('odd spines: no rows, hundreds of columns, names like ours, nested and long values', async () => {
  await writeSpine('none.parquet', 0)
  for (const out of ['none-set.parquet', 'none-parts/'])
    expect((await make(out, { spine: file('none.parquet') })).data).toMatchObject({ rows: 0 })
  expect(await query(`DESCRIBE SELECT * FROM '${file('none-parts/part-00000.parquet')}'`)).toHaveLength(4)

  const many = Array.from({ length: 500 }, (_, index) => `range + ${index} AS "c${index}"`).join(', ')
  await copy('wide.parquet', `SELECT 'x' AS shop, ${at}, ${many} FROM range(3)`)
  await make('wide-set.parquet', { spine: file('wide.parquet') })
  expect((await rowsOf('wide-set.parquet')).map(({ c0, c499 }) => [c0, c499])).toEqual(
    [0n, 1n, 2n].map((n) => [n, n + 499n]),
  )

  const ours = ['__row', '__t', '__own0', '__key0_0', '__answer0_0', 'filename', 'spine', 'rows', '__millcourse_row']
  await copy(
    'ours.parquet',
    `SELECT 'x' AS shop, ${at}, ${ours.map((name, index) => `range + ${index} AS "${name}"`).join(', ')} FROM range(3)`,
  )
  await make('ours-set.parquet', { spine: file('ours.parquet') })
  const [, second] = await query(`SELECT * FROM '${file('ours-set.parquet')}' ORDER BY "__row"`)
  expect(second).toMatchObject(Object.fromEntries(ours.map((name, index) => [name, 1n + BigInt(index)])))

  const nested = `{'a': [1, NULL], 'b': MAP {'k': {'c': range}}} AS nested, [] AS empty, repeat('é', 3000000) AS long, NULL AS nothing`
  await copy('nested.parquet', `SELECT 'x' AS shop, ${at}, ${nested} FROM range(3)`)
  await make('nested-set.parquet', { spine: file('nested.parquet') })
  const same = `SELECT * FROM '${file('nested.parquet')}' EXCEPT SELECT * EXCLUDE (sales__amount) FROM '${file('nested-set.parquet')}'`
  expect(await query(`SELECT count(*) AS n FROM (${same})`)).toEqual([{ n: 0n }])

  await copy('numbered.parquet', `SELECT 'x' AS shop, ${at}, 1 AS "File_Row_Number" FROM range(3)`)
  await expect(make('twice.parquet', { spine: file('numbered.parquet') })).rejects.toMatchObject(
    code('TRAINING_SPINE_INVALID', /"File_Row_Number", a name that the engine needs/),
  )
  await expect(make('twice.parquet', { features: ['sales:amount', 'sales:amount'] })).rejects.toMatchObject({
    code: 'TRAINING_NAME_TAKEN',
  })
  await copy('taken.parquet', `SELECT 'x' AS shop, ${at}, 1 AS "SALES__amount" FROM range(3)`)
  await expect(make('twice.parquet', { spine: file('taken.parquet') })).rejects.toMatchObject({
    code: 'TRAINING_NAME_TAKEN',
  })
})

test('two hundred views in one set', async () => {
  writeFileSync(file('few.csv'), `shop,at\nx,${hour(0, 30)}\ny,${hour(0, 30)}\n`)
  const features = Array.from({ length: 200 }, (_, index) => `v${index}=sales:amount`)
  expect((await make('many-set.parquet', { features, spine: file('few.csv') })).data).toMatchObject({ rows: 2 })
  const [row] = await query(`SELECT * FROM '${file('many-set.parquet')}' WHERE shop = 'y'`)
  expect(row).toMatchObject(Object.fromEntries(features.map((_, index) => [`v${index}__amount`, 2n])))
})

test('a spine that is larger than the memory of the engine', async () => {
  const [rows, memoryLimitMb] = [1_500_000, 100]
  await copy('large.parquet', `SELECT range AS n, 'x' AS shop, ${at}, random() AS label FROM range(${rows}) ORDER BY n`)
  const small = await createDuckdbEngine({ memoryLimitMb, threads: 2, spillDir: file('spill') })
  let [peakBytes, hasSpilled] = [0, false]
  const watched: QueryEngine = {
    ...small,
    withSession: (work, options) =>
      small.withSession(async (session) => {
        const made = await work(session)
        peakBytes = await session.peakMemoryBytes()
        return made
      }, options),
  }
  const look = when(/^joining/, () => {
    hasSpilled ||= readdirSync(file('spill'), { recursive: true }).some((name) => String(name).includes('duckdb_temp'))
  })
  const engine = { ...look, engine: async () => watched }
  await make('large-set/', { spine: file('large.parquet'), partitionRows: 1_000_000 }, engine)
  await small.close()
  expect(hasSpilled).toBe(true)
  // The engine's own count passes its limit by a block now and then.
  expect(peakBytes).toBeLessThan(1.1 * memoryLimitMb * 1_048_576)
  const placed = `SELECT n, row_number() OVER (ORDER BY filename, file_row_number) - 1 AS place FROM read_parquet('${file('large-set/*.parquet')}', filename = true, file_row_number = true)`
  expect(await query(`SELECT count(*) AS n, bool_and(n = place) AS ordered FROM (${placed})`)).toEqual([
    { n: BigInt(rows), ordered: true },
  ])
})

test('where it may not be written, nothing is left', async () => {
  mkdirSync(file('closed'))
  chmodSync(file('closed'), 0o555)
  const canWrite = process.getuid?.() === 0
  if (!canWrite)
    for (const options of [{}, { spineSql: 'SELECT 1' }])
      await expect(make('closed/a.parquet', options)).rejects.toMatchObject({ code: 'TRAINING_OUT_UNWRITABLE' })
  // Also root cannot write there.
  for (const out of ['/proc/a.parquet', '/proc/a/'])
    await expect(
      trainingSet(context, { spine: file('spine.csv'), eventTime: 'at', features: ['sales:*'], out }),
    ).rejects.toMatchObject({
      code: 'TRAINING_OUT_UNWRITABLE',
    })
  expect(readdirSync(file('closed'))).toEqual([])
  rmSync(file('closed'), { recursive: true })
})
