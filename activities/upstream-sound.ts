/** Whether what a view is made of, the commits of the view below, is what it should be: a repair from below upwards runs each once. */
import type { SourceDefinition, UpstreamView } from '../core/define/definitions.js'
import { inParallel } from '../core/in-parallel.js'
import { type IntervalState, isReplacedSoon, mergeRanges, qualityRepair } from '../core/plan/index.js'
import type { ViewKey } from '../core/ports/ledger.js'
import type { Fault } from '../core/quality/index.js'
import { judgeReadiness, type Readiness, upstreamSpan } from '../core/source/index.js'
import type { Instant } from '../core/time/instant.js'
import { fromIsoInterval, type Interval, overlaps } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { currentCommitsOfFile } from './commits-of-file.js'
import { lastCheck } from './last-check.js'

const rangesAtOnce = 8

type SoundDeps = Pick<ActivityDeps, 'ledger' | 'lake'>

/**
 * Of intervals that a repair has re-opened, of this view or of one below, those that are made of what is at fault still: run now, they would be what
 * they were, and nothing would re-open them later.
 */
export async function awaitingUpstream(
  deps: SoundDeps,
  upstream: UpstreamView | undefined,
  states: readonly IntervalState[],
): Promise<Interval[]> {
  if (!upstream) return []
  const waiting = states.flatMap(({ interval, committed, reopenedBecause }) => {
    const span = committed !== null && reopenedBecause?.startsWith(qualityRepair) && upstreamSpan(upstream, interval)
    return span ? [{ interval, span }] : []
  })
  const spans = waiting.map(({ span }) => span)
  const wrong = [...(await unsoundIntervals(deps, upstream, spans)), ...(await heldReruns(deps, upstream, spans))]
  return waiting.filter(({ span }) => wrong.some((one) => overlaps(one, span))).map(({ interval }) => interval)
}

/**
 * Of intervals that await the view below: a run of what they are made of is to come, or under way, and nothing is known that keeps it. One that a
 * backfill of the view below has claimed and does not run may be kept by whoever waits for it.
 */
export async function isMendedSoon(
  deps: Pick<ActivityDeps, 'ledger'>,
  upstream: UpstreamView,
  intervals: readonly Interval[],
): Promise<boolean> {
  const key = { view: upstream.view.name, version: upstream.view.version }
  const spans = mergeRanges(intervals.flatMap((interval) => upstreamSpan(upstream, interval) ?? []))
  const soon = await inParallel(spans, rangesAtOnce, async (span) => {
    const states = (await deps.ledger.unsettledIntervals(key, span)).filter(isReplacedSoon)
    const claimed = states.length === 0 ? [] : await deps.ledger.claimedIntervals(key, span)
    const kept = claimed.filter(({ state }) => state === 'queued' || state === 'paused')
    return states.some(({ interval }) => !kept.some((one) => overlaps(one, interval)))
  })
  return soon.includes(true)
}

/** The same of one interval, asked by its run: the repair may have been asked for since the run was. */
export async function judgeUpstreamRepair(
  deps: SoundDeps,
  { upstream, ready }: SourceDefinition,
  state: IntervalState | undefined,
  now: Instant,
): Promise<Readiness> {
  const [waiting] = await awaitingUpstream(deps, upstream, state ? [state] : [])
  if (!upstream || !waiting) return { kind: 'ready' }
  const because = `what it is made of in view ${upstream.view.name}@v${upstream.view.version} is at fault, and not mended yet`
  const readiness = judgeReadiness(ready, waiting, [because], now)
  return readiness.kind === 'ready' ? readiness : { ...readiness, because }
}

/** Of the view below, where it touches one of the spans: to run again, or committed in a file at fault that the last check found. */
export async function unsoundIntervals(
  deps: SoundDeps,
  { view: { name: view, version } }: UpstreamView,
  spans: readonly Interval[],
): Promise<Interval[]> {
  const key = { view, version }
  if (spans.length === 0) return []
  const ranges = mergeRanges(spans)
  const check = await lastCheck(deps, key)
  const states = await inParallel(ranges, rangesAtOnce, (range) => deps.ledger.unsettledIntervals(key, range))
  const found = states.flat().map(({ interval }) => interval)
  for (const fault of check?.faults ?? [])
    for (const interval of await stillAtFault(deps, key, fault, ranges)) found.push(interval)
  return found
}

/**
 * Of the view below, what awaits a decision on a run that is newer than its commit (R37): of what a repair goes through, that commit may be what is
 * wrong, and an acceptance later would re-open nothing here.
 */
async function heldReruns(
  { ledger }: SoundDeps,
  { view: { name: view, version } }: UpstreamView,
  spans: readonly Interval[],
): Promise<Interval[]> {
  const states = await inParallel(mergeRanges(spans), rangesAtOnce, (range) =>
    ledger.intervalStates({ view, version }, range),
  )
  const isHeld = ({ committed, latestRun }: IntervalState) => committed !== null && latestRun?.outcome === 'held'
  return states.flat().flatMap((state) => (isHeld(state) ? [state.interval] : []))
}

async function stillAtFault(
  deps: SoundDeps,
  key: ViewKey,
  fault: Fault,
  ranges: readonly Interval[],
): Promise<Interval[]> {
  if (fault.cause !== 'committed-file' || fault.interval === null || fault.isSpare) return []
  const interval = fromIsoInterval(fault.interval)
  if (!ranges.some((range) => overlaps(interval, range))) return []
  if (fault.keyHex === null && fault.file !== null)
    return (await currentCommitsOfFile(deps, key, { uri: fault.file, span: interval })).map((commit) => commit.interval)
  const [commit] = await deps.ledger.currentCommits(key, interval)
  const isOther = fault.commitId !== undefined && fault.commitId !== String(commit?.commitId)
  return isOther ? [] : [interval]
}
