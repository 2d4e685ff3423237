/**
 * A key's feature values as bytes (R20): a MessagePack list in the view's declared order. 64-bit integers, NaN, -0, decimals (as text)
 * and nanosecond timestamps come back as they went in; null is null; a list is a list, a map a list of [key, value] in the keys' order. The schema's hash travels beside the bytes and says how to read them.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { formatColumnType } from '../define/column-types.js'
import type { Feature, ValueType } from '../define/definitions.js'
import { assert, assertNever, MillcourseError } from '../errors.js'
import { fitsKind } from './fits-kind.js'
import { fitsInteger, type PackedShape, type PackedValue, pack, unpack } from './message-pack.js'

/** 16 hex digits over the features' names and types, in order. */
export function valueSchemaHash(features: readonly Feature[]): string {
  const known = hashes.get(features)
  if (known !== undefined) return known
  const schema = features.map(({ name, type }) => [name, ...typeParts(type)])
  const hash = bytesToHex(sha256(utf8ToBytes(JSON.stringify(schema)))).slice(0, 16)
  hashes.set(features, hash)
  return hash
}

function typeParts(type: ValueType): readonly (string | number | null)[] {
  if (type.kind === 'list' || type.kind === 'map') return [formatColumnType({ ...type, nullable: false })]
  return [type.kind, type.precision ?? null, type.scale ?? null]
}

/** A definition never changes, and each value read asks for its hash: worked out anew it costs as much as the read. */
const hashes = new WeakMap<readonly Feature[], string>()

/** @param values in the order of `features`, as the query engine gives them */
export function encodeValues(features: readonly Feature[], values: readonly unknown[]): Uint8Array {
  assert(features.length === values.length, 'one value per feature')
  return pack(features.map((feature, index) => packedFrom(feature.name, feature.type, values[index] ?? null)))
}

/**
 * The inverse of `encodeValues`.
 * @throws MillcourseError SERVE_SCHEMA_CHANGED where the values were packed with another schema; other errors for bytes that no publish wrote, a value
 * of another type among them
 */
export function decodeValues(features: readonly Feature[], values: Uint8Array, schemaHash: string): PackedValue[] {
  if (schemaHash !== valueSchemaHash(features))
    throw new MillcourseError(
      'SERVE_SCHEMA_CHANGED',
      'the stored values were published with another schema of the view',
      {
        hint: 'publish the view anew: millcourse materialize VIEW',
        facts: { stored: schemaHash, expected: valueSchemaHash(features) },
      },
    )
  const parts = unpack(
    values,
    features.map(({ type }) => shapeOf(type)),
  )
  assert(parts.length === features.length, 'one stored value per feature')
  return features.map((feature, index) => valueFrom(feature.type, parts[index]!))
}

function shapeOf(type: ValueType): PackedShape {
  if (type.kind === 'list') return { list: shapeOf(type.of) }
  return type.kind === 'map' ? { list: { pair: [shapeOf(type.key), shapeOf(type.of)] } } : 'scalar'
}

function packedFrom(name: string, type: ValueType, value: unknown): PackedValue {
  if (value === null) return null
  switch (type.kind) {
    case 'list':
      if (Array.isArray(value)) return value.map((item) => packedFrom(name, type.of, item))
      break
    case 'map':
      if (Array.isArray(value))
        return value.map(([key, item]) => [packedFrom(name, type.key, key), packedFrom(name, type.of, item)])
      break
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
      if (typeof value === 'bigint') return value
      if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
      break
    case 'timestamp':
      // End-of-time markers are beyond 64 bits in nanoseconds; they travel as text.
      if (typeof value === 'bigint') return fitsInteger(value) ? value : value.toString()
      break
    case 'float32':
    case 'float64':
      if (typeof value === 'number') return value
      break
    case 'decimal':
    case 'string':
    case 'date':
      if (typeof value === 'string') return value
      break
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
    case 'binary':
      if (value instanceof Uint8Array) return value
      break
    default:
      assertNever(type)
  }
  throw new MillcourseError(
    'INTERNAL',
    `assertion failed: feature "${name}" is ${type.kind}, its value a ${typeof value}`,
  )
}

/** As items have them that were written before these days had a text that the engine reads. */
const writtenDates: ReadonlyMap<string, string> = new Map([
  ['5881580-07-11', 'infinity'],
  ['5877642-06-24 (BC)', '-infinity'],
])

function valueFrom(type: ValueType, part: PackedValue): PackedValue {
  if (part === null) return null
  switch (type.kind) {
    case 'list':
      if (Array.isArray(part)) return (part as readonly PackedValue[]).map((item) => valueFrom(type.of, item))
      break
    case 'map':
      if (Array.isArray(part))
        return (part as readonly (readonly [PackedValue, PackedValue])[]).map(([key, item]) => [
          valueFrom(type.key, key),
          valueFrom(type.of, item),
        ])
      break
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
    case 'uint32':
      if (typeof part === 'bigint' && fitsKind(type.kind, part)) return Number(part)
      break
    case 'int64':
    case 'uint64':
      if (typeof part === 'bigint' && fitsKind(type.kind, part)) return part
      break
    case 'timestamp':
      if (typeof part === 'bigint') return part
      if (typeof part === 'string' && /^-?\d{1,38}$/.test(part)) return BigInt(part)
      break
    case 'float32':
    case 'float64':
      if (typeof part === 'number') return part
      break
    case 'date':
      if (typeof part === 'string') return writtenDates.get(part) ?? part
      break
    case 'decimal':
    case 'string':
      if (typeof part === 'string') return part
      break
    case 'boolean':
      if (typeof part === 'boolean') return part
      break
    case 'binary':
      if (part instanceof Uint8Array) return part
      break
    default:
      assertNever(type)
  }
  throw new MillcourseError('INTERNAL', `assertion failed: a stored ${type.kind} is a ${typeof part}`)
}
