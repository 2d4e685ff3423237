/** The times in a training set's answers: found in whatever type a feature has, and written in nanoseconds only where they need them (R11). */
import type { ValueType } from '../define/definitions.js'
import { sqlType } from './column-types.js'
import { printQuery } from './print-duckdb.js'
import {
  aggregate,
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
  type SqlQuery,
  select,
  struct,
  table,
} from './sql-algebra.js'
import type { TrainingPlan } from './training-set-plan.js'

/** The column of a feature's answer. */
export const answer = (view: number, feature: number): string => `__answer${view}_${feature}`

function timestampFeatures(
  plan: TrainingPlan,
): { readonly view: number; readonly feature: number; readonly type: ValueType }[] {
  return plan.views.flatMap((entry, view) =>
    entry.features.flatMap(({ feature: { type } }, feature) =>
      timesIn(type, column('')) ? [{ view, feature, type }] : [],
    ),
  )
}

/** Of an instant, which counts nanoseconds. */
export function isBetweenMicroseconds(instant: Expression): Expression {
  const thousand = literal(1000n)
  return operation('<>', operation('*', operation('floorDiv', instant, thousand), thousand), instant)
}

/** Whether a timestamp feature has values between two microseconds: only then is it written in nanoseconds, which end in 2262 (R11). */
export function timeUnits(plan: TrainingPlan, names: readonly string[]): SqlQuery | null {
  const features = timestampFeatures(plan)
  if (features.length === 0) return null
  const views = [...new Set(features.map(({ view }) => view))]
  const parts = views.map((view) =>
    select(
      table(names[view]!),
      features
        .filter((entry) => entry.view === view)
        .map(({ feature, type }): NamedExpression => {
          const name = answer(view, feature)
          const times = timesIn(type, column(name))!
          const isAny = times.isList
            ? operation('listAny', each(times.value, isBetweenMicroseconds))
            : isBetweenMicroseconds(times.value)
          return [name, operation('coalesce', aggregate('boolOr', isAny), literal(false))]
        }),
    ),
  )
  return printQuery(
    parts.slice(1).reduce((left, right) => join('inner', [left, 'left'], [right, 'right'], literal(true)), parts[0]!),
  )
}

/** Of the features those, by their output's names, that are written in nanoseconds. @param units row of `TrainingSetQuery.timeUnits` */
export function nanosecondFeatures(plan: TrainingPlan, units: Readonly<Record<string, unknown>> | null): string[] {
  return timestampFeatures(plan).flatMap(({ view, feature }) =>
    units?.[answer(view, feature)] === true ? [plan.views[view]!.features[feature]!.output] : [],
  )
}

/** The times that a value of the type holds: itself, or a list of them. Null: the type has none. */
export function timesIn(
  type: ValueType,
  value: Expression,
): { readonly value: Expression; readonly isList: boolean } | null {
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
export function written(value: Expression, type: ValueType, times: Operator): Expression {
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
