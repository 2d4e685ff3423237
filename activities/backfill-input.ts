import { isMillcourseError } from '../core/errors.js'
import type { Backfill } from '../core/ports/backfill-ledger.js'
import { type BackfillInput, backfillInput } from '../core/ports/run-control.js'
import type { ActivityDeps } from './activity-deps.js'
import { searchLabels } from './search-labels.js'

/** With the labels of its view's version, where the registry knows that: what it does not know must end all the same. */
export async function labelledBackfillInput(
  deps: Pick<ActivityDeps, 'settings' | 'registry'>,
  backfill: Backfill,
): Promise<BackfillInput> {
  const input = backfillInput(deps.settings.project, backfill)
  try {
    const { view } = await deps.registry.view(backfill.view, backfill.version)
    return { ...input, ...searchLabels(deps, view) }
  } catch (error) {
    if (isMillcourseError(error) && error.code === 'REGISTRY_UNKNOWN_VIEW') return input
    throw error
  }
}
