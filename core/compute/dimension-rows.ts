/**
 * The row of a dimension as it was at the event time of each row (R1, R2, R3, R16, R18):
 *
 *     dimension   ── a ───── b ─────── c ──        a row at t sees b: the newest of its key that is known by then
 *     rows        ───────────────t────────
 *
 * A row is known from its event time, under `created` visibility from the later of event and created time. One that becomes known when a
 * newer one (R3) is known already is never seen; those left supersede each other in the order in which they become known, so that one
 * nearest-before join answers.
 */
import type { SourceDefinition, SourceDimension } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import type { FileTypes } from './file-types.js'
import { createdColumn, eventColumn, rowOrder } from './row-order.js'
import { seenValue } from './seen-value.js'
import { sourceRows } from './source-rows.js'
import {
  all,
  cases,
  cast,
  column,
  join,
  literal,
  type NamedExpression,
  operation,
  type Relation,
  select,
  struct,
} from './sql-algebra.js'

/** URIs by alias. */
export type DimensionFiles = Readonly<Record<string, readonly string[]>>

const [knownColumn, rankColumn, newestColumn] = ['__known_ns', '__rank', '__newest_rank']
const [valueColumn, goneColumn] = ['__value', '__is_gone']
const keyColumn = (index: number): string => `__dimension key ${index}`

/**
 * `rows` with one more column, the dimension's alias: a struct of its columns as SQL sees them; null where there is no row.
 * @param rows with `columns`, `__event_ns` among them
 */
export function withDimension(
  rows: Relation,
  columns: readonly string[],
  dimension: SourceDimension,
  files: readonly string[],
  types: readonly FileTypes[],
): Relation {
  const { alias, keys, within } = dimension
  const [event, seen] = [column(eventColumn, 'row'), column(eventColumn, 'dimension')]
  const matches = all([
    ...keys.map(({ of }, index) => operation('=', column(of, 'row'), column(keyColumn(index), 'dimension'))),
    operation('>=', event, column(knownColumn, 'dimension')),
  ])
  const isThere = all([
    // A null time sorts last, and the join may give it the newest row.
    operation('>=', event, column(knownColumn, 'dimension')),
    operation('not', column(goneColumn, 'dimension')),
    ...(within === null ? [] : [operation('<=', operation('-', event, seen), literal(parseDuration(within)))]),
  ])
  return select(join('asofLeft', [rows, 'row'], [historyOf(dimension, files, types), 'dimension'], matches), [
    ...columns.map((name): NamedExpression => [name, column(name, 'row')]),
    [alias, cases([[isThere, column(valueColumn, 'dimension')]])],
  ])
}

/** The rows that are ever seen, each with the time from which it is. */
function historyOf({ source, keys }: SourceDimension, files: readonly string[], types: readonly FileTypes[]): Relation {
  const declared = source.schema.map(({ name }): NamedExpression => [name, column(name)])
  const partitionBy = keys.map((key) => column(key.column))
  const isUsable = all([
    ...[...keys.map((key) => key.column), source.eventTime].map((name) => operation('isNotNull', column(name))),
    ...(source.visibility === 'created' ? [operation('isNotNull', column(source.createdTime!))] : []),
  ])
  const timed = select(
    sourceRows(source, files, types),
    [...declared, [eventColumn, column(source.eventTime)], ...laterTimes(source)],
    { where: isUsable },
  )
  const times = [eventColumn, knownColumn].map((name): NamedExpression => [name, column(name)])
  const ranked = select(timed, [
    ...declared,
    ...times,
    [rankColumn, { is: 'rowNumber', partitionBy, orderBy: rowOrder(source.schema, false) }],
  ])
  const superseding = select(ranked, [
    ...declared,
    ...times,
    [rankColumn, column(rankColumn)],
    [
      newestColumn,
      {
        is: 'running',
        aggregate: 'max',
        operand: column(rankColumn),
        partitionBy,
        orderBy: column(knownColumn),
      },
    ],
  ])
  return select(
    superseding,
    [
      ...keys.map((key, index): NamedExpression => [keyColumn(index), column(key.column)]),
      ...times,
      [
        goneColumn,
        source.tombstone === null ? literal(false) : operation('coalesce', column(source.tombstone), literal(false)),
      ],
      [valueColumn, struct(source.schema.map((one) => [one.name, seenValue(one, column(one.name))]))],
    ],
    { where: operation('=', column(rankColumn), column(newestColumn)) },
  )
}

function laterTimes({ createdTime, eventTime, visibility }: SourceDefinition): NamedExpression[] {
  const created = createdTime === null ? cast(literal(null), { kind: 'instant' }) : column(createdTime)
  return [
    [createdColumn, created],
    [knownColumn, visibility === 'created' ? operation('greatest', column(eventTime), created) : column(eventTime)],
  ]
}
