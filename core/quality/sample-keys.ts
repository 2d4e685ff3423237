/** Which keys a check looks at: drawn by a hash of seed and key, so that the same seed over the same state draws the same ones. */
import { fromStored, storedSqlType } from '../compute/column-types.js'
import type { CommittedFile } from '../compute/committed-files.js'
import { committedRows, keyAlias } from '../compute/committed-rows.js'
import { printRelation } from '../compute/print-duckdb.js'
import {
  aggregate,
  cast,
  column,
  type NamedExpression,
  parquet,
  type Relation,
  type SqlQuery,
  select,
} from '../compute/sql-algebra.js'
import { readTiles } from '../compute/window-values.js'
import type { ViewBundle } from '../define/definitions.js'
import { publishedColumns } from '../publish/index.js'

/** Keys in committed rows or tiles, columns `k0…` in the entity's order. */
export function buildCommittedKeysQuery(
  bundle: ViewBundle,
  files: readonly CommittedFile[],
  seed: number,
  count: number,
): SqlQuery {
  const isLookup = bundle.view.viewKind === 'lookup'
  const rows = isLookup ? committedRows(bundle, files) : readTiles(bundle, files)
  const names = bundle.view.keyColumns.map(({ key }) => (isLookup ? keyAlias(key) : key))
  return drawn(bundle, rows, names, seed, count)
}

/** Keys in the cache of what is online. */
export function buildPublishedKeysQuery(
  bundle: ViewBundle,
  files: readonly string[],
  seed: number,
  count: number,
): SqlQuery {
  const names = publishedColumns(bundle).keys.map(({ alias }) => alias)
  return drawn(bundle, parquet(files), names, seed, count)
}

/** Keys of an interval's kept rows: a hash of each different one, and some of them, columns `k0…` in the entity's order. */
export function buildKeysQuery(
  bundle: ViewBundle,
  kept: string,
  count: number,
): { readonly hashes: SqlQuery; readonly drawn: SqlQuery } {
  const rows: Relation = { is: 'table', name: kept }
  const names = bundle.view.keyColumns.map(({ column: name }) => name)
  const distinct = select(
    rows,
    names.map((name, part): NamedExpression => [`k${part}`, column(name)]),
  )
  const parts = names.map((_, part) => `k${part}`).join(', ')
  return {
    hashes: { sql: `SELECT DISTINCT hash(${parts}) FROM (${printRelation(distinct)})` },
    drawn: drawn(bundle, rows, names, 0, count),
  }
}

function drawn(bundle: ViewBundle, rows: Relation, names: readonly string[], seed: number, count: number): SqlQuery {
  const { keys } = bundle.entity
  const stored = select(
    rows,
    [
      ...names.map((name, part): NamedExpression => [`k${part}`, cast(column(name), storedSqlType(keys[part]!))]),
      ['n', aggregate('count', null)],
    ],
    { groupBy: names.map((name) => column(name)) },
  )
  const out = keys.map((key, part): NamedExpression => [`k${part}`, fromStored(column(`k${part}`), key)])
  const order = keys.map((_, part) => `CAST(k${part} AS VARCHAR)`)
  const sorted = `SELECT * FROM (${printRelation(stored)}) ORDER BY md5(concat_ws('|', '${seed}', ${order.join(', ')})) LIMIT ${count}`
  const table = `WITH drawn AS MATERIALIZED (${sorted})`
  return { sql: `${table} ${printRelation(select({ is: 'table', name: 'drawn' }, out))}` }
}

/** The same for the same seed and text; between 0 and 1. */
export function seededFraction(seed: number, text: string): number {
  let hash = (2_166_136_261 ^ seed) >>> 0
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 16_777_619) >>> 0
  hash = Math.imul(hash ^ (hash >>> 15), 2_246_822_507) >>> 0
  hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_909) >>> 0
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

/** At most so many of them, the newest always, the others drawn; in their order. */
export function drawNewestAndOthers<Entry>(
  entries: readonly Entry[],
  max: number,
  seed: number,
  textOf: (entry: Entry) => string,
): Entry[] {
  if (entries.length <= max) return [...entries]
  const newest = entries.slice(-Math.ceil(max / 2))
  const others = entries.slice(0, entries.length - newest.length)
  return [...drawByChance(others, max - newest.length, seed, textOf), ...newest]
}

/** At most so many of them, each with the same chance; in their order. */
export function drawByChance<Entry>(
  entries: readonly Entry[],
  max: number,
  seed: number,
  textOf: (entry: Entry) => string,
): Entry[] {
  const drawn = new Set(shuffled(entries, seed, textOf).slice(0, max))
  return entries.filter((entry) => drawn.has(entry))
}

/** In an order that is another for each seed, and the same for the same one. */
export function shuffled<Entry>(entries: readonly Entry[], seed: number, textOf: (entry: Entry) => string): Entry[] {
  return entries
    .map((entry) => ({ entry, at: seededFraction(seed, textOf(entry)) }))
    .sort((a, b) => a.at - b.at)
    .map(({ entry }) => entry)
}
