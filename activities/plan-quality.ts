/** Which views a check looks at: those named, or all that are applied. */
import type { CheckQualityInput } from '../core/ports/run-control.js'
import type { ActivityDeps } from './activity-deps.js'
import { searchLabels } from './search-labels.js'
import type { PlanQualityResult } from './steps.js'

export function planQuality(deps: ActivityDeps) {
  return async ({ views, seed }: CheckQualityInput): Promise<PlanQualityResult> => {
    const names = views ?? (await deps.registry.current())?.repo.views.map(({ name }) => name) ?? []
    const bundles = await Promise.all(names.map((name) => deps.registry.view(name)))
    return {
      project: deps.settings.project,
      views: bundles.map(({ view }) => ({ view: view.name, version: view.version, ...searchLabels(deps, view) })),
      // A check of another day draws other keys.
      seed: seed ?? Number((deps.clock.realNow() / 1_000_000n) % 2_147_483_647n),
    }
  }
}
