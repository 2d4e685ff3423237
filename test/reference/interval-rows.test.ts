/** R4, R5, R19, R20, R23, R24, R28: which rows of an interval's files are kept, and what is said of the others. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIntervalQuery, reopensFrom, rowCountsFrom } from '../../core/compute/index.js'
import { entity, featureView, lookup, parquet, t, type ViewBundle, window } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { formatInstant } from '../../core/time/instant.js'
import { Bench, hour } from './generated-history.js'

const user = entity('user', { keys: { id: t.int64(), 'na "me': t.string() }, owner: 'test' })
const schema = {
  id: t.int64().nullable(),
  'na "me': t.string().nullable(),
  date: t.timestamp().nullable(),
  made: t.timestamp().nullable(),
  event: t.string().nullable(),
  value: t.int64().nullable(),
  'select; --': t.float64().nullable(),
}
function bundle(kind: 'lookup' | 'window', visibility: 'event' | 'created' = 'event'): ViewBundle {
  const source = parquet('events', {
    path: 'events/date={yyyy-MM-dd}/*.parquet',
    schema,
    eventTime: 'date',
    createdTime: 'made',
    visibility,
    eventId: { column: 'event', within: '1h' },
    owner: 'test',
  })
  const shared = {
    version: 1,
    entity: user,
    source,
    since: '1970-01-01T00:00:00Z',
    every: '1h',
    owner: 'test',
  } as const
  const view =
    kind === 'lookup'
      ? featureView('v', { ...shared, features: { value: lookup(), other: lookup('select; --') } })
      : featureView('v', {
          ...shared,
          features: { n: window.count({ over: '1h' }), sum: window.sum('value', { over: '2h' }) },
        })
  return { view: view.definition, entity: user.definition, source: source.definition, definitionHash: 'test' }
}

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

type Cell = string | number | null
/** Times in minutes after 1970. */
async function write(
  session: QuerySession,
  rows: readonly (readonly [Cell, Cell, number | null, number | null, Cell, Cell])[],
  path = bench.path(),
) {
  const cell = (value: Cell): string => (value === null ? 'NULL' : `'${value}'`)
  const minutes = (value: number | null): string =>
    value === null ? 'NULL' : `make_timestamp(${value * 60_000_000}::BIGINT)`
  const list = rows.map(
    ([id, name, date, made, event, value]) =>
      `(${cell(id)}::BIGINT, ${cell(name)}::VARCHAR, ${minutes(date)}::TIMESTAMP, ${minutes(made)}::TIMESTAMP, ${cell(event)}::VARCHAR, ${cell(value)}::BIGINT, 0.5::DOUBLE)`,
  )
  const names = Object.keys(schema)
    .map((name) => `"${name.replaceAll('"', '""')}"`)
    .join(', ')
  await session.execute({
    sql: `COPY (SELECT * FROM (VALUES ${list.join(', ')}) v(${names})) TO '${path}' (FORMAT parquet)`,
  })
  return path
}

async function run(
  session: QuerySession,
  view: ViewBundle,
  own: readonly string[],
  within: readonly string[],
  start: bigint,
) {
  const fileTypes = await bench.fileTypes(session, [...own, ...within])
  const interval = { start, end: start + hour }
  const query = buildIntervalQuery({ bundle: view, interval, files: { own, within }, fileTypes })
  for (const statement of query.statements) await session.execute(statement)
  const rejected = await session.all({ sql: `SELECT * FROM "${query.rejected}"` })
  const reopens = query.reopens ? reopensFrom(await session.all(query.reopens)) : null
  const counts = rowCountsFrom((await session.all(query.counts))[0]!)
  const output = await session.all({ sql: query.output })
  for (const statement of query.cleanup) await session.execute(statement)
  return { counts, rejected, reopens, output }
}

describe('rows of an interval', () => {
  test('R4, R5, R28: null keys and null times are rejected with a reason, and read = kept + rejected', async () => {
    await bench.engine.withSession(async (session) => {
      const file = await write(session, [
        [1, 'a', 5, 5, null, 1],
        [null, 'a', 5, 5, null, 2],
        [1, null, null, 5, null, 3],
        [1, 'a', null, 5, null, 4],
        [1, 'a', 60, 5, null, 5],
        [1, '', 59, null, null, null],
      ])
      const { counts, rejected, output } = await run(session, bundle('lookup'), [file], [], 0n)
      expect(counts).toMatchObject({
        read: 5,
        kept: 2,
        rejected: { null_key: 2, null_event_time: 1 },
        outside: 1,
        replaced: 0,
      })
      expect(counts.read).toBe(counts.kept + counts.rejected.null_key + counts.rejected.null_event_time)
      expect(rejected.map((row) => [row.value, row.__reason]).toSorted()).toEqual([
        [2n, 'null_key'],
        [3n, 'null_key'],
        [4n, 'null_event_time'],
      ])
      expect(output.map((row) => row.value)).toEqual([1n, null])
    })
  })

  test('R21, R28: of a file that many intervals read, each rejects the null keys of its own time, and those without a time', async () => {
    await bench.engine.withSession(async (session) => {
      const file = await write(session, [
        ...[0, 59, 60, 119, 120].map((minute) => [null, 'a', minute, 5, null, minute] as const),
        ...[0, 60, 120].map((minute) => [1, 'a', minute, 5, null, minute] as const),
        [null, 'a', null, 5, null, -1],
      ])
      for (const [hours, own] of [[0, 59], [60, 119], [120]].entries()) {
        const { counts, rejected } = await run(session, bundle('lookup'), [file], [], BigInt(hours) * hour)
        expect(rejected.map((row) => Number(row.value)).toSorted((a, b) => a - b)).toEqual([-1, ...own])
        expect(counts).toMatchObject({
          ...{ read: own.length + 2, kept: 1, rejected: { null_key: own.length + 1, null_event_time: 0 } },
          outside: 9 - own.length - 2,
        })
      }
    })
  })

  test('R19: a redelivery within the span replaces the row, and re-opens the interval it replaces one in', async () => {
    await bench.engine.withSession(async (session) => {
      const first = await write(session, [
        [1, 'a', 50, 50, 'x', 1],
        [1, 'b', 50, 50, 'x', 7],
        [1, 'a', 10, 50, 'y', 1],
      ])
      const second = await write(session, [
        [1, 'a', 70, 80, 'x', 2],
        [1, 'a', 115, 118, 'y', 9],
      ])
      const view = bundle('window')
      const early = await run(session, view, [first], [second], 0n)
      // y came 105 minutes later: beyond the span, so it counts again.
      expect(early.counts).toMatchObject({ read: 2, kept: 2, replaced: 1 })
      expect(early.reopens).toEqual([])
      const late = await run(session, view, [second], [first], hour)
      expect(late.counts).toMatchObject({ read: 2, kept: 2, replaced: 0 })
      expect(late.reopens).toEqual([formatInstant(0n)])
    })
  })

  test('R19: the first of the deliveries that replace a row is found behind many that are too far from it', async () => {
    await bench.engine.withSession(async (session) => {
      const far = Array.from({ length: 9 }, (_, at) => [1, 'a', 200 + at, 60 + at, 'x', at] as const)
      const file = await write(session, [
        [1, 'a', 5, 5, 'x', 1],
        ...far,
        [1, 'a', 65, 181, 'x', 2],
        [1, 'a', 64, 241, 'x', 3],
      ])
      const { counts, output } = await run(session, bundle('window', 'created'), [file], [], 0n)
      expect(counts).toMatchObject({ kept: 1, replaced: 0 })
      expect(output).toMatchObject([{ __tile: 0n, __known: 0n, __until: 3n }])
    })
  })

  test.each(['event', 'created'] as const)(
    'R19: as many deliveries of one id as an interval may have rows do not take quadratic time, under %s visibility',
    async (visibility) => {
      await bench.engine.withSession(async (session) => {
        const [count, path] = [40_000, bench.path()]
        const at = `make_timestamp(range * 7200000000 // ${count})`
        const made = `make_timestamp((hash(range) % 7200000000)::BIGINT)`
        await session.execute({
          sql: `COPY (SELECT 1::BIGINT AS id, 'a' AS "na ""me", ${at} AS date, ${made} AS made, 'x' AS event, range AS value, 0.5::DOUBLE AS "select; --" FROM range(${count})) TO '${path}' (FORMAT parquet)`,
        })
        const { counts, reopens } = await run(session, bundle('window', visibility), [path], [], hour)
        expect(counts.kept + (counts.replaced ?? 0)).toBe(count / 2)
        expect(reopens).toEqual([formatInstant(0n)])
      })
    },
    20_000,
  )

  test('R19: a delivery from before `since` is no row of the view, and replaces none', async () => {
    await bench.engine.withSession(async (session) => {
      const file = await write(session, [
        [1, 'a', 10, 10, 'x', 1],
        [1, 'a', -5, 20, 'x', 2],
      ])
      const { counts, reopens } = await run(session, bundle('window'), [file], [], 0n)
      expect(counts).toMatchObject({ read: 1, kept: 1, outside: 1, replaced: 0 })
      expect(reopens).toEqual([])
    })
  })

  test('R19: an exact copy counts once, and a null id is no id', async () => {
    await bench.engine.withSession(async (session) => {
      const rows = [
        [1, 'a', 5, 5, 'x', 1],
        [1, 'a', 5, 5, null, 1],
      ] as const
      const files = [await write(session, rows), await write(session, rows)]
      const { counts, output } = await run(session, bundle('window'), files, [], 0n)
      expect(counts).toMatchObject({ kept: 3, replaced: 1 })
      expect(output.map((row) => row.__count)).toEqual([3n])
    })
  })

  test('R19: the id of an event may be a part of its key', async () => {
    await bench.engine.withSession(async (session) => {
      const file = await write(session, [
        [1, 'a', 10, 10, null, 1],
        [1, 'a', 15, 20, null, 2],
        [1, 'b', 20, 20, null, 3],
      ])
      const given = bundle('window')
      const view = { ...given, source: { ...given.source, eventId: { column: 'na "me', within: '1h' } } }
      const { counts, reopens } = await run(session, view, [file], [], 0n)
      expect([counts, reopens]).toMatchObject([{ kept: 2, replaced: 1 }, []])
    })
  })

  test('R24: no files and files without rows give no rows, and a tile file all the same', async () => {
    await bench.engine.withSession(async (session) => {
      const { counts, output } = await run(session, bundle('window'), [], [], 0n)
      expect(counts).toMatchObject({ read: 0, kept: 0, outside: 0 })
      expect(output).toEqual([])
    })
  })

  test('R20: a file with narrower integers is read beside one with wide ones', async () => {
    await bench.engine.withSession(async (session) => {
      const wide = await write(session, [[1, 'a', 5, 5, null, '9223372036854775807']])
      const narrow = bench.path()
      await session.execute({
        sql: `COPY (SELECT CAST(7 AS INTEGER) AS value, 1::BIGINT AS id, 'a' AS "na ""me", make_timestamp(0) AS date, NULL::TIMESTAMP AS made, NULL::VARCHAR AS event, 0.5::FLOAT AS "select; --") TO '${narrow}' (FORMAT parquet)`,
      })
      for (const files of [
        [wide, narrow],
        [narrow, wide],
      ]) {
        const { output } = await run(session, bundle('window'), files, [], 0n)
        expect(output.map((row) => row['__sum value'])).toEqual(['9223372036854775814'])
      }
    })
  })

  test('R20, R23: a column retyped, or written in another case, is refused by name', async () => {
    await bench.engine.withSession(async (session) => {
      const copy = async (columns: string) => {
        const path = bench.path()
        await session.execute({
          sql: `COPY (SELECT 1::BIGINT AS id, 'a' AS "na ""me", make_timestamp(0) AS date, NULL::TIMESTAMP AS made, NULL::VARCHAR AS event, 0.5::DOUBLE AS "select; --", ${columns}) TO '${path}' (FORMAT parquet)`,
        })
        return path
      }
      for (const columns of ['1.5::DOUBLE AS value', '1::BIGINT AS "Value"', `'1' AS value`])
        await expect(run(session, bundle('lookup'), [await copy(columns)], [], 0n)).rejects.toMatchObject({
          code: 'SOURCE_SCHEMA_CHANGED',
          detail: { facts: { column: 'value' } },
        })
    })
  })

  test('R23: a folder date=… beside a column date, and a file name with brackets and quotes', async () => {
    await bench.engine.withSession(async (session) => {
      const { mkdir } = await import('node:fs/promises')
      const folder = `${bench.folder}/date=2001-01-01`
      await mkdir(folder, { recursive: true })
      const file = await write(session, [[1, 'a', 5, 5, null, 1]], `${folder}/part[1]*.parquet`)
      const { output } = await run(session, bundle('lookup'), [file], [], 0n)
      expect(output.map((row) => row.__event_ns)).toEqual([300_000_000_000n])
    })
  })
})
