/**
 * Scheduled runs go first. Temporal's priorities sort only what waits for a hand; runs that have one share processors, ledger and online store.
 * So a worker that has a step of a scheduled run under way begins no run of a backfill: that is tried again some seconds later, here or at
 * another worker, without holding a hand meanwhile. Half a minute after it was asked for it begins whatever is under way, so that a backfill
 * gets on also where workers are never at rest. Its publish, a step of many writes, pauses between them in the same way (write-permits.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { asyncLocalStorage, type Info } from '@temporalio/activity'
import type { RunKind } from '../core/plan/index.js'
import { waitFor } from './step-waits.js'

export interface ScheduledSteps {
  /** Does `work`, which is a step of a scheduled run. */
  during<T>(work: () => Promise<T>): Promise<T>
  /**
   * At the first step of a run.
   * @param times when that step was first asked for, and this time
   * @throws ApplicationFailure a benign one, to be tried again, where it is a backfill's and should wait
   */
  makeWay(kind: RunKind, times: Pick<Info, 'scheduledTimestampMs' | 'currentAttemptScheduledTimestampMs'>): void
  /** Resolves once none is under way, after so many milliseconds at the latest. */
  untilRest(msMax: number): Promise<void>
}

export interface WayTimes {
  /** Longer steps are of the kind that waits itself, or take as long as a backfill's own: they keep none back. */
  readonly stepMsMax: number
  /** Between two steps of a run it is under way, too. */
  readonly restMs: number
  readonly patienceMs: number
}

const timesDefault: WayTimes = { stepMsMax: 15_000, restMs: 1_000, patienceMs: 30_000 }
const lookEveryMs = 50
/** Of Temporal's priorities: that of workflows started with none. Lower numbers go first. */
const priorityDefault = 3

export function scheduledSteps({ stepMsMax, restMs, patienceMs } = timesDefault): ScheduledSteps {
  const begun = new Set<{ readonly atMs: number }>()
  let endedMs = -Infinity
  const isUnderWay = (): boolean => {
    const nowMs = performance.now()
    return [...begun].some(({ atMs }) => nowMs - atMs < stepMsMax) || nowMs - endedMs < restMs
  }
  return {
    async during(work) {
      const step = { atMs: performance.now() }
      begun.add(step)
      try {
        return await work()
      } finally {
        begun.delete(step)
        endedMs = performance.now()
      }
    },
    makeWay(kind, { scheduledTimestampMs, currentAttemptScheduledTimestampMs }) {
      if (kind !== 'backfill' || currentAttemptScheduledTimestampMs - scheduledTimestampMs >= patienceMs) return
      if (!isUnderWay()) return
      throw waitFor('BackfillMakesWay', 'scheduled runs are under way at this worker')
    },
    async untilRest(msMax) {
      const untilMs = performance.now() + msMax
      while (isUnderWay() && performance.now() < untilMs) await sleep(lookEveryMs)
    },
  }
}

/** Of a run that goes before a backfill's, or of a tick that starts some. */
export function isScheduledStep({ workflowType, priority }: Pick<Info, 'workflowType' | 'priority'>): boolean {
  return (workflowType === 'run' || workflowType === 'tick') && rankOf(priority) <= priorityDefault
}

/** Of the step that this is called in, if in any: the engine's heavy slot goes to the lowest first. */
export const currentRank = (): number => rankOf(asyncLocalStorage.getStore()?.info.priority)

function rankOf(priority: Info['priority']): number {
  return priority?.priorityKey || priorityDefault
}
