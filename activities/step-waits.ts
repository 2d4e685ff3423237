/** A step that gives its hand back, and is tried again some seconds later: that costs no wait in this process and no event in Temporal. */
import { ApplicationFailure } from '@temporalio/activity'

const againAfterMs = 4_000

/** To be thrown. No failure: nobody is told of it. */
export function waitFor(type: 'PublishWaits' | 'BackfillMakesWay', message: string): ApplicationFailure {
  const nextRetryDelay = againAfterMs * (0.5 + Math.random())
  return ApplicationFailure.create({ type, category: 'BENIGN', message, nextRetryDelay })
}

/** As opposed to a step that has failed. */
export function isWaiting(error: unknown): boolean {
  return error instanceof ApplicationFailure && error.category === 'BENIGN'
}
