/** At most so many reads at once, each for so long: beyond that a quick refusal is worth more than an answer that comes too late. */
import { MillcourseError } from '../core/errors.js'

export interface LoadLimit {
  /** @throws MillcourseError SERVE_OVERLOADED, SERVE_TIMED_OUT */
  run<T>(read: () => Promise<T>): Promise<T>
}

export function newLoadLimit({
  requestsMax,
  timeoutMs,
}: {
  readonly requestsMax: number
  readonly timeoutMs: number
}): LoadLimit {
  let running = 0
  return {
    async run(read) {
      if (running >= requestsMax)
        throw new MillcourseError('SERVE_OVERLOADED', `${running} reads are under way, and no more are taken`, {
          hint: 'try again in a moment; where it lasts, start another server or raise MILLCOURSE_API_CONCURRENCY',
          facts: { requestsMax },
        })
      running += 1
      // A read that nobody waits for any more still uses the store: it counts until it ends.
      const reading = read().finally(() => {
        running -= 1
      })
      return await within(reading, timeoutMs)
    },
  }
}

async function within<T>(reading: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new MillcourseError('SERVE_TIMED_OUT', `the online store did not answer within ${timeoutMs} ms`, {
            hint: 'try again; where it lasts, see the health of the online store, or raise MILLCOURSE_API_TIMEOUT',
            facts: { timeoutMs },
          }),
        ),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    clearTimeout(timer)
    // After a timeout nobody else hears of its failure.
    reading.catch(() => {})
  }
}
