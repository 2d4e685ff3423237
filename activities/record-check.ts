/** One record is kept of each view version: a fault leaves it by being looked at alone, also where two checks go on at once. */
import type { ViewKey } from '../core/ports/ledger.js'
import type { QualityCheck } from '../core/quality/index.js'
import type { ActivityDeps } from './activity-deps.js'

/** Where another was recorded since this one began, it is made once more: `check` looks at what was at fault `before`, too. */
export async function recordCheck(
  { ledger }: ActivityDeps,
  { view, version }: ViewKey,
  check: (before: QualityCheck | null) => Promise<QualityCheck>,
): Promise<QualityCheck> {
  for (;;) {
    const before = (await ledger.qualityChecks()).find((one) => one.view === view && one.version === version) ?? null
    const made = await check(before)
    if (await ledger.recordQualityCheck(made, before)) return made
  }
}
