import type { FeatureViewDefinition } from '../core/define/definitions.js'
import type { Backfill } from '../core/ports/backfill-ledger.js'
import type { BackfillInput } from '../core/ports/run-control.js'
import type { ActivityDeps } from './activity-deps.js'
import { searchLabels } from './search-labels.js'

/** What the workflow of a backfill is started with, whoever starts it. */
export function backfillInput(
  deps: Pick<ActivityDeps, 'settings'>,
  view: Pick<FeatureViewDefinition, 'name' | 'owner'>,
  { backfillId, version, options, pretendedNow }: Backfill,
): BackfillInput {
  return {
    project: deps.settings.project,
    ...{ view: view.name, version, backfillId, atOnce: options.atOnce, isStopping: options.onFailure === 'stop' },
    now: pretendedNow,
    ...searchLabels(deps, view),
  }
}
