/**
 * A fault leaves the record for a reason, not because a check could say nothing of it. It is gone when
 *
 *     the key was judged right, its interval's rows compared
 *     another commit took the place of the one that it was found in, whether windows reach its interval or training sets alone
 *     the key is none of the entity any more
 *     its source files are gone, so that nothing can be compared, and its file holds something else than it did: somebody put one back
 *
 * and stands until then. Each of these is in a person's hands: to have the interval run again, or the key published, or the file put back.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { type Instant, parseInstant } from '../time/instant.js'
import type { KeyVerdict } from './judge-keys.js'
import type { Fault, QualityCheck } from './quality-check.js'

/** An interval, as faults name it. */
export interface IntervalNow {
  /** Null: it has no accepted version. */
  readonly commitId: string | null
  readonly file: string | null
  /** Null: not asked for, or a file is gone. */
  readonly filesDigest: string | null
  /** All source files of its run are there, unchanged. */
  readonly isHere: boolean
  /** It is to run again, or does. */
  readonly isBeingReplaced: boolean
}

/**
 * Faults of keys that were found before and are not judged now. Files that cannot be read are found by reading them.
 * @param keys by their encoding, hex, all that were looked at; null: without a verdict
 * @param intervals by their starts, all that faults name and that have an accepted version
 */
export function carriedFaults(
  before: QualityCheck,
  keys: ReadonlyMap<string, Pick<KeyVerdict, 'judged' | 'compared'> | null>,
  intervals: ReadonlyMap<Instant, IntervalNow>,
): Fault[] {
  return before.faults.flatMap((fault): Fault[] => {
    const verdict = fault.keyHex === null ? undefined : keys.get(fault.keyHex)
    // Looked at again is whatever was at fault and is a key of the entity.
    if (verdict === undefined) return []
    const carried = { ...fault, judgedAt: fault.judgedAt ?? before.checkedAt }
    if (fault.cause !== 'committed-file' || fault.interval === null)
      return verdict?.judged.has(fault.cause) ? [] : [carried]
    const start = parseInstant(fault.interval.start)
    const now = intervals.get(start)
    if (now === undefined || isOther(fault, now) || verdict?.compared.has(start)) return []
    const { file, filesDigest } = now
    // Run again without its source files it would be committed as empty.
    const isRepairable = now.isHere || now.isBeingReplaced
    return [{ ...carried, file, isRepairable, ...(filesDigest === null ? {} : { filesDigest }) }]
  })
}

/** Of these intervals those whose rows were found at fault, in what holds them now. */
export function startsAtFault(
  faults: readonly Fault[],
  intervals: readonly (Pick<IntervalNow, 'commitId' | 'file'> & { readonly start: Instant })[],
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

/** Whether what it was found in counts no more. A compaction that was made since holds what the commit held. */
function isOther(fault: Fault, now: IntervalNow): boolean {
  if (isOtherCommit(fault, now)) return true
  const { file, filesDigest } = fault
  const isPutBack = file === now.file && now.filesDigest !== null && now.filesDigest !== filesDigest
  return !now.isHere && filesDigest !== undefined && isPutBack
}

function isOtherCommit({ commitId, file }: Fault, now: Pick<IntervalNow, 'commitId' | 'file'>): boolean {
  return commitId === undefined ? file !== now.file : commitId !== now.commitId
}

/** Of one key and interval, or of one file. */
export function isSameFault(a: Fault, b: Fault): boolean {
  const isSamePlace = a.keyHex === null ? a.file === b.file : a.interval?.start === b.interval?.start
  return a.cause === b.cause && a.keyHex === b.keyHex && isSamePlace
}

/** @param digests of all files that hold it */
export function digestOfFiles(digests: readonly string[]): string {
  return bytesToHex(sha256(utf8ToBytes(digests.join('\n')))).slice(0, 16)
}
