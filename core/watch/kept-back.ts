/** What open backfills have committed beyond the published end: a gap to every publish until they end, whatever the ledger has (R32, R33). */
import type { IntervalState } from '../plan/interval-state.js'
import type { OpenBackfill, ViewObservation } from './observation.js'

export function isKeptBack({ committed }: IntervalState, { backfills = [] }: Pick<ViewObservation, 'backfills'>) {
  return committed?.isOfOpenBackfill === true && backfills.length > 0
}

/** Whom they wait for: of several rather one that does nothing. Undefined: none of these is kept back. */
export function awaitedBackfill(
  states: readonly IntervalState[],
  observed: Pick<ViewObservation, 'backfills' | 'publishedEndAt'>,
): OpenBackfill | undefined {
  const { backfills = [], publishedEndAt: end } = observed
  const isAny = states.some((state) => (end === null || state.interval.end > end) && isKeptBack(state, observed))
  return isAny ? (backfills.find(({ state }) => state === 'paused') ?? backfills[0]) : undefined
}
