import { type DurationText, parseDuration } from '../time/duration.js'
import type { Instant } from '../time/instant.js'

/** Whether a view is fresh enough, by event time: what is served ends at `reachedAt` and may be `freshness` old. */
export type SlaState =
  | { readonly kind: 'none' }
  /** Nothing is served yet. */
  | { readonly kind: 'nothing-yet'; readonly freshness: DurationText }
  | {
      readonly kind: 'holds' | 'broken'
      readonly freshness: DurationText
      readonly reachedAt: Instant
      /** Until when it holds if nothing newer comes; since when it is broken. */
      readonly until: Instant
    }

/** At exactly its limit it still holds (R26). */
export function judgeSla(freshness: DurationText | null, reachedAt: Instant | null, now: Instant): SlaState {
  if (freshness === null) return { kind: 'none' }
  if (reachedAt === null) return { kind: 'nothing-yet', freshness }
  const until = reachedAt + parseDuration(freshness)
  return { kind: now > until ? 'broken' : 'holds', freshness, reachedAt, until }
}
