/** Types of columns and of answers, as plain data (R12, R20). */

export type ColumnKind =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'decimal'
  | 'string'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'binary'

export interface ColumnType {
  readonly kind: ColumnKind
  readonly nullable: boolean
  /** decimal only: total digits, at most 38. */
  readonly precision?: number
  /** decimal only: digits after the point. */
  readonly scale?: number
}

export interface Column extends ColumnType {
  readonly name: string
}

/** Answers only: no column has it. No item is null. */
export interface ListType {
  readonly kind: 'list'
  readonly nullable: boolean
  readonly of: ColumnType
}

/** Answers only: from the values of a bucket column; neither is null. */
export interface MapType {
  readonly kind: 'map'
  readonly nullable: boolean
  readonly key: ColumnType
  readonly of: ColumnType | ListType
}

/** The type of a feature's answer. */
export type ValueType = ColumnType | ListType | MapType
