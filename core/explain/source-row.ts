/** The rows of a source that have one of the asked keys, each with its file and number: what an answer is made of (R3, R4, R5). */
import { storedSqlType } from '../compute/column-types.js'
import type { DimensionFiles } from '../compute/dimension-rows.js'
import type { InputFiles } from '../compute/driving-rows.js'
import type { FileTypes } from '../compute/file-types.js'
import { intervalStart } from '../compute/interval-start.js'
import { printCreate, printDrop, printInsert, printQuery } from '../compute/print-duckdb.js'
import { createdColumn, deliveryOrder, eventColumn, rowOrder } from '../compute/row-order.js'
import { rowsOfSource } from '../compute/rows-of-source.js'
import { fileColumn, fileRowColumn, isAmbiguousColumn, isSkippedColumn } from '../compute/source-rows.js'
import {
  aggregate,
  all,
  cast,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  type OrderTerm,
  operation,
  type Relation,
  type SqlQuery,
  select,
  table,
  values,
} from '../compute/sql-algebra.js'
import type { UpstreamRead } from '../compute/upstream-rows.js'
import type { ViewBundle } from '../define/definitions.js'
import { rowSource } from '../source/index.js'
import { parseDuration } from '../time/duration.js'
import { floorTo, type Instant, parseInstant } from '../time/instant.js'

export interface SourceRow {
  /** URI, and the row's number in the file, 1 for the first; of another view the commit, and its number among the rows that were asked for. */
  readonly file: string
  readonly row: number
  readonly eventAt: Instant
  readonly createdAt: Instant | null
  /** Of its event id (R19); null: it has none. */
  readonly eventId: string | null
  readonly isDeleted: boolean
  /** Its place among the rows of its key by R3, and among the deliveries of its event id. */
  readonly rank: number
  readonly delivery: number
  /** The view's interval that holds its event time. */
  readonly intervalStart: Instant
  /** The declared columns. */
  readonly columns: Readonly<Record<string, unknown>>
}

const startColumn = '__start_ns'
const rankColumn = '__rank'
const deliveryColumn = '__delivery_rank'
const [madeColumn, turnColumn] = ['__is_made', '__turn']
/** Of `buildRowCountsQuery`. */
export const countColumn = '__rows'

/** Files of a source, or of the view that it is built on instead of `own`. */
export interface ReadFiles {
  readonly own: readonly string[]
  readonly dimensions: DimensionFiles
  readonly upstream: readonly UpstreamRead[]
}

/** Table `name`: the declared columns, where each row lies, its times and its interval's start. `keys`: `createKeys`. */
export function createSourceRows(
  bundle: ViewBundle,
  { own, dimensions, upstream }: ReadFiles,
  types: readonly FileTypes[],
  keys: string,
  name: string,
): SqlQuery[] {
  if (!rowSource(bundle.source).upstream)
    return [printCreate('table', name, askedRows(bundle, { own, dimensions }, types, keys))]
  const since = parseInstant(bundle.view.since)
  const none: UpstreamRead = { parts: [], interval: { start: since, end: since } }
  const [first = none, ...others] = upstream
  const below = keysBelow(bundle, keys)
  const [keysFrom, dropped] = [`${name}_keys_below`, printDrop('table', `${name}_keys_below`)]
  const rowsOf = (read: UpstreamRead): Relation => {
    const only = below === null ? read : { ...read, keysFrom }
    const rows = askedRows(bundle, { own, dimensions, upstream: only }, types, keys)
    const { schema } = bundle.source
    const number = { is: 'rowNumber', partitionBy: [column(fileColumn)], orderBy: rowOrder(schema, false) } as const
    return select(
      rows,
      rowColumns(bundle).map((one): NamedExpression => [one, one === fileRowColumn ? number : column(one)]),
    )
  }
  const statements = [
    printCreate('table', name, rowsOf(first)),
    ...others.map((read) => printInsert(name, rowsOf(read))),
  ]
  return below === null ? statements : [printCreate('table', keysFrom, below), ...statements, dropped]
}

/** The asked keys as those of the view below, of whose keys no others are read then; null: they are other columns, or a query's. */
function keysBelow({ source, view, entity }: ViewBundle, keys: string): Relation | null {
  const { upstream } = source
  const found = upstream?.view.keyColumns.map(({ key: of }, part) => {
    const own = view.keyColumns.findIndex((one) => one.column === of)
    const [asked, known] = [entity.keys[own], upstream.entity.keys[part]!]
    const isAlike = asked && JSON.stringify(storedSqlType(asked)) === JSON.stringify(storedSqlType(known))
    return isAlike ? ([of, column(asked.name)] as const) : null
  })
  const columns = (found ?? []).flatMap((one): NamedExpression[] => (one === null ? [] : [one]))
  return found && columns.length === found.length ? select(table(keys), columns) : null
}

function rowColumns(bundle: ViewBundle): string[] {
  const places = [isAmbiguousColumn, isSkippedColumn, fileColumn, fileRowColumn]
  return [...declared(bundle), ...places, eventColumn, createdColumn, startColumn]
}

function askedRows(bundle: ViewBundle, files: InputFiles, types: readonly FileTypes[], keys: string): Relation {
  const { source, view, entity } = bundle
  const event = column(source.eventTime)
  const created = source.createdTime === null ? cast(literal(null), { kind: 'instant' }) : column(source.createdTime)
  const found = rowsOfSource(source, files, types, [], true)
  const isAsked = view.keyColumns.map(({ key, column: of }, part) =>
    operation('=', cast(column(of, 'rows'), storedSqlType(entity.keys[part]!)), column(key, 'asked')),
  )
  const times = new Map([
    [eventColumn, event],
    [createdColumn, created],
    [startColumn, intervalStart(view, event)],
  ])
  return select(
    join('semi', [found, 'rows'], [table(keys), 'asked'], all(isAsked)),
    rowColumns(bundle).map((one): NamedExpression => [one, times.get(one) ?? column(one)]),
    { where: operation('isNotNull', event) },
  )
}

const declared = ({ source }: ViewBundle): string[] => source.schema.map(({ name }) => name)

export interface Place {
  /** As it was read: of a copy, the copy's. */
  readonly file: string
  readonly intervalStart: Instant
}

/** Of the places that a table of `createRowsAt` was made of: `file`, `start`. */
export const placesTable = (name: string): string => `${name}_places`

const isAtPlace: Expression = all([
  operation('=', column(fileColumn, 'rows'), column('file', 'place')),
  operation('=', column(startColumn, 'rows'), column('start', 'place')),
])

/** Table `name` of the rows of `rows` that lie at one of the places; `within`: those that lie in these files, but at none of the places. */
export function createRowsAt(
  bundle: ViewBundle,
  rows: string,
  at: { readonly places: readonly Place[]; readonly within?: readonly string[] },
  name: string,
): SqlQuery[] {
  const places = placesTable(name)
  const listed = values(
    [
      ['file', { kind: 'string' }],
      ['start', { kind: 'instant' }],
    ],
    at.places.map(({ file, intervalStart }) => [literal(file), literal(intervalStart)]),
  )
  const passed = [...declared(bundle), isAmbiguousColumn, isSkippedColumn]
  const columns = (of: string | null) => passed.map((one): NamedExpression => [one, column(one, of)])
  const made = printCreate('table', places, listed)
  if (at.within === undefined)
    return [
      made,
      printCreate(
        'table',
        name,
        select(join('semi', [table(rows), 'rows'], [table(places), 'place'], isAtPlace), columns(null)),
      ),
    ]
  const elsewhere: Expression = all([
    operation('isNull', column('file', 'place')),
    at.within.length === 0
      ? literal(false)
      : operation('in', column(fileColumn, 'rows'), ...at.within.map((file) => literal(file))),
  ])
  return [
    made,
    printCreate(
      'table',
      name,
      select(join('left', [table(rows), 'rows'], [table(places), 'place'], isAtPlace), columns('rows'), {
        where: elsewhere,
      }),
    ),
  ]
}

export interface RowsTold {
  /** Those nearest to it in time come first. */
  readonly near: Instant
  /** An answer is made of rows before it. */
  readonly before: Instant
  /** Of all keys together. */
  readonly rowsMax: number
  /** A table of places (`placesTable`) at which the committed state has its rows. */
  readonly made: string
}

/**
 * Rows for `sourceRowFrom`. Where there are more than are told, those before `before` and from it on, committed and not, take turns: so the
 * one row of a late file is among them, however many others lie nearer.
 */
export function buildSourceRowsQuery(
  bundle: ViewBundle,
  rows: string,
  { near, before, rowsMax, made }: RowsTold,
): SqlQuery {
  const { source } = bundle
  const keys = keyColumnsOf(bundle).map((of) => column(of))
  const id = source.eventId === null ? literal(null) : cast(column(source.eventId.column), { kind: 'string' })
  const isDeleted =
    source.tombstone === null ? literal(false) : operation('coalesce', column(source.tombstone), literal(false))
  const names = [...declared(bundle), fileColumn, fileRowColumn, eventColumn, createdColumn, startColumn]
  const passed = (some: readonly string[], of: string | null = null) =>
    some.map((name): NamedExpression => [name, column(name, of)])
  // A file may be one of several intervals, and be named twice.
  const places = select(table(made), passed(['file', 'start']), { distinct: true })
  const placed = select(join('left', [table(rows), 'rows'], [places, 'place'], isAtPlace), [
    ...passed(names, 'rows'),
    [madeColumn, operation('isNotNull', column('file', 'place'))],
  ])
  const added = ['__id', '__is_gone', rankColumn, deliveryColumn]
  const distance = operation('abs', operation('-', column(eventColumn), literal(near)))
  const nearest: OrderTerm[] = [
    { by: distance, descending: false },
    { by: column(rankColumn), descending: true },
  ]
  const numbered = select(placed, [
    ...passed([...names, madeColumn]),
    ['__id', id],
    ['__is_gone', isDeleted],
    [rankColumn, { is: 'rowNumber', partitionBy: keys, orderBy: rowOrder(source.schema, false) }],
    [deliveryColumn, { is: 'rowNumber', partitionBy: keys, orderBy: deliveryOrder(source.schema, false) }],
  ])
  const isBefore = operation('<', column(eventColumn), literal(before))
  const inTurn = select(numbered, [
    ...passed([...names, ...added]),
    [turnColumn, { is: 'rowNumber', partitionBy: [...keys, isBefore, column(madeColumn)], orderBy: nearest }],
  ])
  const told = select(inTurn, passed([...names, ...added]), {
    orderBy: [{ by: column(turnColumn), descending: false }, ...nearest],
    limit: rowsMax,
  })
  return printQuery(select(told, passed([...names, ...added]), { orderBy: nearest }))
}

/** How many rows each key has, told or not: its columns, and `countColumn`. */
export function buildRowCountsQuery(bundle: ViewBundle, rows: string): SqlQuery {
  const keys = keyColumnsOf(bundle).map((of): NamedExpression => [of, column(of)])
  const count: NamedExpression = [countColumn, aggregate('count', null)]
  return printQuery(select(table(rows), [...keys, count], { groupBy: keys.map(([, value]) => value) }))
}

/** Of two keys that are made of one column it is named once. */
const keyColumnsOf = ({ view }: ViewBundle): string[] => [...new Set(view.keyColumns.map(({ column: of }) => of))]

/** @param origins where a copy was made of: path of the copy -> URI of the file */
export function sourceRowFrom(
  bundle: ViewBundle,
  row: Readonly<Record<string, unknown>>,
  origins: ReadonlyMap<string, string>,
): SourceRow {
  const file = String(row[fileColumn])
  return {
    file: origins.get(file) ?? file,
    row: Number(row[fileRowColumn]),
    eventAt: BigInt(row[eventColumn] as bigint),
    createdAt: row[createdColumn] === null ? null : BigInt(row[createdColumn] as bigint),
    eventId: row.__id as string | null,
    isDeleted: row.__is_gone === true,
    rank: Number(row[rankColumn]),
    delivery: Number(row[deliveryColumn]),
    intervalStart: BigInt(row[startColumn] as bigint),
    columns: Object.fromEntries(declared(bundle).map((name) => [name, row[name]])),
  }
}

/** The start of the view's interval that holds an instant. */
export function intervalStartOf({ view }: ViewBundle, at: Instant): Instant {
  const since = parseInstant(view.since)
  return floorTo(at - since, parseDuration(view.every)) + since
}
