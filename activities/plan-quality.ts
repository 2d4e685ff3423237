/** Which view versions a check looks at: the newest ones of the views named, or of all in the repo; and every other one that is online. */
import type { ViewBundle } from '../core/define/definitions.js'
import type { CheckQualityInput } from '../core/ports/run-control.js'
import { versionTableName } from '../core/publish/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { searchLabels } from './search-labels.js'
import type { PlannedCheck, PlanQualityResult } from './steps.js'

export function planQuality(deps: ActivityDeps) {
  return async ({ views, seed }: CheckQualityInput): Promise<PlanQualityResult> => {
    const followed = (await deps.registry.current())?.repo.views.map(({ name }) => name) ?? []
    const newest = await Promise.all((views ?? followed).map((name) => deps.registry.view(name)))
    const planned = ({ view }: ViewBundle, isFollowed: boolean): PlannedCheck => ({
      ...{ view: view.name, version: view.version, ...searchLabels(deps, view) },
      ...(isFollowed ? {} : { isSuperseded: true }),
    })
    const others = await otherOnline(deps, views, newest)
    const checks = [
      ...newest.map((one) => planned(one, followed.includes(one.view.name))),
      ...others.map((one) => planned(one, false)),
    ]
    if (views === null) await deps.ledger.keepQualityChecks(checks)
    return {
      project: deps.settings.project,
      views: checks,
      // A check of another day draws other keys.
      seed: seed ?? Number((deps.clock.realNow() / 1_000_000n) % 2_147_483_647n),
    }
  }
}

/** Of these names, or of any: published once, and served until a person drops the table. */
async function otherOnline(
  deps: ActivityDeps,
  names: readonly string[] | null,
  newest: readonly ViewBundle[],
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
