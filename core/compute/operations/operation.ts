/**
 * What an aggregate over a window is. A file beside this one states each: which columns it takes and what type it answers in (asked by
 * core/define), what a tile keeps of its rows, how that is merged and finished, and what may be relied on. Adding one is its file and a
 * line in index.ts.
 *
 *     rows of a tile ── state.accumulate ──> a state per tile ── state.merge ──> a state per window ── finish ──> the answer
 *
 * Any set of tiles, merged in any order, gives the answer of the raw rows (R7b, R9). Null values are left out (R8).
 */
import type { Column, ColumnKind, ColumnType, ListType } from '../../define/column-type.js'
import type { Expression, NamedExpression, SqlType } from '../sql-algebra.js'

/** What a definition tells an operation beside its column: plain data, part of the definition's hash. */
export type WindowParameters = Readonly<Record<string, number | readonly number[]>>

/** Options of one operation's builder beside `over` and `by`. `Given` is their type, for the compiler. */
export interface OperationOptions<Given> {
  readonly names: readonly string[]
  /** Null: the operation is told nothing. A text: what is wrong with the options, as a sentence's end. */
  read(given: Given): WindowParameters | null | string
}

/** Kinds of columns an operation takes; `wanted` ends the sentence that refuses another: "not a number". */
export interface Takes<Kind extends ColumnKind, Wanted extends string> {
  readonly kinds: readonly Kind[]
  readonly wanted: Wanted
}

export interface WindowOperationRule<
  Kind extends ColumnKind = ColumnKind,
  Wanted extends string = string,
  Rows extends boolean = boolean,
  Given = never,
> {
  readonly takes: Takes<Kind, Wanted>
  /** Whether it may do without a column: rows are taken then. */
  readonly takesRows: Rows
  readonly options: OperationOptions<Given>
  /** R20. @param column null: rows */
  answer(column: ColumnType | null, parameters: WindowParameters): ColumnType | ListType
  /** R8: what it answers where there is nothing. */
  readonly ofNothing: 'zero' | 'null'
  /** What the reference gives too, to the last bit but for what is said here; null: nothing is off. */
  readonly bound: string | null
  /** The row of docs/definitions.md: what it takes, and what it answers. */
  readonly documentation: { readonly call: string; readonly takes: string; readonly answers: string }
  plan(input: OperationInput): OperationPlan
}

/** Keeps the literal types of a rule. */
export function windowOperation<
  const Kind extends ColumnKind,
  const Wanted extends string,
  const Rows extends boolean,
  Given,
>(rule: WindowOperationRule<Kind, Wanted, Rows, Given>): WindowOperationRule<Kind, Wanted, Rows, Given> {
  return rule
}

export interface OperationInput {
  /** Null: rows are taken. */
  readonly column: Column | null
  readonly parameters: WindowParameters
  readonly order: RowOrder
}

/** R3 as values that min and max understand; `value` travels with them as the field of that name. */
export interface RowOrder {
  /** Within a tile's rows. */
  ofRow(value: Expression): Expression
  /** Between tiles: as much of it as may still be needed there. */
  readonly kept: readonly (readonly [string, SqlType])[]
  /** Between tiles, for operations that keep several rows of one tile: with the row's rank among them. */
  ranked(value: Expression): Expression
  readonly rankedFields: readonly (readonly [string, SqlType])[]
}

export interface TileState {
  /** Names what it is a state of: two operations that need the same state share it. */
  readonly name: string
  /** As it is accumulated; files and merges hold `storedType` of it. */
  readonly type: SqlType
  /** From the raw rows of one key and tile. */
  readonly accumulate: Expression
  /** From states of the same name; `where` chooses among them. */
  readonly merge: (state: Expression, where: Expression | null) => Expression
}

/** Where merged states stand: one window's under names of their own. */
export interface Merged {
  name(state: string): string
  column(state: string): Expression
}

export type Layer = readonly NamedExpression[]

export interface OperationPlan {
  /** Columns of raw rows that accumulating needs, worked out one layer after the other. */
  readonly ofRows?: readonly Layer[]
  /** Whether `order.ranked` is used. */
  readonly isRanked?: boolean
  readonly states: readonly TileState[]
  readonly inner?: InnerGroups
  /** Columns worked out one layer after the other from merged states; `value` from all of them, in the answer's own type. */
  finish(merged: Merged): { readonly layers: readonly Layer[]; readonly value: Expression }
}

/** States are kept per value of `of` within key and tile (a sketch's registers, distinct values): rows of their own in a tile's file. */
export interface InnerGroups {
  /** Two operations of one name share the rows. */
  readonly name: string
  readonly type: SqlType
  /** Null: the row is left out. */
  readonly of: Expression
  /** Beside each merged row of a window, where all rows of the key can be seen. */
  beside?(merged: Merged, inner: Expression, key: readonly Expression[]): Layer
  /** From the merged rows of a key to one, for `finish`; in a window that has none of them, all states are null. */
  gather(merged: Merged, inner: Expression): Layer
}
