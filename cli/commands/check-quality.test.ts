import { expect, test } from 'vitest'
import type { IntervalState, RunOutcome } from '../../core/plan/index.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import { isRepaired } from './check-quality.js'

const start = '2001-01-01T00:00:00Z'
const repair = { reopened: [{ start, end: '2001-01-01T01:00:00Z' }], isRebuildAsked: false, left: 0 } as const

/** What the ledger says when the run that a repair began came to this end. */
function repairedAfter(outcome: RunOutcome, committedBy: string): Promise<boolean> {
  const state = { committed: { runId: committedBy }, latestRun: { runId: 'again', outcome }, reopenedBecause: null }
  const ledger: Pick<LedgerReader, 'isRebuildAsked' | 'intervalStates'> = {
    isRebuildAsked: async () => false,
    intervalStates: async () => [state as unknown as IntervalState],
  }
  return isRepaired(ledger, { view: 'sales', version: 1 }, repair)
}

test('an interval is repaired once its new run is committed, not when that run is held, failed or not ready', async () => {
  for (const outcome of ['running', 'held', 'failed', 'not-ready', 'rejected'] as const)
    expect(await repairedAfter(outcome, 'at-fault'), outcome).toBe(false)
  expect(await repairedAfter('committed', 'again')).toBe(true)
})
