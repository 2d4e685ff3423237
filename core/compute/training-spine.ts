/** The spine: its rows by number, the time and the keys of each, and what is wrong with them (R4, R11, R12). */
import type { ColumnType } from '../define/column-type.js'
import { isInteger } from '../define/column-types.js'
import { MillcourseError } from '../errors.js'
import { type Instant, maxInt64 } from '../time/instant.js'
import { sqlType, storedSqlType } from './column-types.js'
import { type FileColumn, fileTypesFrom, roundedTypes } from './file-types.js'
import { printCsvHeader, printFileSchemas, printQuery } from './print-duckdb.js'
import { instantFrom } from './source-rows.js'
import {
  aggregate,
  all,
  any,
  cases,
  cast,
  column,
  type Expression,
  literal,
  type NamedExpression,
  operation,
  parquet,
  type Relation,
  type SqlQuery,
  select,
  table,
  tryCast,
} from './sql-algebra.js'
import { comparedType, type TrainingKey, type TrainingPlan } from './training-set-plan.js'
import { isBetweenMicroseconds } from './training-times.js'

/** Columns of the table that views are joined onto. */
export const rowColumn = '__row'
/** When the row looks, a stored instant. */
export const timeColumn = '__t'
export const spineKey = (view: number, key: number): string => `__key${view}_${key}`
/** The spine's own columns by position, so that no name of theirs is in the way of ours. */
export const ownColumn = (index: number): string => `__own${index}`

/** Names and types of a spine's columns: hand the rows to `spineColumnsFrom`. */
export function buildSpineColumnsQuery(spine: { readonly file: string; readonly format: 'parquet' | 'csv' }): SqlQuery {
  return spine.format === 'csv' ? printCsvHeader(spine.file) : printFileSchemas([spine.file])
}

export function spineColumnsFrom(
  format: 'parquet' | 'csv',
  rows: readonly Readonly<Record<string, unknown>>[],
): readonly FileColumn[] {
  if (format === 'parquet') return fileTypesFrom(rows)[0]?.columns ?? []
  return rows.map((row) => ({ name: String(row.column_name ?? ''), type: 'VARCHAR', isUtc: false }))
}

/**
 * Of columns of INT96, which holds years that nanoseconds do not: one row for `withSpineUnits`. Null: there are none.
 * @param readFrom their copy (exact-copies.ts)
 */
export function buildSpineUnitsQuery(columns: readonly FileColumn[], readFrom: string): SqlQuery | null {
  const int96 = columns.filter(({ type }) => type === roundedTypes.int96)
  const facts = int96.flatMap(({ name, type }, index): NamedExpression[] => {
    const ns = instantFrom(operation('asRead', column(name)), type)
    const isFar = any([operation('>', ns, literal(maxInt64)), operation('<', ns, literal(-maxInt64))])
    return [
      [`far${index}`, aggregate('boolOr', isFar)],
      [`between${index}`, aggregate('boolOr', isBetweenMicroseconds(ns))],
    ]
  })
  return int96.length === 0 ? null : printQuery(select(parquet([readFrom]), facts))
}

/**
 * In microseconds those that need it: they stay what they are (R14).
 * @throws MillcourseError TRAINING_SPINE_INVALID naming a column that has both years that nanoseconds do not reach and times between two microseconds
 */
export function withSpineUnits(
  columns: readonly FileColumn[],
  [row = {}]: readonly Readonly<Record<string, unknown>>[],
): readonly FileColumn[] {
  let index = 0
  return columns.map((one) => {
    if (one.type !== roundedTypes.int96) return one
    const at = index++
    if (row[`far${at}`] !== true) return one
    if (row[`between${at}`] !== true) return { ...one, isInMicroseconds: true }
    throw new MillcourseError(
      'TRAINING_SPINE_INVALID',
      `the spine's "${one.name}" has times between two microseconds, and others outside of the years 1677 to 2262, which no timestamp holds together`,
      { hint: 'write them in microseconds, or leave the column out', facts: { column: one.name } },
    )
  })
}

/** The number of the first: files of text are counted by the engine, and from 1. */
export function firstRow({ spine }: TrainingPlan): bigint {
  return spine.format === 'csv' ? 1n : 0n
}

/** Its rows by number, with when each looks, the keys of each view, and its own columns. */
export function readSpine({ spine, views }: TrainingPlan): Relation {
  const isCsv = spine.format === 'csv'
  const time = spine.columns.find(({ name }) => name === spine.eventTimeColumn)!
  const file = spine.readFrom ?? spine.file
  const from: Relation = isCsv ? { is: 'csvText', file } : { is: 'numberedParquet', file }
  const row: Expression = isCsv ? { is: 'rowNumber', partitionBy: [], orderBy: [] } : column('file_row_number')
  return select(from, [
    [rowColumn, cast(row, { kind: 'int64' })],
    [
      timeColumn,
      cast(readInstant(operation('asRead', column(time.name)), time.type, isCsv), { kind: 'storedInstant' }),
    ],
    ...views.flatMap((view, at) =>
      view.keys.map((key, part): NamedExpression => [spineKey(at, part), keyValue(key, isCsv)]),
    ),
    ...spine.columns.map((entry, index): NamedExpression => [ownColumn(index), ownValue(entry)]),
  ])
}

/** As it is; what the copy holds as two halves becomes a timestamp again. */
function ownValue({ name, type, isInMicroseconds }: FileColumn): Expression {
  const value = operation('asRead', column(name))
  if (type !== roundedTypes.int96) return value
  return operation(isInMicroseconds ? 'timestampUsFromInstant' : 'timestampNsFromInstant', instantFrom(value, type))
}

function readInstant(value: Expression, type: string, isCsv: boolean): Expression {
  return isCsv ? operation('instantFromText', value) : instantFrom(value, type)
}

function keyValue({ key, spineColumn }: TrainingKey, isCsv: boolean): Expression {
  const value = operation('asRead', column(spineColumn.name))
  const type = comparedType(key, spineColumn.type)
  if (key.kind === 'timestamp') return cast(readInstant(value, spineColumn.type, isCsv), storedSqlType(key))
  // A decimal that is too large for as many digits after the point as the key has is no row's key.
  if (!isCsv) return type.kind === 'decimal' ? tryCast(value, sqlType(type)) : cast(value, sqlType(type))
  const spelling = spellingOf(key)
  const read = tryCast(value, sqlType(type))
  return spelling === null ? read : cases([[operation('matches', value, literal(spelling)), read]])
}

/** Text is read only where it is written as the type is: 1.5 or 1e3 would become another integer, an instant its day. */
function spellingOf({ kind }: ColumnType): string | null {
  if (isInteger(kind)) return '-?[0-9]+'
  return kind === 'date' ? '[0-9]+-[0-9]+-[0-9]+( [(]BC[)])?|-?infinity' : null
}

/** The first row without a time, or of a CSV file with a key that cannot be read as its type. */
export function spineProblems(plan: TrainingPlan, spine: string): Relation {
  const at = (name: string): number => plan.spine.columns.findIndex((entry) => entry.name === name)
  const time = at(plan.spine.eventTimeColumn)
  const isCsv = plan.spine.format === 'csv'
  const badKeys = (isCsv ? plan.views : []).flatMap((view, index) =>
    view.keys.map(({ spineColumn }, part) => ({
      name: spineColumn.name,
      isBad: all([
        operation('isNull', column(spineKey(index, part))),
        operation('isNotNull', column(ownColumn(at(spineColumn.name)))),
      ]),
    })),
  )
  const isBadTime = operation('isNull', column(timeColumn))
  const first = literal(1n - firstRow(plan))
  const bad = [{ name: plan.spine.eventTimeColumn, isBad: isBadTime }, ...badKeys]
  return select(
    table(spine),
    [
      ['row', operation('+', column(rowColumn), first)],
      ['column', cases(bad.map(({ name, isBad }) => [isBad, literal(name)] as const))],
      ['is_empty', cases([[isBadTime, operation('isNull', column(ownColumn(time)))]], literal(false))],
    ],
    {
      where: any(bad.map(({ isBad }) => isBad)),
      orderBy: [{ by: column(rowColumn), descending: false }],
      limit: 1,
    },
  )
}

/** R4. @throws MillcourseError TRAINING_SPINE_INVALID with the row's number, 1 for the first */
export function checkSpineRows(rows: readonly Readonly<Record<string, unknown>>[]): void {
  const [first] = rows
  if (!first) return
  const name = String(first.column)
  const row = Number(first.row)
  const what = first.is_empty ? `has no ${name}` : `has a "${name}" that cannot be read`
  throw new MillcourseError('TRAINING_SPINE_INVALID', `row ${row} of the spine ${what}`, {
    hint: 'a row is never dropped and never guessed: fix it, or leave it out of the spine (times as 2001-01-31T13:00:00Z)',
    facts: { row, column: name },
  })
}

/** Rows, earliest and latest time of the spine's table; hand its row to `spineTimesFrom`. */
export function spineTimes(spine: string): Relation {
  return select(table(spine), [
    ['rows', aggregate('count', null)],
    ['min', aggregate('min', column(timeColumn))],
    ['max', aggregate('max', column(timeColumn))],
  ])
}

/** Null times: the spine has no rows. */
export function spineTimesFrom(rows: readonly Readonly<Record<string, unknown>>[]): {
  readonly rows: number
  readonly times: { readonly min: Instant; readonly max: Instant } | null
} {
  const [only] = rows
  const count = Number(only?.rows ?? 0)
  if (count === 0) return { rows: 0, times: null }
  return { rows: count, times: { min: BigInt(String(only?.min)), max: BigInt(String(only?.max)) } }
}
