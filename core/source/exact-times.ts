/**
 * Two kinds of times lose digits in DuckDB's reader (R11): INT96 and nanoseconds that the file says are UTC are both handed out in
 * microseconds. The bytes in the pages are fine, only the words for them in the footer lead there. So such a file is read from a copy
 * with the same pages and another footer, in which
 *
 *   nanoseconds, UTC   are nanoseconds without a zone, which the engine reads exactly; that they are UTC is remembered here;
 *   INT96              is an interval: the other Parquet type of 12 bytes, three numbers of 32 bits, lowest byte first. What it calls
 *                      months and days are the low and the high half of the nanoseconds of the day, its milliseconds the Julian day.
 *
 * In the same way a column gets another name in the copy whose own the engine needs for something else.
 *
 * docs/decisions/2026-11-21-times-the-engine-would-round.md
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { MillcourseError } from '../errors.js'
import {
  fieldOf,
  itemsOf,
  readThrift,
  structOf,
  structsOf,
  type ThriftStruct,
  type ThriftValue,
  thriftType,
  withField,
  writeThrift,
} from './thrift-compact.js'

export interface FileBytes {
  readonly sizeBytes: number
  read(start: number, length: number): Promise<Uint8Array>
}

const partBytes = 8 * 1024 * 1024
/** The footer's length and the magic word. */
const tailBytes = 8

/** Names of columns at the top level of the schema -> their names in the copy. */
type NewNames = ReadonlyMap<string, string>

/**
 * The bytes of the copy, in parts. Of the columns named, those of the two kinds are changed, at the top level of the schema.
 * @throws MillcourseError SOURCE_FILE_CORRUPT, and what `file.read` throws
 */
export async function* exactTimesFile(
  file: FileBytes,
  columns: readonly string[],
  renamed: NewNames = new Map(),
): AsyncGenerator<Uint8Array> {
  const tail = await file.read(Math.max(0, file.sizeBytes - tailBytes), tailBytes)
  const isWhole = tail.length === tailBytes && equal(tail.subarray(4), utf8ToBytes('PAR1'))
  const footerBytes = isWhole ? uint32At(tail, 0) : 0
  const pagesEnd = file.sizeBytes - tailBytes - footerBytes
  if (!isWhole || pagesEnd < 4) throw notParquet()
  const footer = withExactTimes(await file.read(pagesEnd, footerBytes), columns, renamed)
  for (let at = 0; at < pagesEnd; at += partBytes) yield await file.read(at, Math.min(partBytes, pagesEnd - at))
  yield footer
  yield Uint8Array.of(...uint32Bytes(footer.length), ...tail.subarray(4))
}

function notParquet(): MillcourseError {
  return new MillcourseError('SOURCE_FILE_CORRUPT', 'the file does not end as a Parquet file', {
    hint: 'let the producer write the file again; the interval runs again by itself within the lookback',
  })
}

// Numbers of fields and values: parquet.thrift of the Parquet format.
const fileFields = { schema: 2, rowGroups: 4 } as const
const elementFields = { type: 1, length: 2, name: 4, children: 5, converted: 6, logical: 10 } as const
const logicalTimestamp = 8
const timestampFields = { isUtc: 1, unit: 2 } as const
const nanoseconds = 3
const rowGroupColumns = 1
const chunkMetadata = 3
const chunkFields = { type: 1, path: 3, statistics: 12 } as const
const physical = { int96: 3n, fixedBytes: 7n } as const
const convertedInterval = 21n

/** The footer with other words for the times among `columns`, and other names. @throws MillcourseError SOURCE_FILE_CORRUPT */
export function withExactTimes(
  footer: Uint8Array,
  columns: readonly string[],
  renamed: NewNames = new Map(),
): Uint8Array {
  const file = readThrift(footer)
  const names = columns.map((name) => utf8ToBytes(name))
  const newNames = [...renamed].map(([from, to]) => ({ from: utf8ToBytes(from), to: utf8ToBytes(to) }))
  const elements = structsOf(file, fileFields.schema)
  const top = topLevel(elements)
  const asked = elements.map((element, index) => top.has(index) && names.some((name) => isNamed(element, name)))
  const int96 = elements.filter((element, index) => asked[index] && physicalType(element) === physical.int96)
  const schema = elements.map((element, index) => {
    const exact = asked[index] ? exactElement(element) : element
    const newName = top.has(index) ? newNames.find(({ from }) => isNamed(element, from)) : undefined
    return newName ? withField(exact, elementFields.name, { type: thriftType.binary, value: newName.to }) : exact
  })
  const groups = structsOf(file, fileFields.rowGroups).map((group) =>
    withStructs(
      group,
      rowGroupColumns,
      structsOf(group, rowGroupColumns).map((chunk) => exactChunk(chunk, int96)),
    ),
  )
  return writeThrift(withStructs(withStructs(file, fileFields.schema, schema), fileFields.rowGroups, groups))
}

/** The tree is listed depth first; the first element is its root. */
function topLevel(elements: readonly ThriftStruct[]): Set<number> {
  const found = new Set<number>()
  const childrenAt = (index: number) => Number(fieldOf(elements[index]!, elementFields.children)?.value ?? 0)
  for (let at = 1; at < elements.length; ) {
    found.add(at)
    for (let below = 1; below > 0 && at < elements.length; at++) below += childrenAt(at) - 1
  }
  return found
}

function exactElement(element: ThriftStruct): ThriftStruct {
  if (physicalType(element) === physical.int96) {
    const typed = withField(element, elementFields.type, i32(physical.fixedBytes))
    const sized = withField(withField(typed, elementFields.length, i32(12n)), elementFields.logical, null)
    return withField(sized, elementFields.converted, i32(convertedInterval))
  }
  const logical = structOf(element, elementFields.logical)
  const timestamp = structOf(logical, logicalTimestamp)
  const unit = structOf(timestamp, timestampFields.unit)
  if (!logical || !timestamp || !unit || !fieldOf(unit, nanoseconds)) return element
  const local = withField(timestamp, timestampFields.isUtc, { type: thriftType.false, value: false })
  return withField(element, elementFields.logical, {
    type: thriftType.struct,
    value: withField(logical, logicalTimestamp, { type: thriftType.struct, value: local }),
  })
}

/** What a chunk says of its column's type is said in the schema, too; and minima of INT96 are none of an interval. */
function exactChunk(chunk: ThriftStruct, int96: readonly ThriftStruct[]): ThriftStruct {
  const metadata = structOf(chunk, chunkMetadata)
  const [name, ...deeper] = itemsOf(metadata, chunkFields.path)
  const isTop = name instanceof Uint8Array && deeper.length === 0
  const isChanged = isTop && int96.some((element) => isNamed(element, name))
  if (!metadata || !isChanged) return chunk
  const changed = withField(
    withField(metadata, chunkFields.type, i32(physical.fixedBytes)),
    chunkFields.statistics,
    null,
  )
  return withField(chunk, chunkMetadata, { type: thriftType.struct, value: changed })
}

function i32(value: bigint) {
  return { type: thriftType.i32, value }
}

function physicalType(element: ThriftStruct): ThriftValue | undefined {
  return fieldOf(element, elementFields.type)?.value
}

function isNamed(element: ThriftStruct, name: Uint8Array): boolean {
  const found = fieldOf(element, elementFields.name)?.value
  return found instanceof Uint8Array && equal(found, name)
}

function withStructs(struct: ThriftStruct, id: number, items: readonly ThriftStruct[]): ThriftStruct {
  const known = fieldOf(struct, id)
  if (!known) return struct
  return withField(struct, id, { type: known.type, value: { of: thriftType.struct, items } })
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

function uint32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true)
}

function uint32Bytes(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]
}
