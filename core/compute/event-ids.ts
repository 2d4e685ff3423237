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
  column,
  type Expression,
  join,
  literal,
  operation,
  type Relation,
  type SqlQuery,
  select,
  table,
} from './sql-algebra.js'

/** When the earliest of the rows that replace a row was created; null: under `event` visibility without created times. */
export const replacedFromColumn = '__replaced_from_ns'
const orderColumn = '__delivery'

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
  const pairs = deliveryPairs(bundle, rows, rowColumn)
  const replaced = select(
    pairs,
    [
      [rowColumn, column(rowColumn, 'row')],
      [replacedFromColumn, aggregate('min', column(createdColumn, 'later'))],
    ],
    { groupBy: [column(rowColumn, 'row')] },
  )
  return [printCreate('table', name, replaced)]
}

/** Aliases `row`, the replaced one, and `later`, one that replaces it. */
function deliveryPairs(bundle: ViewBundle, rows: string, rowColumn: string): Relation {
  // A key may be the id itself, and two keys one column.
  const identity = [...new Set([...bundle.view.keyColumns.map((key) => key.column), idColumn(bundle)])]
  const isKnown = bundle.source.visibility === 'created' ? [operation('isNotNull', column(createdColumn))] : []
  // What lies before `since` is of no interval, so none would tell the others when it comes or goes.
  const isOfView = operation('>=', column(eventColumn), literal(parseInstant(bundle.view.since)))
  const deliveries = select(
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
  const apart = operation('abs', operation('-', column(eventColumn, 'later'), column(eventColumn, 'row')))
  return join(
    'inner',
    [deliveries, 'row'],
    [deliveries, 'later'],
    all([
      ...identity.map((name) => operation('=', column(name, 'row'), column(name, 'later'))),
      operation('>', column(orderColumn, 'later'), column(orderColumn, 'row')),
      operation('<=', apart, literal(withinNs(bundle))),
    ]),
  )
}

/** `start_ns` of the other intervals, from `since` on, that hold a row which a row of this interval replaces. */
export function reopenedStarts(bundle: ViewBundle, interval: Interval, rows: string, rowColumn: string): Relation {
  const since = literal(parseInstant(bundle.view.since))
  const inInterval = (event: Expression): Expression =>
    all([operation('>=', event, literal(interval.start)), operation('<', event, literal(interval.end))])
  const event = column(eventColumn, 'row')
  return select(deliveryPairs(bundle, rows, rowColumn), [['start_ns', intervalStart(bundle.view, event)]], {
    where: all([
      inInterval(column(eventColumn, 'later')),
      operation('not', inInterval(event)),
      operation('>=', event, since),
    ]),
    distinct: true,
    orderBy: [{ by: column('start_ns'), descending: false }],
  })
}
