import pRetry from 'p-retry'
import { isPassing, toOnlineStoreError } from './errors.js'

/**
 * Sends a request until it is answered: throttles, server errors and timeouts are tried again with jittered, growing pauses for
 * `patienceMs`; everything else at once becomes the error it is.
 * @throws MillcourseError
 */
export async function withPatience<T>(
  table: string,
  patienceMs: number,
  request: () => Promise<T>,
  isWanted: () => boolean = () => true,
): Promise<T> {
  try {
    return await pRetry(request, {
      retries: 100,
      minTimeout: 50,
      maxTimeout: 2_000,
      randomize: true,
      maxRetryTime: patienceMs,
      shouldRetry: ({ error }) => isWanted() && isPassing(toOnlineStoreError(error, table)),
    })
  } catch (error) {
    throw toOnlineStoreError(error, table)
  }
}
