import type { SearchLabels } from '../core/ports/run-control.js'
import type { ActivityDeps } from './activity-deps.js'

/** Part of a step's result, so that a workflow learns from its history, and not from the worker, whether the server can be searched. */
export function searchLabels(
  { settings }: Pick<ActivityDeps, 'settings'>,
  view: { readonly name: string; readonly owner: string | null },
): { readonly labels?: SearchLabels } {
  return settings.isSearchable ? { labels: { view: view.name, owner: view.owner } } : {}
}
