/**
 * A publish's share of the write budget: asked of the ledger for about a second ahead, so that a worker that dies loses no more than that. Without
 * a budget that of a backfill pauses for scheduled runs of its worker.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { OnlineWrite } from '../core/ports/online-store.js'
import { fullPace, paceAt, slowedPace, type WriteUnitsRequest, writeUnitsOf } from '../core/publish/index.js'
import type { ActivityDeps } from './activity-deps.js'

export interface WritePermits {
  /** Waits until the first of `items` may be written; how many. Without a budget all, at once, but of a backfill. */
  take(items: readonly OnlineWrite[]): Promise<number>
  /** The store has refused some: this publish goes slower for a while. */
  throttled(): void
}

export interface PermitOptions {
  readonly by: WriteUnitsRequest['by']
  readonly signal: CancelSignal
  /** Called while it waits: a step that is silent counts as dead. */
  readonly onWaiting: () => void
  /** A scheduled publish of the view has met this one's lease: from then on it does not let others go first, so that it soon gives it up. */
  readonly isWaitedFor: () => Promise<boolean>
}

/** A backfill asks for less at a time: what it has taken a scheduled publish waits for. */
const secondsAhead = { scheduled: 1, backfill: 0.5 } as const
const sleepMsMax = 1_000
/** Without a budget: what a backfill writes at once, and how long it pauses before each such part. */
const backfillItems = 1_000
const backfillPauseMs = 1_000

export function writePermits(
  { ledger, clock, settings, scheduled }: Pick<ActivityDeps, 'ledger' | 'clock' | 'settings' | 'scheduled'>,
  { by, signal, onWaiting, isWaitedFor }: PermitOptions,
): WritePermits {
  const unitsPerSecond = settings.writeUnitsPerSecond ?? null
  if (unitsPerSecond === null)
    return {
      async take(items) {
        if (by !== 'backfill' || !scheduled || (await isWaitedFor())) return items.length
        await scheduled.untilRest(backfillPauseMs)
        onWaiting()
        return Math.min(items.length, backfillItems)
      },
      throttled: () => {},
    }
  let pace = fullPace
  /** Of a slowed publish: what it was granted before is to be written by then. */
  let nextAtMs = 0
  const pause = async (ms: number): Promise<void> => {
    for (let leftMs = ms; leftMs > 0; leftMs -= sleepMsMax) {
      await sleep(Math.min(leftMs, sleepMsMax))
      onWaiting()
      if (signal.aborted) throw (signal as { readonly reason?: unknown }).reason
    }
  }
  const actsFor = async () => (by === 'backfill' && (await isWaitedFor()) ? 'scheduled' : by)
  return {
    async take(items) {
      await pause(nextAtMs - clock.monotonicMs())
      const askedAtMs = clock.monotonicMs()
      const rate = unitsPerSecond * paceAt(pace, askedAtMs)
      const { count, units } = firstOf(items, rate * secondsAhead[by])
      for (;;) {
        const { isGranted, waitMs } = await ledger.takeWriteUnits({
          ...{ units, unitsPerSecond, by: await actsFor() },
          ...{ isMore: count < items.length, waitedMs: clock.monotonicMs() - askedAtMs },
        })
        await pause(waitMs)
        if (!isGranted) continue
        if (rate < unitsPerSecond) nextAtMs = clock.monotonicMs() + (1_000 * units) / rate
        return count
      }
    },
    throttled: () => {
      pace = slowedPace(pace, clock.monotonicMs())
    },
  }
}

/** As many as fit into `unitsMax`, one at least. */
function firstOf(items: readonly OnlineWrite[], unitsMax: number): { readonly count: number; readonly units: number } {
  let units = 0
  for (const [count, item] of items.entries()) {
    const more = writeUnitsOf(item)
    if (count > 0 && units + more > unitsMax) return { count, units }
    units += more
  }
  return { count: items.length, units }
}
