/**
 * Join keys as bytes (R12, R13): the MessagePack list of the key's parts in the entity's declared order, each in one canonical form.
 * Lists, strings and bytes carry their length, so no two different keys share an encoding, and any reader of MessagePack can
 * take a key apart. Integers of every width are one 64-bit family; strings are their bytes, never trimmed, folded or read as numbers.
 */
import type { Column } from '../define/definitions.js'
import { assertNever, MillcourseError } from '../errors.js'
import { fitsKind } from './fits-kind.js'
import { isWellFormed, type PackedValue, pack, unpack } from './message-pack.js'

/** Begins no MessagePack value, so a reserved item never collides with a key. */
export const reservedKeyByte = 0xc1

/**
 * @param values the key's parts in the order of `columns`, as the query engine gives them
 * @throws MillcourseError SERVE_KEY_INVALID for a null (R5: it matches nothing, ask before), a wrong type or a value that its type cannot hold
 */
export function encodeKey(columns: readonly Column[], values: readonly unknown[]): Uint8Array {
  if (columns.length !== values.length)
    throw new MillcourseError('SERVE_KEY_INVALID', `the key has ${columns.length} parts, ${values.length} were given`, {
      hint: `give ${columns.map((column) => column.name).join(', ')}`,
    })
  return pack(columns.map((column, index) => canonicalPart(column, values[index] ?? null)))
}

/** The inverse of `encodeKey`: parts as the query engine gives them. */
export function decodeKey(columns: readonly Column[], key: Uint8Array): PackedValue[] {
  const parts = unpack(key)
  if (parts.length !== columns.length)
    throw new MillcourseError(
      'INTERNAL',
      `assertion failed: the key has ${columns.length} parts, ${parts.length} found`,
    )
  return columns.map((column, index) => partFromCanonical(column, parts[index]!))
}

function canonicalPart(column: Column, value: unknown): PackedValue {
  switch (column.kind) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64': {
      // A number that its type cannot hold is no key that was ever published: asking for it is a mistake, not a miss.
      const whole = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
      if (typeof whole === 'bigint' && fitsKind(column.kind, whole)) return whole
      break
    }
    case 'string':
    case 'date':
      if (typeof value === 'string' && isWellFormed(value)) return value
      break
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
    case 'binary':
      if (value instanceof Uint8Array) return value
      break
    case 'timestamp':
      // As text: nanoseconds of end-of-time markers are beyond 64 bits (R11).
      if (typeof value === 'bigint') return value.toString()
      break
    case 'decimal':
      if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return canonicalDecimal(value)
      break
    case 'float32':
    case 'float64':
      break
    default:
      assertNever(column.kind)
  }
  throw new MillcourseError('SERVE_KEY_INVALID', `key "${column.name}" is ${column.kind}; ${describe(value)} is not`, {
    hint: `give a ${column.kind} for "${column.name}"`,
    facts: { key: column.name, type: column.kind },
  })
}

function partFromCanonical(column: Column, part: PackedValue): PackedValue {
  switch (column.kind) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
    case 'uint32':
      return Number(part)
    case 'timestamp':
      return BigInt(part as string)
    default:
      return part
  }
}

/** `1.50`, `01.5` and `1.5` are one number, and so one key. */
function canonicalDecimal(text: string): string {
  const isNegative = text.startsWith('-')
  const [whole = '', fraction = ''] = (isNegative ? text.slice(1) : text).split('.')
  const digits = whole.replace(/^0+(?=\d)/, '')
  const rest = fraction.replace(/0+$/, '')
  const magnitude = rest === '' ? digits : `${digits}.${rest}`
  return isNegative && magnitude !== '0' ? `-${magnitude}` : magnitude
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return `${value.length} bytes`
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part))
}
