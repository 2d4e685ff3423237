/**
 * A small algebra of relations and expressions: what the builders of this room make and a printer turns into one engine's SQL
 * (print-duckdb.ts today, Spark's later). No builder glues SQL text: names are identifiers, values are literals, and what an
 * engine writes in its own way (null order, instants, zones, lists) is an operation with a name of its own.
 */

/** `instant`: nanoseconds since 1970 as a 128-bit integer (R11). `storedInstant`: the same in Parquet, where 128-bit integers do not exist. */
export type SqlType =
  | { readonly kind: Exclude<ScalarKind, 'decimal'> }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'list'; readonly of: SqlType }
  | { readonly kind: 'map'; readonly key: SqlType; readonly of: SqlType }
  | { readonly kind: 'struct'; readonly fields: readonly (readonly [string, SqlType])[] }

export type ScalarKind =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'int128'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'decimal'
  | 'string'
  | 'binary'
  | 'date'
  | 'instant'
  | 'storedInstant'
  | 'timestampUs'
  | 'timestampNs'

export type Operator =
  | 'and'
  | 'or'
  | 'not'
  | '='
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'
  | 'isNull'
  | 'isNotNull'
  /** Rounds toward minus infinity; 128-bit (R9). */
  | 'floorDiv'
  /** An integer of up to 38 digits, held as a decimal. */
  | 'integerFromDecimal'
  | 'coalesce'
  | 'greatest'
  | 'least'
  | 'abs'
  | 'truncate'
  | 'squareRoot'
  /** (base, exponent), floats. */
  | 'power'
  /** Integers; toward zero, the remainder with the sign of the first. */
  | 'quotient'
  | 'remainder'
  | 'isFinite'
  | 'signBit'
  | 'isNaN'
  /** The 64 bits of a float64 as a signed integer (IEEE 754). */
  | 'floatBits'
  /** Digits of a whole number >= 0 in base two; 0 has none. */
  | 'bitLength'
  /** A decimal's digits without its point, as an integer. */
  | 'unscaled'
  /** 32 hexadecimal digits over the bytes of a text. */
  | 'md5'
  /** Bytes as hexadecimal text. */
  | 'hex'
  /** (text, first, length): the number that these hexadecimal digits write; first is 1 for the start. */
  | 'hexPart'
  | 'length'
  /** Instants from the units of files (R11); end-of-time markers stay the largest value of their unit. */
  | 'instantFromUs'
  | 'instantFromNs'
  | 'instantFromUsUtc'
  /** From an interval that holds an INT96 (core/source/exact-times.ts). */
  | 'instantFromInt96'
  /**
   * The value itself, as it lies in the pages. A plain column of one file would be taken at its footer's word: where that says "no nulls"
   * or "all above 7", `IS NULL` and `< 7` are answered without a look at the data.
   */
  | 'asRead'
  | 'timestampUsFromInstant'
  | 'timestampNsFromInstant'
  /** (wall-clock instant in us as integer, zone): the instant in us; which of two, or what for a skipped one, is the engine's choice. */
  | 'zonedUs'
  /** (instant in us, zone): what the clock on the wall shows then, in us. */
  | 'wallUs'
  /** ISO 8601 text -> instant; null where it is none. */
  | 'instantFromText'
  | 'listDistinctSorted'
  | 'listDistinctSortedFloats'
  | 'listFlatten'
  /** Its operands as a list. */
  | 'listOf'
  /** (list, n): its n largest items, the largest first. */
  | 'listLargest'
  /** Whether any item of a list of booleans is true. */
  | 'listAny'
  /** A list of {key, value} as a map, in the order of its keys. */
  | 'mapFromPairs'
  /** And back. */
  | 'mapPairs'
  | 'in'
  /** (text, regular expression): whether it is one from end to end. */
  | 'matches'
/** (text, type literal through `tryCast`) is an expression kind of its own; see `tryCast`. */

export type Aggregate = 'count' | 'sum' | 'min' | 'max' | 'list' | 'any' | 'boolOr'

export type Expression =
  | { readonly is: 'column'; readonly name: string; readonly of: string | null }
  | { readonly is: 'literal'; readonly value: null | boolean | bigint | number | string }
  | { readonly is: 'operation'; readonly operator: Operator; readonly operands: readonly Expression[] }
  | {
      readonly is: 'case'
      readonly branches: readonly (readonly [Expression, Expression])[]
      readonly otherwise: Expression
    }
  | { readonly is: 'cast'; readonly operand: Expression; readonly to: SqlType; readonly nullWhenUnfit: boolean }
  | { readonly is: 'struct'; readonly fields: readonly (readonly [string, Expression])[] }
  | { readonly is: 'field'; readonly operand: Expression; readonly name: string }
  | {
      readonly is: 'aggregate'
      readonly aggregate: Aggregate
      /** Null: rows. */
      readonly operand: Expression | null
      readonly where: Expression | null
    }
  /** The n largest values, the largest first, as a list; null where there are none. */
  | { readonly is: 'largest'; readonly operand: Expression; readonly n: number; readonly where: Expression | null }
  /** A list with `body` in the place of each item, which goes by the name `item` there. */
  | { readonly is: 'each'; readonly list: Expression; readonly item: string; readonly body: Expression }
  | { readonly is: 'rowNumber'; readonly partitionBy: readonly Expression[]; readonly orderBy: readonly OrderTerm[] }
  | {
      /** An aggregate over the rows of one partition up to this one, rows of the same order value included. */
      readonly is: 'running'
      readonly aggregate: Aggregate
      readonly operand: Expression
      readonly partitionBy: readonly Expression[]
      readonly orderBy: Expression
    }
  /** An aggregate over the rows of one partition whose order value is at most `reach` below or above this one's. */
  | {
      readonly is: 'around'
      readonly aggregate: Aggregate
      readonly operand: Expression
      readonly partitionBy: readonly Expression[]
      readonly orderBy: Expression
      readonly reach: bigint
    }
  /** The operand in the next row of the partition, or so many rows on; null where there is none. */
  | {
      readonly is: 'next'
      readonly operand: Expression
      readonly rowsOn?: number
      readonly partitionBy: readonly Expression[]
      readonly orderBy: readonly OrderTerm[]
    }

/** Nulls count as the lowest value, in both directions (R3). */
export interface OrderTerm {
  readonly by: Expression
  readonly descending: boolean
}

export type Relation =
  | { readonly is: 'table'; readonly name: string }
  | {
      readonly is: 'parquet'
      readonly files: readonly string[]
      /** Columns that some of the files, or all, may lack: they have nulls there. */
      readonly mayLack: readonly (readonly [string, SqlType])[]
    }
  | { readonly is: 'csvText'; readonly file: string }
  /** With `file_row_number`, from 0. */
  | { readonly is: 'numberedParquet'; readonly file: string }
  /** With `__file`, as it was named here, and `file_row_number`, from 0. */
  | { readonly is: 'locatedParquet'; readonly files: readonly string[] }
  | {
      readonly is: 'values'
      readonly columns: readonly (readonly [string, SqlType])[]
      readonly rows: readonly (readonly Expression[])[]
    }
  | {
      readonly is: 'select'
      readonly from: Relation
      readonly columns: readonly NamedExpression[]
      readonly where: Expression | null
      readonly groupBy: readonly Expression[]
      /** Kept after window functions are known. */
      readonly qualify: Expression | null
      readonly orderBy: readonly OrderTerm[]
      readonly distinct: boolean
      readonly limit: number | null
    }
  | {
      readonly is: 'join'
      readonly kind: JoinKind
      readonly left: Relation
      readonly leftAs: string
      readonly right: Relation
      readonly rightAs: string
      readonly on: Expression
    }
  | { readonly is: 'unionAll'; readonly parts: readonly Relation[] }
  /** `body` may name `relation` as a table, more than once; it is computed once. */
  | { readonly is: 'shared'; readonly name: string; readonly relation: Relation; readonly body: Relation }
  | {
      /**
       * A SELECT that a person wrote, checked (query-check): it sees `rows` under `name`, and nothing else. Its columns, `carried` before them:
       * columns of `rows` that it does not know of.
       */
      readonly is: 'writtenSelect'
      readonly sql: string
      readonly name: string
      readonly rows: Relation
      readonly carried: readonly string[]
    }

/** `semi`, `anti`: the left rows that have, or have not, any right one. */
export type JoinKind = 'inner' | 'left' | 'semi' | 'anti' | 'asofLeft'

export type NamedExpression = readonly [string, Expression]

export const column = (name: string, of: string | null = null): Expression => ({ is: 'column', name, of })
export const literal = (value: null | boolean | bigint | number | string): Expression => ({ is: 'literal', value })
export const operation = (operator: Operator, ...operands: readonly Expression[]): Expression => ({
  is: 'operation',
  operator,
  operands,
})
export const cases = (
  branches: readonly (readonly [Expression, Expression])[],
  otherwise: Expression = literal(null),
): Expression => ({ is: 'case', branches, otherwise })
export const cast = (operand: Expression, to: SqlType): Expression => ({
  is: 'cast',
  operand,
  to,
  nullWhenUnfit: false,
})
export const tryCast = (operand: Expression, to: SqlType): Expression => ({
  is: 'cast',
  operand,
  to,
  nullWhenUnfit: true,
})
export const struct = (fields: readonly (readonly [string, Expression])[]): Expression => ({ is: 'struct', fields })
export const field = (operand: Expression, name: string): Expression => ({ is: 'field', operand, name })
export const aggregate = (
  name: Aggregate,
  operand: Expression | null,
  where: Expression | null = null,
): Expression => ({ is: 'aggregate', aggregate: name, operand, where })
export const list = (items: readonly Expression[]): Expression => operation('listOf', ...items)
export const largest = (operand: Expression, n: number, where: Expression | null = null): Expression => ({
  is: 'largest',
  operand,
  n,
  where,
})
export const each = (list: Expression, body: (item: Expression) => Expression): Expression => ({
  is: 'each',
  list,
  item: '__item',
  body: body(column('__item')),
})

/** True for an empty list. */
export const all = (conditions: readonly Expression[]): Expression =>
  conditions.length === 0 ? literal(true) : conditions.length === 1 ? conditions[0]! : operation('and', ...conditions)
/** False for an empty list. */
export const any = (conditions: readonly Expression[]): Expression =>
  conditions.length === 0 ? literal(false) : conditions.length === 1 ? conditions[0]! : operation('or', ...conditions)

export const table = (name: string): Relation => ({ is: 'table', name })
export const parquet = (files: readonly string[], mayLack: readonly (readonly [string, SqlType])[] = []): Relation => ({
  is: 'parquet',
  files,
  mayLack,
})
export const unionAll = (parts: readonly Relation[]): Relation =>
  parts.length === 1 ? parts[0]! : { is: 'unionAll', parts }
export const values = (
  columns: readonly (readonly [string, SqlType])[],
  rows: readonly (readonly Expression[])[],
): Relation => ({ is: 'values', columns, rows })

export interface SelectParts {
  readonly where?: Expression | null
  readonly groupBy?: readonly Expression[]
  readonly qualify?: Expression | null
  readonly orderBy?: readonly OrderTerm[]
  readonly distinct?: boolean
  readonly limit?: number | null
}

export const select = (from: Relation, columns: readonly NamedExpression[], parts: SelectParts = {}): Relation => ({
  is: 'select',
  from,
  columns,
  where: parts.where ?? null,
  groupBy: parts.groupBy ?? [],
  qualify: parts.qualify ?? null,
  orderBy: parts.orderBy ?? [],
  distinct: parts.distinct ?? false,
  limit: parts.limit ?? null,
})

export const join = (
  kind: JoinKind,
  [left, leftAs]: readonly [Relation, string],
  [right, rightAs]: readonly [Relation, string],
  on: Expression,
): Relation => ({ is: 'join', kind, left, leftAs, right, rightAs, on })

/** A statement ready for the engine; fits `Query` of core/ports. */
export interface SqlQuery {
  readonly sql: string
}
