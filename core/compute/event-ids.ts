/**
 * R19: of rows with one key and one event id only the one created last counts. In a tiled view a redelivery is looked for `within` a
 * span: a row is replaced when another row of its key and id, created later, happened at most that long before or after it. The
 * rule is about the two rows alone, so it gives the same answer from whichever of their intervals it is asked.
 */
import type { ViewBundle } from '../define/definitions.js'
import { assert } from '../errors.js'
import { parseDuration } from '../time/duration.js'
import { parseInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { intervalStart } from './interval-start.js'
import { printCreate } from './print-duckdb.js'
import { createdColumn, deliveryOrder, eventColumn } from './row-order.js'
import {
  aggregate,
  all,
  cases,
  cast,
  column,
  type Expression,
  join,
  literal,
  type NamedExpression,
  operation,
  type Relation,
  type SqlQuery,
  select,
  table,
  unionAll,
} from './sql-algebra.js'

/** When the earliest of the rows that replace a row was created; null under `event` visibility, where it never counts. */
export const replacedFromColumn = '__replaced_from_ns'
const orderColumn = '__delivery'
const lastColumn = '__last_delivery'
const placedTable = '__deliveries'
const nextLookedAt = 6

function idColumn(bundle: ViewBundle): string {
  assert(bundle.source.eventId, 'the source has an event id')
  return bundle.source.eventId.column
}

function withinNs(bundle: ViewBundle): bigint {
  const within = bundle.source.eventId?.within
  assert(within, 'a tiled view says within which span redeliveries are looked for')
  return parseDuration(within)
}

/** Where other deliveries of an interval's events may lie. */
export function searchedInterval(bundle: ViewBundle, interval: Interval): Interval {
  return { start: interval.start - withinNs(bundle), end: interval.end + withinNs(bundle) }
}

/** Creates table `name`: one row per replaced row, with `__replaced_from_ns`. */
export function deliveryStatements(bundle: ViewBundle, rows: string, rowColumn: string, name: string): SqlQuery[] {
  const last = aggregateAround(bundle, column(orderColumn))
  const isReplaced = operation('>', column(lastColumn), column(orderColumn))
  const row: NamedExpression = [rowColumn, column(rowColumn)]
  if (bundle.source.visibility === 'event') {
    // Whenever its successor became known, it never counts.
    const placed = select(deliveriesOf(bundle, rows, rowColumn), [
      row,
      [orderColumn, column(orderColumn)],
      [lastColumn, last],
    ])
    const never: NamedExpression = [replacedFromColumn, cast(literal(null), { kind: 'instant' })]
    return [printCreate('table', name, select(placed, [row, never], { where: isReplaced }))]
  }
  return [
    printCreate('table', name, knownFrom(bundle, deliveriesOf(bundle, rows, rowColumn), rowColumn, last, isReplaced)),
  ]
}

/**
 * When the first of those was created that replace a row: of those that come next in the order of deliveries the first that happened near enough.
 * Where none of the next few did, all that follow are looked at: to do that for each row of an id that repeats would take quadratic time.
 */
function knownFrom(
  bundle: ViewBundle,
  deliveries: Relation,
  rowColumn: string,
  last: Expression,
  isReplaced: Expression,
): Relation {
  const identity = identityOf(bundle)
  const next = (of: string, rowsOn: number): Expression => ({
    ...{ is: 'next', operand: column(of), rowsOn },
    partitionBy: identity.map((name) => column(name)),
    orderBy: [{ by: column(orderColumn), descending: false }],
  })
  const firstNear = cases(
    Array.from({ length: nextLookedAt }, (_, index) => [
      isNear(bundle, next(eventColumn, index + 1), column(eventColumn)),
      next(createdColumn, index + 1),
    ]),
  )
  const places = [...identity, rowColumn, eventColumn, createdColumn, orderColumn]
  const passed = places.map((name): NamedExpression => [name, column(name)])
  const placed = select(deliveries, [...passed, [lastColumn, last], [replacedFromColumn, firstNear]])
  const [isFound, isNotFound] = (['isNotNull', 'isNull'] as const).map((is) =>
    operation(is, column(replacedFromColumn)),
  )
  const found = select(
    table(placedTable),
    [rowColumn, replacedFromColumn].map((name): NamedExpression => [name, column(name)]),
    { where: isFound! },
  )
  const others = select(table(placedTable), passed, { where: all([isReplaced, isNotFound!]) })
  const follows = all([
    ...identity.map((name) => operation('=', column(name, 'row'), column(name, 'later'))),
    operation('>', column(orderColumn, 'later'), column(orderColumn, 'row')),
    isNear(bundle, column(eventColumn, 'later'), column(eventColumn, 'row')),
  ])
  const foundFar = select(
    join('inner', [others, 'row'], [table(placedTable), 'later'], follows),
    [
      [rowColumn, column(rowColumn, 'row')],
      [replacedFromColumn, aggregate('min', column(createdColumn, 'later'))],
    ],
    { groupBy: [column(rowColumn, 'row')] },
  )
  return { is: 'shared', name: placedTable, relation: placed, body: unionAll([found, foundFar]) }
}

function isNear(bundle: ViewBundle, one: Expression, other: Expression): Expression {
  return operation('<=', operation('abs', operation('-', one, other)), literal(withinNs(bundle)))
}

/** The highest place in the order of deliveries among those of a row's key and id that happened near enough. */
function aggregateAround(bundle: ViewBundle, operand: Expression): Expression {
  return {
    is: 'around',
    aggregate: 'max',
    operand,
    partitionBy: identityOf(bundle).map((name) => column(name)),
    orderBy: column(eventColumn),
    reach: withinNs(bundle),
  }
}

/** A key may be the id itself, and two keys one column. */
function identityOf(bundle: ViewBundle): string[] {
  return [...new Set([...bundle.view.keyColumns.map((key) => key.column), idColumn(bundle)])]
}

/** With the columns of `identityOf`, times, and the place among the deliveries of its key and id. */
function deliveriesOf(bundle: ViewBundle, rows: string, rowColumn: string): Relation {
  const identity = identityOf(bundle)
  const isKnown = bundle.source.visibility === 'created' ? [operation('isNotNull', column(createdColumn))] : []
  // What lies before `since` is of no interval, so none would tell the others when it comes or goes.
  const isOfView = operation('>=', column(eventColumn), literal(parseInstant(bundle.view.since)))
  return select(
    table(rows),
    [
      ...identity.map((name) => [name, column(name)] as const),
      [rowColumn, column(rowColumn)],
      [eventColumn, column(eventColumn)],
      [createdColumn, column(createdColumn)],
      [
        orderColumn,
        {
          is: 'rowNumber',
          partitionBy: identity.map((name) => column(name)),
          orderBy: deliveryOrder(bundle.source.schema, false),
        },
      ],
    ],
    {
      where: all([
        ...[...identity, eventColumn].map((name) => operation('isNotNull', column(name))),
        isOfView,
        ...isKnown,
      ]),
    },
  )
}

/** `start_ns` of the other intervals, from `since` on, that hold a row which a row of this interval replaces. */
export function reopenedStarts(bundle: ViewBundle, interval: Interval, rows: string, rowColumn: string): Relation {
  const event = column(eventColumn)
  const isInside = all([operation('>=', event, literal(interval.start)), operation('<', event, literal(interval.end))])
  const placed = select(deliveriesOf(bundle, rows, rowColumn), [
    [eventColumn, event],
    [orderColumn, column(orderColumn)],
    [lastColumn, aggregateAround(bundle, cases([[isInside, column(orderColumn)]]))],
  ])
  return select(placed, [['start_ns', intervalStart(bundle.view, event)]], {
    where: all([operation('not', isInside), operation('>', column(lastColumn), column(orderColumn))]),
    distinct: true,
    orderBy: [{ by: column('start_ns'), descending: false }],
  })
}
