/**
 * An interval that kills each worker that computes it (the kernel ends a process that takes too much memory) must not be given to one
 * worker after the other for ever. Nobody is left to tell of such a death, so an attempt says beforehand, in its heartbeat, that it
 * begins; whose word is never taken back has died. Attempts that only waited for their turn died of something else.
 */
import { Context } from '@temporalio/activity'
import { MillcourseError } from '../core/errors.js'

/** So many workers, not more, are risked on one interval. */
const deathsMax = 3

interface Risk {
  /** Numbers of the attempts that began and have not come back. */
  readonly begun: readonly number[]
}

/**
 * @param work calls `begin` when nothing else of this process can be under way that would end it
 * @throws MillcourseError RUN_WORKER_DIED
 */
export async function sparingWorkers<T>(work: (begin: () => void) => Promise<T>): Promise<T> {
  const context = Context.current()
  const { attempt, heartbeatDetails } = context.info
  const { begun: died } = (heartbeatDetails as Risk | null | undefined) ?? { begun: [] }
  if (died.length >= deathsMax)
    throw new MillcourseError(
      'RUN_WORKER_DIED',
      `${died.length} workers died or went silent while they computed this interval; no other one is risked on it`,
      {
        hint: 'give the workers more memory, or lower MILLCOURSE_MEMORY_LIMIT; then: millcourse decide RUN rerun --reason …',
        facts: { deaths: died.length, attempt },
      },
    )
  const tell = (begun: Risk['begun']) => context.heartbeat({ begun } satisfies Risk)
  let hasBegun = false
  try {
    return await work(() => {
      hasBegun = true
      tell([...died, attempt])
    })
  } catch (error) {
    if (hasBegun) tell(died)
    throw error
  }
}
