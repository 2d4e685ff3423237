/**
 * A training set: the spine's rows, in its order, with its own columns untouched, and beside them what each view knew at each row's
 * time (R14). Each view is answered on its own, into a table by row number; at the end they are put side by side.
 */
import type { ValueType } from '../define/definitions.js'
import { MillcourseError } from '../errors.js'
import type { Instant } from '../time/instant.js'
import { sqlType, storedSqlType } from './column-types.js'
import { type FileColumn, fileTypesFrom, roundedTypes } from './file-types.js'
import { printCreate, printCsvHeader, printFileSchemas, printQuery, printRelation } from './print-duckdb.js'
import { instantFrom } from './source-rows.js'
import {
  aggregate,
  all,
  any,
  cases,
  cast,
  column,
  type Expression,
  each,
  field,
  join,
  literal,
  type NamedExpression,
  type Operator,
  operation,
  type Relation,
  type SqlQuery,
  select,
  struct,
  table,
  tryCast,
} from './sql-algebra.js'
import { type Served, servedStatements } from './training-served.js'
import { comparedType, type TrainingKey, type TrainingPlan, type TrainingViewPlan } from './training-set-plan.js'
import { rowColumn, spineKey, timeColumn } from './training-spine.js'
import { viewAnswers } from './training-view.js'

export interface TrainingSetInput {
  readonly plan: TrainingPlan
  /** For each view of the plan, URIs of its committed rows (lookup view) or tile files (window view). */
  readonly files: readonly (readonly string[])[]
  /** For each view what online reads would have seen (R30); left out or null: what was knowable at each row's time (R1, R9). */
  readonly served?: readonly (Served | null)[]
  readonly prefix?: string
}

export interface TrainingSetQuery {
  /** Reads the spine; run it first. */
  readonly spine: readonly SqlQuery[]
  /** Then this; hand its rows to `checkSpineRows`. */
  readonly problems: SqlQuery
  /** Rows, earliest and latest time of the spine; hand its row to `spineTimesFrom`. */
  readonly times: SqlQuery
  /** Then these, in order: one or more per view. */
  readonly statements: readonly SqlQuery[]
  /** Then this, if there are timestamp features; hand its row to `output`. */
  readonly timeUnits: SqlQuery | null
  /** SELECT text of the training set, in the spine's order. */
  output(timeUnits: Readonly<Record<string, unknown>> | null): string
}

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

/** The spine's own columns by position, so that no name of theirs is in the way of ours. */
const ownColumn = (index: number): string => `__own${index}`
const answer = (view: number, feature: number): string => `__answer${view}_${feature}`
const answerTable = (prefix: string, view: number): string => `${prefix}_view${view}`

export function buildTrainingSet(input: TrainingSetInput): TrainingSetQuery {
  const { plan, prefix = '__training' } = input
  const spine = `${prefix}_spine`
  const statements = plan.views.flatMap((view, index) => {
    const files = input.files[index] ?? []
    const keys = view.keys.map(({ key, spineColumn }) => comparedType(key, spineColumn.type))
    const asked = { spine, prefix: `${prefix}_view${index}`, view: index, keys, files }
    const into = {
      table: answerTable(prefix, index),
      columns: view.features.map(({ feature }, at): NamedExpression => [answer(index, at), column(feature.name)]),
    }
    const served = input.served?.[index] ?? null
    if (served !== null) return servedStatements(view, asked, served, into)
    const { before, answers } = viewAnswers(view, asked)
    return [
      ...before,
      printCreate('table', into.table, select(answers, [[rowColumn, column(rowColumn)], ...into.columns])),
    ]
  })
  return {
    spine: [printCreate('table', spine, readSpine(plan))],
    problems: printQuery(spineProblems(plan, spine)),
    times: printQuery(
      select(table(spine), [
        ['rows', aggregate('count', null)],
        ['min', aggregate('min', column(timeColumn))],
        ['max', aggregate('max', column(timeColumn))],
      ]),
    ),
    statements,
    timeUnits: timeUnits(plan, prefix),
    output: (units) => printRelation(output(plan, prefix, spine, units)),
  }
}

function readSpine({ spine, views }: TrainingPlan): Relation {
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
function ownValue({ name, type }: FileColumn): Expression {
  const value = operation('asRead', column(name))
  return type === roundedTypes.int96 ? operation('timestampNsFromInstant', instantFrom(value, type)) : value
}

function readInstant(value: Expression, type: string, isCsv: boolean): Expression {
  return isCsv ? operation('instantFromText', value) : instantFrom(value, type)
}

function keyValue({ key, spineColumn }: TrainingKey, isCsv: boolean): Expression {
  const value = operation('asRead', column(spineColumn.name))
  const type = comparedType(key, spineColumn.type)
  if (key.kind === 'timestamp') return cast(readInstant(value, spineColumn.type, isCsv), storedSqlType(key))
  if (!isCsv) return cast(value, sqlType(type))
  // Text is read as an integer only where it is written as one: 1.5 or 1e3 would become another key.
  const isWhole = operation('looksLikeInteger', value)
  return type.kind === 'int64' || type.kind === 'decimal'
    ? cases([[isWhole, tryCast(value, sqlType(type))]])
    : tryCast(value, sqlType(type))
}

/** The first row without a time, or of a CSV file with a key that cannot be read as its type. */
function spineProblems(plan: TrainingPlan, spine: string): Relation {
  const at = (name: string): number => plan.spine.columns.findIndex((entry) => entry.name === name)
  const time = at(plan.spine.eventTimeColumn)
  const badKeys = plan.views.flatMap((view, index) =>
    view.keys.map(({ spineColumn }, part) => ({
      name: spineColumn.name,
      isBad: all([
        operation('isNull', column(spineKey(index, part))),
        operation('isNotNull', column(ownColumn(at(spineColumn.name)))),
      ]),
    })),
  )
  const isBadTime = operation('isNull', column(timeColumn))
  const first = plan.spine.format === 'csv' ? literal(0n) : literal(1n)
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

function timestampFeatures(
  plan: TrainingPlan,
): { readonly view: number; readonly feature: number; readonly type: ValueType }[] {
  return plan.views.flatMap((entry, view) =>
    entry.features.flatMap(({ feature: { type } }, feature) =>
      timesIn(type, column('')) ? [{ view, feature, type }] : [],
    ),
  )
}

/** Whether a timestamp feature has values between two microseconds: only then is it written in nanoseconds, which end in 2262 (R11). */
function timeUnits(plan: TrainingPlan, prefix: string): SqlQuery | null {
  const features = timestampFeatures(plan)
  if (features.length === 0) return null
  const thousand = literal(1000n)
  const isBetween = (value: Expression): Expression =>
    operation('<>', operation('*', operation('floorDiv', value, thousand), thousand), value)
  const views = [...new Set(features.map(({ view }) => view))]
  const parts = views.map((view) =>
    select(
      table(answerTable(prefix, view)),
      features
        .filter((entry) => entry.view === view)
        .map(({ feature, type }): NamedExpression => {
          const name = answer(view, feature)
          const times = timesIn(type, column(name))!
          const isAny = times.isList ? operation('listAny', each(times.value, isBetween)) : isBetween(times.value)
          return [name, operation('coalesce', aggregate('boolOr', isAny), literal(false))]
        }),
    ),
  )
  return printQuery(
    parts.slice(1).reduce((left, right) => join('inner', [left, 'left'], [right, 'right'], literal(true)), parts[0]!),
  )
}

/** The times that a value of the type holds: itself, or a list of them. Null: the type has none. */
function timesIn(type: ValueType, value: Expression): { readonly value: Expression; readonly isList: boolean } | null {
  switch (type.kind) {
    case 'timestamp':
      return { value, isList: false }
    case 'list':
      return type.of.kind === 'timestamp' ? { value, isList: true } : null
    case 'map': {
      const items = each(operation('mapPairs', value), (pair) => field(pair, 'value'))
      if (type.of.kind === 'timestamp') return { value: items, isList: true }
      const isOfTimes = type.of.kind === 'list' && type.of.of.kind === 'timestamp'
      return isOfTimes ? { value: operation('listFlatten', items), isList: true } : null
    }
    default:
      return null
  }
}

/** An answer as the training set's file has it; `times`: what makes a timestamp of an instant. */
function written(value: Expression, type: ValueType, times: Operator): Expression {
  if (type.kind === 'timestamp') return operation(times, value)
  if (timesIn(type, value) === null) return cast(value, sqlType(type))
  const inside = (item: Expression, of: ValueType): Expression =>
    of.kind === 'timestamp' ? operation(times, cast(item, { kind: 'int128' })) : written(item, of, times)
  if (type.kind === 'list') return each(value, (item) => inside(item, type.of))
  if (type.kind !== 'map') return value
  const pair = (entry: Expression) =>
    struct([
      ['key', field(entry, 'key')],
      ['value', inside(field(entry, 'value'), type.of)],
    ])
  return operation('mapFromPairs', each(operation('mapPairs', value), pair))
}

function output(
  plan: TrainingPlan,
  prefix: string,
  spine: string,
  units: Readonly<Record<string, unknown>> | null,
): Relation {
  const alias = (view: number): string => `view${view}`
  const sameRow = (view: number): Expression =>
    operation('=', column(rowColumn, 'spine'), column(rowColumn, alias(view)))
  const joined = plan.views.reduce<Relation>(
    (left, _, view) =>
      join('left', [left, view === 0 ? 'spine' : ''], [table(answerTable(prefix, view)), alias(view)], sameRow(view)),
    table(spine),
  )
  const value = (entry: TrainingViewPlan, view: number, at: number): Expression => {
    const name = answer(view, at)
    const found = column(name, alias(view))
    const { type } = entry.features[at]!.feature
    return written(found, type, units?.[name] ? 'timestampNsFromInstant' : 'timestampUsFromInstant')
  }
  return select(
    joined,
    [
      ...plan.spine.columns.map(
        ({ name }, index): NamedExpression => [name, column(ownColumn(index), plan.views.length > 0 ? 'spine' : null)],
      ),
      ...plan.views.flatMap((entry, view) =>
        entry.features.map((feature, at): NamedExpression => [feature.output, value(entry, view, at)]),
      ),
    ],
    { orderBy: [{ by: column(rowColumn, plan.views.length > 0 ? 'spine' : null), descending: false }] },
  )
}
