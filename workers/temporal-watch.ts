/**
 * A worker that works looks at Temporal itself: the SDK polls on in silence while the server is away or has withdrawn the key. What
 * changes is said once.
 */
import type { NativeConnection } from '@temporalio/worker'
import type { Log } from '../activities/activity-deps.js'
import { fromTemporalError } from '../adapters/temporal/errors.js'
import type { MillcourseError } from '../core/errors.js'
import type { TemporalConfig } from './config.js'

export interface TemporalWatch {
  /** Looks now. @throws MillcourseError why the server has no work for us */
  ask(): Promise<void>
  /** What the last look met; null: it was answered. */
  failure(): MillcourseError | null
  stop(): void
}

const lookEveryMsDefault = 10_000
const answerWithinMs = 5_000

export function watchTemporal(
  connection: Pick<NativeConnection, 'workflowService' | 'withDeadline'>,
  target: Pick<TemporalConfig, 'address' | 'namespace'>,
  log: Log,
  lookEveryMs = lookEveryMsDefault,
): TemporalWatch {
  const { address, namespace } = target
  const ask = async () => {
    try {
      await connection.withDeadline(Date.now() + answerWithinMs, () =>
        connection.workflowService.describeNamespace({ namespace }),
      )
    } catch (error) {
      throw fromTemporalError(error, target)
    }
  }
  let failure: MillcourseError | null = null
  const look = async () => {
    try {
      await ask()
      if (failure !== null) log.info({ address, namespace }, 'Temporal answers again; steps are taken and reported')
      failure = null
    } catch (error) {
      const before = failure?.message
      failure = fromTemporalError(error, target)
      const { code, message, detail } = failure
      if (message === before) return
      log.warn(
        { address, namespace, code, hint: detail.hint, error },
        `${message}; no step is taken or reported meanwhile`,
      )
    }
  }
  const timer = setInterval(() => void look(), lookEveryMs).unref()
  return { ask, failure: () => failure, stop: () => clearInterval(timer) }
}
