/** Which spans of a view version are worth writing again now (core/compact). */
import { type CompactionPlan, planCompactions } from '../core/compact/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import type { Commit } from '../core/ports/ledger.js'
import { parseDuration } from '../core/time/duration.js'
import { endOfTime, parseInstant } from '../core/time/instant.js'
import { type IsoInterval, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { CompactionPlanResult, CompactViewInput } from './compaction-steps.js'
import { searchLabels } from './search-labels.js'

/** The rest is the next workflow's: a first one over years of history. */
const spansMax = 200

export function planCompaction(deps: ActivityDeps) {
  return async ({ view, version }: CompactViewInput): Promise<CompactionPlanResult> => {
    const bundle = await deps.registry.view(view, version)
    const spans = await spansOf(deps, bundle)
    const others = version === undefined ? await otherVersions(deps, bundle) : []
    return {
      project: deps.settings.project,
      view,
      version: bundle.view.version,
      spans,
      ...(others.length > 0 ? { others } : {}),
      ...searchLabels(deps, bundle.view),
    }
  }
}

async function spansOf(deps: ActivityDeps, bundle: ViewBundle): Promise<IsoInterval[]> {
  const { plans } = await readPlans(deps, bundle)
  return plans.slice(0, spansMax).map(({ span }) => toIsoInterval(span))
}

/** By the ledger: nothing is scheduled for them, and what retention would take of them is nobody else's to remove. */
async function otherVersions(
  deps: ActivityDeps,
  { view: { name, version: newest } }: ViewBundle,
): Promise<NonNullable<CompactionPlanResult['others']>> {
  const versions = (await deps.ledger.versionsWithFiles(name)).filter((version) => version !== newest)
  const others = []
  for (const version of versions)
    others.push({ version, spans: await spansOf(deps, await deps.registry.view(name, version)) })
  return others
}

export interface ReadPlans {
  readonly plans: readonly CompactionPlan[]
  readonly commits: readonly Commit[]
}

export async function readPlans(
  deps: Pick<ActivityDeps, 'ledger' | 'settings'>,
  { view }: ViewBundle,
): Promise<ReadPlans> {
  const key = { view: view.name, version: view.version }
  const { worthwhile } = deps.settings
  const grid = {
    ...{ since: parseInstant(view.since), everyNs: parseDuration(view.every) },
    ...(worthwhile === undefined ? {} : { worthwhile }),
  }
  const all = { start: grid.since, end: endOfTime }
  const commits = await deps.ledger.currentCommits(key, all)
  const compactions = await deps.ledger.compactions(key, all)
  const current = compactions.filter(({ isCurrent }) => isCurrent)
  return { plans: planCompactions(grid, commits, current), commits }
}
