/** R10, R11: times of every unit and zone, as instants. */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIntervalQuery, makeExactCopies, rowCountsFrom } from '../../core/compute/index.js'
import { printRelation } from '../../core/compute/print-duckdb.js'
import { instantFrom } from '../../core/compute/source-rows.js'
import { column, parquet as parquetFiles, select } from '../../core/compute/sql-algebra.js'
import { entity, featureView, lookup, parquet, t, type ViewBundle } from '../../core/define/index.js'
import type { QuerySession } from '../../core/ports/query-engine.js'
import { endOfTime, parseInstant } from '../../core/time/instant.js'
import { Bench } from './generated-history.js'

const device = entity('device', { keys: { id: t.int64() }, owner: 'test' })
function bundle(timezone?: string): ViewBundle {
  const source = parquet('readings', {
    path: 'readings/*.parquet',
    schema: {
      id: t.int64(),
      at: t.timestamp().nullable(),
      written: t.timestamp().nullable(),
      value: t.int64().nullable(),
    },
    eventTime: 'at',
    createdTime: 'written',
    visibility: 'event',
    ...(timezone ? { timezone } : {}),
    owner: 'test',
  })
  const view = featureView('latest', {
    version: 1,
    entity: device,
    source,
    since: '0001-01-01T00:00:00Z',
    every: '1d',
    features: { value: lookup() },
    owner: 'test',
  })
  return { view: view.definition, entity: device.definition, source: source.definition, definitionHash: 'test' }
}

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

/** Written by pyarrow 20: columns as in `bundle`, event times 2001-01-01T00:00:00.000000001Z and 1 ns before 1970. */
const foreign = {
  int96:
    'UEFSMRUAFSwVLCwVBBUAFQYVBhwAAAACAAAABAEBAAAAAAAAAAIAAAAAAAAAFQAVPBU8LBUEFQAVBhUGHAAAAAIAAAAEAQEAAAAAAAAAx2klAP//TpGUTgAAiz0lABUAFQwVDCwVBBUAFQYVBhwAAAACAAAABAAVABUsFSwsFQQVABUGFQYcAAAAAgAAAAQBAQAAAAAAAAABAAAAAAAAABUEGVw1ABgGc2NoZW1hFQgAFQQlAhgCaWQAFQYlAhgCYXQAFQYlAhgHd3JpdHRlbgAVBCUCGAV2YWx1ZQAWBBkcGUwmABwVBBklBgAZGAJpZBUAFgQWUhZSJghJHBUAFQAVAgA8KQYZJgAEAAAAJgAcFQYZJQYAGRgCYXQVABYEFmIWYiZaSRwVABUAFQIAPCkGGSYABAAAACYAHBUGGSUGABkYB3dyaXR0ZW4VABYEFjIWMia8AUkcFQAVABUCADwpBhkmBAAAAAAmABwVBBklBgAZGAV2YWx1ZRUAFgQWUhZSJu4BSRwVABUAFQIAPCkGGSYABAAAABa4AhYEJggWuAIAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRlMHAAAHAAAHAAAHAAAADUBAABQQVIx',
  nanosecondsUtc:
    'UEFSMRUAFSwVLCwVBBUAFQYVBhwAAAACAAAABAEBAAAAAAAAAAIAAAAAAAAAFQAVLBUsLBUEFQAVBhUGHAAAAAIAAAAEAQEANRE3pZMN//////////8VABUMFQwsFQQVABUGFQYcAAAAAgAAAAQAFQAVLBUsLBUEFQAVBhUGHAAAAAIAAAAEAQEAAAAAAAAAAQAAAAAAAAAVBBlcNQAYBnNjaGVtYRUIABUEJQIYAmlkABUEJQIYAmF0bIwRHDwAAAAAABUEJQIYB3dyaXR0ZW4lFEyMEhwsAAAAAAAVBCUCGAV2YWx1ZQAWBBkcGUwmABwVBBklBgAZGAJpZBUAFgQWUhZSJghJHBUAFQAVAgA8KQYZJgAEAAAAJgAcFQQZJQYAGRgCYXQVABYEFlIWUiZaSRwVABUAFQIAPCkGGSYABAAAACYAHBUEGSUGABkYB3dyaXR0ZW4VABYEFjIWMiasAUkcFQAVABUCADwpBhkmBAAAAAAmABwVBBklBgAZGAV2YWx1ZRUAFgQWUhZSJt4BSRwVABUAFQIAPCkGGSYABAAAABaoAhYEJggWqAIAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRlMHAAAHAAAHAAAHAAAAEkBAABQQVIx',
}

/** Written by pyarrow 26 with `pa.nulls(2)` for `written` and `value`: columns without a type. Ids 1 and 2, at 1 us after 2001 and before 1970, UTC. */
const untyped =
  'UEFSMRUAFSwVLCwVBBUAFQYVBhwAAAACAAAABAEBAAAAAAAAAAIAAAAAAAAAFQAVLBUsLBUEFQAVBhUGHAAAAAIAAAAEAQEgI+XDeQMA//////////8VABUMFQwsFQQVABUGFQYcAAAAAgAAAAQAFQAVDBUMLBUEFQAVBhUGHAAAAAIAAAAEABUEGVw1ABgGc2NoZW1hFQgAFQQlAhgCaWQAFQQlAhgCYXQlFEyMERwsAAAAAAAVAiUCGAd3cml0dGVubLwAAAAVAiUCGAV2YWx1ZWy8AAAAFgQZHBlMJgAcFQQZJQYAGRgCaWQVABYEFlIWUiYISRwVABUAFQIAPCkGGSYABAAAACYAHBUEGSUGABkYAmF0FQAWBBZSFlImWkkcFQAVABUCADwpBhkmAAQAAAAmABwVAhklBgAZGAd3cml0dGVuFQAWBBYyFjImrAFJHBUAFQAVAgA8KQYZJgQAAAAAJgAcFQIZJQYAGRgFdmFsdWUVABYEFjIWMibeAUkcFQAVABUCADwpBhkmBAAAAAAWiAIWBCYIFogCACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZTBwAABwAABwAABwAAABIAQAAUEFSMQ=='

const everything = { start: -(10n ** 30n), end: 10n ** 30n }

/** Kept rows as [id, event, created], and what was counted. */
async function read(session: QuerySession, view: ViewBundle, selects: readonly string[], interval = everything) {
  const paths: string[] = []
  for (const select of selects) paths.push(await bench.write(session, select))
  return readFiles(session, view, paths, interval)
}

async function exactTypes(session: QuerySession, paths: readonly string[]) {
  const bytes = new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const)))
  const { types } = await makeExactCopies(await bench.fileTypes(session, paths), ['at', 'written'], {
    all: (sql) => session.all(sql),
    keepFile: (name, parts) => session.keepFile(name, parts),
    open: (file) => ({
      sizeBytes: bytes.get(file)!.length,
      read: async (start, length) => bytes.get(file)!.subarray(start, start + length),
    }),
  })
  return types
}

async function readFiles(session: QuerySession, view: ViewBundle, paths: readonly string[], interval = everything) {
  const fileTypes = await exactTypes(session, paths)
  const query = buildIntervalQuery({ bundle: view, interval, files: { own: paths, within: [] }, fileTypes })
  for (const statement of query.statements) await session.execute(statement)
  const counts = rowCountsFrom((await session.all(query.counts))[0]!)
  const file = await bench.write(session, query.output)
  const rows = await session.all({
    sql: `SELECT id, CAST(__event_ns AS HUGEINT) AS e, CAST(__created_ns AS HUGEINT) AS c FROM '${file}' ORDER BY id, e`,
  })
  return { counts, rows: rows.map((row) => [row.id, row.e, row.c]) }
}

const at = (time: string, value = 1): string =>
  `SELECT CAST(${value} AS BIGINT) AS id, ${time} AS at, CAST(NULL AS TIMESTAMP) AS written, CAST(1 AS BIGINT) AS value`

describe('times', () => {
  test('R11: files of ms, us, ns and zoned times in one interval, none rounded, none wrapped', async () => {
    await bench.engine.withSession(async (session) => {
      const { rows } = await read(session, bundle(), [
        at(`CAST(TIMESTAMP '1969-12-31 23:59:59.999' AS TIMESTAMP_MS)`, 1),
        at(`TIMESTAMP '9999-12-31 23:59:59.999999'`, 2),
        at(`TIMESTAMP_NS '1969-12-31 23:59:59.999999999'`, 3),
        at(`TIMESTAMPTZ '2001-01-01 00:00:00.000001+05'`, 4),
        at(`CAST('infinity' AS TIMESTAMP)`, 5),
        at(`TIMESTAMP '0001-01-01 00:00:00'`, 6),
      ])
      expect(rows).toEqual([
        [1n, -1_000_000n, null],
        [2n, parseInstant('9999-12-31T23:59:59.999999Z'), null],
        [3n, -1n, null],
        [4n, parseInstant('2000-12-31T19:00:00.000001Z'), null],
        [5n, endOfTime, null],
        [6n, parseInstant('0001-01-01T00:00:00Z'), null],
      ])
    })
  })

  test('a time that is null all through a file, which gives it no type, is null; beside files that have it', async () => {
    await bench.engine.withSession(async (session) => {
      const path = await bench.write(session, at(`TIMESTAMP '2001-01-01 00:00:00'`, 3).replace('NULL', `'2001-01-02'`))
      const nulls = `${path}-nulls.parquet`
      await writeFile(nulls, Buffer.from(untyped, 'base64'))
      for (const zone of [undefined, 'America/New_York']) {
        const { rows } = await readFiles(session, bundle(zone), [nulls])
        expect(rows).toEqual([
          [1n, parseInstant('2001-01-01T00:00:00.000001Z'), null],
          [2n, -1_000n, null],
        ])
      }
      const { rows } = await readFiles(session, bundle(), [nulls, path])
      expect(rows.map(([id, , written]) => [id, written])).toEqual([
        [1n, null],
        [2n, null],
        [3n, parseInstant('2001-01-02T00:00:00Z')],
      ])
    })
  })

  test('R21: an interval takes its start and not its end, to the nanosecond, in every unit', async () => {
    await bench.engine.withSession(async (session) => {
      const interval = { start: parseInstant('1969-12-31T23:00:00Z'), end: parseInstant('1970-01-01T00:00:00Z') }
      const { rows, counts } = await read(
        session,
        bundle(),
        [
          at(`make_timestamp_ns(${interval.start - 1n})`, 1),
          at(`make_timestamp_ns(${interval.start})`, 2),
          at(`make_timestamp_ns(${interval.end - 1n})`, 3),
          at(`make_timestamp(0)`, 4),
          at(`make_timestamp(-1)`, 5),
        ],
        interval,
      )
      expect(rows.map(([id]) => id)).toEqual([2n, 3n, 5n])
      expect(counts).toMatchObject({ read: 3, kept: 3, outside: 2 })
    })
  })

  test("R10: New York's clocks: a repeated time is the earlier instant, a skipped one moves forward, both are counted", async () => {
    await bench.engine.withSession(async (session) => {
      const view = bundle('America/New_York')
      const { rows, counts } = await read(session, view, [
        at(`TIMESTAMP '2001-04-01 01:59:59.999999'`, 1),
        at(`TIMESTAMP '2001-04-01 02:30:00'`, 2),
        at(`TIMESTAMP '2001-04-01 03:00:00'`, 3),
        at(`TIMESTAMP_NS '2001-10-28 00:59:59.999999999'`, 4),
        at(`TIMESTAMP_NS '2001-10-28 01:30:00.000000001'`, 5),
        at(`TIMESTAMP '2001-10-28 02:00:00'`, 6),
        at(`TIMESTAMP '2001-10-28 12:00:00'`, 7),
        at(`TIMESTAMP '1960-07-01 12:00:00'`, 8),
      ])
      expect(rows.map(([, event]) => event)).toEqual(
        [
          '2001-04-01T06:59:59.999999Z',
          '2001-04-01T07:30:00Z',
          '2001-04-01T07:00:00Z',
          '2001-10-28T04:59:59.999999999Z',
          '2001-10-28T05:30:00.000000001Z',
          '2001-10-28T07:00:00Z',
          '2001-10-28T17:00:00Z',
          '1960-07-01T16:00:00Z',
        ].map(parseInstant),
      )
      expect(counts.localTimes).toEqual({ ambiguous: 1, skipped: 1 })
    })
  })

  test('R10: a gap of half an hour, and a zone east of UTC', async () => {
    await bench.engine.withSession(async (session) => {
      // Lord Howe: clocks go from 02:00 (+10:30) to 02:30 (+11), and back from 02:00 (+11) to 01:30 (+10:30).
      const { rows, counts } = await read(session, bundle('Australia/Lord_Howe'), [
        at(`TIMESTAMP '2019-10-06 02:15:00'`, 1),
        at(`TIMESTAMP '2019-04-07 01:45:00'`, 2),
      ])
      expect(rows.map(([, event]) => event)).toEqual(['2019-10-05T15:45:00Z', '2019-04-06T14:45:00Z'].map(parseInstant))
      expect(counts.localTimes).toEqual({ ambiguous: 1, skipped: 1 })
    })
  })

  test("R10: a file whose times are UTC by its own word does not get the source's zone", async () => {
    await bench.engine.withSession(async (session) => {
      const { rows } = await read(session, bundle('America/New_York'), [
        at(`TIMESTAMPTZ '2001-01-01 00:00:00Z'`, 1),
        at(`TIMESTAMP '2001-01-01 00:00:00'`, 2),
        at(`CAST('infinity' AS TIMESTAMP)`, 3),
      ])
      expect(rows.map(([, event]) => event)).toEqual([
        parseInstant('2001-01-01T00:00:00Z'),
        parseInstant('2001-01-01T05:00:00Z'),
        endOfTime,
      ])
    })
  })

  test("R10: the machine's and the session's zone do not matter", async () => {
    await bench.engine.withSession(async (session) => {
      const files = [at(`TIMESTAMPTZ '2001-06-01 00:00:00Z'`, 1), at(`TIMESTAMP '2001-06-01 00:00:00'`, 2)]
      const before = await read(session, bundle('America/New_York'), files)
      await session.execute({ sql: `SET TimeZone = 'Asia/Tokyo'` })
      const after = await read(session, bundle('America/New_York'), files)
      await session.execute({ sql: `SET TimeZone = 'UTC'` })
      expect(after).toEqual(before)
    })
  })

  test('R11: INT96 holds years that nanoseconds of 64 bits do not', async () => {
    await bench.engine.withSession(async (session) => {
      const file = bench.path()
      await writeFile(file, await readFile(new URL('../faults/bad-input/fixtures/int96-far.parquet', import.meta.url)))
      const fileTypes = await exactTypes(session, [file])
      expect(fileTypes[0]?.readFrom).toBeDefined()
      const [row] = await session.all({
        sql: `SELECT list(ns ORDER BY ns)::VARCHAR[] AS ns FROM (${printRelation(select(parquetFiles([fileTypes[0]!.readFrom!]), [['ns', instantFrom(column('at'), 'INT96')]]))})`,
      })
      expect(row!.ns).toEqual(
        ['0001-01-01T00:00:00.000001Z', '1969-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'].map(
          (text) => `${parseInstant(text)}`,
        ),
      )
    })
  })

  test.each(['int96', 'nanosecondsUtc'] as const)(
    'R11: %s of another writer, which the engine would round',
    async (kind) => {
      await bench.engine.withSession(async (session) => {
        const file = bench.path()
        await writeFile(file, Buffer.from(foreign[kind], 'base64'))
        const { rows } = await readFiles(session, bundle(), [file])
        expect(rows.map(([, event]) => event)).toEqual([parseInstant('2001-01-01T00:00:00.000000001Z'), -1n])
      })
    },
  )
})
