/** Column types of a source and key types of an entity: `t.int64().nullable()`. Timestamps are instants (R10, R11). */
import type { ColumnKind, ColumnType, ValueType } from './column-type.js'

/** A column's type as the builders take it: the kind and whether nulls may occur, for the compiler and at run time. */
export interface ColumnBuilder<Kind extends ColumnKind = ColumnKind, Nullable extends boolean = boolean> {
  readonly kind: Kind
  readonly isNullable: Nullable
  readonly type: ColumnType
  /** Nulls may occur. Without it, a null in the column is what the source promised not to send. */
  nullable(): ColumnBuilder<Kind, true>
}

/** Columns by name, in their order: the order settles ties between rows (R3) and is the order of a key's encoding (R13). */
export type Columns = Readonly<Record<string, ColumnBuilder>>

export type IntegerKind = 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64'
export type FloatKind = 'float32' | 'float64'
export type NumericKind = IntegerKind | FloatKind | 'decimal'

/** Kinds whose values may be compared with each other: integers of any width together (R12). */
export type FamilyOf<Kind extends ColumnKind> = Kind extends IntegerKind
  ? 'integer'
  : Kind extends FloatKind
    ? 'float'
    : Kind

export function isInteger(kind: ColumnKind): kind is IntegerKind {
  return kind.startsWith('int') || kind.startsWith('uint')
}

export function isFloat(kind: ColumnKind): kind is FloatKind {
  return kind.startsWith('float')
}

export function isNumeric(kind: ColumnKind): kind is NumericKind {
  return isInteger(kind) || isFloat(kind) || kind === 'decimal'
}

/** What has a mean and a spread. */
export function isCounted(kind: ColumnKind): boolean {
  return isNumeric(kind) || kind === 'boolean'
}

export function familyOf(kind: ColumnKind): string {
  if (isInteger(kind)) return 'integer'
  return isFloat(kind) ? 'float' : kind
}

/** Whether a type holds every value of another of its family, decimals having one scale. */
export function holdsKind(type: ColumnType, other: ColumnType): boolean {
  if (type.kind === 'decimal') return (type.precision ?? 38) >= (other.precision ?? 38)
  if (!isInteger(type.kind) || !isInteger(other.kind)) return true
  const bits = (kind: IntegerKind): number => Number(/\d+/.exec(kind)![0])
  const [isSigned, isOtherSigned] = [type.kind.startsWith('int'), other.kind.startsWith('int')]
  const more = bits(type.kind) - bits(other.kind)
  return isSigned === isOtherSigned ? more >= 0 : isSigned && more > 0
}

/** `decimal(12,2)`, `int64`, `string or null`, `list(float64)`, `map(string, int64)`: a type as messages and lists show it. */
export function formatColumnType(type: ValueType): string {
  const kind = formatKind(type)
  return type.nullable ? `${kind} or null` : kind
}

function formatKind(type: ValueType): string {
  switch (type.kind) {
    case 'list':
      return `list(${formatKind(type.of)})`
    case 'map':
      return `map(${formatKind(type.key)}, ${formatKind(type.of)})`
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`
    default:
      return type.kind
  }
}

function column<Kind extends ColumnKind>(
  kind: Kind,
  digits: { readonly precision?: number; readonly scale?: number } = {},
): ColumnBuilder<Kind, false> {
  return {
    kind,
    isNullable: false,
    type: { kind, nullable: false, ...digits },
    nullable: () => ({ ...column(kind, digits), isNullable: true, type: { kind, nullable: true, ...digits } }),
  }
}

export const t = {
  int8: () => column('int8'),
  int16: () => column('int16'),
  int32: () => column('int32'),
  int64: () => column('int64'),
  uint8: () => column('uint8'),
  uint16: () => column('uint16'),
  uint32: () => column('uint32'),
  uint64: () => column('uint64'),
  float32: () => column('float32'),
  float64: () => column('float64'),
  /** `precision` digits in all, at most 38, of which `scale` after the point. */
  decimal: (precision: number, scale: number) => column('decimal', { precision, scale }),
  string: () => column('string'),
  boolean: () => column('boolean'),
  /** An instant, in whatever unit the file has it; without a zone it is in the source's `timezone` (R10). */
  timestamp: () => column('timestamp'),
  date: () => column('date'),
  binary: () => column('binary'),
}
