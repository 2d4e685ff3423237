/** What the last check of a view version found. */
import type { ViewKey } from '../core/ports/ledger.js'
import type { QualityCheck } from '../core/quality/index.js'
import type { ActivityDeps } from './activity-deps.js'

/** Null: it was not checked yet. */
export async function lastCheck(
  { ledger }: Pick<ActivityDeps, 'ledger'>,
  { view, version }: ViewKey,
): Promise<QualityCheck | null> {
  return (await ledger.qualityChecks()).find((one) => one.view === view && one.version === version) ?? null
}
