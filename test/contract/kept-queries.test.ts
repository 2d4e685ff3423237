/** Queries that a person wrote: what they may be, what is said of those that may not, and that nothing of theirs stays. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'

let folder: string
let engine: QueryEngine
const at = (file: string) => join(folder, file)
const open = (threads: number) => createDuckdbEngine({ memoryLimitMb: 200, spillDir: at(`spill${threads}`), threads })
const keep = (sql: string, to: string | null = null, by = engine) =>
  by.withSession(async (session) => {
    const kept = await session.keepQuery(sql, to)
    return {
      ...kept,
      rows: await session.all({ sql: `SELECT * FROM read_parquet('${kept.file.replaceAll("'", "''")}')` }),
    }
  })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kept'% "))
  engine = await open(2)
  await engine.withSession((session) =>
    session.execute({
      sql: `COPY (SELECT range AS a, range % 7 AS b, md5(range::VARCHAR) AS c FROM range(400000) ORDER BY a) TO '${source}' (FORMAT parquet)`,
    }),
  )
})
afterAll(async () => {
  await engine?.close()
  await rm(folder, { recursive: true, force: true })
})
const source = join(tmpdir(), `kept-queries-${process.pid}.parquet`)
afterAll(() => rm(source, { force: true }))

test('its rows come in its order, and are gone after the session unless they are to stay', async () => {
  const { rows, isOrdered, file } = await keep(`SELECT a FROM '${source}' WHERE b = 3 ORDER BY a DESC LIMIT 2 -- ORDER`)
  expect(rows).toEqual([{ a: 399_997n }, { a: 399_990n }])
  expect(isOrdered).toBe(true)
  expect(existsSync(file)).toBe(false)
  const stays = await keep('VALUES (1), (2)', at('stays.parquet'))
  expect([stays.isOrdered, stays.file, existsSync(stays.file)]).toEqual([false, at('stays.parquet'), true])
  expect((await keep('SELECT 1 AS "it\'s", 2 AS "b""c" FROM (SELECT 3 ORDER BY 1);')).isOrdered).toBe(false)
})

test('the same rows are the same bytes, on however many threads', async () => {
  const digests = new Set<string>()
  for (const threads of [1, 2, 4]) {
    const other = await open(threads)
    for (const order of ['', ' ORDER BY c']) {
      const to = at(`out-${threads}.parquet`)
      await other.withSession((session) => session.keepQuery(`SELECT * FROM '${source}' WHERE b <> 3${order}`, to))
      digests.add(`${order} ${createHash('sha256').update(readFileSync(to)).digest('hex')}`)
    }
    await other.close()
  }
  expect([...digests].map((one) => one.startsWith(' ORDER'))).toEqual([false, true])
})

test.each([
  ['SELECT a,\n  ß.x FROM t', /line 2, column 12: Table with name t/, { line: 2, column: 12 }],
  ['SELEC 1', /line 1, column 1: syntax error/, { line: 1, column: 1 }],
  [`SELECT "ä",\n  'ä', none FROM '${source}'`, /line 1, column 8/, { line: 1, column: 8 }],
  [`SELECT 'ä', none FROM '${source}'`, /line 1, column 13/, { line: 1, column: 13 }],
  ['SELECT 1; SELECT 2', /is not one SELECT/, {}],
  ['SELECT 1; DROP TABLE t', /is not one SELECT/, {}],
  ["COPY (SELECT 1) TO '/tmp/kept-queries-never'", /is not one SELECT/, {}],
  ['SET threads = 1', /is not one SELECT/, {}],
  ['PRAGMA version', /single SELECT/, {}],
  ["SELECT 1) TO '/tmp/kept-queries-never' --", /line 1, column 9: syntax error/, {}],
  [' -- nothing\n;', /is empty/, {}],
  ['SELECT $1', /has parameters/, {}],
  ['SELECT 1 AS a, 2 AS A', /two columns "A"/, { column: 'A' }],
  ['SELECT sum(range) AS n FROM range(3)', /"n" of type HUGEINT/, { column: 'n' }],
  ['SELECT {a: INTERVAL 1 DAY} AS n', /"n" of type STRUCT/, { column: 'n' }],
  ['SELECT 1 AS a, 1::UHUGEINT AS n', /"n" of type UHUGEINT/, { column: 'n' }],
  ["SELECT TIMETZ '10:00:00+01' AS n", /"n" of type TIME WITH TIME ZONE/, { column: 'n' }],
  ["SELECT [TIME_NS '10:00:00'] AS n", /"n" of type TIME_NS/, { column: 'n' }],
  ["SELECT MAP {'010'::BIT: 1} AS n", /"n" of type MAP\(BIT/, { column: 'n' }],
  ["SELECT MAP {'a': 1::BIGNUM} AS n", /"n" of type MAP\(VARCHAR, BIGNUM/, { column: 'n' }],
  ['SELECT [1::HUGEINT]::HUGEINT[1] AS n', /"n" of type HUGEINT\[1\]/, { column: 'n' }],
  ['SELECT union_value(a := 1) AS n', /"n" of type UNION.* no such type/, { column: 'n' }],
  ["SELECT [{'a': INTERVAL 1 DAY}::VARIANT] AS n", /"n" of type VARIANT\[\].* type of its own/, { column: 'n' }],
  ['SELECT row(1, 2) AS n', /"n" of type STRUCT.* have names/, { column: 'n' }],
  ["SELECT * FROM '/tmp/kept-queries-none.parquet'", /No files found/, {}],
])('%s is refused', async (sql, message, facts) => {
  await expect(keep(sql)).rejects.toMatchObject({
    code: 'COMPUTE_FAILED',
    message: expect.stringMatching(message),
    detail: { facts: expect.objectContaining(facts) },
  })
  expect(existsSync('/tmp/kept-queries-never')).toBe(false)
})

test('a value that does not fit is said to be that', async () => {
  await expect(keep("SELECT 'x'::INT AS a")).rejects.toMatchObject({ code: 'COMPUTE_VALUE_OUT_OF_RANGE' })
})

test('it sees no table of the session, and its own end with it', async () => {
  await engine.withSession(async (session) => {
    await session.execute({ sql: 'CREATE TEMP TABLE mine AS SELECT 1 AS a' })
    await expect(session.keepQuery('SELECT * FROM mine', null)).rejects.toThrow('mine does not exist')
  })
  expect(await readdir(join(at('spill2'), (await readdir(at('spill2')))[0]!))).toEqual([])
})

test('cancelled it ends, with the reason; too little memory is said to be that', async () => {
  const controller = new AbortController()
  const endless = 'SELECT count(*) AS n FROM range(100000000) a, range(100000000) b'
  const cancelled = engine.withSession(
    (session) => {
      setTimeout(() => controller.abort(new Error('enough')), 100)
      return session.keepQuery(endless, null)
    },
    { signal: controller.signal },
  )
  await expect(cancelled).rejects.toThrow('enough')
  await expect(keep(`SELECT string_agg(c || repeat('x', 4000), '') AS s FROM '${source}'`)).rejects.toMatchObject({
    code: 'COMPUTE_OUT_OF_MEMORY',
  })
})

test('long statements tell how far they are, and never less than before', async () => {
  const told: number[] = []
  await engine.withSession((session) =>
    session.execute(
      { sql: `CREATE TEMP TABLE t AS SELECT max(sha256(c || range)) AS m FROM '${source}', range(3) GROUP BY a` },
      (done) => void told.push(done),
    ),
  )
  // A fast machine may be done before it is asked.
  expect(told).toEqual(told.toSorted((a, b) => a - b))
  expect(told.every((done) => done > 0 && done <= 1)).toBe(true)
})
