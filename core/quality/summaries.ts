/** Verdicts of many keys as what is told of a check. */
import { type Instant, parseInstant } from '../time/instant.js'
import { fromIsoInterval, type Interval, overlaps, toIsoInterval } from '../time/interval.js'
import { isSameFault } from './carried-faults.js'
import type { KeyVerdict } from './judge-keys.js'
import { type Fault, type FileFault, faultCauses, type Lag, type QualityCheck } from './quality-check.js'

/** Causes in their order; of one cause and interval the first before the others, so that what is listed tells of each. */
export function firstOfEach(faults: readonly Fault[]): Fault[] {
  const seen = new Set<string>()
  const rank = new Map(
    faults.map((fault) => {
      const place = `${fault.cause} ${fault.interval?.start ?? ''} ${fault.file ?? ''}`
      const isFirst = !seen.has(place)
      seen.add(place)
      return [fault, (isFirst ? 0 : 10) + faultCauses.indexOf(fault.cause)]
    }),
  )
  return [...faults].sort((a, b) => rank.get(a)! - rank.get(b)!)
}

type IsReached = (fault: Fault) => boolean

/** Whether what online is merged from lies in it; items do. @param span that; null: nothing is */
export function reachedIn(span: Interval | null): IsReached {
  return ({ cause, interval }) => {
    if (cause !== 'committed-file') return true
    if (span === null || interval === null) return false
    return overlaps(fromIsoInterval(interval), span)
  }
}

/**
 * So many of them, in their order: whole files before others, since a check reads few of them, of each those that decide what is online before
 * older ones, and of these what no run puts right.
 */
export function mostTelling(faults: readonly Fault[], max: number, isReached: IsReached): Fault[] {
  if (faults.length <= max) return [...faults]
  const isWhole = ({ cause, keyHex }: Fault) =>
    cause === 'published-from' || (cause === 'committed-file' && keyHex === null)
  const rankOf = (fault: Fault) => {
    const isHeld = fault.cause === 'committed-file' && !fault.isRepairable && !fault.isSpare
    return (isWhole(fault) ? 0 : 4) + (isReached(fault) ? 0 : 2) + (isHeld ? 0 : 1)
  }
  const kept = new Set([...faults].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, max))
  return faults.filter((fault) => kept.has(fault))
}

/** A rebuild would publish what is wrong of files: of those that no run puts right, and of those that are not listed, so that none is asked for. */
export function isRebuildHeld(all: readonly Fault[], listed: readonly Fault[], isReached: IsReached): boolean {
  const known = new Set(listed)
  const isLeft = (fault: Fault) =>
    fault.cause === 'committed-file' && !fault.isSpare && (!fault.isRepairable || !known.has(fault))
  return all.some((fault) => isLeft(fault) && isReached(fault))
}

/**
 * How many are beyond the list. Nobody knows which those of `before` were: they stand while none of those that were listed has gone, and while one
 * of these is at fault that can be put right, but for as many as are found now. Else whoever waited for the last of them waited for ever.
 */
export function faultsBeyond(before: QualityCheck | null, all: readonly Fault[], listed: readonly Fault[]): number {
  const unlisted = all.length - listed.length
  if (before === null || before.faultsLeft === 0) return unlisted
  const known = all.filter((fault) => before.faults.some((old) => isSameFault(old, fault)))
  const isGone = before.faults.some((old) => !all.some((fault) => isSameFault(old, fault)))
  if (isGone && !known.some(({ isRepairable }) => isRepairable)) return unlisted
  return Math.max(unlisted, before.faultsLeft - (all.length - known.length))
}

/** What is looked at again whatever is drawn. */
export interface AtFault {
  /** Hex. */
  readonly keys: readonly string[]
  /** Of intervals whose committed rows differ. */
  readonly starts: ReadonlySet<Instant>
  /** That could not be read: they are read as a whole, and what lies in them is computed again. */
  readonly files: ReadonlySet<string>
}

export function atFault(check: QualityCheck | null): AtFault {
  const faults = check?.faults ?? []
  const ofKeys = faults.filter(({ keyHex }) => keyHex !== null)
  const inFiles = ofKeys.filter(({ cause }) => cause === 'committed-file')
  return {
    keys: [...new Set(ofKeys.map(({ keyHex }) => keyHex!))],
    starts: new Set(inFiles.flatMap(({ interval }) => (interval ? [parseInstant(interval.start)] : []))),
    // One that was at fault, and from which something may be online, is none of them.
    files: new Set(
      faults.flatMap((one) =>
        one.keyHex === null && one.file !== null && one.sequenceSeen === undefined ? [one.file] : [],
      ),
    ),
  }
}

/** Committed files at fault as a whole, by URI. Those that hold wrong rows are told anew of the faults of these. */
export function standingFiles(check: QualityCheck | null): ReadonlyMap<string, FileFault> {
  return new Map(
    (check?.faults ?? []).flatMap(({ cause, keyHex, file, found }): [string, FileFault][] => {
      if (cause !== 'committed-file' || keyHex !== null || file === null) return []
      return found === 'cannot be read' || found === 'is not what was committed' ? [[file, found]] : []
    }),
  )
}

export function lagsOf(verdicts: readonly KeyVerdict[]): Lag[] {
  const all = verdicts.flatMap(({ lags }) => lags)
  return [...new Set(all.map(({ cause }) => cause))].sort().map((cause) => {
    const alike = all.filter((lag) => lag.cause === cause)
    const starts = alike.flatMap(({ interval }) => interval ?? []).sort((a, b) => (a.start < b.start ? -1 : 1))
    return { cause, keys: alike.length, firstInterval: starts[0] ? toIsoInterval(starts[0]) : null }
  })
}
