/**
 * MessagePack, narrowed so that nothing is lost on the way: a JavaScript number is always a float64 (so -0 and NaN stay), an
 * integer is always a bigint and always a 64-bit integer, text keeps a leading byte order mark. One value has one encoding.
 */
import { Decoder, Encoder } from '@msgpack/msgpack'
import { MillcourseError } from '../errors.js'

/** What can be packed: a subset of the engine's values. Lists are MessagePack lists, a map a list of [key, value]. */
export type PackedValue = PackedScalar | readonly PackedValue[]
export type PackedScalar = null | boolean | number | bigint | string | Uint8Array

/** How a packed value is read: `list`, whose items are read as `of` says; a map is a list of pairs. Anything else reads itself. */
export type PackedShape =
  | 'scalar'
  | { readonly list: PackedShape }
  | { readonly pair: readonly [PackedShape, PackedShape] }

/** A web standard that core may use; stated here because core is compiled without DOM and Node types. */
declare const TextDecoder: new (
  label: string,
  options: { readonly fatal: boolean; readonly ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string }

const int64Min = -(2n ** 63n)
const uint64Max = 2n ** 64n - 1n
const encoder = new Encoder({ useBigInt64: true, forceIntegerToFloat: true })
// The codec's own text decoder drops a leading byte order mark from long strings: strings are taken raw.
const decoder = new Decoder({ useBigInt64: true, rawStrings: true })
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws MillcourseError INTERNAL for an integer beyond 64 bits or text that is not well-formed Unicode */
export function pack(values: readonly PackedValue[]): Uint8Array {
  return encoder.encode(values.map(packable))
}

/** @param shapes of the values, where they are not all scalars */
export function unpack(bytes: Uint8Array, shapes: readonly PackedShape[] = []): PackedValue[] {
  return (decoder.decode(bytes) as unknown[]).map((value, index) => unpacked(value, shapes[index] ?? 'scalar'))
}

function unpacked(value: unknown, shape: PackedShape): PackedValue {
  if (value instanceof Uint8Array) return textDecoder.decode(value)
  if (!Array.isArray(value)) return value as PackedValue
  // Raw strings and binary would be told apart by nothing: binary travels in a list of its own.
  if (shape === 'scalar') return Uint8Array.from(value[0] as Uint8Array)
  return value.map((item, index) => unpacked(item, 'list' in shape ? shape.list : shape.pair[index === 0 ? 0 : 1]))
}

/** Whether text can be written as UTF-8 and come back: no half of a surrogate pair alone. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

/** Whether a MessagePack integer can hold it. */
export function fitsInteger(value: bigint): boolean {
  return int64Min <= value && value <= uint64Max
}

function packable(value: PackedValue): PackedValue {
  if (Array.isArray(value)) return (value as readonly PackedValue[]).map(packable)
  if (typeof value === 'bigint' && !fitsInteger(value))
    throw new MillcourseError('INTERNAL', `assertion failed: ${value} fits 64 bits`)
  if (typeof value === 'string' && !isWellFormed(value))
    throw new MillcourseError('INTERNAL', 'assertion failed: text is well-formed Unicode')
  if (value instanceof Uint8Array) return [value]
  return value
}
