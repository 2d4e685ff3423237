export interface RetryPace {
  readonly firstMs: number
  readonly maxMs: number
}

/** However long a receiver asks for, it is asked again after so long. */
const askedMaxMs = 3_600_000

/**
 * How long to wait after the `attempt`th failure in a row, 1 the first: twice as long each time, spread so that several watchers do not
 * come at once, and not before the receiver said.
 * @param chance at least 0, below 1
 */
export function retryPauseMs(
  attempt: number,
  { firstMs, maxMs }: RetryPace,
  chance: number,
  retryAfterMs: number | null,
): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30))
  return Math.max(full / 2 + (full / 2) * chance, Math.min(retryAfterMs ?? 0, askedMaxMs))
}
