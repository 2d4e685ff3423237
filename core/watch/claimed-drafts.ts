/** Due intervals that no tick starts, because an open backfill has yet to run them: nobody else can say why they have no run. */
import { type ClaimedInterval, claimCommand } from '../plan/claimed-interval.js'
import type { Interval } from '../time/interval.js'
import type { CalendarEntry } from './calendar.js'
import type { IncidentDraft } from './incident.js'
import { intervalsDraft } from './interval-drafts.js'

/** One incident for each backfill: it is the cause. */
export function claimedDrafts(
  entry: CalendarEntry,
  missing: readonly Interval[],
  claims: readonly ClaimedInterval[],
): IncidentDraft[] {
  const starts = new Set(missing.map(({ start }) => start))
  const claimed = claims.filter(({ start }) => starts.has(start))
  return [...new Set(claimed.map(({ backfillId }) => backfillId))].flatMap((id) => {
    const own = claimed.filter(({ backfillId }) => backfillId === id)
    const { state } = own[0]!
    return intervalsDraft(
      entry,
      'missing_run',
      own,
      (at) => `has no run for ${at}: it is left to backfill ${id}, which is ${state}`,
      `millcourse ${claimCommand(own[0]!)}`,
      { key: `missing_run/backfill ${id}`, news: [state], facts: { backfill: id, state } },
    )
  })
}

/** Those that no backfill has claimed. */
export function unclaimed(missing: readonly Interval[], claims: readonly ClaimedInterval[]): Interval[] {
  const starts = new Set(claims.map(({ start }) => start))
  return missing.filter(({ start }) => !starts.has(start))
}
