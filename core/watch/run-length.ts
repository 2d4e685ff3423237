/** Whether a run takes too long, while it still runs. */
import { type DurationText, formatDuration, parseDuration } from '../time/duration.js'

/** Of the newest runs of a version that came to their end. */
export interface RunPace {
  readonly runs: number
  /** 95th percentile, from planned to ended, in ms; null: there is none yet. */
  readonly p95Ms: number | null
}

export type RunLength =
  | { readonly kind: 'in-time' }
  | { readonly kind: 'beyond-usual' | 'beyond-sla'; readonly limit: DurationText }

/** With fewer runs nobody can say what is usual. */
export const runsForPaceMin = 20
const usualTimes = 2

/**
 * The declared limit is a promise, and holds from the first run on; twice the 95th percentile is a suspicion. At exactly its limit a run is
 * in time (R26).
 *
 * @param floorMs what is over by then is nobody's incident, however quick the view mostly is
 */
export function judgeRunLength(
  runningMs: number,
  declared: DurationText | null,
  pace: RunPace | null,
  floorMs: number,
): RunLength {
  if (declared !== null && runningMs > Number(parseDuration(declared) / 1_000_000n))
    return { kind: 'beyond-sla', limit: declared }
  if (pace === null || pace.p95Ms === null || pace.runs < runsForPaceMin) return { kind: 'in-time' }
  const limitMs = Math.max(usualTimes * pace.p95Ms, floorMs)
  return runningMs > limitMs ? { kind: 'beyond-usual', limit: formatMs(limitMs) } : { kind: 'in-time' }
}

/** To the second where it is longer than that. */
export function formatMs(ms: number): DurationText {
  return formatDuration(BigInt(ms < 1_000 ? Math.round(ms) : Math.round(ms / 1_000) * 1_000) * 1_000_000n)
}
