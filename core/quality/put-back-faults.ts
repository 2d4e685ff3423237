/**
 * A file that held something else while it could be read, and does so no more: what was published meanwhile may be from it, also for keys that
 * nobody draws. Nobody knows since when it was so, so that no publish between two checks is no sign that nothing was. A rebuild that began
 * after it was seen to be itself again compares every key.
 */
import { isSameFault, judgedAtOf } from './carried-faults.js'
import type { Fault, QualityCheck } from './quality-check.js'

/** What online is merged from, now. */
export interface MergedFrom {
  /** URIs. */
  readonly files: ReadonlySet<string>
  /** Ids of accepted versions. */
  readonly commits: ReadonlySet<string>
  /** The newest sequence drawn, read after the files were. */
  readonly lastSequence: bigint
  /** Of the last rebuild that finished; 0: none. */
  readonly rebuiltSequence: bigint
}

/** Of the last check: whether anything in it may stand, or have been put back. Else nobody has to ask what online is merged from. */
export function mayBePutBack(before: QualityCheck): boolean {
  return before.faults.some((fault) => fault.sequenceSeen !== undefined || isReadable(fault))
}

/**
 * One of each file; and those that stand since earlier checks. Of what has a new accepted version nothing: what a repair
 * re-opens, its rebuild compares.
 * @param found of files, what this check says or carries
 * @param now null: nothing is online, or nothing `mayBePutBack`
 */
export function putBackFaults(
  before: QualityCheck | null,
  found: readonly Fault[],
  now: MergedFrom | null,
): readonly Fault[] {
  if (before === null || now === null) return []
  const { files, commits, lastSequence, rebuiltSequence } = now
  const standing = before.faults.flatMap((old): Fault[] => {
    const isStanding = old.sequenceSeen !== undefined && BigInt(old.sequenceSeen) >= rebuiltSequence
    return isStanding ? [{ ...old, judgedAt: judgedAtOf(old, before) }] : []
  })
  // One that is gone was read before it went.
  const atFault = new Set(found.flatMap((fault) => (isReadable(fault) ? [fault.file] : [])))
  const isRebuilt = rebuiltSequence > BigInt(before.sequence ?? 0)
  const ended = before.faults.filter((old) => {
    if (!isReadable(old) || old.file === null || atFault.has(old.file) || !files.has(old.file)) return false
    const isInAnother = old.keyHex !== null && found.some((fault) => isSameFault(fault, old))
    if (old.keyHex !== null) return !isInAnother && old.commitId !== undefined && commits.has(old.commitId)
    // It ends also where the rows that were wrong have run again, for which a rebuild was asked.
    return old.found === 'is not what was committed' || !isRebuilt
  })
  const made = new Map<string, Fault>()
  for (const { file, interval } of ended) {
    const { start, end } = made.get(file!)?.interval ?? interval!
    made.set(file!, {
      ...{ cause: 'published-from', key: null, keyHex: null, file, features: [], expected: null },
      interval: {
        start: start < interval!.start ? start : interval!.start,
        end: end > interval!.end ? end : interval!.end,
      },
      ...{ found: 'held something else', isRepairable: true, sequenceSeen: String(lastSequence) },
    })
  }
  const isOlder = (fault: Fault) => [...made.values()].some((one) => isSameFault(one, fault))
  return [...standing.filter((fault) => !isOlder(fault)), ...made.values()]
}

/** Of a committed file that answers are merged from, whole or of rows in it: it can be read, and holds something else. */
function isReadable({ cause, interval, keyHex, found, isSpare }: Fault): boolean {
  if (cause !== 'committed-file' || interval === null || isSpare) return false
  return keyHex !== null || found === 'is not what was committed' || found === 'holds wrong rows'
}
