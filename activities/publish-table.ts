/** The table that a publish writes: the version's, which is there or is made, or a first load's own, which nobody else may have made. */
import type { ViewBundle } from '../core/define/definitions.js'
import type { Publish } from '../core/ports/ledger.js'
import type { EnsuredTable } from '../core/ports/online-store.js'
import type { ActivityDeps } from './activity-deps.js'
import { type GivenUp, giveUp } from './publish-first-load.js'

export async function prepareTable(deps: ActivityDeps, bundle: ViewBundle, publish: Publish): Promise<EnsuredTable> {
  return told(deps, publish, await deps.online.ensureTable(publish.table, tableTags(deps, bundle)))
}

/**
 * A ledger that was begun anew draws its sequences again: the tables of the one before may still be read, so they are neither written
 * nor dropped. Asked before anything is recorded, so that a store that does not answer costs no first load, either.
 */
export async function isNameTaken({ online }: ActivityDeps, { table }: Publish): Promise<boolean> {
  return (await online.describeTable(table)) !== null
}

/** Once the delta is recorded: from then on the ledger remembers the table, whatever becomes of this attempt. */
export async function makeOwnTable(
  deps: ActivityDeps,
  bundle: ViewBundle,
  publish: Publish,
): Promise<EnsuredTable | GivenUp> {
  const made = await deps.online.createTable(publish.table, tableTags(deps, bundle))
  // It was absent a moment ago, so it is most likely ours: not certain enough to write it without conditions, enough to drop it.
  if (made === 'unknown') return await giveUp(deps, publish, 'the answer to making its table was lost')
  if (made !== 'taken') return told(deps, publish, made)
  // Somebody else's: not to be dropped, either.
  await deps.ledger.forgetTable(publish, publish.table)
  return await giveUp(deps, publish, 'somebody else has just made its table')
}

function told(deps: ActivityDeps, { view, version }: Publish, table: EnsuredTable): EnsuredTable {
  for (const warning of table.warnings) deps.log.warn({ view, version }, warning)
  return table
}

/** For costs and access per view; the view's own tags (`pii`) under their own names. */
function tableTags({ settings: { project } }: ActivityDeps, { view }: ViewBundle): Record<string, string> {
  const { name, version, owner, tags } = view
  return {
    ...Object.fromEntries(Object.entries(tags).map(([tag, value]) => [tag, String(value)])),
    ...{ 'millcourse:project': project, 'millcourse:view': name },
    'millcourse:version': String(version),
    ...(owner === null ? {} : { 'millcourse:owner': owner }),
  }
}
