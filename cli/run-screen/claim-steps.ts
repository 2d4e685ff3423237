/** What to do about an interval that ticks leave to an open backfill. */
import { claimCommand } from '../../core/plan/index.js'
import type { IntervalFacts, NextStep } from './run-facts.js'

/** None where it is not claimed. */
export function claimSteps({ claimedBy }: IntervalFacts, command: (text: string) => string): NextStep[] {
  if (claimedBy === undefined) return []
  const { backfill, state } = claimedBy
  const what = state === 'paused' ? 'have that go on' : 'see when that runs it'
  return [
    {
      why: `ticks leave it to backfill ${backfill}, which is ${state}; ${what}`,
      command: command(claimCommand({ backfillId: backfill, state })),
    },
  ]
}
