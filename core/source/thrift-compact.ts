/**
 * Thrift's compact protocol, in which a Parquet footer is written, as a tree that can be changed and written again. What the tree
 * does not know (fields of later formats) passes through as it was.
 */
import { MillcourseError } from '../errors.js'

export type ThriftValue = boolean | number | bigint | Uint8Array | ThriftList | ThriftStruct

export interface ThriftField {
  readonly id: number
  readonly type: number
  readonly value: ThriftValue
}

export interface ThriftList {
  readonly of: number
  readonly items: readonly ThriftValue[]
}

export interface ThriftStruct {
  readonly fields: readonly ThriftField[]
}

/** The protocol's numbers of types. */
export const thriftType = { true: 1, false: 2, i32: 5, binary: 8, struct: 12 } as const

const nestingMax = 64

/** @throws MillcourseError SOURCE_FILE_CORRUPT when the bytes are no struct of the protocol */
export function readThrift(bytes: Uint8Array): ThriftStruct {
  return new Reader(bytes).struct(0)
}

export function writeThrift(struct: ThriftStruct): Uint8Array {
  const bytes: number[] = []
  writeStruct(bytes, struct)
  return Uint8Array.from(bytes)
}

export function fieldOf(struct: ThriftStruct, id: number): ThriftField | undefined {
  return struct.fields.find((field) => field.id === id)
}

/**
 * The struct in the field; undefined: there is none. Bytes can decode and yet be no footer, so what a field holds is looked at.
 * @throws MillcourseError SOURCE_FILE_CORRUPT: the field holds something else
 */
export function structOf(struct: ThriftStruct | undefined, id: number): ThriftStruct | undefined {
  const value = struct && fieldOf(struct, id)?.value
  return value === undefined ? undefined : asStruct(value)
}

/** The items of the list in the field; none where it is absent. @throws MillcourseError SOURCE_FILE_CORRUPT: it is no list */
export function itemsOf(struct: ThriftStruct | undefined, id: number): readonly ThriftValue[] {
  const value = struct && fieldOf(struct, id)?.value
  if (value === undefined) return []
  if (typeof value === 'object' && 'items' in value) return value.items
  throw malformed()
}

/** As `itemsOf`, of a list of structs. @throws MillcourseError SOURCE_FILE_CORRUPT */
export function structsOf(struct: ThriftStruct | undefined, id: number): readonly ThriftStruct[] {
  return itemsOf(struct, id).map(asStruct)
}

function asStruct(value: ThriftValue): ThriftStruct {
  if (typeof value === 'object' && 'fields' in value) return value
  throw malformed()
}

/** The struct with this field, instead of the one it had; null: without it. Fields are kept in the order of their ids. */
export function withField(struct: ThriftStruct, id: number, field: Omit<ThriftField, 'id'> | null): ThriftStruct {
  const others = struct.fields.filter((one) => one.id !== id)
  const fields = field === null ? others : [...others, { id, ...field }].sort((a, b) => a.id - b.id)
  return { fields }
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  struct(depth: number): ThriftStruct {
    if (depth > nestingMax) throw malformed()
    const fields: ThriftField[] = []
    for (let id = 0; ; ) {
      const head = this.#byte()
      if (head === 0) return { fields }
      const type = head & 15
      id = head >> 4 === 0 ? Number(zigzagDecoded(this.#varint())) : id + (head >> 4)
      const isBoolean = type === thriftType.true || type === thriftType.false
      fields.push({ id, type, value: isBoolean ? type === thriftType.true : this.#value(type, depth) })
    }
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case 1:
      case 2:
      case 3:
        // In a list a boolean is a byte of its own.
        return this.#byte()
      case 4:
      case 5:
      case 6:
        return zigzagDecoded(this.#varint())
      case 7:
        return this.#take(8)
      case 8:
        return this.#take(Number(this.#varint()))
      case 9:
      case 10:
        return this.#list(depth)
      case 12:
        return this.struct(depth + 1)
      default:
        throw malformed()
    }
  }

  #list(depth: number): ThriftList {
    if (depth > nestingMax) throw malformed()
    const head = this.#byte()
    const count = head >> 4 === 15 ? Number(this.#varint()) : head >> 4
    if (count > this.#bytes.length) throw malformed()
    const of = head & 15
    const items: ThriftValue[] = []
    for (let index = 0; index < count; index++) items.push(this.#value(of, depth + 1))
    return { of, items }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw malformed()
    return byte
  }

  #take(length: number): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + length)
    if (part.length !== length) throw malformed()
    this.#at += length
    return part
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw malformed()
  }
}

function malformed(): MillcourseError {
  return new MillcourseError('SOURCE_FILE_CORRUPT', 'the footer is not one of a Parquet file', {
    hint: 'let the producer write the file again; the interval runs again by itself within the lookback',
  })
}

function writeStruct(bytes: number[], struct: ThriftStruct): void {
  let last = 0
  for (const { id, type, value } of struct.fields) {
    const isBoolean = type === thriftType.true || type === thriftType.false
    const written = isBoolean ? (value === true ? thriftType.true : thriftType.false) : type
    const step = id - last
    if (step > 0 && step < 16) bytes.push((step << 4) | written)
    else {
      bytes.push(written)
      writeVarint(bytes, zigzagEncoded(BigInt(id)))
    }
    last = id
    if (!isBoolean) writeValue(bytes, type, value)
  }
  bytes.push(0)
}

function writeValue(bytes: number[], type: number, value: ThriftValue): void {
  switch (type) {
    case 1:
    case 2:
    case 3:
      bytes.push(value as number)
      return
    case 4:
    case 5:
    case 6:
      writeVarint(bytes, zigzagEncoded(value as bigint))
      return
    case 7:
      writeBytes(bytes, value as Uint8Array)
      return
    case 8:
      writeVarint(bytes, BigInt((value as Uint8Array).length))
      writeBytes(bytes, value as Uint8Array)
      return
    case 9:
    case 10: {
      const { of, items } = value as ThriftList
      bytes.push((Math.min(items.length, 15) << 4) | of)
      if (items.length >= 15) writeVarint(bytes, BigInt(items.length))
      for (const item of items) writeValue(bytes, of, item)
      return
    }
    default:
      writeStruct(bytes, value as ThriftStruct)
  }
}

function writeBytes(bytes: number[], part: Uint8Array): void {
  for (const byte of part) bytes.push(byte)
}

function writeVarint(bytes: number[], value: bigint): void {
  let rest = value
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
}

function zigzagDecoded(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}

function zigzagEncoded(value: bigint): bigint {
  return value < 0n ? (-value << 1n) - 1n : value << 1n
}
