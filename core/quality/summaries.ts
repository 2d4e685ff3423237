/** Verdicts of many keys as what is told of a check. */
import { type Instant, parseInstant } from '../time/instant.js'
import { toIsoInterval } from '../time/interval.js'
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

/** So many of them, in their order: whole files before others, since a check reads few of them, and what no run puts right, which holds a rebuild. */
export function mostTelling(faults: readonly Fault[], max: number): Fault[] {
  if (faults.length <= max) return [...faults]
  const isWhole = ({ cause, keyHex }: Fault) => cause === 'committed-file' && keyHex === null
  const rankOf = (fault: Fault) => {
    const isHeld = fault.cause === 'committed-file' && !fault.isRepairable
    return (isWhole(fault) ? 0 : 2) + (isHeld ? 0 : 1)
  }
  const kept = new Set([...faults].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, max))
  return faults.filter((fault) => kept.has(fault))
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
    files: new Set(faults.flatMap(({ keyHex, file }) => (keyHex === null && file !== null ? [file] : []))),
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
