/**
 * Features as a view lists them. They name columns only; which source they read, and whether the column suits, is known where
 * the view puts both together (view-types.ts for the compiler, check-view.ts at run time).
 */
import { type OptionsOf, operations, type TakesRows, type WindowOperation } from '../compute/operations/index.js'
import type { Duration } from './duration-option.js'

export interface LookupSpec<Column extends string | null = string | null> {
  readonly kind: 'lookup'
  /** Null: the column of the feature's own name. */
  readonly column: Column
}

export interface WindowSpec<
  Operation extends WindowOperation = WindowOperation,
  Column extends string | null = string | null,
  By extends string | null = string | null,
> {
  readonly kind: 'window'
  readonly operation: Operation
  readonly column: Column
  readonly over: Duration | 'lifetime'
  /** Column of the buckets; null: one answer. */
  readonly by: By
  /** All other options, as they were given. */
  readonly options: Readonly<Record<string, unknown>>
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

type GivenOptions<Operation extends WindowOperation, By> = WindowOptions &
  OptionsOf<Operation> & {
    /** A column: the answer is a map from each of its values to the answer of the rows that have it. */
    readonly by?: By
  }

type OfColumn<Operation extends WindowOperation> = <const Column extends string, const By extends string | null = null>(
  column: Column,
  options: GivenOptions<Operation, By>,
) => WindowSpec<Operation, Column, By>

type OfRows<Operation extends WindowOperation> = <const By extends string | null = null>(
  options: GivenOptions<Operation, By>,
) => WindowSpec<Operation, null, By>

type WindowBuilder<Operation extends WindowOperation> =
  TakesRows<Operation> extends true ? OfRows<Operation> & OfColumn<Operation> : OfColumn<Operation>

function builderOf(operation: WindowOperation) {
  return (first: unknown, second?: unknown): WindowSpec => {
    const isOfColumn = typeof first === 'string'
    const given = ((isOfColumn ? second : first) ?? {}) as WindowOptions & { readonly by?: string }
    const { over, by, ...options } = given
    return { kind: 'window', operation, column: isOfColumn ? first : null, over, by: by ?? null, options }
  }
}

/** Aggregates over a span before `t` (R7, R8); null values are left out of every one. */
export const window = Object.fromEntries(
  (Object.keys(operations) as WindowOperation[]).map((operation) => [operation, builderOf(operation)]),
) as unknown as { readonly [Operation in keyof typeof operations]: WindowBuilder<Operation> }
