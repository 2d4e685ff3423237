import type { SourceDefinition } from '../define/definitions.js'
import type { DimensionFiles } from './dimension-rows.js'
import type { FileTypes } from './file-types.js'
import { queryRows } from './query-rows.js'
import { sourceRows } from './source-rows.js'
import type { NamedExpression, Relation } from './sql-algebra.js'

/** The rows that a view is built on: those of files, or what a query makes of them, with `__is_filtered` then. */
export function rowsOfSource(
  source: SourceDefinition,
  files: { readonly own: readonly string[]; readonly dimensions: DimensionFiles },
  types: readonly FileTypes[],
  extra: readonly NamedExpression[] = [],
  isLocated = false,
): Relation {
  return source.query
    ? queryRows(source, files, types, extra, isLocated)
    : sourceRows(source, files.own, types, extra, isLocated)
}
