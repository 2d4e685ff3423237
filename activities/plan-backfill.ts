/** The plan of a backfill: every interval of the range by what it is, from ledger and listings; then what it would take. */
import { searchedAroundNs } from '../core/compute/index.js'
import {
  askedRange,
  type BackfillPlan,
  backfillNeed,
  backfillPlanId,
  type Grid,
  type PlanContent,
  type PlannedInterval,
  runsNow,
} from '../core/plan/index.js'
import type { PlanBackfillInput } from '../core/ports/run-control.js'
import { compareBytes, inputsHash, rowSource, type SourceFile, touchedSpan } from '../core/source/index.js'
import { parseDuration } from '../core/time/duration.js'
import { type Instant, parseInstant } from '../core/time/instant.js'
import { type Interval, intervalsBetween, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { BackfillActivities } from './backfill-steps.js'
import { listDimensions } from './dimension-files.js'
import { estimate, type PlannedWork } from './estimate-backfill.js'
import { sourceFiles } from './source-files.js'

export function planBackfill(deps: ActivityDeps): BackfillActivities['planBackfill'] {
  return async (input) => {
    const work = await planContent(deps, input)
    const plan: BackfillPlan = {
      ...work.content,
      planId: backfillPlanId(work.content),
      estimate: await estimate(deps, work),
      services: await servicesOf(deps, work.bundle.view.name),
      limits: {
        costMax: await costMaxOf(deps, input.retryOf),
        ...{ costMaxOfAll: deps.settings.backfillCostMax ?? null, openDollars: await openDollars(deps) },
      },
    }
    await deps.ledger.keepBackfillPlan(plan)
    return { planId: plan.planId }
  }
}

/** @throws MillcourseError PLAN_INTERVAL_INVALID, REGISTRY_UNKNOWN_VIEW, and what listing the source throws */
export async function planContent(
  deps: ActivityDeps,
  { view: name, range: asked, options, retryOf, now: pretended }: PlanBackfillInput,
): Promise<PlannedWork> {
  const bundle = await deps.registry.view(name)
  const { view, definitionHash } = bundle
  const now = pretended === null ? deps.clock.now() : parseInstant(pretended)
  const grid: Grid = { everyNs: parseDuration(view.every), since: parseInstant(view.since) }
  const range = askedRange({ from: parseInstant(asked.from), to: parseInstant(asked.to) }, grid, now)
  const key = { view: view.name, version: view.version }
  const states = new Map((await deps.ledger.intervalStates(key, range)).map((state) => [state.interval.start, state]))
  const around = searchedAroundNs(bundle)
  const searched = ({ start, end }: Interval): Interval => ({ start: start - around, end: end + around })
  const own = byInterval(await sourceFiles(deps, rowSource(bundle.source), range), grid, range)
  const seen = await listDimensions(deps, bundle.source, searched(range))
  const dimensionsAt = (interval: Interval) => seen(searched(interval))
  const failed = retryOf === undefined ? null : await failedIn(deps, retryOf)
  const asking = [...intervalsBetween(range.start, range.end, grid.everyNs, grid.since)].filter(
    ({ start }) => failed === null || failed.has(start),
  )
  const all = asking.map((interval) => {
    const files = own.get(interval.start) ?? []
    const hash = inputsHash([...files, ...dimensionsAt(interval)])
    const need = backfillNeed(states.get(interval.start), {
      definitionHash,
      inputsHash: hash,
      isForced: options.isForced,
    })
    const planned: PlannedInterval = { ...toIsoInterval(interval), need, inputsHash: hash }
    return { interval, planned, own: files }
  })
  const due = all.filter(({ planned }) => runsNow(planned))
  const used = new Map(
    due
      .flatMap(({ interval, own: files }) => [...files, ...dimensionsAt(interval)])
      .map(({ uri, etag }) => [uri, etag]),
  )
  const content: PlanContent = {
    ...{ ...key, definitionHash, range: toIsoInterval(range), options, ...(retryOf === undefined ? {} : { retryOf }) },
    intervals: all.map(({ planned }) => planned),
    files: [...used].map(([uri, etag]) => ({ uri, etag })).sort((a, b) => compareBytes(a.uri, b.uri)),
  }
  return { bundle, content, due, dimensionsAt }
}

/** As `filesOf` finds them for each interval, in one pass: years of hours times years of files are too many to compare. */
function byInterval(files: readonly SourceFile[], { everyNs }: Grid, range: Interval): Map<Instant, SourceFile[]> {
  const found = new Map<Instant, SourceFile[]>()
  for (const file of [...files].sort((a, b) => compareBytes(a.uri, b.uri))) {
    const span = touchedSpan(file)
    if (span === null) continue
    const skipped = span.start <= range.start ? 0n : (span.start - range.start) / everyNs
    const end = span.end < range.end ? span.end : range.end
    for (let start = range.start + skipped * everyNs; start < end; start += everyNs) {
      const at = found.get(start)
      if (at === undefined) found.set(start, [file])
      else at.push(file)
    }
  }
  return found
}

const failedOutcomes = ['failed', 'not-ready']

/** Starts of the intervals whose last run of the backfill failed. */
export async function failedIn({ ledger }: ActivityDeps, backfillId: string): Promise<ReadonlySet<Instant>> {
  const intervals = await ledger.backfillIntervals(backfillId)
  const failed = intervals.filter(({ outcome }) => outcome !== null && failedOutcomes.includes(outcome))
  return new Set(failed.map(({ interval }) => interval.start))
}

/** The limit of the one that is tried again; null: none. */
export async function costMaxOf({ ledger }: ActivityDeps, retryOf: string | undefined): Promise<number | null> {
  return retryOf === undefined ? null : ((await ledger.backfill(retryOf))?.costMax ?? null)
}

/** As the ledger counts when one is started: who awaits approval takes nothing yet. */
async function openDollars({ ledger }: ActivityDeps): Promise<number> {
  const open = await ledger.backfills({ isOpen: true, limit: 1_000 })
  return open.filter(({ state }) => state !== 'awaiting-approval').reduce((sum, { dollars }) => sum + (dollars ?? 0), 0)
}

async function servicesOf({ registry }: ActivityDeps, view: string): Promise<string[]> {
  const services = (await registry.current())?.repo.services ?? []
  return services.filter(({ features }) => features.some((feature) => feature.view === view)).map(({ name }) => name)
}
