/** How declared columns are held in SQL, in files and in answers; and which types are of one family (R12, R20). */
import type { Column, ValueType } from '../define/column-type.js'
import { assert } from '../errors.js'
import { cast, type Expression, operation, type SqlType } from './sql-algebra.js'

/** The type a column or an answer has inside queries; a timestamp is an instant in nanoseconds (R11), inside a list or map as files hold it. */
export function sqlType(type: ValueType): SqlType {
  switch (type.kind) {
    case 'list':
      return { kind: 'list', of: storedSqlType(type.of) }
    case 'map':
      return { kind: 'map', key: storedSqlType(type.key), of: storedSqlType(type.of) }
    case 'decimal':
      return { kind: 'decimal', precision: type.precision ?? 38, scale: type.scale ?? 0 }
    case 'timestamp':
      return { kind: 'instant' }
    default:
      return { kind: type.kind }
  }
}

/** The type a column has in the product's own Parquet files, where a 128-bit integer would land as a float. */
export function storedType(type: SqlType): SqlType {
  switch (type.kind) {
    case 'instant':
      return { kind: 'storedInstant' }
    case 'int128':
      return { kind: 'decimal', precision: 38, scale: 0 }
    case 'list':
      return { kind: 'list', of: storedType(type.of) }
    case 'map':
      return { kind: 'map', key: storedType(type.key), of: storedType(type.of) }
    case 'struct':
      return { kind: 'struct', fields: type.fields.map(([name, of]) => [name, storedType(of)]) }
    default:
      return type
  }
}

/**
 * The type a column of the product's own files keeps inside queries: instants and wide integers stay decimals of 38 digits, which are
 * compared and summed as fast, while turning them into integers costs more than reading them.
 */
export function storedSqlType(type: ValueType): SqlType {
  return storedType(sqlType(type))
}

/** A value of a stored type as queries hand it out: instants as integers, but not those inside a list or a map. */
export function fromStored(value: Expression, type: ValueType): Expression {
  return type.kind === 'timestamp' ? operation('integerFromDecimal', value) : value
}

/** Writes a value for the product's own files. */
export function toStored(value: Expression, type: SqlType): Expression {
  return sameType(type, storedType(type)) ? value : cast(value, storedType(type))
}

function sameType(a: SqlType, b: SqlType): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** The declared column of exactly this name. */
export function declaredColumn(columns: readonly Column[], name: string): Column {
  const found = columns.find((candidate) => candidate.name === name)
  assert(found, `column "${name}" is declared`)
  return found
}
