/** What open backfills have committed beyond the published end: a gap to every publish until they end, whatever the ledger has (R32, R33). */
import type { IntervalState } from '../plan/interval-state.js'
import type { Instant } from '../time/instant.js'
import type { OpenBackfill, ViewObservation } from './observation.js'

type Observed = Pick<ViewObservation, 'backfills'>

export function isKeptBack({ committed, interval }: IntervalState, { backfills = [] }: Observed): boolean {
  return committed?.isOfOpenBackfill === true && backfills.some(({ from }) => from <= interval.start)
}

/** Whom it waits for that an end passes `until`, null: any: of several rather one that does nothing. Undefined: for none. */
export function awaitedBackfill(until: Instant | null, { backfills = [] }: Observed): OpenBackfill | undefined {
  const keeping = backfills.filter(({ from }) => until === null || from < until)
  return keeping.find(({ state }) => state === 'paused') ?? keeping[0]
}
