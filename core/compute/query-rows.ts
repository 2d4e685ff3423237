/**
 * The rows of a query: each made of one row of its `from`, whose place and times it keeps to the nanosecond, whatever the SQL makes of them.
 * The SQL sees the declared columns, and its dimensions as they were; a hidden number tells which row of `from` each of its rows is.
 */
import type { SourceDefinition } from '../define/definitions.js'
import { assert } from '../errors.js'
import { withDimension } from './dimension-rows.js'
import { drivingRows, type InputFiles } from './driving-rows.js'
import type { FileTypes } from './file-types.js'
import { eventColumn } from './row-order.js'
import { madeValue, seenValue } from './seen-value.js'
import { fileColumn, fileRowColumn, isAmbiguousColumn, isSkippedColumn } from './source-rows.js'
import {
  column,
  type Expression,
  join,
  type NamedExpression,
  operation,
  type Relation,
  select,
  table,
} from './sql-algebra.js'

/** Marks rows of `from` that the WHERE left out: of the declared columns they have only the times. */
export const isFilteredColumn = '__is_filtered'
const rowsName = '__query_rows'
/** Tells which row of `from` one of the answer is. */
export const queryNumberColumn = '__query_row'

/** Columns: the declared ones, `__is_ambiguous`, `__is_skipped`, `__is_filtered`, of located rows their places, and what `extra` adds. */
export function queryRows(
  source: SourceDefinition,
  files: InputFiles,
  types: readonly FileTypes[],
  extra: readonly NamedExpression[] = [],
  isLocated = false,
): Relation {
  const { query } = source
  assert(query, 'the source is a query')
  const flags = [isAmbiguousColumn, isSkippedColumn, ...(isLocated ? [fileColumn, fileRowColumn] : [])]
  const read = drivingRows(query.from, files, types, isLocated)
  const numbered = select(read, [
    ...[...query.from.schema.map(({ name }) => name), ...flags].map((name): NamedExpression => [name, column(name)]),
    [eventColumn, column(query.from.eventTime)],
    [queryNumberColumn, { is: 'rowNumber', partitionBy: [], orderBy: [] }],
  ])
  const known = [...query.from.schema.map(({ name }) => name), ...flags, eventColumn, queryNumberColumn]
  const { rows } = query.with.reduce(
    ({ rows, columns }, dimension) => {
      const uris = files.dimensions[dimension.alias]
      assert(uris, `the files of dimension ${dimension.alias} are named`)
      return {
        rows: withDimension(rows, columns, dimension, uris, types),
        columns: [...columns, dimension.alias],
      }
    },
    { rows: numbered, columns: known },
  )
  const made = writtenRows(source, table(rowsName))
  const isSame = operation('=', column(queryNumberColumn, 'row'), column(queryNumberColumn, 'made'))
  const answered = select(join('left', [table(rowsName), 'row'], [made, 'made'], isSame), [
    ...source.schema.map(({ name }): NamedExpression => [name, column(name, isTime(source, name) ? 'row' : 'made')]),
    ...flags.map((name): NamedExpression => [name, column(name, 'row')]),
    [isFilteredColumn, operation('isNull', column(queryNumberColumn, 'made'))],
  ])
  const names = [...source.schema.map(({ name }) => name), ...flags, isFilteredColumn]
  const body =
    extra.length === 0
      ? answered
      : select(answered, [...names.map((name): NamedExpression => [name, column(name)]), ...extra])
  return { is: 'shared', name: rowsName, relation: rows, body }
}

function isTime({ eventTime, createdTime }: SourceDefinition, name: string): boolean {
  return name === eventTime || name === createdTime
}

/**
 * What the SQL makes of rows: `__query_row` and the declared columns, the times apart.
 * @param rows with the columns of `from` as they are read, those of the dimensions, and `__query_row`
 */
function writtenRows(source: SourceDefinition, rows: Relation): Relation {
  const made = source.schema.filter(({ name }) => !isTime(source, name))
  return select(writtenSelect(source, rows), [
    [queryNumberColumn, column(queryNumberColumn)],
    ...made.map((declared): NamedExpression => [declared.name, madeValue(declared, column(declared.name))]),
  ])
}

/** The SQL as it is run: what it answers, with `__query_row` before it. */
export function writtenSelect(source: SourceDefinition, rows: Relation): Relation {
  const { sql, from, with: dimensions } = source.query!
  const seen = (name: string): Expression => column(name)
  return {
    is: 'writtenSelect',
    sql,
    name: from.name,
    rows: select(rows, [
      ...from.schema.map((declared): NamedExpression => [declared.name, seenValue(declared, seen(declared.name))]),
      ...dimensions.map(({ alias }): NamedExpression => [alias, seen(alias)]),
      [queryNumberColumn, seen(queryNumberColumn)],
    ]),
    carried: [queryNumberColumn],
  }
}
