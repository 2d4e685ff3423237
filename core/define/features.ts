/**
 * Features as a view lists them. They name columns only; which source they read, and whether the column suits, is known where
 * the view puts both together (view-types.ts for the compiler, check-view.ts at run time).
 */
import type { WindowOperation } from './definitions.js'
import type { Duration } from './duration-option.js'

export interface LookupSpec<Column extends string | null = string | null> {
  readonly kind: 'lookup'
  /** Null: the column of the feature's own name. */
  readonly column: Column
}

export interface WindowSpec<
  Operation extends WindowOperation = WindowOperation,
  Column extends string | null = string | null,
> {
  readonly kind: 'window'
  readonly operation: Operation
  readonly column: Column
  readonly over: Duration | 'lifetime'
}

export type FeatureSpec = LookupSpec | WindowSpec
export type FeatureSpecs = Readonly<Record<string, FeatureSpec>>

export interface WindowOptions {
  /** The window's length `w`: at `t` it is `[t - w, t)` (R7). `lifetime` has no start. */
  readonly over: Duration | 'lifetime'
}

/** A column of the latest row (R1, R6); without a name, the column that is called like the feature. */
export function lookup(): LookupSpec<null>
export function lookup<const Column extends string>(column: Column): LookupSpec<Column>
export function lookup(column?: string): LookupSpec {
  return { kind: 'lookup', column: column ?? null }
}

function aggregate<Operation extends WindowOperation>(operation: Operation) {
  return <const Column extends string>(column: Column, { over }: WindowOptions): WindowSpec<Operation, Column> => ({
    kind: 'window',
    operation,
    column,
    over,
  })
}

/** `count({ over })` counts rows, `count('column', { over })` values that are not null (R8). */
function count(options: WindowOptions): WindowSpec<'count', null>
function count<const Column extends string>(column: Column, options: WindowOptions): WindowSpec<'count', Column>
function count(first: string | WindowOptions, options?: WindowOptions): WindowSpec<'count'> {
  return typeof first === 'string'
    ? { kind: 'window', operation: 'count', column: first, over: (options as WindowOptions).over }
    : { kind: 'window', operation: 'count', column: null, over: first.over }
}

/** Aggregates over a span before `t` (R7, R8); null values are left out of every one. */
export const window = {
  count,
  sum: aggregate('sum'),
  avg: aggregate('avg'),
  min: aggregate('min'),
  max: aggregate('max'),
  /** The value of the oldest row of the window that has one, in the order of R3. */
  first: aggregate('first'),
  /** The value of the newest row of the window that has one, in the order of R3. */
  last: aggregate('last'),
  /** Exact. */
  count_distinct: aggregate('count_distinct'),
}
