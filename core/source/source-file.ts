import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { endOfTime, type Instant } from '../time/instant.js'
import { type Interval, overlaps } from '../time/interval.js'

/** A file of a source as a listing found it, with what its footer says. */
export interface SourceFile {
  readonly uri: string
  readonly etag: string
  readonly sizeBytes: number
  /** Null: found by its footer in the index, in a partition that was not listed. */
  readonly partition: Interval | null
  /** Null: the footer has no statistics, or cannot be read. */
  readonly eventMin: Instant | null
  readonly eventMax: Instant | null
}

/** Whether the file may hold rows of the interval: by its footer's event times, without them by its partition (R27). */
export function touches(file: SourceFile, interval: Interval): boolean {
  if (file.eventMin !== null && file.eventMax !== null)
    return file.eventMin < interval.end && file.eventMax >= interval.start
  return file.partition !== null && overlaps(file.partition, interval)
}

/** The span of all that the file may touch. */
export function touchedSpan(file: SourceFile): Interval | null {
  if (file.eventMin !== null && file.eventMax !== null)
    return { start: file.eventMin, end: file.eventMax >= endOfTime ? endOfTime : file.eventMax + 1n }
  return file.partition
}

/** Files in byte order of their URIs, those of `interval` only. */
export function filesOf(files: readonly SourceFile[], interval: Interval): SourceFile[] {
  return files.filter((file) => touches(file, interval)).sort((a, b) => compareBytes(a.uri, b.uri))
}

/** sha256, hex, over uri, etag and size in byte order: the same hash, the same input. */
export function inputsHash(files: readonly Pick<SourceFile, 'uri' | 'etag' | 'sizeBytes'>[]): string {
  const lines = [...files]
    .sort((a, b) => compareBytes(a.uri, b.uri))
    .map((file) => JSON.stringify([file.uri, file.etag, file.sizeBytes]))
  return bytesToHex(sha256(utf8ToBytes(lines.join('\n'))))
}

/** JavaScript compares UTF-16 units, which is another order past U+FFFF. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0
  const [left, right] = [utf8ToBytes(a), utf8ToBytes(b)]
  const at = left.findIndex((byte, index) => byte !== right[index])
  return at < 0 ? -1 : left[at]! - (right[at] ?? -1)
}
