/** What work costs in dollars, and what it would have cost: one function for what was spent and for what a plan expects. */
import type { Prices } from './prices.js'

/** What is priced; what is absent is none of it. */
export interface SpentAmounts {
  readonly writeUnits?: number
  readonly readUnits?: number
  readonly s3Writes?: number
  readonly s3Reads?: number
  readonly s3BytesWritten?: number
  readonly s3BytesRead?: number
  readonly engineSeconds?: number
}

/** US dollars. */
export interface PricedSpend {
  readonly writeUnits: number
  readonly readUnits: number
  readonly s3: number
  readonly engine: number
  readonly total: number
}

export function priceSpend(spend: SpentAmounts, prices: Prices): PricedSpend {
  const { writeUnits = 0, readUnits = 0, s3Writes = 0, s3Reads = 0 } = spend
  const gigabytes = ((spend.s3BytesRead ?? 0) + (spend.s3BytesWritten ?? 0)) / 1e9
  const priced = {
    writeUnits: (writeUnits * prices.millionWriteUnits) / 1e6,
    readUnits: (readUnits * prices.millionReadUnits) / 1e6,
    s3: (s3Writes * prices.thousandS3Writes + s3Reads * prices.thousandS3Reads) / 1e3 + gigabytes * prices.s3Gigabyte,
    engine: ((spend.engineSeconds ?? 0) / 3_600) * prices.engineHour,
  }
  return { ...priced, total: priced.writeUnits + priced.readUnits + priced.s3 + priced.engine }
}

/** Of fewer writes the marks of their publishes, a unit each, would make a mean too dear. */
const itemsMin = 1_000

/**
 * What keys whose value was online already would have cost to write: as many units each as the view's items took, over all that was asked
 * for; where too few were written to say, the least that a write takes.
 * @param of of the view, over the whole time that is looked at
 */
export function savedBySkipping(
  { keysUnchanged }: { readonly keysUnchanged: number },
  of: { readonly writeUnits: number; readonly itemsWritten: number },
): { readonly writeUnits: number; readonly isMeasured: boolean } {
  const isMeasured = of.itemsWritten >= itemsMin
  const perKey = isMeasured ? Math.max(1, of.writeUnits / of.itemsWritten) : 1
  return { writeUnits: keysUnchanged * perKey, isMeasured }
}
