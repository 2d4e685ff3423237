/**
 * A fault leaves the record for a reason, not because a check could say nothing of it. It is gone when
 *
 *     the key was judged right, its interval's rows compared
 *     another commit took the place of the one that it was found in, whether windows reach its interval or training sets alone
 *     the key is none of the entity any more
 *     its source files are gone, so that nothing can be compared, nothing tells what its file was when it was committed, and it holds something
 *     else than it did: somebody put one back. Where the ledger tells, that is a matter of the file (activities/damaged-files.ts)
 *
 * and stands until then. Each of these is in a person's hands: to have the interval run again, or the key published, or the file put back.
 */
import type { Bucket } from '../compute/committed-files.js'
import { type Instant, type IsoInstant, parseInstant } from '../time/instant.js'
import type { KeyVerdict } from './judge-keys.js'
import type { Fault, QualityCheck } from './quality-check.js'

/** A file, and which keys' rows lie in it; null: all. */
export interface KeyedFile {
  readonly uri: string
  readonly bucket: Bucket | null
  /** What it held when it was committed; absent: not known. */
  readonly sha256?: string
  readonly sizeBytes: number
}

/** That of a key's rows; null: none. @param bucket of the finest that there are: buckets nest. Absent: not known, the first stands for all */
export function fileOfKey(files: readonly KeyedFile[], bucket: Bucket | undefined): KeyedFile | null {
  const isOf = ({ bucket: own }: KeyedFile) => own === null || (bucket && bucket.number % own.of === own.number)
  return files.find(isOf) ?? files[0] ?? null
}

/** An interval, as faults name it. */
export interface IntervalNow {
  /** Null: it has no accepted version. */
  readonly commitId: string | null
  /** Where its rows lie: its own file, or all of a compaction; none: it has no rows. */
  readonly files: readonly KeyedFile[]
  /** All source files of its run are there, unchanged. */
  readonly isHere: boolean
  /** It is to run again, or does. */
  readonly isBeingReplaced: boolean
}

/**
 * Faults of keys that were found before and are not judged now. Files that cannot be read are found by reading them.
 * @param keys by their encoding, hex, all that were looked at; null: without a verdict
 * @param intervals by their starts, all that faults name and that have an accepted version
 * @param bucketOf a key, by its encoding, hex
 * @param digests of files of which nothing tells what they held, that such faults name or would now, by URI; null: it is gone; absent: not read
 */
export function carriedFaults(
  before: QualityCheck,
  keys: ReadonlyMap<string, Pick<KeyVerdict, 'judged' | 'compared'> | null>,
  intervals: ReadonlyMap<Instant, IntervalNow>,
  bucketOf: (keyHex: string) => Bucket | undefined,
  digests: ReadonlyMap<string, string | null>,
): Fault[] {
  return before.faults.flatMap((fault): Fault[] => {
    const verdict = fault.keyHex === null ? undefined : keys.get(fault.keyHex)
    // Looked at again is whatever was at fault and is a key of the entity.
    if (verdict === undefined) return []
    const carried = { ...fault, judgedAt: judgedAtOf(fault, before) }
    if (fault.cause !== 'committed-file' || fault.interval === null)
      return verdict?.judged.has(fault.cause) ? [] : [carried]
    const start = parseInstant(fault.interval.start)
    const now = intervals.get(start)
    if (now === undefined || isOtherCommit(fault, now) || verdict?.compared.has(start)) return []
    const held = fileOfKey(now.files, bucketOf(fault.keyHex!))
    const file = held?.uri ?? null
    const digest = held === null || held.sha256 !== undefined ? undefined : digests.get(held.uri)
    const { fileSha256: first, ...others } = carried
    const isAsFirst = file === fault.file && first !== undefined
    if (!now.isHere && isAsFirst && typeof digest === 'string' && digest !== first) return []
    const fileSha256 = isAsFirst ? first : digest
    // Run again without its source files it would be committed as empty.
    const isRepairable = now.isHere || now.isBeingReplaced
    return [{ ...others, file, isRepairable, ...(fileSha256 ? { fileSha256 } : {}) }]
  })
}

/** Of these intervals those whose rows were found at fault, in what holds them now. */
export function startsAtFault(
  faults: readonly Fault[],
  intervals: readonly (Pick<IntervalNow, 'commitId' | 'files'> & { readonly start: Instant })[],
): ReadonlySet<Instant> {
  const ofRows = new Map<Instant, Fault[]>()
  for (const fault of faults) {
    if (fault.cause !== 'committed-file' || fault.keyHex === null || fault.interval === null) continue
    const start = parseInstant(fault.interval.start)
    ofRows.set(start, [...(ofRows.get(start) ?? []), fault])
  }
  const isAtFault = (now: (typeof intervals)[number]) =>
    ofRows.get(now.start)?.some((fault) => !isOtherCommit(fault, now)) ?? false
  return new Set(intervals.filter(isAtFault).map(({ start }) => start))
}

/** A compaction that was made since holds what the commit held. */
function isOtherCommit({ commitId, file }: Fault, now: Pick<IntervalNow, 'commitId' | 'files'>): boolean {
  if (commitId !== undefined) return commitId !== now.commitId
  return !now.files.some(({ uri }) => uri === file) && (file !== null || now.files.length > 0)
}

/** When what a check found was last judged; it may stand since earlier ones. */
export function judgedAtOf({ judgedAt }: Fault, { checkedAt }: QualityCheck): IsoInstant {
  return judgedAt ?? checkedAt
}

/** Of one key and interval, or of one file. */
export function isSameFault(a: Fault, b: Fault): boolean {
  const isSamePlace = a.keyHex === null ? a.file === b.file : a.interval?.start === b.interval?.start
  return a.cause === b.cause && a.keyHex === b.keyHex && isSamePlace
}
