import type { ReadinessRule } from '../define/definitions.js'
import { parseDuration } from '../time/duration.js'
import { formatInstant, type Instant, nsPerMs } from '../time/instant.js'
import { formatInterval, type Interval } from '../time/interval.js'

export type Readiness =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'not-ready'
      readonly because: string
      readonly isPastDeadline: boolean
      readonly retryAfterMs: number
    }

/** How often a marker is looked for. */
const markerEveryMs = 15_000

/**
 * Whether the files of the interval's partitions are complete, by the rule that the source declares. Not ready is a wait, no error;
 * past its deadline it is an incident.
 * @param missingMarkers paths of markers that were looked for and not found; none where the rule has no marker
 */
export function judgeReadiness(
  rule: ReadinessRule,
  interval: Interval,
  missingMarkers: readonly string[],
  now: Instant,
): Readiness {
  const readyAt = interval.end + (rule.delay === null ? 0n : parseDuration(rule.delay))
  if (now < readyAt)
    return {
      kind: 'not-ready',
      because: `the files of ${formatInterval(interval)} are complete at ${formatInstant(readyAt)}`,
      isPastDeadline: false,
      retryAfterMs: Number((readyAt - now + nsPerMs - 1n) / nsPerMs),
    }
  const [first] = missingMarkers
  if (first === undefined) return { kind: 'ready' }
  const deadlineAt = interval.end + parseDuration(rule.deadline)
  const others = missingMarkers.length > 1 ? ` and ${missingMarkers.length - 1} more` : ''
  return {
    kind: 'not-ready',
    because: `${first}${others} is not there yet`,
    isPastDeadline: now >= deadlineAt,
    retryAfterMs: Math.min(markerEveryMs, Math.max(Number((deadlineAt - now + nsPerMs - 1n) / nsPerMs), 0)),
  }
}
