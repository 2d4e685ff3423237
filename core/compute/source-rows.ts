/**
 * A source's files as one relation: the declared columns under their declared names and types, every time an instant in
 * nanoseconds, whatever the unit and order of columns of each file (R10, R11, R20, R23).
 */

import { formatColumnType } from '../define/column-types.js'
import type { Column, SourceDefinition } from '../define/definitions.js'
import { assert, MillcourseError } from '../errors.js'
import { canHold, holdsOnlyNulls } from '../source/index.js'
import { sqlType } from './column-types.js'
import { type FileColumn, type FileTypes, isRounded, roundedTypes } from './file-types.js'
import { localTimes } from './local-times.js'
import {
  cast,
  column,
  type Expression,
  literal,
  operation,
  parquet,
  type Relation,
  select,
  unionAll,
  values,
} from './sql-algebra.js'

/** Marks rows of a local event or created time that a clock change repeats or skips (R10). */
export const isAmbiguousColumn = '__is_ambiguous'
export const isSkippedColumn = '__is_skipped'
/** Where a row lies: the path it was read from (`FileTypes.readFrom`, else the file), and its number there, 1 for the first. */
export const fileColumn = '__file'
export const fileRowColumn = '__file_row'
/** What the engine calls a row's number in its file, from 0. */
const engineRowColumn = 'file_row_number'
/** In lower case: no column that is read beside a row's place may be called so. */
export const placeNames: readonly string[] = [fileColumn, engineRowColumn]

/**
 * Columns: the declared ones, `__is_ambiguous`, `__is_skipped` and what `extra` adds.
 * @param isLocated with `__file` and `__file_row`, too
 * @throws MillcourseError SOURCE_SCHEMA_CHANGED when a file's column is absent or of another family than declared
 */
export function sourceRows(
  source: SourceDefinition,
  files: readonly string[],
  types: readonly FileTypes[],
  extra: readonly (readonly [string, Expression])[] = [],
  isLocated = false,
): Relation {
  const groups = groupBySignature(source, files, types)
  // Without files (R24): no rows, of the same columns.
  if (groups.length === 0) groups.push({ files: [], columns: source.schema.map(() => null) })
  return unionAll(groups.map((group) => groupRows(source, group, extra, isLocated)))
}

interface Group {
  /** Where they are read. */
  readonly files: string[]
  /** One per declared column; null: the files lack it, or have nothing but nulls there. */
  readonly columns: readonly (FileColumn | null)[]
}

function groupBySignature(source: SourceDefinition, files: readonly string[], types: readonly FileTypes[]): Group[] {
  const byFile = new Map(types.map((entry) => [entry.file, entry]))
  const groups = new Map<string, Group>()
  for (const file of files) {
    const found = byFile.get(file)
    if (!found) throw new MillcourseError('INTERNAL', `the column types of ${file} were not read`)
    const columns = source.schema.map((declared) => findColumn(declared, found.columns, file))
    assert(found.readFrom || !columns.some((entry) => entry && isRounded(entry)), `${file} is read from an exact copy`)
    const readFrom = found.readFrom ?? file
    const signature = JSON.stringify(columns.map((entry) => entry && [entry.type, entry.isUtc, entry.readAs]))
    const group = groups.get(signature)
    if (group) group.files.push(readFrom)
    else groups.set(signature, { files: [readFrom], columns })
  }
  return [...groups.values()]
}

/** R23: exactly this name; the engine would take one that differs by case. */
function findColumn(declared: Column, columns: readonly FileColumn[], file: string): FileColumn | null {
  const alike = columns.filter((entry) => entry.name.toLowerCase() === declared.name.toLowerCase())
  const found = alike.find((entry) => entry.name === declared.name)
  const refuse = (what: string): never => {
    throw new MillcourseError('SOURCE_SCHEMA_CHANGED', `${what} in ${file}`, {
      hint: 'fix the producer, or change the schema of the source and apply it',
      facts: { column: declared.name, file },
    })
  }
  if (alike.length > 1) refuse(`column "${declared.name}" has a twin that differs only by case`)
  if (!found && alike.length === 1) refuse(`column "${declared.name}" is written "${alike[0]!.name}"`)
  if (!found && !declared.nullable) refuse(`column "${declared.name}" is absent`)
  if (found && !canHold(declared, found.type))
    refuse(`column "${declared.name}" was ${formatColumnType(declared)}, is ${found.type}`)
  // Nulls of the declared type are read as those of a column that is not there.
  return found && !holdsOnlyNulls(found.type) ? found : null
}

function groupRows(
  source: SourceDefinition,
  group: Group,
  extra: readonly (readonly [string, Expression])[],
  isLocated: boolean,
): Relation {
  const places = isLocated ? [fileColumn, fileRowColumn] : []
  const read = source.schema.map((declared, index): readonly [string, Expression] => [
    declared.name,
    readColumn(declared, group.columns[index]!),
  ])
  const isLocal = (name: string): boolean => {
    const found = group.columns[source.schema.findIndex((declared) => declared.name === name)]
    return found !== null && found !== undefined && !found.isUtc
  }
  const locals = source.schema
    .filter((declared) => declared.kind === 'timestamp' && isLocal(declared.name))
    .map((declared) => declared.name)
  const file =
    group.files.length > 0
      ? isLocated
        ? select({ is: 'locatedParquet', files: group.files }, [...read, ...located])
        : select(parquet(group.files), read)
      : values(
          [
            ...source.schema.map((declared) => [declared.name, sqlType(declared)] as const),
            ...places.map((name) => [name, { kind: name === fileColumn ? 'string' : 'int64' }] as const),
          ],
          [],
        )
  const rows = localTimes(file, {
    columns: [...source.schema.map((declared) => declared.name), ...places],
    locals,
    reported: [source.eventTime, ...(source.createdTime === null ? [] : [source.createdTime])],
    zone: source.timezone,
  })
  return extra.length === 0
    ? rows
    : select(rows, [
        ...[...source.schema.map((declared) => declared.name), isAmbiguousColumn, isSkippedColumn, ...places].map(
          (name) => [name, column(name)] as const,
        ),
        ...extra,
      ])
}

const located: readonly (readonly [string, Expression])[] = [
  [fileColumn, column(fileColumn)],
  [fileRowColumn, operation('+', column(engineRowColumn), literal(1n))],
]

function readColumn(declared: Column, found: FileColumn | null): Expression {
  const type = sqlType(declared)
  if (found === null) return cast(literal(null), type)
  const value = operation('asRead', column(found.readAs ?? declared.name))
  if (declared.kind !== 'timestamp') return cast(value, type)
  return instantFrom(value, found.type)
}

/** A timestamp of a file's type as an instant, of a rounded type as its copy has it; a time without a zone still shows the wall clock's. */
export function instantFrom(value: Expression, fileType: string): Expression {
  switch (fileType) {
    case roundedTypes.int96:
      return operation('instantFromInt96', value)
    case roundedTypes.nanosecondsUtc:
    case 'TIMESTAMP_NS':
      return operation('instantFromNs', value)
    case 'TIMESTAMP WITH TIME ZONE':
      return operation('instantFromUsUtc', value)
    default:
      return operation('instantFromUs', value)
  }
}
