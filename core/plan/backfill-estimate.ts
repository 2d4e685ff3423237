/** What a backfill would cost: pure arithmetic over what was counted, drawn and measured; each figure says what it stands on. */
import { priceSpend } from './price-spend.js'
import type { Prices } from './prices.js'

/** One of the intervals that were read to see what they would change online. */
export interface SampledInterval {
  /** Different keys in this one and the samples before it. */
  readonly keysSoFar: number
  /** Keys that were drawn from it and looked up online. */
  readonly drawn: number
  /** Of those, how many have nothing newer online. */
  readonly changed: number
}

export interface EstimateFacts {
  readonly runs: number
  readonly atOnce: number
  /** Different source files, and what is read of them: a file that several intervals need is read by each. */
  readonly files: number
  readonly fileReads: number
  readonly bytesRead: number
  /** In those files, by their footers; null: some footers do not say. */
  readonly rows: number | null
  /** Null: the view is offline. */
  readonly online: OnlineFacts | null
  /** Mean of the view's last good runs; null: it has none. */
  readonly runMs: { readonly mean: number; readonly of: number } | null
  readonly isLakeInS3: boolean
  readonly prices: Prices
  /** The write budget; null: none. */
  readonly writeUnitsPerSecond: number | null
}

export interface OnlineFacts {
  /** Intervals that may change a value online: of a window view those that its windows at the end online reach, and later ones. */
  readonly runsInReach: number
  /** Null: none of them could be read. */
  readonly samples: readonly SampledInterval[] | null
  /** Mean of the items that were found; null: none. */
  readonly itemBytes: number | null
  /** Of finished publishes; null: none has written anything. */
  readonly itemsPerSecond: number | null
}

export interface BackfillEstimate {
  readonly runs: number
  readonly files: number
  readonly bytesRead: number
  readonly rows: number | null
  /** Keys that its one publish compares. Null: not known; zeros: the view is offline, or nothing is in reach. */
  readonly writes: { readonly changed: number; readonly unchanged: number } | null
  readonly writeUnits: number | null
  /** How many intervals and keys the split was drawn from. */
  readonly sampled: { readonly intervals: number; readonly keys: number }
  readonly runsInReach: number
  readonly s3: { readonly writes: number; readonly reads: number }
  /** US dollars; `writeUnits` null: not known, and not in the total. */
  readonly dollars: { readonly writeUnits: number | null; readonly s3: number; readonly total: number }
  /** Null: nothing like it was measured yet. A publish takes no less than the write budget allows. */
  readonly minutes: { readonly runs: number | null; readonly publish: number | null }
  /** Runs that the minutes were measured on. */
  readonly measuredRuns: number
  readonly prices: Prices
  /** The budget that the minutes go by; null: none. Absent: a release planned it that knew none. */
  readonly writeUnitsPerSecond?: number | null
}

/** Requests of one run, about (docs/costs.md). */
const s3PerRun = { writes: 12, reads: 120, readsPerSourceFile: 5 } as const
const bytesPerWriteUnit = 1_024

export function estimateBackfill(facts: EstimateFacts): BackfillEstimate {
  const { runs, online, prices, runMs } = facts
  const writes = online === null ? { changed: 0, unchanged: 0 } : estimateWrites(online)
  const unitsPerItem = Math.max(1, Math.ceil((online?.itemBytes ?? 0) / bytesPerWriteUnit))
  const writeUnits = writes === null ? null : writes.changed * unitsPerItem
  const s3 = facts.isLakeInS3
    ? { writes: runs * s3PerRun.writes, reads: runs * s3PerRun.reads + facts.fileReads * s3PerRun.readsPerSourceFile }
    : { writes: 0, reads: 0 }
  const dollars = priceSpend({ writeUnits: writeUnits ?? 0, s3Writes: s3.writes, s3Reads: s3.reads }, prices)
  const samples = online?.samples ?? []
  return {
    ...{ runs, files: facts.files, bytesRead: facts.bytesRead, rows: facts.rows, writes, writeUnits },
    sampled: { intervals: samples.length, keys: samples.reduce((sum, { drawn }) => sum + drawn, 0) },
    runsInReach: online?.runsInReach ?? 0,
    s3,
    dollars: { writeUnits: writeUnits === null ? null : dollars.writeUnits, s3: dollars.s3, total: dollars.total },
    minutes: {
      runs: runMs === null ? null : (runMs.mean * runs) / facts.atOnce / 60_000,
      publish: writes === null ? null : publishMinutes(writes.changed, unitsPerItem, facts),
    },
    measuredRuns: runMs?.of ?? 0,
    prices,
    writeUnitsPerSecond: facts.writeUnitsPerSecond,
  }
}

/** That a key takes, by the items that were found when it was planned; one where none was. */
export function unitsPerItem({ writes, writeUnits }: Pick<BackfillEstimate, 'writes' | 'writeUnits'>): number {
  return writes === null || writeUnits === null || writes.changed === 0 ? 1 : writeUnits / writes.changed
}

/** At the slower of what was measured and what the budget allows; null: neither is known. */
function publishMinutes(
  items: number,
  unitsPerItem: number,
  { online, writeUnitsPerSecond }: EstimateFacts,
): number | null {
  if (items === 0) return 0
  const allowed = writeUnitsPerSecond === null ? [] : [writeUnitsPerSecond / unitsPerItem]
  const rates = [...allowed, ...(online?.itemsPerSecond ? [online.itemsPerSecond] : [])]
  return rates.length === 0 ? null : items / Math.min(...rates) / 60
}

/** A key is written once, however many intervals hold it. */
function estimateWrites({ runsInReach, samples }: OnlineFacts): BackfillEstimate['writes'] {
  if (runsInReach === 0) return { changed: 0, unchanged: 0 }
  if (samples === null || samples.length === 0) return null
  const drawn = samples.reduce((sum, one) => sum + one.drawn, 0)
  const changedShare = drawn === 0 ? 0 : samples.reduce((sum, one) => sum + one.changed, 0) / drawn
  const keys = keysOver(runsInReach, samples)
  const changed = Math.round(keys * changedShare)
  return { changed, unchanged: keys - changed }
}

/** As many as the samples hold together; each further interval adds as many new ones as the last sample did: rather too many than too few. */
function keysOver(runs: number, samples: readonly SampledInterval[]): number {
  const seen = samples.slice(0, runs).at(-1)?.keysSoFar ?? 0
  const last = samples.length > 1 ? seen - samples.at(-2)!.keysSoFar : seen
  return seen + Math.max(0, runs - samples.length) * Math.max(0, last)
}
