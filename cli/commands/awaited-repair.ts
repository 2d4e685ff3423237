/** What a backfill that runs nothing waits for, by the ledger alone: a repair of the view below, which nobody may run. */
import { inParallel } from '../../core/in-parallel.js'
import { isReplacedSoon, mergeRanges, qualityRepair } from '../../core/plan/index.js'
import type { Backfill, BackfillProgress } from '../../core/ports/backfill-ledger.js'
import { rowSource, upstreamSpan } from '../../core/source/index.js'
import type { AwaitedRepair } from '../backfill-screen/status-text.js'
import type { CliContext } from '../context.js'

const rangesAtOnce = 8

/** Null: it waits for none. */
export async function awaitedRepair(
  context: CliContext,
  { view, version, range, state }: Pick<Backfill, 'view' | 'version' | 'range' | 'state'>,
  { running, left }: Pick<BackfillProgress, 'running' | 'left'>,
): Promise<AwaitedRepair | null> {
  if (state !== 'running' || running > 0 || left === 0) return null
  const [ledger, registry] = [await context.ledger(), await context.registry()]
  const { upstream } = rowSource((await registry.view(view, version)).source)
  if (!upstream) return null
  const own = await ledger.unsettledIntervals({ view, version }, range)
  const spans = own.flatMap(({ committed, interval, reopenedBecause }) => {
    const isRepaired = committed !== null && reopenedBecause?.startsWith(qualityRepair)
    return (isRepaired && upstreamSpan(upstream, interval)) || []
  })
  const key = { view: upstream.view.name, version: upstream.view.version }
  const states = await inParallel(mergeRanges(spans), rangesAtOnce, (span) => ledger.unsettledIntervals(key, span))
  const below = states
    .flat()
    .filter(isReplacedSoon)
    .map(({ interval }) => interval)
  const [first, last] = [below[0], below.at(-1)]
  return first && last ? { ...key, intervals: below.length, range: { start: first.start, end: last.end } } : null
}
