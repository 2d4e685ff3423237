import type { SourceDefinition } from '../define/definitions.js'
import { drivingRows, type InputFiles } from './driving-rows.js'
import type { FileTypes } from './file-types.js'
import { queryRows } from './query-rows.js'
import { fileColumn, fileRowColumn, isAmbiguousColumn, isSkippedColumn, sourceRows } from './source-rows.js'
import { column, type NamedExpression, type Relation, select } from './sql-algebra.js'

/** The rows that a view is built on: those of files, what another view has committed, or what a query makes of either, with `__is_filtered` then. */
export function rowsOfSource(
  source: SourceDefinition,
  files: InputFiles,
  types: readonly FileTypes[],
  extra: readonly NamedExpression[] = [],
  isLocated = false,
): Relation {
  if (source.query) return queryRows(source, files, types, extra, isLocated)
  if (!source.upstream) return sourceRows(source, files.own, types, extra, isLocated)
  const flags = [isAmbiguousColumn, isSkippedColumn, ...(isLocated ? [fileColumn, fileRowColumn] : [])]
  const names = [...source.schema.map(({ name }) => name), ...flags]
  return select(drivingRows(source, files, types, isLocated), [
    ...names.map((name): NamedExpression => [name, column(name)]),
    ...extra,
  ])
}
