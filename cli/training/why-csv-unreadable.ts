/**
 * Why a CSV file cannot be read as a table, in words of its rows: the engine guesses from what it finds, and takes the header of a file
 * with an odd row for something else. Asked only once reading has failed.
 */
import { isUtf8 } from 'node:buffer'

export interface UnreadableCsv {
  /** Ends a sentence that begins with the file's name. */
  readonly what: string
  /** Counted from 1, without the header and empty lines; null: the header, or no row in particular. */
  readonly row: number | null
}

/** The engine reads lines of up to 2 MB. In bytes. */
const recordBytesMax = 8 << 20
const [quote, lineFeed, carriageReturn] = [0x22, 0x0a, 0x0d]
const delimiters = [',', '\t', ';', '|'].map((letter) => letter.charCodeAt(0))

/** Null: each row is UTF-8 and has as many fields as the header. */
export async function whyCsvUnreadable(parts: AsyncIterable<Uint8Array>): Promise<UnreadableCsv | null> {
  let row = 0
  let header: { readonly fields: number; readonly delimiter: number } | null = null
  for await (const { bytes, isClosed, isWhole } of recordsOf(parts)) {
    if (!isClosed) return { what: `has a quote in ${nameOf(row)} that is not closed`, row: row || null }
    if (!isWhole) return { what: `has a line of more than 8 MiB in ${nameOf(row)}`, row: row || null }
    if (!isUtf8(bytes)) return { what: `is not UTF-8 in ${nameOf(row)}`, row: row || null }
    if (header === null) header = headerOf(bytes)
    else {
      const fields = countFields(bytes, header.delimiter)
      const wanted = header.fields
      if (fields !== wanted)
        return {
          what: `has ${fields} ${fields === 1 ? 'field' : 'fields'} in row ${row}, its header has ${wanted}`,
          row,
        }
    }
    row++
  }
  return header === null ? { what: 'is empty: it has no header', row: null } : null
}

function nameOf(row: number): string {
  return row === 0 ? 'its header' : `row ${row}`
}

function headerOf(bytes: Uint8Array) {
  const counted = delimiters.map((delimiter) => ({ delimiter, fields: countFields(bytes, delimiter) }))
  return counted.reduce((best, one) => (one.fields > best.fields ? one : best))
}

function countFields(bytes: Uint8Array, delimiter: number): number {
  let fields = 1
  let isQuoted = false
  for (const byte of bytes) {
    if (byte === quote) isQuoted = !isQuoted
    else if (byte === delimiter && !isQuoted) fields++
  }
  return fields
}

/** Lines that are not empty; what is between quotes may hold line ends. */
async function* recordsOf(
  parts: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly isClosed: boolean; readonly isWhole: boolean }> {
  let rest: Uint8Array = new Uint8Array()
  let looked = 0
  let isQuoted = false
  for await (const part of parts) {
    rest = Buffer.concat([rest, part])
    let start = 0
    for (; looked < rest.length; looked++) {
      const byte = rest[looked]
      if (byte === quote) isQuoted = !isQuoted
      if (isQuoted || (byte !== lineFeed && byte !== carriageReturn)) continue
      if (looked > start) yield { bytes: rest.subarray(start, looked), isClosed: true, isWhole: true }
      start = looked + 1
    }
    rest = rest.subarray(start)
    looked = rest.length
    // An open quote may have taken all that follows with it, be it larger than memory.
    if (looked > recordBytesMax) break
  }
  if (rest.length > 0) yield { bytes: rest, isClosed: !isQuoted, isWhole: rest.length <= recordBytesMax }
}
