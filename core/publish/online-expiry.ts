import { type Instant, nsPerSecond } from '../time/instant.js'

/** No writer outlives it: a publisher checks its lease before each batch (R36). */
const graceNs = 30n * 86_400n * nsPerSecond

/**
 * DynamoDB's own expiry, seconds since 1970, null: none (R36). It only cleans up what already reads as missing or expired. Counted from
 * `realNow` where the value expired earlier: an item just written keeps its sequence for 30 days, so that no late writer
 * finds its place empty.
 */
export function onlineExpirySeconds(item: {
  readonly isEmpty: boolean
  /** Lookup items; null for window items. */
  readonly eventAt: Instant | null
  readonly ttlNs: bigint | null
  readonly realNow: Instant
}): number | null {
  if (item.isEmpty) return seconds(item.realNow + graceNs)
  if (item.eventAt === null || item.ttlNs === null) return null
  const expiredAt = item.eventAt + item.ttlNs
  if (expiredAt < item.realNow) return seconds(item.realNow + graceNs)
  return seconds(expiredAt + graceNs)
}

function seconds(instant: Instant): number {
  return Number(instant / nsPerSecond) + 1
}
