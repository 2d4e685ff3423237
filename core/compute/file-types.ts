/**
 * What types the columns of Parquet files have, from their footers. `read_parquet` over several files takes the types of the
 * first and would fail or round on the others, so files are read in groups of one signature (source-rows.ts).
 */

import { holdsOnlyNulls, valuelessType } from '../source/index.js'
import { printEmptyFiles, printFileSchemas } from './print-duckdb.js'
import type { SqlQuery } from './sql-algebra.js'

export interface FileColumn {
  readonly name: string
  /** The type the engine reads it as. */
  readonly type: string
  /** For timestamps: true when the file says that its times are UTC, so that the source's zone does not apply (R10). */
  readonly isUtc: boolean
  /** Of INT96 in a spine: it has years that nanoseconds do not reach. */
  readonly isInMicroseconds?: true
  /** What it is called where its file is read (`FileTypes.readFrom`). Left out: as in the file. */
  readonly readAs?: string
}

export interface FileTypes {
  readonly file: string
  readonly columns: readonly FileColumn[]
  /** Where its rows are read: a copy that the engine reads as it is meant (exact-copies.ts). Left out: the file itself. */
  readonly readFrom?: string
}

/** Run it and hand the rows to `fileTypesFrom`. Reads footers only. */
export function buildFileTypesQuery(files: readonly string[]): SqlQuery {
  return printFileSchemas(files)
}

/** Run it, where it is not null, and hand the rows to `withEmptyFiles`: pandas gives no type to the columns of an hour without rows. */
export function buildEmptyFilesQuery(types: readonly FileTypes[]): SqlQuery | null {
  const untyped = types.filter(({ columns }) => columns.some(({ type }) => holdsOnlyNulls(type)))
  return untyped.length === 0 ? null : printEmptyFiles(untyped.map(({ file }) => file))
}

/** In files without a row, columns without a type are as good as of any. */
export function withEmptyFiles(
  types: readonly FileTypes[],
  rows: readonly Readonly<Record<string, unknown>>[],
): FileTypes[] {
  const empty = new Set(rows.map(({ file_name }) => file_name))
  return types.map((entry) => {
    if (!empty.has(entry.file)) return entry
    const columns = entry.columns.map((one) => (holdsOnlyNulls(one.type) ? { ...one, type: valuelessType } : one))
    return { ...entry, columns }
  })
}

export interface SchemaRow {
  readonly file_name: string
  readonly name: string
  readonly type: string | null
  readonly num_children: bigint | number | null
  readonly repetition_type: string | null
  readonly converted_type: string | null
  readonly logical_type: string | null
  readonly duckdb_type: string | null
}

/** Top-level columns of each file, in the order of `files`. */
export function fileTypesFrom(rows: readonly Readonly<Record<string, unknown>>[]): FileTypes[] {
  const byFile = new Map<string, SchemaRow[]>()
  for (const row of rows as unknown as readonly SchemaRow[]) {
    const known = byFile.get(row.file_name)
    if (known) known.push(row)
    else byFile.set(row.file_name, [row])
  }
  return [...byFile].map(([file, nodes]) => ({ file, columns: topLevel(nodes) }))
}

/** Types of which the engine hands out microseconds only (R11): they are read from a copy (exact-copies.ts). */
export const roundedTypes = { nanosecondsUtc: 'TIMESTAMP_NS WITH TIME ZONE', int96: 'INT96' } as const

export function isRounded({ type }: FileColumn): boolean {
  return type === roundedTypes.nanosecondsUtc || type === roundedTypes.int96
}

export function isInNanoseconds(node: SchemaRow): boolean {
  return /NANOS=NanoSeconds/.test(node.logical_type ?? '')
}

/** The footer lists the tree depth first; the first node is the root. */
function topLevel(nodes: readonly SchemaRow[]): FileColumn[] {
  const columns: FileColumn[] = []
  let at = 1
  const skip = (): void => {
    const children = Number(nodes[at++]?.num_children ?? 0)
    for (let child = 0; child < children; child++) skip()
  }
  while (at < nodes.length) {
    const node = nodes[at]!
    columns.push({ name: node.name, ...typeOf(node) })
    skip()
  }
  return columns
}

function typeOf(node: SchemaRow): { readonly type: string; readonly isUtc: boolean } {
  const isNested = Number(node.num_children ?? 0) > 0 || node.repetition_type === 'REPEATED'
  if (isNested) return { type: nestedType(node), isUtc: false }
  if (node.type === 'INT96') return { type: roundedTypes.int96, isUtc: false }
  const type = node.duckdb_type ?? 'UNKNOWN'
  const isUtc = type === 'TIMESTAMP WITH TIME ZONE'
  return { type: isUtc && isInNanoseconds(node) ? roundedTypes.nanosecondsUtc : type, isUtc }
}

/** A repeated field without an annotation is a list of an old writer. */
function nestedType({ converted_type, repetition_type, logical_type }: SchemaRow): string {
  if (/^MAP/.test(converted_type ?? '') || /^MapType/.test(logical_type ?? '')) return 'MAP'
  if (converted_type === 'LIST' || /^ListType/.test(logical_type ?? '') || repetition_type === 'REPEATED') return 'LIST'
  return 'STRUCT'
}
