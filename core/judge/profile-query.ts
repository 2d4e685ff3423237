/**
 * The statistics of an interval's kept rows, as DuckDB's text: approximate where the statistic's name says so. Numbers are doubles
 * here; whatever has no finite double (NaN, infinity) is left out of mean, deviation and quantiles, and counted or shown by min and max.
 */
import type { RowCounts } from '../compute/candidate.js'
import { isCounted } from '../define/column-types.js'
import type { ColumnKind, ViewBundle } from '../define/definitions.js'
import { assert } from '../errors.js'
import { buildSketchQuery, profiledColumns, type Sketched, sketchesFrom } from './sketch-query.js'
import type { ColumnProfile, Profile, ProfileSketches } from './verdict.js'

export interface ProfileQueries {
  /** One row: the statistics of every column that a feature is made of. */
  readonly columns: string
  /** One row: rows of one key and event time beyond the first. */
  readonly keys: string
  /** Rows for `sketchesFrom`. */
  readonly sketches: string
}

const statistics = ['values', 'nans', 'numbers', 'mean', 'sd', 'min', 'max', 'quantiles'] as const
const quantiles = [0.01, 0.25, 0.5, 0.75, 0.99]
/** Beyond it a square, and so a deviation, is no longer a double. */
const squareMax = 1e150

/** @param kept relation of the interval's kept rows (core/compute/interval-query.ts) */
export function buildProfileQueries(bundle: ViewBundle, kept: string): ProfileQueries {
  const columns = profiledColumns(bundle).flatMap((name, index) => statisticsOf(bundle, name, index))
  const keys = bundle.view.keyColumns.map(({ column }) => quoted(column)).join(', ')
  return {
    columns: `SELECT ${['count(*) AS "rows"', ...columns].join(', ')} FROM ${quoted(kept)}`,
    keys: `SELECT coalesce(sum(n - 1), 0)::BIGINT AS duplicates FROM (SELECT count(*) AS n FROM ${quoted(kept)} GROUP BY ${keys}, "__event_ns")`,
    sketches: buildSketchQuery(bundle, kept),
  }
}

export function profileFrom(
  bundle: ViewBundle,
  counts: RowCounts,
  columns: Readonly<Record<string, unknown>>,
  keys: Readonly<Record<string, unknown>>,
  sketched: Sketched,
): Profile {
  const names = profiledColumns(bundle)
  const rows = Number(columns.rows)
  assert(rows === counts.kept, 'the profile is of the kept rows')
  return {
    rowsRead: counts.read,
    rowsKept: counts.kept,
    nullKeys: counts.rejected.null_key,
    nullEventTimes: counts.rejected.null_event_time,
    keysDistinctApproximate: sketched.keysDistinct,
    duplicateRows: Number(keys.duplicates),
    columns: bundle.view.features.map((feature) =>
      feature.column === null
        ? { ...ofRows, feature: feature.name, values: rows }
        : columnProfile(
            feature.name,
            feature.column,
            rows,
            (statistic) => columns[`${statistic}${names.indexOf(feature.column!)}`],
            sketched.distinct[feature.column]!,
          ),
    ),
  }
}

/** Of no rows: what the queries answer on an empty relation. */
export function emptyProfile(
  bundle: ViewBundle,
  counts: RowCounts,
): { readonly profile: Profile; readonly sketches: ProfileSketches } {
  const columns = Object.fromEntries(
    profiledColumns(bundle).flatMap((_, index) =>
      ['values', 'nans', 'numbers'].map((statistic) => [`${statistic}${index}`, 0] as const),
    ),
  )
  const sketched = sketchesFrom(bundle, [])
  const profile = profileFrom(bundle, counts, { rows: 0, ...columns }, { duplicates: 0 }, sketched)
  return { profile, sketches: sketched.sketches }
}

/** `count`, which reads no column. */
const ofRows = {
  column: null,
  nulls: 0,
  nans: 0,
  numbers: 0,
  distinctApproximate: 0,
  mean: null,
  standardDeviation: null,
  min: null,
  max: null,
  p1: null,
  p25: null,
  p50: null,
  p75: null,
  p99: null,
}

function columnProfile(
  feature: string,
  column: string,
  rows: number,
  at: (statistic: (typeof statistics)[number]) => unknown,
  distinctApproximate: number,
): ColumnProfile {
  const values = Number(at('values'))
  const [p1, p25, p50, p75, p99] = ((at('quantiles') as readonly unknown[] | null) ?? []).map(finite)
  return {
    feature,
    column,
    values,
    nulls: rows - values,
    nans: Number(at('nans')),
    numbers: Number(at('numbers')),
    mean: finite(at('mean')),
    standardDeviation: finite(at('sd')),
    min: finite(at('min')),
    max: finite(at('max')),
    p1: p1 ?? null,
    p25: p25 ?? null,
    p50: p50 ?? null,
    p75: p75 ?? null,
    p99: p99 ?? null,
    distinctApproximate,
  }
}

/** JSON knows no infinity: the largest number stands for it, beyond any limit but itself; nor a negative zero. */
function finite(value: unknown): number | null {
  if (typeof value !== 'number' || Number.isNaN(value)) return null
  return Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE) + 0
}

function statisticsOf(bundle: ViewBundle, name: string, index: number): string[] {
  const declared = bundle.source.schema.find((column) => column.name === name)
  assert(declared, `feature column "${name}" is declared`)
  const column = quoted(name)
  const number = asNumber(declared.kind, column)
  const square = `CASE WHEN abs(${number}) < ${squareMax} THEN ${number} END`
  const real = `CASE WHEN NOT isnan(${number}) THEN ${number} END`
  const text: Readonly<Record<(typeof statistics)[number], string>> = {
    values: `count(${column})`,
    nans: `count(*) FILTER (isnan(${number}))`,
    numbers: `count(${square})`,
    mean: `avg(${square})`,
    sd: `stddev_samp(${square})`,
    min: `min(${real})`,
    max: `max(${real})`,
    quantiles: `approx_quantile(${square}, [${quantiles.join(', ')}])`,
  }
  return statistics.map((statistic) => `${text[statistic]} AS "${statistic}${index}"`)
}

/** Text, bytes and times have counts only. */
function asNumber(kind: ColumnKind, column: string): string {
  return isCounted(kind) ? `CAST(${column} AS DOUBLE)` : 'CAST(NULL AS DOUBLE)'
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
