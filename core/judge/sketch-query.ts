/** The sketches of an interval's kept rows, made by the engine, a few hundred numbers of each column however many rows there are. */
import { familyOf, isCounted } from '../define/column-types.js'
import type { ColumnKind, ViewBundle } from '../define/definitions.js'
import { assert } from '../errors.js'
import { bitsOfRank, distinctOf, distinctSketchOf, encodeDistinct } from './distinct-sketch.js'
import { binOfNaN, boundHistogram, encodeHistogram, finestBits, smallestExponent } from './histogram.js'
import type { ProfileSketches } from './verdict.js'

/** Columns that features are made of, each once. */
export function profiledColumns({ view }: ViewBundle): string[] {
  return [...new Set(view.features.flatMap((feature) => feature.column ?? []))]
}

/** Rows for `sketchesFrom`. A scan for each sketch: taken apart, columns cost a tenth of what they cost together. @param kept relation of the interval's kept rows */
export function buildSketchQuery(bundle: ViewBundle, kept: string): string {
  const keys = bundle.view.keyColumns.map(({ column }) => quoted(column)).join(', ')
  return [
    `SELECT 'hash' AS "what", 0 AS "at", CAST(xor(xor(hash('millcourse'), hash(1::BIGINT)), hash(0.1::DOUBLE)) AS VARCHAR) AS "pairs"`,
    distinctQuery(kept, 0, `hash(${keys})`, null),
    ...profiledColumns(bundle).map((name, index) => {
      const column = quoted(name)
      // Floats have two zeros, which are one value.
      const value = familyOf(kindOf(bundle, name)) === 'float' ? `${column} + 0` : column
      return distinctQuery(kept, index + 1, `hash(${value})`, column)
    }),
    ...countedColumns(bundle).map((name, index) => histogramQuery(kept, index, quoted(name))),
  ].join(' UNION ALL ')
}

function countedColumns(bundle: ViewBundle): string[] {
  return profiledColumns(bundle).filter((name) => isCounted(kindOf(bundle, name)))
}

export interface Sketched {
  readonly sketches: ProfileSketches
  /** Estimates. */
  readonly keysDistinct: number
  readonly distinct: Readonly<Record<string, number>>
}

export function sketchesFrom(bundle: ViewBundle, rows: readonly Readonly<Record<string, unknown>>[]): Sketched {
  const textAt = (what: string, at: number): string | null => {
    const found = rows.find((row) => row.what === what && Number(row.at) === at)
    return typeof found?.pairs === 'string' ? found.pairs : null
  }
  const pairs = (what: string, at: number): [number, number][] =>
    (textAt(what, at)?.split(';') ?? []).map((pair) => pair.split(',').map(Number) as [number, number])
  const counted = countedColumns(bundle)
  const keys = distinctSketchOf(pairs('distinct', 0))
  const columns = profiledColumns(bundle).map((name, index) => {
    const distinct = distinctSketchOf(pairs('distinct', index + 1))
    return { name, distinct, histogram: counted.includes(name) ? pairs('bins', counted.indexOf(name)) : null }
  })
  return {
    sketches: {
      // Of no rows the engine is not asked.
      hash: keys.some((rank) => rank > 0) ? textAt('hash', 0) : null,
      keys: encodeDistinct(keys),
      columns: Object.fromEntries(
        columns.map(({ name, distinct, histogram }) => [
          name,
          { ...(histogram && { histogram: encodeBins(histogram) }), distinct: encodeDistinct(distinct) },
        ]),
      ),
    },
    keysDistinct: distinctOf(keys),
    distinct: Object.fromEntries(columns.map(({ name, distinct }) => [name, distinctOf(distinct)])),
  }
}

function encodeBins(bins: [number, number][]): string {
  return encodeHistogram(boundHistogram({ bits: finestBits, bins: bins.sort(([a], [b]) => a - b) }))
}

/** Ranks by the smallest rest of a hash: one number for each register, not for each row. */
function distinctQuery(kept: string, at: number, hash: string, notNull: string | null): string {
  const rest = `min(${hash} & ${2n ** BigInt(bitsOfRank) - 1n}::UBIGINT)`
  const where = notNull === null ? '' : ` WHERE ${notNull} IS NOT NULL`
  const least = `SELECT CAST(${hash} >> ${bitsOfRank} AS UTINYINT) AS "register", ${rest} AS "least" FROM ${quoted(kept)}${where} GROUP BY 1`
  const rank = `CASE WHEN "least" = 0 THEN ${bitsOfRank + 1} ELSE ${bitsOfRank + 1} - length(bin("least")) END`
  return `SELECT 'distinct', ${at}, string_agg("register" || ',' || (${rank}), ';') FROM (${least})`
}

function histogramQuery(kept: string, at: number, column: string): string {
  const counts = `SELECT ${binOf(`CAST(${column} AS DOUBLE)`)} AS "bin", count(*) AS "n" FROM ${quoted(kept)} WHERE ${column} IS NOT NULL GROUP BY 1`
  return `SELECT 'bins', ${at}, string_agg("bin" || ',' || "n", ';') FROM (${counts})`
}

/** Histogram's bins, as histogram.ts says them; an infinity is in that of the largest numbers. */
function binOf(number: string): string {
  const perDoubling = 2 ** finestBits
  const largest = `least(abs(${number}), ${Number.MAX_VALUE}::DOUBLE)`
  const magnitude = `CAST(floor(log2(${largest}) * ${perDoubling}) AS INTEGER) + ${smallestExponent * perDoubling}`
  return `CASE WHEN isnan(${number}) THEN ${binOfNaN} WHEN ${number} = 0 THEN 0 WHEN ${number} < 0 THEN -(${magnitude}) ELSE ${magnitude} END`
}

function kindOf({ source }: ViewBundle, name: string): ColumnKind {
  const declared = source.schema.find((column) => column.name === name)
  assert(declared, `feature column "${name}" is declared`)
  return declared.kind
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
