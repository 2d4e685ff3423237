/**
 * An interval that kills each worker that computes it (the kernel ends a process that takes too much memory) must not be given to one
 * worker after the other for ever. Nobody is left to tell of such a death, so an attempt says beforehand, in its heartbeat, that it
 * begins; whose word is never taken back has died. Attempts that only waited for their turn died of something else.
 */
import { Context } from '@temporalio/activity'
import { MillcourseError } from '../core/errors.js'
import type { QueryEngine } from '../core/ports/query-engine.js'

/** So many workers, not more, are risked on one step. */
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
  const died = deathsBefore()
  if (died.length >= deathsMax) throw tooManyDeaths(died, 'computed this interval')
  const tell = (begun: Risk['begun']) => context.heartbeat({ begun } satisfies Risk)
  let hasBegun = false
  try {
    return await work(() => {
      hasBegun = true
      tell([...died, context.info.attempt])
    })
  } catch (error) {
    if (hasBegun) tell(died)
    throw error
  }
}

/** A step with heavy queries here and there, and heartbeats of its own. */
export interface SparedStep<Details extends object> {
  /** Each heavy query is a risk of its own, over once it has come back. */
  readonly engine: QueryEngine
  heartbeat(details: Details | null): void
}

/**
 * Deaths add up over all attempts of the step: of a query that comes back before the one that kills nothing is learnt.
 * @param details of the attempt before, without its risks
 * @param giveUp remembers, before the step ends so, that it is not to be begun again by itself
 * @throws MillcourseError RUN_WORKER_DIED
 */
export async function sparingStep<Details extends object>(
  engine: QueryEngine,
  details: Details | null,
  giveUp: () => Promise<void>,
): Promise<SparedStep<Details>> {
  const context = Context.current()
  const died = deathsBefore()
  if (died.length >= deathsMax) {
    await giveUp()
    throw tooManyDeaths(
      died,
      'computed what is to be published',
      ', or, where no run failed of it, millcourse materialize',
    )
  }
  let risk: Risk = { begun: died }
  let last = details
  const tell = (begun: Risk['begun']) => {
    risk = { begun }
    context.heartbeat({ ...last, ...risk })
  }
  return {
    engine: {
      withSession: (work, options = {}) => {
        if (options.isLight) return engine.withSession(work, options)
        return engine.withSession(async (session) => {
          tell([...died, context.info.attempt])
          try {
            return await work(session)
          } finally {
            tell(died)
          }
        }, options)
      },
      describe: (needsS3) => engine.describe(needsS3),
      close: () => engine.close(),
    },
    heartbeat(next) {
      last = next
      tell(risk.begun)
    },
  }
}

function deathsBefore(): Risk['begun'] {
  const { begun = [] } = (Context.current().info.heartbeatDetails as Partial<Risk> | null | undefined) ?? {}
  return begun
}

function tooManyDeaths(died: Risk['begun'], doing: string, orElse = ''): MillcourseError {
  return new MillcourseError(
    'RUN_WORKER_DIED',
    `${died.length} workers died or went silent while they ${doing}; no tick risks another one on it`,
    {
      hint: `give the workers more memory, or lower MILLCOURSE_MEMORY_LIMIT; then: millcourse decide RUN rerun --reason …${orElse}`,
      facts: { deaths: died.length, attempt: Context.current().info.attempt },
    },
  )
}
