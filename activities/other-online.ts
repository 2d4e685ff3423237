/** View versions that another took the place of: published once, and served until a person drops the table; and what these are made of. */
import type { SourceDefinition, ViewBundle } from '../core/define/definitions.js'
import { versionTableName } from '../core/publish/index.js'
import { rowSource } from '../core/source/index.js'
import type { ActivityDeps } from './activity-deps.js'

type OtherDeps = Pick<ActivityDeps, 'ledger' | 'registry' | 'online' | 'settings'>

/** All of them, and former versions that one of them, or a view that is applied, is built on, and so on: served or not, values are made of them. */
export async function otherServed(deps: OtherDeps): Promise<ViewBundle[]> {
  const { views = [], sources = [] } = (await deps.registry.current())?.repo ?? {}
  const newest = views.map((view) => ({ view }))
  const found = await otherOnline(deps, null, newest)
  const made: (SourceDefinition | undefined)[] = [
    ...views.map(({ source }) => sources.find(({ name }) => name === source)),
    ...found.map(({ source }) => source),
  ]
  for (let source = made.shift(); source || made.length > 0; source = made.shift()) {
    const on = source && rowSource(source).upstream?.view
    if (!on || [...newest, ...found].some(({ view }) => view.name === on.name && view.version === on.version)) continue
    const bundle = await deps.registry.view(on.name, on.version)
    found.push(bundle)
    made.push(bundle.source)
  }
  return found
}

/** Of views of these names, or null: of any. @param newest of the views that are followed; no version of these is told */
export async function otherOnline(
  deps: OtherDeps,
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
