/** One record is kept of each view version: a fault leaves it by being looked at alone, also where two checks go on at once. */
import type { ViewKey } from '../core/ports/ledger.js'
import type { QualityCheck } from '../core/quality/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { lastCheck } from './last-check.js'

/** Where another was recorded since this one began, it is made once more: `check` looks at what was at fault `before`, too. */
export async function recordCheck(
  deps: Pick<ActivityDeps, 'ledger'>,
  key: ViewKey,
  check: (before: QualityCheck | null) => Promise<QualityCheck>,
): Promise<QualityCheck> {
  for (;;) {
    const before = await lastCheck(deps, key)
    const made = await check(before)
    if (await deps.ledger.recordQualityCheck(made, before)) return made
  }
}
