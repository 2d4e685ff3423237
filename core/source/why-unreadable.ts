/**
 * Why a file cannot be read, in words of files and columns: the engine's own words are about neither. Asked only once reading has
 * failed; looks at the file's two ends.
 */
import { type ErrorCode, isMillcourseError } from '../errors.js'
import type { FileBytes } from './exact-times.js'
import {
  fieldOf,
  itemsOf,
  readThrift,
  structOf,
  structsOf,
  type ThriftStruct,
  type ThriftValue,
} from './thrift-compact.js'

export interface Unreadable {
  readonly code: Extract<ErrorCode, 'SOURCE_FILE_CORRUPT' | 'SOURCE_FILE_UNSUPPORTED'>
  /** Ends a sentence that begins with the file's name. */
  readonly what: string
  readonly hint: string
  readonly column?: string
}

const rewrite = 'let the producer write the file again; the interval runs again by itself within the lookback'
const noKeys = 'millcourse holds no keys: let the producer write what is read here without encryption'
const codecs = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'LZO', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW']
/** LZ4 is Hadoop's old framing. */
const unreadCodecs = ['LZO', 'LZ4']
const shownBytes = 12

/** Null: its ends are as they should be. @param columns the ones asked for; null: all */
export async function whyUnreadable(file: FileBytes, columns: readonly string[] | null): Promise<Unreadable | null> {
  if (file.sizeBytes === 0) return corrupt('is empty (0 bytes)')
  const head = await file.read(0, shownBytes)
  const tail = await file.read(Math.max(0, file.sizeBytes - 8), 8)
  if (startsWith(head, 'PARE') && startsWith(tail.subarray(4), 'PARE'))
    return unsupported('is encrypted, its footer too', noKeys)
  if (!startsWith(head, 'PAR1')) return corrupt(`is not Parquet: it begins with ${shown(head)}`)
  if (!startsWith(tail.subarray(4), 'PAR1'))
    return corrupt(`is cut short: it begins as Parquet and does not end so (${file.sizeBytes} bytes)`)
  const footerBytes = new DataView(tail.buffer, tail.byteOffset, 4).getUint32(0, true)
  const footerAt = file.sizeBytes - 8 - footerBytes
  if (footerAt < 4) return corrupt(`is cut short: its footer of ${footerBytes} bytes does not fit in`)
  try {
    return whyColumn(readThrift(await file.read(footerAt, footerBytes)), columns)
  } catch (error) {
    if (isMillcourseError(error) && error.code === 'SOURCE_FILE_CORRUPT')
      return corrupt('has a footer that does not decode')
    throw error
  }
}

// Numbers of fields: parquet.thrift of the Parquet format.
function whyColumn(footer: ThriftStruct, columns: readonly string[] | null): Unreadable | null {
  for (const group of structsOf(footer, 4))
    for (const chunk of structsOf(group, 1)) {
      const crypto = structOf(chunk, 8)
      const withKey = structOf(crypto, 2)
      const metadata = structOf(chunk, 3)
      const keyedPath = itemsOf(withKey, 1)
      const name = firstName(keyedPath.length > 0 ? keyedPath : itemsOf(metadata, 3))
      if (name === null || (columns !== null && !columns.includes(name))) continue
      if (crypto) return unsupported(`has an encrypted column "${name}"`, noKeys, name)
      const codec = codecs[Number(metadata && fieldOf(metadata, 4)?.value)]
      if (codec && unreadCodecs.includes(codec))
        return unsupported(
          `has column "${name}" compressed with ${codec}, which is not read`,
          'let the producer write it uncompressed or with snappy, zstd, gzip, brotli or lz4_raw',
          name,
        )
    }
  return null
}

function firstName([bytes]: readonly ThriftValue[]): string | null {
  return bytes instanceof Uint8Array ? utf8Text(bytes) : null
}

/** What `decodeURIComponent` knows of UTF-8 is enough for a name; core has no TextDecoder. */
function utf8Text(bytes: Uint8Array): string | null {
  try {
    return decodeURIComponent([...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''))
  } catch {
    return null
  }
}

function corrupt(what: string): Unreadable {
  return { code: 'SOURCE_FILE_CORRUPT', what, hint: rewrite }
}

function unsupported(what: string, hint: string, column?: string): Unreadable {
  return { code: 'SOURCE_FILE_UNSUPPORTED', what, hint, ...(column === undefined ? {} : { column }) }
}

function startsWith(bytes: Uint8Array, word: string): boolean {
  return [...word].every((letter, at) => bytes[at] === letter.charCodeAt(0))
}

/** Printable bytes as they are, others as dots. */
function shown(bytes: Uint8Array): string {
  const letters = [...bytes].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.'))
  return JSON.stringify(letters.join(''))
}
