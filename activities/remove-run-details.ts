/** The details of runs that ended long ago leave the ledger, some hundred at a time; killed between two, the rest goes the next time. */
import type { FeatureViewDefinition } from '../core/define/definitions.js'
import { baselineReachNs } from '../core/judge/index.js'
import { parseDuration } from '../core/time/duration.js'
import type { ActivityDeps, FileKeeping } from './activity-deps.js'

const nsPerMs = 1_000_000n

/** @returns of how many runs */
export async function removeRunDetails(
  { ledger, clock }: Pick<ActivityDeps, 'ledger' | 'clock'>,
  view: Pick<FeatureViewDefinition, 'name' | 'version' | 'every'>,
  { detailsKeptMs }: Pick<FileKeeping, 'detailsKeptMs'>,
): Promise<number> {
  const retention = {
    endedUntil: clock.realNow() - BigInt(detailsKeptMs) * nsPerMs,
    baselineReachNs: baselineReachNs(parseDuration(view.every)),
  }
  let removed = 0
  for (;;) {
    const runs = await ledger.removeRunDetails({ view: view.name, version: view.version }, retention)
    if (runs === 0) return removed
    removed += runs
  }
}
