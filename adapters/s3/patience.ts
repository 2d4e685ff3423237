import pRetry from 'p-retry'
import { isPassing, toLakeError } from './errors.js'

/**
 * Sends a request until it is answered: throttles, server errors and timeouts are tried again with jittered, growing pauses for
 * `patienceMs`; everything else at once becomes the error it is.
 * @param request is told whether an attempt before it may have landed without its answer arriving
 * @throws MillcourseError
 */
export async function withPatience<T>(
  uri: string,
  patienceMs: number,
  request: (isRepeated: boolean) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await pRetry((attempt) => request(attempt > 1), {
      retries: 100,
      minTimeout: 100,
      maxTimeout: 4_000,
      randomize: true,
      maxRetryTime: patienceMs,
      ...(signal ? { signal } : {}),
      shouldRetry: ({ error }) => signal?.aborted !== true && isPassing(toLakeError(error, uri)),
    })
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw toLakeError(error, uri)
  }
}
