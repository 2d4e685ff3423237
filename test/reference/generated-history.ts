/** Histories for the reference tests: rows full of ties, edges and odd values, spread over files of every time unit. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { createDuckdbEngine } from '../../adapters/duckdb/duckdb-query-engine.js'
import type { FileTypes } from '../../core/compute/index.js'
import { buildFileTypesQuery, fileTypesFrom } from '../../core/compute/index.js'
import { entity, parquet, t, type ViewBundle, type WindowFeature } from '../../core/define/index.js'
import type { QueryEngine, QuerySession } from '../../core/ports/query-engine.js'
import type { Answer, Row, Value } from './point-in-time.js'

export const hour = 3_600_000_000_000n
const edges = [0n, 1n, -1n, 1_000n, -1_000n, 1_000_000n, hour / 2n]

export const account = entity('account', { keys: { shop: t.int64(), code: t.string() }, owner: 'test' })

/** The source's columns, in declared order: R3 compares them in it. */
const schema = {
  shop: t.int64().nullable(),
  code: t.string().nullable(),
  'happened At': t.timestamp().nullable(),
  written: t.timestamp().nullable(),
  gone: t.boolean().nullable(),
  id: t.string().nullable(),
  amount: t.int64().nullable(),
  price: t.decimal(20, 2).nullable(),
  rate: t.float64().nullable(),
  label: t.string().nullable(),
  flag: t.boolean().nullable(),
  seen: t.timestamp().nullable(),
}

export interface SourceShape {
  readonly visibility: 'event' | 'created'
  readonly hasTombstone: boolean
  readonly hasId: boolean
  readonly within: bigint | null
}

export const shapes: fc.Arbitrary<SourceShape> = fc.record({
  visibility: fc.constantFrom('event' as const, 'created' as const),
  hasTombstone: fc.boolean(),
  hasId: fc.boolean(),
  within: fc.constant(3n * hour),
})

export const everyShape: readonly SourceShape[] = (['event', 'created'] as const).flatMap((visibility) =>
  [false, true].flatMap((hasTombstone) =>
    [false, true].map((hasId) => ({ visibility, hasTombstone, hasId, within: 3n * hour })),
  ),
)

export function sourceOf(shape: SourceShape) {
  return parquet('events', {
    path: 'events/{yyyy-MM-dd}/*.parquet',
    schema,
    eventTime: 'happened At',
    createdTime: 'written',
    visibility: shape.visibility,
    ...(shape.hasTombstone ? { tombstone: 'gone' as const } : {}),
    ...(shape.hasId ? { eventId: { column: 'id' as const, within: '3h' as const } } : {}),
    owner: 'test',
  })
}

export interface HistoryFile {
  /** Nanoseconds per tick of its times. */
  readonly unit: bigint
  readonly isUtc: boolean
  readonly isNarrow: boolean
  readonly rows: readonly Row[]
}

const maybe = <T>(values: fc.Arbitrary<T>, freq = 6) => fc.option(values, { nil: null, freq })
const times = fc
  .tuple(fc.integer({ min: -5, max: 7 }), fc.constantFrom(...edges))
  .map(([hours, offset]) => BigInt(hours) * hour + offset)
export const keys: fc.Arbitrary<readonly Value[]> = fc.tuple(
  fc.constantFrom<Value>(1n, 2n, 9_007_199_254_740_993n, -1n),
  fc.constantFrom<Value>('', 'a', 'A', 'é"\''),
)
const rowKeys = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<readonly Value[]>([1n, 'a'], [1n, 'A'], [9_007_199_254_740_993n, 'a']) },
  { weight: 3, arbitrary: keys },
  { weight: 1, arbitrary: fc.constantFrom<readonly Value[]>([null, 'a'], [1n, null]) },
)
const amounts = fc.constantFrom(0n, 1n, -3n, 9_007_199_254_740_993n, 9_223_372_036_854_775_807n)
const rates = fc.oneof(
  fc.constantFrom(0, -0, 0, -0, 0.1, 0.2, -0.3, 1e-30, 1e15 + 0.3, 1 / 3),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 1e300),
  fc.double({ min: -1e9, max: 1e9, noNaN: true }),
)

/** Where several rows meet: only the whole row tells them apart (R3). */
const tiedPlaces = fc.constantFrom(
  { key: [1n, 'a'], event: 0n, delay: 0n },
  { key: [1n, 'a'], event: hour, delay: null },
  { key: [1n, 'A'], event: -hour, delay: hour },
)

function rowIn(unit: bigint): fc.Arbitrary<Row> {
  const time = times.map((ns) => floor(ns, unit))
  const free = fc.record({
    key: rowKeys,
    event: maybe(time, 20),
    delay: maybe(fc.constantFrom(0n, 0n, hour, hour * 3n, -hour, unit, 2n * hour - unit), 8),
  })
  return fc
    .record({
      place: fc.oneof({ weight: 3, arbitrary: free }, { weight: 1, arbitrary: tiedPlaces }),
      gone: maybe(fc.constantFrom(false, false, true)),
      id: maybe(fc.constantFrom('x', 'y'), 2),
      amount: maybe(amounts),
      price: maybe(fc.constantFrom(0n, 150n, -1n, 999_999_999_999_999_999n)),
      rate: maybe(rates),
      label: maybe(fc.constantFrom('', 'b', 'ä', 'B', '\u{1f600}', '\uffee')),
      flag: maybe(fc.boolean()),
      seen: maybe(time),
    })
    .map(({ place: { key, event, delay }, gone, id, ...values }) => {
      const created = event === null || delay === null ? null : event + delay
      const [shop, code] = key as [Value, Value]
      const columns = { shop, code, 'happened At': event, written: created, gone, id, ...values }
      return { key, event, created, id, isDeleted: gone, columns }
    })
}

export const files: fc.Arbitrary<readonly HistoryFile[]> = fc.array(
  fc.constantFrom(1n, 1_000n, 1_000_000n).chain((unit) =>
    fc.record({
      unit: fc.constant(unit),
      isUtc: fc.boolean(),
      isNarrow: fc.boolean(),
      rows: fc.array(rowIn(unit), { minLength: 1, maxLength: 14 }),
    }),
  ),
  { maxLength: 4 },
)

/** The rows as a source of this shape has them. */
export function rowsOfFiles(history: readonly HistoryFile[], shape: SourceShape): Row[] {
  return history
    .flatMap((file) => file.rows)
    .map((row) => ({
      ...row,
      id: shape.hasId ? row.id : null,
      isDeleted: shape.hasTombstone ? row.isDeleted : null,
    }))
}

function floor(ns: bigint, unit: bigint): bigint {
  return ns - (((ns % unit) + unit) % unit)
}

/** A temporary folder, an engine and one session for a test file. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'millcourse-reference-'))
  #count = 0
  private constructor(readonly engine: QueryEngine) {}

  static async open(): Promise<Bench> {
    const bench = new Bench(
      await createDuckdbEngine({ memoryLimitMb: 400, spillDir: join(tmpdir(), 'millcourse-spill'), threads: 2 }),
    )
    return bench
  }

  path(): string {
    return join(this.folder, `${this.#count++}.parquet`)
  }

  async close(): Promise<void> {
    await this.engine.close()
    rmSync(this.folder, { recursive: true })
  }

  async writeFile(session: QuerySession, file: HistoryFile): Promise<string> {
    const path = this.path()
    const names = Object.keys(schema)
    // Files need not list columns in one order.
    const order = file.isNarrow ? names.toReversed() : names
    const rows = file.rows.map((row) => `(${order.map((name) => sqlValue(name, row.columns[name]!, file)).join(', ')})`)
    const columns = order.map((name) => `"${name}"`).join(', ')
    await session.execute({
      sql: `COPY (SELECT ${columns} FROM (VALUES ${rows.join(', ')}) AS "v"(${columns})) TO '${path}' (FORMAT parquet)`,
    })
    return path
  }

  async write(session: QuerySession, select: string): Promise<string> {
    const path = this.path()
    await session.execute({ sql: `COPY (${select}) TO '${path}' (FORMAT parquet)` })
    return path
  }

  async fileTypes(session: QuerySession, paths: readonly string[]): Promise<FileTypes[]> {
    return paths.length === 0 ? [] : fileTypesFrom(await session.all(buildFileTypesQuery(paths)))
  }
}

export function sqlValue(name: string, value: Value, file: Pick<HistoryFile, 'unit' | 'isUtc' | 'isNarrow'>): string {
  const kind = schema[name as keyof typeof schema].kind
  const of = (type: string): string => `CAST(${value === null ? 'NULL' : text(value)} AS ${type})`
  switch (kind) {
    case 'timestamp':
      return timestamp(value as bigint | null, file)
    case 'int64':
      return of(
        file.isNarrow && (value === null || (-100n < (value as bigint) && (value as bigint) < 100n))
          ? 'BIGINT'
          : 'BIGINT',
      )
    case 'decimal':
      return value === null ? of('DECIMAL(20,2)') : `CAST('${value}e-2' AS DECIMAL(20,2))`
    case 'float64':
      return of('DOUBLE')
    case 'boolean':
      return of('BOOLEAN')
    default:
      return of('VARCHAR')
  }
}

function text(value: Value): string {
  return typeof value === 'bigint'
    ? `${value}`
    : `'${String(Object.is(value, -0) ? '-0.0' : value).replaceAll("'", "''")}'`
}

function timestamp(ns: bigint | null, file: Pick<HistoryFile, 'unit' | 'isUtc'>): string {
  if (file.unit === 1n) return ns === null ? 'CAST(NULL AS TIMESTAMP_NS)' : `make_timestamp_ns(${ns})`
  const us = ns === null ? 'NULL' : `${ns / 1000n}`
  if (file.unit === 1000n)
    return file.isUtc ? `make_timestamptz(CAST(${us} AS BIGINT))` : `make_timestamp(CAST(${us} AS BIGINT))`
  return `CAST(make_timestamp(CAST(${us} AS BIGINT)) AS TIMESTAMP_MS)`
}

/** An engine's value as the reference has it: decimals unscaled. */
export function asValue(value: unknown): Value {
  if (typeof value === 'string' && /^-?\d+\.\d\d$/.test(value)) return BigInt(value.replace('.', ''))
  if (typeof value === 'string' && /^-?\d{1,38}$/.test(value)) return BigInt(value)
  return value as Value
}

/** The same of a list and of a map, which comes as pairs. */
export function asAnswer(value: unknown): Answer {
  return Array.isArray(value) ? value.map(asAnswer) : asValue(value)
}

/** R7b: exact answers are the same, approximate ones within what their operation states. */
export function isWithinBound({ operation }: Pick<WindowFeature, 'operation'>, got: Answer, truth: Answer): boolean {
  if (Array.isArray(got) && Array.isArray(truth))
    return got.length === truth.length && got.every((one, at) => isWithinBound({ operation }, one, truth[at]!))
  if (operation === 'approx_count_distinct' && typeof got === 'bigint' && typeof truth === 'bigint')
    return Math.abs(Number(got - truth)) <= Math.max(1, Number(truth) * 0.05)
  if (operation === 'approx_quantile' && Number.isFinite(got) && Number.isFinite(truth))
    return Math.abs((got as number) - (truth as number)) <= Math.max(Math.abs(truth as number) * 0.004, 2 ** -1029)
  return sameValue(got, truth)
}

/** The same value; floats that were summed may differ in the last two bits. */
export function sameValue(a: Answer, b: Answer): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, at) => sameValue(one, b[at]!))
  if (typeof a === 'number' && typeof b === 'number' && Number.isFinite(a) && Number.isFinite(b))
    return Math.abs(a - b) <= Math.max(Math.abs(a), Math.abs(b)) * 2 ** -50
  return Object.is(a, b)
}

export type { ViewBundle }
