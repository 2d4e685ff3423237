/**
 * The budget of write units that all publishes of a project share: a bucket of one second's units, filled at the rate. A scheduled publish
 * takes what it asks for and, where the bucket lacks it, waits until it has been filled (so those who wait take turns); a backfill's takes
 * only what lies there while no scheduled one is at it. So backfills delay a scheduled publish by the time of one bucket, a second, and by half
 * of one for each half minute that it lasts.
 */
import { type Instant, latest, nsPerMs, nsPerSecond } from '../time/instant.js'
import type { OnlineItem } from './online-item.js'

export interface WriteBudget {
  /** Units that may be sent at once; below zero: what those who wait have been promised. */
  readonly level: number
  readonly filledAt: Instant
  /** So long a scheduled publish is taken to be at it. */
  readonly scheduledUntil: Instant
}

export interface WriteUnitsRequest {
  readonly units: number
  readonly unitsPerSecond: number
  readonly by: 'scheduled' | 'backfill'
  /** It asks again once it has written these. */
  readonly isMore: boolean
  /** Milliseconds since it asked for these units for the first time. */
  readonly waitedMs: number
}

/** Granted: to be sent once `waitMs` have passed. Otherwise to be asked for again then. */
export interface WriteUnitsAnswer {
  readonly isGranted: boolean
  readonly waitMs: number
}

const bucketSeconds = 1
/** So long a scheduled publish may take to write what it was granted, before a backfill takes what it would ask for next. */
const scheduledPauseNs = 5n * nsPerSecond
/**
 * A publish holds the lease of its view: one of a backfill that never got on would keep scheduled ones of the same view from it. So it is
 * granted what it asks for, half a bucket, after so long.
 */
const backfillWaitMsMax = 30_000
const askAgainMsMin = 50
const askAgainMsMax = 1_000

export function fullBudget(unitsPerSecond: number, now: Instant): WriteBudget {
  return { level: unitsPerSecond * bucketSeconds, filledAt: now, scheduledUntil: now }
}

/** @param now by the one clock that `budget` goes by, the ledger's */
export function takeWriteUnits(
  budget: WriteBudget,
  request: WriteUnitsRequest,
  now: Instant,
): { readonly budget: WriteBudget; readonly answer: WriteUnitsAnswer } {
  const before = atClock(budget, now)
  const rate = request.unitsPerSecond
  const capacity = rate * bucketSeconds
  const level = Math.min(capacity, before.level + rate * secondsBetween(before.filledAt, now))
  const filled = { ...before, level, filledAt: now }
  const { units, by, isMore, waitedMs } = request
  const needed = Math.min(units, capacity)
  const isFree = now >= before.scheduledUntil && level >= needed
  if (by === 'backfill' && !isFree && waitedMs < backfillWaitMsMax) {
    const untilFilledMs = (1_000 * (needed - level)) / rate
    return {
      budget: filled,
      answer: { isGranted: false, waitMs: Math.min(askAgainMsMax, Math.max(askAgainMsMin, untilFilledMs)) },
    }
  }
  const left = level - units
  // What an item needs beyond a whole bucket is taken in advance, and waited for by whoever comes next.
  const waitMs = level >= needed ? 0 : (1_000 * -left) / rate
  const mayAskUntil = now + BigInt(Math.ceil(waitMs)) * nsPerMs + (isMore ? scheduledPauseNs : 0n)
  const scheduledUntil = by === 'scheduled' ? latest([filled.scheduledUntil, mayAskUntil]) : filled.scheduledUntil
  return {
    budget: { ...filled, level: left, scheduledUntil },
    answer: { isGranted: true, waitMs },
  }
}

/** A clock that went back goes on from where it is now: the bucket is not left to stand until it has caught up. */
function atClock(budget: WriteBudget, now: Instant): WriteBudget {
  const backNs = budget.filledAt - now
  return backNs <= 0n ? budget : { ...budget, filledAt: now, scheduledUntil: budget.scheduledUntil - backNs }
}

function secondsBetween(from: Instant, to: Instant): number {
  return Number(to - from) / Number(nsPerSecond)
}

const bytesPerUnit = 1_024
/** Names of attributes, sequence, event time and hash. */
export const itemOverheadBytes = 60

/** Begun KiB of the item; what a refused condition or a larger item before it costs is not known beforehand. */
export function writeUnitsOf({ key, values, held = '' }: Pick<OnlineItem, 'key' | 'values' | 'held'>): number {
  return Math.ceil((key.length + (values?.length ?? 0) + held.length + itemOverheadBytes) / bytesPerUnit)
}
