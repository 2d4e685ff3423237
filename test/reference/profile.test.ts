/** The profile's SQL against plain arithmetic over the same rows, with every value that has no finite double. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import { bundleFor, entity, featureView, lookup, parquet, t } from '../../core/define/index.js'
import { buildProfileQueries, emptyProfile, type Profile, profileFrom } from '../../core/judge/index.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'

const owner = 'ops'
const thing = entity('thing', { keys: { id: t.int64() }, owner, description: 'A thing' })
const schema = {
  at: t.timestamp(),
  id: t.int64(),
  'a "float"': t.float64().nullable(),
  flag: t.boolean().nullable(),
  amount: t.decimal(38, 2).nullable(),
  note: t.string().nullable(),
}
const source = parquet('things', { path: 'x/*.parquet', eventTime: 'at', schema, owner, description: 'Things' })
const view = featureView('things', {
  ...{ version: 1, entity: thing, source, since: '2001-01-01T00:00:00Z', every: '1h', owner, description: 'Things' },
  ttl: '1h',
  features: { real: lookup('a "float"'), flag: lookup(), amount: lookup(), note: lookup(), seen: lookup('at') },
})
const bundle = bundleFor(
  { project: 'p', entities: [thing.definition], sources: [source.definition], views: [view.definition], services: [] },
  'things',
)

let engine: QueryEngine
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(process.env.MILLCOURSE_TEST_ROOT ?? tmpdir(), 'profile-'))
  engine = await createDuckdbEngine({ memoryLimitMb: 256, spillDir: folder, threads: 1 })
})
afterAll(async () => {
  await engine.close()
  await rm(folder, { recursive: true, force: true })
})

type Row = readonly [at: number, id: number, real: number | null, flag: boolean | null]
const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, -1e308, 1e200, 0, -0, 5e-324]
const rowOf = fc.tuple(
  fc.nat(3),
  fc.nat(3),
  fc.option(fc.oneof(fc.constantFrom(...odd), fc.double({ min: -1e6, max: 1e6, noNaN: true }))),
  fc.option(fc.boolean()),
)

test('R24: an interval without files has the profile of an empty relation, though the engine is not asked', async () => {
  const none = { read: 0, kept: 0, rejected: { null_key: 0, null_event_time: 0 }, outside: 0, replaced: 0 }
  expect(emptyProfile(bundle, none)).toEqual(await profileOf([]))
})

test('counts, limits and duplicates are those of the rows; nothing overflows, all of it is JSON', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(rowOf, { maxLength: 30 }), async (rows) => {
      const profile = await profileOf(rows)
      expect(JSON.parse(JSON.stringify(profile))).toEqual(profile)
      const [real, flag, amount, note, seen] = profile.columns
      const reals = rows.flatMap(([, , value]) => value ?? [])
      const numbers = reals
        .filter((value) => !Number.isNaN(value))
        .map((value) => Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE))
      expect(real).toMatchObject({
        values: reals.length,
        nulls: rows.length - reals.length,
        nans: reals.length - numbers.length,
      })
      expect(real!.min).toEqual(numbers.length > 0 ? Math.min(...numbers) + 0 : null)
      expect(real!.max).toEqual(numbers.length > 0 ? Math.max(...numbers) + 0 : null)
      const finite = numbers.filter((value) => Math.abs(value) < 1e150)
      const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length
      if (finite.length === 0) expect(real!.mean).toBeNull()
      else expect(Math.abs(real!.mean! - mean)).toBeLessThan(1e-6)
      expect(real!.p50 === null).toBe(finite.length === 0)
      const flags = rows.flatMap(([, , , value]) => value ?? [])
      expect(flag!.mean ?? 0).toBeCloseTo(flags.length === 0 ? 0 : flags.filter(Boolean).length / flags.length)
      expect([amount!.values, note!.values, seen!.values]).toEqual([rows.length, rows.length, rows.length])
      expect([note!.mean, seen!.max]).toEqual([null, null])
      const distinct = new Set(rows.map(([at, id]) => `${at} ${id}`)).size
      expect(profile.duplicateRows).toBe(rows.length - distinct)
      expect(profile.keysDistinctApproximate).toBe(new Set(rows.map(([, id]) => id)).size)
    }),
    { numRuns: 60 },
  )
})

async function profileOf(rows: readonly Row[]): Promise<Profile> {
  const { columns, keys } = buildProfileQueries(bundle, 'kept')
  const counts = {
    read: rows.length,
    kept: rows.length,
    rejected: { null_key: 0, null_event_time: 0 },
    outside: 0,
    replaced: 0,
  }
  return await engine.withSession(async (session) => {
    await session.execute({
      sql: `CREATE TEMP TABLE kept AS SELECT * REPLACE (CAST("__event_ns" AS DECIMAL(38, 0)) AS "__event_ns") FROM (SELECT
        unnest($1::BIGINT[]) AS "__event_ns", unnest($1::BIGINT[])::DECIMAL(38, 0) AS "at", unnest($2::BIGINT[]) AS id, unnest($3::DOUBLE[]) AS "a ""float""",
        unnest($4::BOOLEAN[]) AS flag, 99999999999999999999999999999999.99::DECIMAL(38, 2) AS amount, 'n' AS note)`,
      parameters: [0, 1, 2, 3].map((index) => rows.map((row) => row[index] as number | boolean | null)),
    })
    const [column] = await session.all({ sql: columns })
    const [key] = await session.all({ sql: keys })
    return profileFrom(bundle, counts, column!, key!)
  })
}
