/** An interval that an open backfill has yet to run: ticks leave it alone, and an operator is told whom it waits for. */
import type { Interval } from '../time/interval.js'

export interface ClaimedInterval extends Interval {
  readonly backfillId: string
  /** Of the backfill. One that awaits approval claims nothing: it may never begin. */
  readonly state: 'queued' | 'running' | 'paused' | 'cancelling'
}

/** What of `millcourse` has the backfill go on, or says when it will. */
export function claimCommand({ backfillId, state }: { readonly backfillId: string; readonly state: string }): string {
  return `backfill ${state === 'paused' ? 'resume' : 'status'} ${backfillId}`
}
