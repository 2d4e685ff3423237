/** What a tick has to start: intervals the ledger lacks, that failed for a while, or whose files are others now (R27). */
import { searchedAroundNs } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import {
  askedRange,
  dueIntervals,
  type Grid,
  hasOtherFiles,
  type IntervalState,
  isReplacedSoon,
  mergeRanges,
  needsRun,
  touchedRange,
  withoutIntervals,
} from '../core/plan/index.js'
import type { ViewKey } from '../core/ports/ledger.js'
import type { TickInput } from '../core/ports/run-control.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { filesOf, inputsHash, rowSource, type SourceFile, touchedSpan } from '../core/source/index.js'
import { parseDuration } from '../core/time/duration.js'
import { type Instant, latest, parseInstant } from '../core/time/instant.js'
import { type Interval, intervalAt, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { labelledBackfillInput } from './backfill-input.js'
import { listDimensions } from './dimension-files.js'
import { intervalsWithLostDeliveries } from './lost-deliveries.js'
import { otherOnline, otherServed } from './other-online.js'
import { searchLabels } from './search-labels.js'
import { sourceFiles } from './source-files.js'
import type { PlanTickResult } from './steps.js'
import { awaitingUpstream } from './upstream-sound.js'

/** A file that reaches over years would have every partition of them listed on each tick. */
const intervalsBeyondMax = 500n

export function planTick(deps: ActivityDeps) {
  return async (input: TickInput): Promise<PlanTickResult> => {
    const bundle = await deps.registry.view(input.view, input.version)
    const only = input.only && new Set(input.only.map((one) => parseInstant(one.start)))
    const isFollowed = input.version === undefined && !only
    const { view } = bundle
    const now = input.now === null ? deps.clock.now() : parseInstant(input.now)
    const asked = input.range && {
      from: input.range.from === null ? null : parseInstant(input.range.from),
      to: input.range.to === null ? null : parseInstant(input.range.to),
    }
    const grid = { everyNs: parseDuration(view.every), since: parseInstant(view.since) }
    const range = askedRange(asked ?? { from: null, to: null }, grid, now)
    const key = { view: view.name, version: view.version }
    const window = asked ? range : lookbackRange(bundle, range)
    const compared = await compareFiles(deps, bundle, key, grid, isFollowed ? window : null)
    const states = await deps.ledger.unsettledIntervals(key, range)
    const unsettled = only ? states.filter(({ interval }) => only.has(interval.start)) : states
    const again = new Map(
      compared.due.filter(({ start, end }) => range.start <= start && end <= range.end).map(byStart),
    )
    for (const state of unsettled) {
      const context = {
        definitionHash: bundle.definitionHash,
        inputsHash: compared.hashes.get(state.interval.start) ?? null,
      }
      if (!isFollowed && !only && !isAskedFor(state)) continue
      if (needsRun(state, { ...context, isAsked: asked !== null })) again.set(...byStart(state.interval))
    }
    const isAsked = asked !== null || only !== undefined
    // A repair of this view names what one of the view below has re-opened, too: that waits all the same.
    const awaiting = asked !== null ? [] : await awaitingUpstream(deps, rowSource(bundle.source).upstream, unsettled)
    for (const { start } of awaiting) again.delete(start)
    // A backfill runs them in its own time; who names a range does not wait for it.
    const claimed = asked === null ? await deps.ledger.claimedIntervals(key, range) : []
    for (const { start } of claimed) again.delete(start)
    const gaps = isFollowed ? withoutIntervals(await deps.ledger.intervalGaps(key, range), claimed) : []
    const { due, left } = dueIntervals(gaps, [...again.values()], grid, {
      runsMax: input.runsMax,
      withNewest: !isAsked && !isInOrder(bundle),
    })
    const { telemetry = noTelemetry } = deps
    telemetry.count('millcourse_ticks_total', { view: view.name })
    return {
      project: deps.settings.project,
      ...key,
      due: due.map(toIsoInterval),
      left,
      ...searchLabels(deps, view),
      // Of former versions, too: these have no tick of their own.
      decisionIds: (await deps.ledger.pendingDecisions({ view: view.name })).map((decision) => decision.decisionId),
      ...(await openBackfills(deps, view.name)),
      ...(isFollowed && asked === null ? await repairedVersions(deps, bundle) : {}),
      isPublishDue:
        view.online &&
        // What is about to be replaced would be carried online once more. Not for a run that is held, failed or not ready: its interval's
        // accepted version is the state until it ends well or somebody decides (R37), and other faults would stay online as long.
        (await isPublishDue(deps, key, {
          isAsked,
          isReplacing: unsettled.some(isReplacedSoon),
        })),
    }
  }
}

/** Where a gap blocks (R32) the newest would only lie behind it, and on a view that catches up, too, it would wait for days. */
function isInOrder({ view, source }: ViewBundle): boolean {
  return (view.viewKind === 'window' && view.onGap === 'block') || rowSource(source).upstream !== undefined
}

/** Joined where they are under way: one whose workflow was lost goes on from what the ledger knows. Those of older versions have no tick. */
async function openBackfills(deps: ActivityDeps, view: string): Promise<Pick<PlanTickResult, 'backfills'>> {
  const open = await deps.ledger.backfills({ view, isOpen: true, limit: 100 })
  if (open.length === 0) return {}
  return { backfills: await Promise.all(open.map((one) => labelledBackfillInput(deps, one))) }
}

async function repairedVersions(
  deps: ActivityDeps,
  bundle: ViewBundle,
): Promise<Pick<PlanTickResult, 'repairedVersions'>> {
  const { name: view, version } = bundle.view
  const found = await deps.ledger.repairedVersions({ view, version })
  if (found.length === 0) return {}
  const served = await servedVersions(deps, bundle, found).catch((error: Error) => {
    // The runs of this version do not wait for it: the next tick asks again.
    deps.log.warn(
      { view, versions: found, error: error.message },
      'former versions are left: the online store does not answer',
    )
    return []
  })
  const versions = found.filter((one) => served.some((other) => other.view.version === one))
  return versions.length === 0 ? {} : { repairedVersions: versions }
}

/** Of one that is not served itself it takes all that are to know whether one of them is made of it. */
async function servedVersions(deps: ActivityDeps, bundle: ViewBundle, found: readonly number[]): Promise<ViewBundle[]> {
  const own = await otherOnline(deps, [bundle.view.name], [bundle])
  if (found.every((version) => own.some(({ view }) => view.version === version))) return own
  return (await otherServed(deps)).filter(({ view }) => view.name === bundle.view.name)
}

/** R33. A publish that has cost too many workers is begun again by new commits, or by a person who asks, not by each tick. */
async function isPublishDue(
  { ledger }: ActivityDeps,
  key: ViewKey,
  { isAsked, isReplacing }: { readonly isAsked: boolean; readonly isReplacing: boolean },
): Promise<boolean> {
  const isWanted = (await ledger.unmarkedCommits(key)) > 0 || (!isReplacing && (await ledger.isRebuildAsked(key)))
  if (!isWanted || (await ledger.isPublishOpen(key))) return false
  return isAsked || !(await ledger.isPublishGivenUp(key))
}

/** Of a version that is not followed: re-opened, or what is committed was to be replaced, and its run has cleared the reason and not ended well. */
function isAskedFor({ committed, reopenedBecause, latestRun }: IntervalState): boolean {
  const outcome = latestRun?.outcome
  return (
    reopenedBecause !== null ||
    (committed !== null && (outcome === 'running' || outcome === 'failed' || outcome === 'not-ready'))
  )
}

const byStart = (interval: Interval): [Instant, Interval] => [interval.start, interval]

/** R27: without a lookback a finished interval is looked at again only when asked. */
function lookbackRange({ view }: ViewBundle, range: Interval): Interval | null {
  if (view.lookback === null) return null
  const everyNs = parseDuration(view.every)
  const from = range.end - parseDuration(view.lookback)
  const start = from <= range.start ? range.start : intervalAt(from, everyNs, range.start).start
  return start < range.end ? { start, end: range.end } : null
}

interface Compared {
  /** Intervals whose files are others than their latest run's; re-opened in the ledger. */
  readonly due: readonly Interval[]
  /** Hash of the files that are there now, by the start of each interval that was looked at. */
  readonly hashes: ReadonlyMap<Instant, string>
}

async function compareFiles(
  deps: ActivityDeps,
  bundle: ViewBundle,
  key: ViewKey,
  grid: Grid,
  window: Interval | null,
): Promise<Compared> {
  const hashes = new Map<Instant, string>()
  if (window === null || window.start >= window.end) return { due: [], hashes }
  // Where nothing has run there is nothing to compare with, however many files there are.
  if ((await deps.ledger.runs({ view: key.view, limit: 1 })).length === 0) return { due: [], hashes }
  const source = rowSource(bundle.source)
  const inWindow = await sourceFiles(deps, source, window)
  const due: Interval[] = []
  for (const range of [window, ...rangesBeyond(inWindow, window, grid)]) {
    const states = (await deps.ledger.intervalStates(key, range)).filter((state) => state.latestRun !== null)
    if (states.length === 0) continue
    const files = range === window ? inWindow : await sourceFiles(deps, source, range)
    const around = searchedAroundNs(bundle)
    const searched = ({ start, end }: Interval) => ({ start: start - around, end: end + around })
    const seen = await listDimensions(deps, bundle.source, searched(range))
    const filesAt = (at: Interval) => [...filesOf(files, at), ...seen(searched(at))]
    for (const interval of await reopenChanged(deps, key, states, filesAt, hashes)) due.push(interval)
  }
  const lost = await intervalsWithLostDeliveries(deps, bundle, key, window, inWindow)
  await deps.ledger.reopenIntervals(key, lost, 'files with redelivered events were changed or removed')
  return { due: [...due, ...lost], hashes }
}

/** A late file may lie in a new partition and hold rows of an old one. */
function rangesBeyond(files: readonly SourceFile[], window: Interval, grid: Grid): Interval[] {
  const before = files.flatMap((file) => {
    const span = touchedSpan(file)
    if (span === null || file.eventMin === null) return []
    const range = touchedRange(span, grid, window.start)
    if (range === null) return []
    return [{ start: latest([range.start, range.end - intervalsBeyondMax * grid.everyNs]), end: range.end }]
  })
  return mergeRanges(before)
}

async function reopenChanged(
  deps: ActivityDeps,
  key: ViewKey,
  states: readonly IntervalState[],
  filesAt: (interval: Interval) => readonly SourceFile[],
  hashes: Map<Instant, string>,
): Promise<Interval[]> {
  const changed: Interval[] = []
  for (const state of states) {
    const hash = inputsHash(filesAt(state.interval))
    hashes.set(state.interval.start, hash)
    if (hasOtherFiles(state, { inputsHash: hash })) changed.push(state.interval)
  }
  await deps.ledger.reopenIntervals(key, changed, 'files of the source were added, changed or removed')
  return changed
}
