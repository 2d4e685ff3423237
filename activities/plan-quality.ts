/** Which view versions a check looks at: the newest ones of the views named, or of all in the repo; and every other one that is online; views below go before those that are built on them. */
import type { SourceDefinition, ViewBundle } from '../core/define/definitions.js'
import type { CheckQualityInput } from '../core/ports/run-control.js'
import { rowSource } from '../core/source/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { otherOnline } from './other-online.js'
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
    const all = [
      ...newest.map((one) => ({ one, isFollowed: followed.includes(one.view.name) })),
      ...others.map((one) => ({ one, isFollowed: false })),
    ]
    // What is at fault below is known, and its repair asked for, before it is judged whether a view above can run again.
    const checks = all
      .sort((a, b) => viewsBelow(a.one.source) - viewsBelow(b.one.source))
      .map(({ one, isFollowed }) => planned(one, isFollowed))
    if (views === null) await deps.ledger.keepQualityChecks(checks)
    return {
      project: deps.settings.project,
      views: checks,
      // A check of another day draws other keys.
      seed: seed ?? Number((deps.clock.realNow() / 1_000_000n) % 2_147_483_647n),
    }
  }
}

function viewsBelow(source: SourceDefinition): number {
  const { upstream } = rowSource(source)
  return upstream ? 1 + viewsBelow(upstream.source) : 0
}
