import { type BackfillInput, backfillWorkflowId, runPriority } from '../core/ports/run-control.js'
import { searchPairs } from './search-attributes.js'
import { startOrJoin } from './start-child.js'

/** By name: one that is under way is joined. It outlives whoever starts it. */
export async function startBackfillRuns(input: BackfillInput): Promise<'started' | 'joined'> {
  const { labels } = input
  // By name: it starts the ones that were queued for it, and would import itself.
  return await startOrJoin<(input: BackfillInput) => Promise<unknown>>('backfill', backfillWorkflowId(input), [input], {
    priorityKey: runPriority.backfill,
    ...(labels ? { search: searchPairs(labels, { kind: 'backfill' }) } : {}),
  })
}
