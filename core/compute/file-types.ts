/**
 * What types the columns of Parquet files have, from their footers. `read_parquet` over several files takes the types of the
 * first and would fail or round on the others, so files are read in groups of one signature (source-rows.ts).
 */

import { printFileSchemas } from './print-duckdb.js'
import type { SqlQuery } from './sql-algebra.js'

export interface FileColumn {
  readonly name: string
  /** The type the engine reads it as. */
  readonly type: string
  /** For timestamps: true when the file says that its times are UTC, so that the source's zone does not apply (R10). */
  readonly isUtc: boolean
}

export interface FileTypes {
  readonly file: string
  readonly columns: readonly FileColumn[]
}

/** Run it and hand the rows to `fileTypesFrom`. Reads footers only. */
export function buildFileTypesQuery(files: readonly string[]): SqlQuery {
  return printFileSchemas(files)
}

interface SchemaRow {
  readonly file_name: string
  readonly name: string
  readonly num_children: bigint | number | null
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

/**
 * Nanoseconds that a file says are UTC: the engine has no such type and would cut them to microseconds, toward 1970 (R11). No column
 * can hold this type, so the schema contract refuses it by name; nanoseconds without that mark, and microseconds with it, are exact.
 */
export const roundedType = 'TIMESTAMP_NS WITH TIME ZONE'

function isInNanoseconds(node: SchemaRow): boolean {
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
    const isNested = Number(node.num_children ?? 0) > 0
    const type = isNested ? 'NESTED' : (node.duckdb_type ?? 'UNKNOWN')
    const isUtc = type === 'TIMESTAMP WITH TIME ZONE'
    columns.push({ name: node.name, type: isUtc && isInNanoseconds(node) ? roundedType : type, isUtc })
    skip()
  }
  return columns
}
