/**
 * The rows of one interval, from source files to a candidate (R4, R5, R19, R21, R28): which rows are kept, which rejected and why,
 * and what the candidate's file holds.
 */
import type { ViewBundle } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { formatInstant, type Instant, type IsoInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import type { RowCounts } from './candidate.js'
import { sqlType, toStored } from './column-types.js'
import { storedEventType } from './committed-rows.js'
import type { DimensionFiles } from './dimension-rows.js'
import { deliveryStatements, reopenedStarts, replacedFromColumn, searchedInterval } from './event-ids.js'
import type { FileTypes } from './file-types.js'
import { printCreate, printDrop, printQuery, printRelation } from './print-duckdb.js'
import { isFilteredColumn } from './query-rows.js'
import { createdColumn, eventColumn } from './row-order.js'
import { rowsOfSource } from './rows-of-source.js'
import { isAmbiguousColumn, isSkippedColumn } from './source-rows.js'
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
  type Relation,
  type SqlQuery,
  select,
  table,
  unionAll,
} from './sql-algebra.js'
import { tileRows } from './tile-rows.js'
import type { UpstreamPart } from './upstream-rows.js'

export interface IntervalQueryInput {
  readonly bundle: ViewBundle
  readonly interval: Interval
  /** URIs. `within`: looked at only for other deliveries of an event id (R19). A file in both lists is an own one. */
  readonly files: {
    readonly own: readonly string[]
    readonly within: readonly string[]
    /** Of a query's dimensions, by alias. */
    readonly dimensions?: DimensionFiles
    /** Where the rows are what another view has committed: its files, instead of own ones. */
    readonly upstream?: readonly UpstreamPart[]
  }
  /** Of every file named: `fileTypesFrom` of the rows of `buildFileTypesQuery(files)`. */
  readonly fileTypes: readonly FileTypes[]
  /** Instead of reading `files`: tables of their rows, with the columns of `rowsOfSource`, none of them filtered out. */
  readonly rowsFrom?: { readonly own: string; readonly within: string }
  /** Begins the names of all temporary relations; one session may hold several intervals under different ones. */
  readonly prefix?: string
}

export interface IntervalQuery {
  /** Run first, in order; the source files are read here, once. */
  readonly statements: readonly SqlQuery[]
  /** Relation: kept rows; the declared columns, `__event_ns`, `__created_ns`, in the types that files hold them in. */
  readonly kept: string
  /** Relation: rejected rows as they were, with `__reason` (`null_key` or `null_event_time`). */
  readonly rejected: string
  /** SELECT text of the candidate's file. Lookup view: the kept rows. Window view: tiles (tile-rows.ts). */
  readonly output: string
  /** One row for `rowCountsFrom`. */
  readonly counts: SqlQuery
  /** One row, for `timesFrom`: the first and the last event time of all own rows, those outside of the interval included. */
  readonly times: SqlQuery
  /** Rows for `reopensFrom`; null: the source has no event ids that are looked for beyond an interval. */
  readonly reopens: SqlQuery | null
  /** Run last where the session goes on. */
  readonly cleanup: readonly SqlQuery[]
}

const classColumn = '__class'
const ownColumn = '__is_own'
const rowColumn = '__row'

/** @throws MillcourseError SOURCE_SCHEMA_CHANGED (source-rows.ts) */
export function buildIntervalQuery(input: IntervalQueryInput): IntervalQuery {
  const { bundle, prefix = '__interval' } = input
  const names = {
    read: `${prefix}_read`,
    replaced: `${prefix}_replaced`,
    rows: `${prefix}_rows`,
    kept: `${prefix}_kept`,
    rejected: `${prefix}_rejected`,
  }
  const resolvesIds = bundle.view.viewKind === 'window' && bundle.source.eventId !== null
  const read = printCreate('table', names.read, readRows(input, resolvesIds))
  const replaced = resolvesIds ? deliveryStatements(bundle, names.read, rowColumn, names.replaced) : []
  const rows = resolvesIds ? printCreate('view', names.rows, withReplaced(bundle, names)) : null
  const from = table(resolvesIds ? names.rows : names.read)
  const own = select(from, passed(bundle, resolvesIds), { where: column(ownColumn) })
  const keptRows = select(own, passed(bundle, resolvesIds), { where: isClass('kept') })
  return {
    statements: [
      read,
      ...replaced,
      ...(rows ? [rows] : []),
      printCreate('view', names.kept, select(keptRows, [...storedColumns(bundle), ...storedTimes(input.interval)])),
      printCreate(
        'view',
        names.rejected,
        select(own, [...storedColumns(bundle), ['__reason', column(classColumn)]], {
          where: any([isClass('null_key'), isClass('null_event_time')]),
        }),
      ),
    ],
    kept: names.kept,
    rejected: names.rejected,
    output:
      bundle.view.viewKind === 'lookup'
        ? printRelation(select(keptRows, [...storedColumns(bundle), ...storedTimes(input.interval)]))
        : printRelation(tileRows(bundle, keptRows)),
    counts: printQuery(countRows(own, bundle.source.query !== undefined)),
    times: printQuery(
      select(own, [
        ['first_ns', aggregate('min', column(eventColumn))],
        ['last_ns', aggregate('max', column(eventColumn))],
      ]),
    ),
    reopens: resolvesIds ? printQuery(reopenedStarts(bundle, input.interval, names.read, rowColumn)) : null,
    cleanup: [
      printDrop('view', names.kept),
      printDrop('view', names.rejected),
      ...(resolvesIds ? [printDrop('view', names.rows), printDrop('table', names.replaced)] : []),
      printDrop('table', names.read),
    ],
  }
}

function storedTimes(interval: Interval): NamedExpression[] {
  return [
    [eventColumn, cast(column(eventColumn), storedEventType(interval))],
    [createdColumn, toStored(column(createdColumn), { kind: 'instant' })],
  ]
}

function storedColumns(bundle: ViewBundle): NamedExpression[] {
  return bundle.source.schema.map((declared) => [declared.name, toStored(column(declared.name), sqlType(declared))])
}

const isClass = (name: string): Expression => operation('=', column(classColumn), literal(name))

/** Every row of the files that this interval looks at, with its times and what became of it. */
function readRows(input: IntervalQueryInput, resolvesIds: boolean): Relation {
  const { source, view } = input.bundle
  const own = [...new Set(input.files.own)]
  const within = resolvesIds ? [...new Set(input.files.within)].filter((file) => !own.includes(file)) : []
  const times = [
    [eventColumn, column(source.eventTime)],
    [
      createdColumn,
      source.createdTime === null ? cast(literal(null), { kind: 'instant' }) : column(source.createdTime),
    ],
  ] as const
  const inputs = (own: readonly string[]) => ({
    own,
    dimensions: input.files.dimensions ?? {},
    upstream: { parts: input.files.upstream ?? [], interval: input.interval },
  })
  const rowsOf = (files: readonly string[], isOwn: boolean): Relation => {
    const extra: readonly NamedExpression[] = [...times, [ownColumn, literal(isOwn)]]
    if (input.rowsFrom === undefined) return rowsOfSource(source, inputs(files), input.fileTypes, extra)
    const names = [...source.schema.map((declared) => declared.name), isAmbiguousColumn, isSkippedColumn]
    const from = table(isOwn ? input.rowsFrom.own : input.rowsFrom.within)
    return select(from, [...names.map((name): NamedExpression => [name, column(name)]), ...extra])
  }
  const readsWithin = resolvesIds && (within.length > 0 || input.rowsFrom !== undefined)
  const parts = [rowsOf(own, true), ...(readsWithin ? [rowsOf(within, false)] : [])]
  const nullKey = any(view.keyColumns.map((key) => operation('isNull', column(key.column))))
  const filtersRows = source.query !== undefined && input.rowsFrom === undefined
  const isHere = any([operation('isNull', column(eventColumn)), isWithin(input.interval)])
  const outcome = cases(
    [
      // What the query leaves out has neither key nor columns; only its time tells whose it would have been.
      ...(filtersRows
        ? ([
            [all([column(isFilteredColumn), isHere]), literal('filtered')],
            [column(isFilteredColumn), literal('outside')],
          ] as const)
        : []),
      // R21: a file of a day is read by each of its hours; what has no time is of all of them.
      [all([nullKey, isHere]), literal('null_key')],
      [operation('isNull', column(eventColumn)), literal('null_event_time')],
      [isWithin(input.interval), literal('kept')],
    ],
    literal('outside'),
  )
  const searched = resolvesIds ? searchedInterval(input.bundle, input.interval) : null
  return select(
    unionAll(parts),
    [
      ...[...source.schema.map((declared) => declared.name), isAmbiguousColumn, isSkippedColumn, eventColumn].map(
        (name) => [name, column(name)] as const,
      ),
      [createdColumn, column(createdColumn)],
      [ownColumn, column(ownColumn)],
      [classColumn, outcome],
      ...(resolvesIds ? [[rowColumn, { is: 'rowNumber', partitionBy: [], orderBy: [] }] as const] : []),
    ],
    // Rows of the other files are of use only where a delivery of one of this interval's events may lie.
    { where: searched && any([column(ownColumn), isWithin(searched)]) },
  )
}

function isWithin(interval: Interval): Expression {
  return all([
    operation('>=', column(eventColumn), literal(interval.start)),
    operation('<', column(eventColumn), literal(interval.end)),
  ])
}

/** R19 under `event` visibility: a replaced row never counts. Under `created` it counts until its successor is known (tile-rows.ts). */
function withReplaced(bundle: ViewBundle, names: { readonly read: string; readonly replaced: string }): Relation {
  const isReplaced = operation('isNotNull', column(rowColumn, 'by'))
  const outcome =
    bundle.source.visibility === 'event'
      ? cases(
          [[all([operation('=', column(classColumn, 'row'), literal('kept')), isReplaced]), literal('replaced')]],
          column(classColumn, 'row'),
        )
      : column(classColumn, 'row')
  return select(
    {
      is: 'join',
      kind: 'left',
      left: table(names.read),
      leftAs: 'row',
      right: table(names.replaced),
      rightAs: 'by',
      on: operation('=', column(rowColumn, 'row'), column(rowColumn, 'by')),
    },
    [
      ...passed(bundle, false)
        .map(([name]) => name)
        .map((name): NamedExpression => [name, name === classColumn ? outcome : column(name, 'row')]),
      [replacedFromColumn, column(replacedFromColumn, 'by')],
    ],
  )
}

function passed(bundle: ViewBundle, resolvesIds: boolean): NamedExpression[] {
  return [
    ...bundle.source.schema.map((declared) => declared.name),
    isAmbiguousColumn,
    isSkippedColumn,
    eventColumn,
    createdColumn,
    ownColumn,
    classColumn,
    ...(resolvesIds ? [replacedFromColumn] : []),
  ].map((name) => [name, column(name)])
}

function countRows(own: Relation, isQuery: boolean): Relation {
  const count = (where: Expression): Expression => aggregate('count', null, where)
  const isRead = operation('not', any([isClass('outside'), isClass('replaced')]))
  return select(own, [
    ['read', count(isRead)],
    ...['kept', 'null_key', 'null_event_time', 'outside', 'replaced', ...(isQuery ? ['filtered'] : [])].map(
      (name): NamedExpression => [name, count(isClass(name))],
    ),
    ['ambiguous', count(all([isClass('kept'), column(isAmbiguousColumn)]))],
    ['skipped', count(all([isClass('kept'), column(isSkippedColumn)]))],
  ])
}

/** The one row of `IntervalQuery.counts`. */
export function rowCountsFrom(row: Readonly<Record<string, unknown>>): RowCounts {
  const at = (name: string): number => Number(row[name])
  return {
    read: at('read'),
    kept: at('kept'),
    rejected: { null_key: at('null_key'), null_event_time: at('null_event_time') },
    ...(row.filtered === undefined ? {} : { filtered: at('filtered') }),
    outside: at('outside'),
    replaced: at('replaced'),
    localTimes: { ambiguous: at('ambiguous'), skipped: at('skipped') },
  }
}

/** The one row of `IntervalQuery.times`; null: no row has a time. */
export function timesFrom(
  row: Readonly<Record<string, unknown>>,
): { readonly first: Instant; readonly last: Instant } | null {
  const { first_ns: first, last_ns: last } = row
  return first === null ? null : { first: BigInt(first as bigint), last: BigInt(last as bigint) }
}

/** The rows of `IntervalQuery.reopens`: starts of the view's intervals, oldest first. */
export function reopensFrom(rows: readonly Readonly<Record<string, unknown>>[]): IsoInstant[] {
  return rows.map((row) => formatInstant(BigInt(row.start_ns as bigint)))
}

/** How far around an interval files have to be looked at, in nanoseconds; 0: its own files are enough. */
export function searchedAroundNs(bundle: ViewBundle): bigint {
  const within = bundle.source.eventId?.within
  return bundle.view.viewKind === 'window' && within ? parseDuration(within) : 0n
}
