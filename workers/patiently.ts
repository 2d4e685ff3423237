import { setTimeout as sleep } from 'node:timers/promises'

const firstPauseMs = 500
const longestPauseMs = 15_000

export interface Patience {
  readonly signal: AbortSignal
  /** Told of each failure, with the pause before the next try; throws what no waiting will help. */
  readonly onAway: (error: unknown, nextTryMs: number) => void
}

/** Tries until it works: a process started before its servers, as after a power cut, waits for them. Null: told to stop before. */
export async function patiently<T>(attempt: () => Promise<T>, { signal, onAway }: Patience): Promise<T | null> {
  for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await attempt()
    } catch (error) {
      onAway(error, pauseMs)
      await sleep(pauseMs, undefined, { signal }).catch(() => {})
    }
  }
  return null
}
