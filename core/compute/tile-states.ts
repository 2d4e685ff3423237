/**
 * What a tile keeps of its rows so that any set of tiles, merged, gives the answer of the raw rows (R7b, R8, R9): an average is kept
 * as sum and count, a distinct count as the values, first and last with the place of their row in R3. Null values are left out.
 *
 * Sums do not depend on the order of rows, files or merges. Integers and decimals are exact. A float is cut into four integers,
 *
 *     x = a·2^18 + b·2^-44 + c·2^-106 + d·2^-168,     x = 0 or 2^-115 <= |x| < 2^80,
 *
 * which are summed exactly and put together once, at the end (exact-float-sum.ts); what does not fit (NaN,
 * infinities, amounts beyond 1e24 or below 2.4e-35) is summed as floats in a fifth column. So a fine and a coarse tile, a training set and an online value agree to the last bit.
 */

import { familyOf } from '../define/column-types.js'
import type { Column, ColumnType, ViewBundle, WindowFeature } from '../define/definitions.js'
import { declaredColumn, fromStored, sqlType } from './column-types.js'
import { createdColumn, eventColumn, rowOrderValue } from './row-order.js'
import {
  aggregate,
  all,
  any,
  cases,
  cast,
  column,
  type Expression,
  field,
  literal,
  operation,
  type SqlType,
  struct,
} from './sql-algebra.js'

export interface TileState {
  readonly name: string
  /** As it is accumulated; files and merges hold `storedType` of it. */
  readonly type: SqlType
  /** From the raw rows of one key and tile. */
  readonly accumulate: Expression
  /** From states of the same name; `where` chooses among them. */
  readonly merge: (state: Expression, where: Expression | null) => Expression
}

const int128: SqlType = { kind: 'int128' }
const int64: SqlType = { kind: 'int64' }
const float64: SqlType = { kind: 'float64' }

/** Each needed partial aggregate once, in the order of the features that first need it. */
export function tileStates(bundle: ViewBundle): TileState[] {
  const states = new Map<string, TileState>()
  for (const feature of windowFeatures(bundle))
    for (const state of statesOf(bundle, feature)) states.set(state.name, state)
  return [...states.values()]
}

export function windowFeatures(bundle: ViewBundle): WindowFeature[] {
  return bundle.view.features.filter((feature): feature is WindowFeature => feature.kind === 'window')
}

export function statesOf(bundle: ViewBundle, feature: WindowFeature): TileState[] {
  if (feature.column === null) return [countState('__count', null)]
  const declared = declaredColumn(bundle.source.schema, feature.column)
  const count = countState(`__count ${declared.name}`, column(declared.name))
  switch (feature.operation) {
    case 'count':
      return [count]
    case 'sum':
      return sumStates(declared)
    case 'avg':
      return [count, ...sumStates(declared)]
    case 'min':
    case 'max':
      return [extremeState(declared, feature.operation)]
    case 'first':
    case 'last':
      return [edgeState(bundle, declared, feature.operation)]
    case 'count_distinct':
      return [distinctState(declared)]
  }
}

/** The feature's value from merged states, in the feature's own type; float sums were put together before, under `totalName`. */
export function finishFeature(
  bundle: ViewBundle,
  feature: WindowFeature,
  merged: (name: string) => Expression,
): Expression {
  const type = sqlType(feature.type)
  const name = feature.column
  if (name === null) return operation('coalesce', cast(merged('__count'), type), literal(0n))
  const declared = declaredColumn(bundle.source.schema, name)
  const total = familyOf(declared.kind) === 'float' ? merged(totalName(name)) : merged(`__sum ${name}`)
  const count = merged(`__count ${name}`)
  switch (feature.operation) {
    case 'count':
      return operation('coalesce', cast(count, type), literal(0n))
    case 'sum':
      return cast(total, type)
    case 'avg':
      return cases([
        [operation('>', count, literal(0n)), cast(operation('/', cast(total, float64), cast(count, float64)), type)],
      ])
    case 'min':
    case 'max':
      return fromStored(merged(`__${feature.operation} ${name}`), declared)
    case 'first':
    case 'last':
      return fromStored(field(merged(`__${feature.operation} ${name}`), 'value'), declared)
    case 'count_distinct':
      return cast(operation('coalesce', operation('length', merged(`__distinct ${name}`)), literal(0n)), type)
  }
}

/** Columns whose float sums have to be put together (exact-float-sum.ts). */
export function floatSumColumns(bundle: ViewBundle, features: readonly WindowFeature[]): string[] {
  const names = features
    .filter((feature) => feature.operation === 'sum' || feature.operation === 'avg')
    .map((feature) => feature.column)
    .filter((name): name is string => name !== null)
    .filter((name) => familyOf(declaredColumn(bundle.source.schema, name).kind) === 'float')
  return [...new Set(names)]
}

export function totalName(name: string): string {
  return `__total ${name}`
}

function countState(name: string, operand: Expression | null): TileState {
  return {
    name,
    type: int64,
    accumulate: aggregate('count', operand),
    merge: (state, where) => cast(aggregate('sum', state, where), int64),
  }
}

function sumStates(declared: Column): TileState[] {
  const value = column(declared.name)
  if (familyOf(declared.kind) === 'float') return floatSumStates(declared)
  const type: SqlType = { kind: 'decimal', precision: 38, scale: declared.scale ?? 0 }
  const merge = (state: Expression, where: Expression | null): Expression => cast(aggregate('sum', state, where), type)
  return [{ name: `__sum ${declared.name}`, type, accumulate: merge(value, null), merge }]
}

export const floatDigits = 4
export const floatDigitNames = (name: string): string[] =>
  [...Array(floatDigits).keys()].map((digit) => `__sum${digit} ${name}`)
export const floatRestName = (name: string): string => `__sumRest ${name}`
/** The exponent of each digit's unit: 62 bits apart, so that one digit of one value fits 64 bits. */
export const digitExponents = [18, -44, -106, -168]
const largest = literal(2 ** 80)
/** Smaller ones have bits below the lowest digit. */
const smallest = literal(2 ** (-168 + 53))

function floatSumStates(declared: Column): TileState[] {
  const value = cast(column(declared.name), float64)
  const amount = operation('abs', value)
  const fits = all([
    operation('<', amount, largest),
    any([operation('>=', amount, smallest), operation('=', value, literal(0))]),
  ])
  let rest = value
  const digits = floatDigitNames(declared.name).map((name, index): TileState => {
    const unit = 2 ** digitExponents[index]!
    const digit = operation('truncate', operation('*', rest, literal(1 / unit)))
    rest = operation('-', rest, operation('*', digit, literal(unit)))
    return {
      name,
      type: int128,
      accumulate: aggregate('sum', cases([[fits, cast(digit, int64)]])),
      merge: (state, where) => aggregate('sum', state, where),
    }
  })
  const sum = (state: Expression, where: Expression | null): Expression => aggregate('sum', state, where)
  const restState: TileState = {
    name: floatRestName(declared.name),
    type: float64,
    accumulate: aggregate('sum', cases([[fits, literal(null)]], value)),
    merge: sum,
  }
  return [...digits, restState]
}

/** -0.0 and 0.0 are one value here, else the answer would hang on the order of rows. */
function comparable(type: ColumnType, value: Expression): Expression {
  if (familyOf(type.kind) !== 'float') return value
  return cases([[operation('=', value, literal(0)), cast(literal(0), sqlType(type))]], value)
}

function extremeState(declared: Column, name: 'min' | 'max'): TileState {
  return {
    name: `__${name} ${declared.name}`,
    type: sqlType(declared),
    accumulate: aggregate(name, comparable(declared, column(declared.name))),
    merge: (state, where) => aggregate(name, state, where),
  }
}

/**
 * `first` and `last` carry event and created time of their row. Rows that tie on both lie in one part of one tile, where the whole row
 * settles it, so the parts of different tiles never tie; but under `created` visibility with event ids such rows may lie in
 * parts that end at different times, and the order of the whole row has to travel with the value.
 */
function edgeState(bundle: ViewBundle, declared: Column, name: 'first' | 'last'): TileState {
  const direction = name === 'last' ? 'max' : 'min'
  const value = column(declared.name)
  const ordered = rowOrderValue(bundle.source.schema, [['value', value]])
  const winner = aggregate(direction, cases([[operation('isNotNull', value), ordered]]))
  const kept = keepsWholeOrder(bundle)
    ? ordered
    : struct([
        ['event', column(eventColumn)],
        ['created', column(createdColumn)],
        ['value', value],
      ])
  const fields = (kept as Extract<Expression, { is: 'struct' }>).fields.map(([fieldName]) => fieldName)
  return {
    name: `__${name} ${declared.name}`,
    type: { kind: 'struct', fields: edgeFields(bundle, declared) },
    accumulate: cases([
      [operation('isNotNull', winner), struct(fields.map((fieldName) => [fieldName, field(winner, fieldName)]))],
    ]),
    merge: (state, where) => aggregate(direction, state, where),
  }
}

function keepsWholeOrder(bundle: ViewBundle): boolean {
  return bundle.source.visibility === 'created' && bundle.source.eventId !== null
}

function edgeFields(bundle: ViewBundle, declared: Column): (readonly [string, SqlType])[] {
  const times: (readonly [string, SqlType])[] = [
    ['event', { kind: 'instant' }],
    ['created', { kind: 'instant' }],
  ]
  const order = bundle.source.schema.flatMap((entry): SqlType[] =>
    familyOf(entry.kind) === 'float' ? [sqlType(entry), { kind: 'boolean' }] : [sqlType(entry)],
  )
  const whole = order.flatMap((type, index): (readonly [string, SqlType])[] => [
    [`has${index}`, { kind: 'boolean' }],
    [`value${index}`, type],
  ])
  return [...times, ...(keepsWholeOrder(bundle) ? whole : []), ['value', sqlType(declared)]]
}

function distinctState(declared: Column): TileState {
  const value = comparable(declared, column(declared.name))
  const distinct = familyOf(declared.kind) === 'float' ? 'listDistinctSortedFloats' : 'listDistinctSorted'
  return {
    name: `__distinct ${declared.name}`,
    type: { kind: 'list', of: sqlType(declared) },
    accumulate: operation(distinct, aggregate('list', value, operation('isNotNull', value))),
    merge: (state, where) => operation(distinct, operation('listFlatten', aggregate('list', state, where))),
  }
}
