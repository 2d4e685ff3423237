/** The profile's SQL against plain arithmetic over the same rows, with every value that has no finite double. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import { bundleFor, entity, featureView, lookup, parquet, t } from '../../core/define/index.js'
import {
  buildProfileQueries,
  decodeHistogram,
  emptyProfile,
  type MergedProfile,
  mergeProfiles,
  type ProfilePart,
  profileFrom,
  sketchesFrom,
} from '../../core/judge/index.js'
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
      const { profile } = await profileOf(rows)
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

test('profiles of parts merge into the profile of the whole: counts, limits, histograms and distinct values exactly', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(rowOf, { maxLength: 12 }), { minLength: 1, maxLength: 4 }), async (cuts) => {
      // Event times of different intervals are never the same.
      const apart = cuts.map((rows, cut) => rows.map(([at, ...rest]): Row => [at + cut * 10, ...rest]))
      const parts: ProfilePart[] = []
      for (const rows of apart) parts.push(await profileOf(rows))
      const whole = await profileOf(apart.flat())
      const [merged, expected] = [mergeProfiles(parts), mergeProfiles([whole])]
      expect(shape(merged)).toEqual({ ...shape(expected), runs: parts.length })
      expect(shape(mergeProfiles([...parts].reverse()))).toEqual(shape(merged))
      const { profile } = whole
      expect(merged).toMatchObject({ duplicateRows: profile.duplicateRows, rowsKept: profile.rowsKept })
      for (const [at, { mean, standardDeviation }] of merged.columns.entries()) {
        const one = profile.columns[at]!
        expect(near(mean, one.mean), `mean ${mean} of ${one.mean}`).toBe(true)
        expect(near(standardDeviation, one.standardDeviation), `${standardDeviation}`).toBe(true)
      }
    }),
    { numRuns: 40 },
  )
})

/** What merges without any rounding. */
function shape({ columns, ...rest }: MergedProfile) {
  return { ...rest, columns: columns.map(({ mean, standardDeviation, ...one }) => one) }
}

function near(a: number | null, b: number | null): boolean {
  if (a === null || b === null) return a === b
  return Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b))
}

test('a histogram counts every value, NaN last, and its quantiles are within their bound', async () => {
  const numbers = Array.from({ length: 400 }, (_, at) => (at - 150) * 1.7)
  const { sketches } = await profileOf([...numbers, Number.NaN, null].map((real, at): Row => [at, 1, real, true]))
  const histogram = decodeHistogram(sketches!.columns['a "float"']!.histogram!)
  expect(histogram.bins.reduce((sum, [, count]) => sum + count, 0)).toBe(401)
  expect(histogram.bins.at(-1)).toEqual([2_560 * 2 ** histogram.bits, 1])
  const { columns } = mergeProfiles([await profileOf(numbers.map((real, at): Row => [at, 1, real, true]))])
  for (const [name, q] of [
    ['p1', 0.01],
    ['p25', 0.25],
    ['p50', 0.5],
    ['p75', 0.75],
    ['p99', 0.99],
  ] as const) {
    const truth = numbers[Math.max(1, Math.ceil(q * numbers.length)) - 1]!
    expect(Math.abs(columns[0]![name]! - truth), name).toBeLessThanOrEqual(
      ((2 ** (2 ** -histogram.bits) - 1) / 2) * Math.abs(truth),
    )
  }
  const { columns: kinds } = sketches!
  expect(decodeHistogram(kinds.flag!.histogram!).bins.map(([, count]) => count)).toEqual([402])
  expect([kinds.note!.histogram, kinds.at!.histogram]).toEqual([undefined, undefined])
})

test('distinct values of thousands are within three standard errors; two zeros are one value', async () => {
  const rows = Array.from({ length: 5_000 }, (_, at): Row => [at, at % 3_000, at % 2 ? 0 : -0, null])
  const { profile, sketches } = await profileOf(rows)
  expect(Math.abs(profile.keysDistinctApproximate / 3_000 - 1)).toBeLessThan(3 * 0.065)
  expect(profile.columns[0]!.distinctApproximate).toBe(1)
  expect(JSON.stringify(sketches).length).toBeLessThan(1_500)
})

async function profileOf(rows: readonly Row[]): Promise<ProfilePart> {
  const { columns, keys, sketches } = buildProfileQueries(bundle, 'kept')
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
    const sketched = sketchesFrom(bundle, await session.all({ sql: sketches }))
    return { profile: profileFrom(bundle, counts, column!, key!, sketched), sketches: sketched.sketches }
  })
}
