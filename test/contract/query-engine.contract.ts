/** What every QueryEngine must do. The SQL here is plain; dialects differ only where a query says so. */
import { randomBytes } from 'node:crypto'
import { copyFile, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EngineValue, QueryEngine, QuerySession } from '../../core/ports/query-engine.js'
import { endOfTime, parseInstant } from '../../core/time/instant.js'

export interface QueryEngineContractOptions {
  /** memoryLimitMb is small, so that the limits are reached. */
  readonly newEngine: (options: {
    readonly memoryLimitMb: number
    readonly spillDir: string
    readonly spillMaxMb?: number
  }) => Promise<QueryEngine>
}

export function queryEngineContract(name: string, { newEngine }: QueryEngineContractOptions): void {
  describe(`QueryEngine contract: ${name}`, () => {
    let engine: QueryEngine
    let folder: string
    let spillDir: string
    const at = (file: string) => join(folder, file)
    beforeAll(async () => {
      folder = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), "engine'% "))
      spillDir = at('spill')
      engine = await newEngine({ memoryLimitMb: 200, spillDir })
      await engine.withSession((session) =>
        session.execute({
          sql: `COPY (SELECT range AS a, md5(range::VARCHAR) AS b FROM range(20000)) TO ${quote(at('good.parquet'))} (FORMAT parquet, COMPRESSION zstd)`,
        }),
      )
    })
    afterAll(async () => {
      await engine.close()
      await rm(folder, { recursive: true, force: true })
    })
    const one = async (sql: string, parameters: readonly EngineValue[] = []): Promise<EngineValue> => {
      const rows = await engine.withSession((session) => session.all({ sql: `SELECT ${sql} AS v`, parameters }))
      return rows[0]!.v as EngineValue
    }
    const read = (...files: string[]) =>
      engine.withSession((session) =>
        session.all({ sql: `SELECT max(a) AS a, max(b) AS b FROM read_parquet([${files.map(quote).join(', ')}])` }),
      )

    describe('values', () => {
      test('R12, R20: integers keep every digit, decimals their text', async () => {
        expect(await one('9007199254740993::BIGINT')).toBe(9_007_199_254_740_993n)
        expect(await one('(-170141183460469231731687303715884105727)::HUGEINT')).toBe(
          -170_141_183_460_469_231_731_687_303_715_884_105_727n,
        )
        expect(await one('18446744073709551615::UBIGINT')).toBe(18_446_744_073_709_551_615n)
        expect(await one('7::INTEGER')).toBe(7)
        expect(await one('(-0.50)::DECIMAL(5,2)')).toBe('-0.50')
        expect(await one('12345678901234567890123456789012345678::DECIMAL(38,0)')).toBe(
          '12345678901234567890123456789012345678',
        )
      })
      test('R20: NaN and null are two things', async () => {
        expect(await one("'nan'::DOUBLE")).toBeNaN()
        expect(await one('NULL::DOUBLE')).toBeNull()
        expect(await one('NULL')).toBeNull()
      })
      test('R11: every time unit is nanoseconds, none rounded, before 1970 too', async () => {
        const ns = parseInstant('2001-01-01T00:00:00.123456789Z')
        expect(await one("'2001-01-01 00:00:00.123456789'::TIMESTAMP_NS")).toBe(ns)
        expect(await one("'2001-01-01 00:00:00.123456'::TIMESTAMP")).toBe(ns - 789n)
        expect(await one("'2001-01-01 00:00:00.123'::TIMESTAMP_MS")).toBe(ns - 456_789n)
        expect(await one("'2001-01-01 00:00:00'::TIMESTAMP_S")).toBe(ns - 123_456_789n)
        expect(await one("'2001-01-01 02:00:00.123456+02'::TIMESTAMPTZ")).toBe(ns - 789n)
        expect(await one("'1969-12-31 23:59:59.999999'::TIMESTAMP")).toBe(-1_000n)
        expect(await one("'294246-12-31 23:59:59.999999'::TIMESTAMP")).toBe(9_223_371_244_799_999_999_000n)
      })
      test('R11: end-of-time markers do not wrap', async () => {
        for (const type of ['TIMESTAMP', 'TIMESTAMPTZ']) {
          expect(await one(`'infinity'::${type}`)).toBe(endOfTime)
          expect(await one(`'-infinity'::${type}`)).toBe(-endOfTime)
        }
      })
      test("R10: the machine's zone does not matter", async () => {
        expect(await one("'2001-07-01 00:00:00'::TIMESTAMP::TIMESTAMPTZ")).toBe(parseInstant('2001-07-01'))
        expect(await one("current_setting('TimeZone')")).toBe('UTC')
      })
      test('text, bytes, dates, booleans and lists', async () => {
        expect(await one("'it''s'")).toBe("it's")
        expect(Buffer.from((await one("'\\x00\\xFF'::BLOB")) as Uint8Array)).toEqual(Buffer.from([0, 255]))
        expect(await one("DATE '1969-12-31'")).toBe('1969-12-31')
        expect(await one("[DATE 'infinity', DATE '-infinity']")).toEqual(['infinity', '-infinity'])
        expect(await one('false')).toBe(false)
        expect(await one('[1, NULL, 3]::BIGINT[]')).toEqual([1n, null, 3n])
      })
      test('text is text, whatever it looks like', async () => {
        expect(await one("starts_with('s3://photos/x', 's3://photos/')")).toBe(true)
        expect(await one("'s3://photos/x' SIMILAR TO 's3://photos/.*'")).toBe(true)
        expect(await one("'s3://photos/[?].parquet'")).toBe('s3://photos/[?].parquet')
      })
      test('a type that has no value here is refused by column, not mangled', async () => {
        await expect(one('{x: 1}')).rejects.toMatchObject({
          code: 'COMPUTE_FAILED',
          message: expect.stringContaining('"v"'),
        })
      })
      test('parameters go in as they come out', async () => {
        const values: EngineValue[] = [
          null,
          true,
          7,
          -2.5,
          9_007_199_254_740_993n,
          2n ** 100n,
          "it's",
          'ü',
          ['a', null],
        ]
        for (const value of values) expect(await one('$1', [value])).toEqual(value)
        expect(await one('len($1)', [[]])).toBe(0n)
        expect(Buffer.from((await one('$1', [Buffer.from([0, 255])])) as Uint8Array)).toEqual(Buffer.from([0, 255]))
        expect(await one('$1 + 0', [1e15])).toBe(1e15)
        expect(await one('$2::VARCHAR || $1', ['b', 'a'])).toBe('ab')
      })
    })

    describe('sessions', () => {
      test('a stream is in the query order and in parts', async () => {
        const parts: number[] = []
        let expected = 0n
        await engine.withSession(async (session) => {
          for await (const rows of session.stream({ sql: 'SELECT range AS n FROM range(10000) ORDER BY n' })) {
            parts.push(rows.length)
            for (const row of rows) expect(row.n).toBe(expected++)
          }
        })
        expect(expected).toBe(10_000n)
        expect(Math.max(...parts)).toBeLessThanOrEqual(4_096)
      })
      test('temporary tables are one session’s own, and gone after it', async () => {
        await engine.withSession(async (session) => {
          await session.execute({ sql: 'CREATE TEMP TABLE mine AS SELECT 1 AS x' })
          expect(await session.all({ sql: 'SELECT x FROM mine' })).toEqual([{ x: 1 }])
        })
        await expect(engine.withSession((session) => session.all({ sql: 'SELECT x FROM mine' }))).rejects.toMatchObject(
          { code: 'COMPUTE_FAILED' },
        )
      })
      test('one heavy session at a time, in order; a light one does not wait', async () => {
        const order: string[] = []
        const gate = newGate()
        const first = engine.withSession(async () => {
          order.push('first in')
          await gate.opened
          order.push('first out')
        })
        const second = engine.withSession(async () => void order.push('second'))
        const third = engine.withSession(async () => void order.push('third'))
        await engine.withSession(async () => void order.push('light'), { isLight: true })
        gate.open()
        await Promise.all([first, second, third])
        expect(order.filter((step) => step !== 'light')).toEqual(['first in', 'first out', 'second', 'third'])
        expect(order.indexOf('light')).toBeLessThan(order.indexOf('first out'))
      })
      test('a session that throws gives the slot back', async () => {
        await expect(engine.withSession(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
        expect(await one('1')).toBe(1)
      })
      test('a signal ends the statement under way, with its reason', async () => {
        const abort = new AbortController()
        const reason = new Error('the worker shuts down')
        setTimeout(() => abort.abort(reason), 150)
        const started = performance.now()
        await expect(
          engine.withSession((session) => session.all({ sql: slowQuery }), { signal: abort.signal }),
        ).rejects.toBe(reason)
        expect(performance.now() - started).toBeLessThan(5_000)
        expect(await one('1')).toBe(1)
      })
      test('a signal ends the wait for the slot, and the queue goes on', async () => {
        const abort = new AbortController()
        const gate = newGate()
        const first = engine.withSession(() => gate.opened)
        const second = engine.withSession(async () => 'ran', { signal: abort.signal })
        const third = engine.withSession(async () => 'third')
        abort.abort(new Error('gone'))
        await expect(second).rejects.toThrow('gone')
        gate.open()
        await first
        expect(await third).toBe('third')
      })
      test('an aborted signal starts nothing', async () => {
        const signal = AbortSignal.abort(new Error('before'))
        await expect(engine.withSession((session) => session.all({ sql: 'SELECT 1' }), { signal })).rejects.toThrow(
          'before',
        )
      })
      test('a kept file can be read in its session, and is gone after it, also where writing it failed', async () => {
        const bytes = await readFile(at('good.parquet'))
        const parts = async function* (isWhole = true) {
          yield bytes.subarray(0, 10)
          if (!isWhole) throw new Error('the source broke off')
          yield bytes.subarray(10)
        }
        const path = await engine.withSession(async (session) => {
          const kept = await session.keepFile('mine.parquet', parts())
          expect(
            await session.all({ sql: `SELECT count(*) > 0 AS is_read FROM read_parquet(${quote(kept)})` }),
          ).toEqual([{ is_read: true }])
          await expect(session.keepFile('broken.parquet', parts(false))).rejects.toThrow('the source broke off')
          return kept
        })
        await expect(stat(path)).rejects.toThrow(/ENOENT/)
        await expect(stat(dirname(path))).rejects.toThrow(/ENOENT/)
      })
      test('memory is told', async () => {
        const peak = await engine.withSession(async (session) => {
          await session.execute({ sql: 'CREATE TEMP TABLE t AS SELECT md5(range::VARCHAR) AS x FROM range(500000)' })
          return await session.peakMemoryBytes()
        })
        expect(peak).toBeGreaterThan(5_000_000)
      })
    })

    describe('files at fault are named', () => {
      const broken = async (file: string, make: (good: Buffer) => Buffer): Promise<string> => {
        const bytes = make(await readFile(at('good.parquet')))
        await writeFile(at(file), bytes)
        return at(file)
      }
      const corrupt = (file: string) => ({
        code: 'SOURCE_FILE_CORRUPT',
        message: expect.stringContaining(file),
        detail: { facts: { file } },
      })
      test('zero bytes', async () => {
        const file = await broken('zero.parquet', () => Buffer.alloc(0))
        await expect(read(at('good.parquet'), file)).rejects.toMatchObject(corrupt(file))
      })
      test('text', async () => {
        const file = await broken('text.parquet', () => Buffer.from('id,amount\n1,2\n'))
        await expect(read(at('good.parquet'), file)).rejects.toMatchObject(corrupt(file))
      })
      test('truncated', async () => {
        const file = await broken('truncated.parquet', (good) => good.subarray(0, good.length >> 1))
        await expect(read(at('good.parquet'), file)).rejects.toMatchObject(corrupt(file))
      })
      test('a broken footer', async () => {
        const file = await broken('footer.parquet', (good) =>
          Buffer.from(good).fill(0x55, good.length - 100, good.length - 20),
        )
        await expect(read(at('good.parquet'), file)).rejects.toMatchObject(corrupt(file))
      })
      test('a broken page, whose error names no file', async () => {
        const file = await broken("page it's.parquet", (good) => Buffer.from(good).fill(0, 4, 200))
        await expect(read(at('good.parquet'), file)).rejects.toMatchObject(corrupt(file))
      })
      test('a broken page behind a view made earlier in the session', async () => {
        const file = await broken('view.parquet', (good) => Buffer.from(good).fill(0, 4, 200))
        await expect(
          engine.withSession(async (session) => {
            await session.execute({ sql: `CREATE TEMP VIEW source AS SELECT * FROM read_parquet(${quote(file)})` })
            await session.all({ sql: 'SELECT max(hash(a, b)) FROM source' })
          }),
        ).rejects.toMatchObject(corrupt(file))
      })
      test('gone', async () => {
        await expect(read(at('good.parquet'), at('gone.parquet'))).rejects.toMatchObject({
          code: 'SOURCE_FILE_MISSING',
          detail: { facts: { file: at('gone.parquet') } },
        })
      })
      test('a file swapped within one second and of one size is read anew', async () => {
        const file = at('swapped.parquet')
        const write = (value: number) =>
          engine.withSession((session) =>
            session.execute({
              sql: `COPY (SELECT ${value}::BIGINT AS a, 'x' AS b) TO ${quote(file)} (FORMAT parquet)`,
            }),
          )
        await write(1)
        await utimes(file, 1_000_000_000, 1_000_000_000)
        expect(await read(file)).toEqual([{ a: 1n, b: 'x' }])
        await write(2)
        await utimes(file, 1_000_000_000, 1_000_000_000)
        expect(await read(file)).toEqual([{ a: 2n, b: 'x' }])
      })
      test('odd names are names', async () => {
        const file = at(`q?u*e[s]t ü %20 "${randomBytes(2).toString('hex')}".parquet`)
        await copyFile(at('good.parquet'), file)
        expect(await read(file)).toEqual(await read(at('good.parquet')))
      })
    })

    describe('other errors', () => {
      test('a value that does not fit', async () => {
        await expect(one("'abc'::INTEGER")).rejects.toMatchObject({ code: 'COMPUTE_VALUE_OUT_OF_RANGE' })
        await expect(one('9223372036854775807 + 1::BIGINT')).rejects.toMatchObject({
          code: 'COMPUTE_VALUE_OUT_OF_RANGE',
        })
        for (const unreadable of ["strptime('x', '%Y')", "json_extract('{', '$.a')", "from_hex('zz')"])
          await expect(one(unreadable)).rejects.toMatchObject({ code: 'COMPUTE_VALUE_OUT_OF_RANGE' })
      })
      test('a query that makes no sense, beside a good file', async () => {
        await expect(
          engine.withSession((session) =>
            session.all({ sql: `SELECT nosuch FROM read_parquet(${quote(at('good.parquet'))})` }),
          ),
        ).rejects.toMatchObject({ code: 'COMPUTE_FAILED', message: expect.stringContaining('nosuch') })
      })
      test('more memory than there is', async () => {
        await expect(one('len(list(range)) FROM range(300000000)')).rejects.toMatchObject({
          code: 'COMPUTE_OUT_OF_MEMORY',
        })
        expect(await one('1')).toBe(1)
      })
      test('more spilled than may be', async () => {
        const small = await newEngine({ memoryLimitMb: 60, spillDir: at('small'), spillMaxMb: 5 })
        try {
          await expect(
            small.withSession((session) =>
              session.execute({ sql: 'CREATE TEMP TABLE t AS SELECT md5(random()::VARCHAR) AS x FROM range(8000000)' }),
            ),
          ).rejects.toMatchObject({
            code: 'COMPUTE_SPILL_FULL',
            message: expect.stringMatching(
              /^the query has spilled as much as it may: [\d.]+ MiB of 5\.0 MiB in the spill folder$/,
            ),
          })
        } finally {
          await small.close()
        }
      })
      test('a full lake', async () => {
        await expect(
          engine.withSession((session) =>
            session.execute({
              sql: "COPY (SELECT md5(range::VARCHAR) FROM range(500000)) TO '/dev/full' (FORMAT parquet)",
            }),
          ),
        ).rejects.toMatchObject({ code: 'LAKE_FULL' })
      })
    })

    test('nothing is left in the spill folder after closing', async () => {
      const dir = at('left')
      const first = await newEngine({ memoryLimitMb: 60, spillDir: dir })
      const spills = (session: QuerySession) =>
        session.execute({ sql: 'CREATE TEMP TABLE t AS SELECT md5(random()::VARCHAR) AS x FROM range(3000000)' })
      await first.withSession(spills)
      expect(await readdir(dir)).toHaveLength(1)
      await first.close()
      expect(await readdir(dir)).toEqual([])
      await expect(first.withSession(spills)).rejects.toMatchObject({ code: 'INTERNAL' })
    })
  })
}

const slowQuery = 'SELECT sum(hash(a.range, b.range)) AS v FROM range(1000000) a, range(1000000) b'

function newGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
