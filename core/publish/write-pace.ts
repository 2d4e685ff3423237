/**
 * How fast one publish goes under the write budget. A table has one publish at a time (R36), so what it refuses for want of capacity slows
 * that publish and no other: one hot table leaves the rest of the budget to the others. As the adaptive mode of the AWS SDKs it keeps seven tenths
 * of its pace, and is back at the whole within a minute.
 */

export interface WritePace {
  /** Of the budget's rate, 0 to 1, since `slowedAtMs`; from then on it climbs again. */
  readonly slowedTo: number
  /** Monotonic. */
  readonly slowedAtMs: number
}

const slowedBy = 0.7
const slowedToMin = 0.1
const climbMs = 60_000
/** What is refused within a second is one refusal: it is met by many requests that are under way. */
const slowedAgainAfterMs = 1_000

export const fullPace: WritePace = { slowedTo: 1, slowedAtMs: 0 }

export function slowedPace(pace: WritePace, throttledAtMs: number): WritePace {
  if (pace.slowedTo < 1 && throttledAtMs < pace.slowedAtMs + slowedAgainAfterMs) return pace
  return { slowedTo: Math.max(slowedToMin, paceAt(pace, throttledAtMs) * slowedBy), slowedAtMs: throttledAtMs }
}

/** Of the budget's rate. */
export function paceAt({ slowedTo, slowedAtMs }: WritePace, nowMs: number): number {
  return slowedTo === 1 ? 1 : Math.min(1, slowedTo + (nowMs - slowedAtMs) / climbMs)
}
