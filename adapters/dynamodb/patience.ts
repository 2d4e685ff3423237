import { setTimeout as sleep } from 'node:timers/promises'
import { isPassing, toOnlineStoreError } from './errors.js'

const pauseMsMin = 50
const pauseMsMax = 2_000

/**
 * Sends a request until it is answered: throttles, server errors and timeouts are tried again for `patienceMs`, with pauses that grow
 * and are drawn anew each time, at their longest too, so that many writers refused at once do not come back at once; everything
 * else at once becomes the error it is.
 * @param onThrottled told of each throttle
 * @throws MillcourseError
 */
export async function withPatience<T>(
  table: string,
  patienceMs: number,
  request: () => Promise<T>,
  onThrottled?: () => void,
): Promise<T> {
  const startedAtMs = performance.now()
  for (let attempt = 0; ; attempt++) {
    try {
      return await request()
    } catch (error) {
      const known = toOnlineStoreError(error, table)
      if (known.code === 'PUBLISH_THROTTLED') onThrottled?.()
      const leftMs = patienceMs - (performance.now() - startedAtMs)
      const pauseMs = Math.min(pauseMsMin * 2 ** attempt, pauseMsMax) * (0.5 + Math.random() / 2)
      if (!isPassing(known) || pauseMs > leftMs) throw known
      await sleep(pauseMs)
    }
  }
}
