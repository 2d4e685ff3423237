/** View versions that another took the place of: published once, and served until a person drops the table. */
import type { ViewBundle } from '../core/define/definitions.js'
import { versionTableName } from '../core/publish/index.js'
import type { ActivityDeps } from './activity-deps.js'

/** Of views of these names, or null: of any. @param newest of the views that are followed; no version of these is told */
export async function otherOnline(
  deps: Pick<ActivityDeps, 'ledger' | 'registry' | 'online' | 'settings'>,
  names: readonly string[] | null,
  newest: readonly { readonly view: Pick<ViewBundle['view'], 'name' | 'version'> }[],
): Promise<ViewBundle[]> {
  const isNewest = (view: string, version: number) =>
    newest.some((one) => one.view.name === view && one.view.version === version)
  const found: ViewBundle[] = []
  for (const { view, version, named, isPublished } of await deps.ledger.onlineTables()) {
    if (!isPublished || isNewest(view, version) || (names !== null && !names.includes(view))) continue
    const bundle = await deps.registry.view(view, version)
    const table = versionTableName(deps.settings.project, bundle.view, named)
    if ((await deps.online.describeTable(table)) !== null) found.push(bundle)
  }
  return found
}
