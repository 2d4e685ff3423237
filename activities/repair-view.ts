/**
 * Puts right what the last check found, by the ways that values always take: intervals whose committed file is at fault are re-opened, so
 * that a run commits them anew; what is online is written by a publish, under its fence (R36), which trusts no cache. Nothing is written here.
 */

import type { ViewBundle } from '../core/define/definitions.js'
import { isBeingReplaced } from '../core/plan/index.js'
import type { ViewKey } from '../core/ports/ledger.js'
import type { RepairStarted } from '../core/ports/run-control.js'
import type { Fault, QualityCheck } from '../core/quality/index.js'
import { fromIsoInterval, type Interval, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { inParallel } from './in-parallel.js'
import { intervalsOfFile } from './intervals-of-file.js'
import { findReach } from './quality-target.js'
import type { RepairViewInput } from './steps.js'

/** Sequences are 64-bit integers in the ledger: one beyond this leaves no room to draw on. */
const sequenceMax = 2n ** 62n
const lookedAtOnce = 8
/** Of one repair: they are started by one tick, and Temporal takes no more than 2,000 open children of a workflow. */
const reopenedMax = 1_500

export function repairView(deps: ActivityDeps) {
  return async ({ view, version, by, reason }: RepairViewInput): Promise<RepairStarted> => {
    const key = { view, version }
    const check = (await deps.ledger.qualityChecks()).find((one) => one.view === view && one.version === version)
    const bundle = await deps.registry.view(view, version)
    const faults = check?.faults.filter(({ isRepairable }) => isRepairable) ?? []
    if (!check || faults.length === 0) return { reopened: [], isRebuildAsked: false, left: check?.faults.length ?? 0 }
    const inFiles = faults.filter(({ cause }) => cause === 'committed-file')
    const found = (await inParallel(inFiles, lookedAtOnce, (fault) => intervalsOf(deps, key, fault))).flat()
    const wanted = [...new Map(found.map((interval) => [interval.start, interval])).values()]
    const again = wanted.slice(0, reopenedMax)
    const reopened = again.map(toIsoInterval)
    await deps.ledger.audit({ by, action: 'quality repair', subject: `${view}@v${version}`, reason })
    await deps.ledger.reopenIntervals(
      key,
      await withoutReplaced(deps, key, again),
      `check-quality: the committed file is at fault (${by}: ${reason})`,
    )
    const seen = BigInt(check.sequenceSeenMax ?? 0)
    const isWritable = seen <= sequenceMax
    const isHeld = await isTrustedWrongly(deps, bundle, key, check)
    // What was published from a file at fault is put right by the publish of its new commit, which then trusts no cache either.
    const isRebuildAsked = bundle.view.online && isWritable && !isHeld && (await deps.ledger.askRebuild(key, seen))
    const isOnline = (fault: (typeof faults)[number]) => fault.cause !== 'committed-file'
    const left = check.faults.length - faults.length + (isRebuildAsked ? 0 : faults.filter(isOnline).length)
    return { reopened, isRebuildAsked, left: left + (wanted.length > again.length ? 1 : 0) }
  }
}

/** A rebuild would publish all that the committed files say: also what is wrong of one that no run puts right. */
async function isTrustedWrongly(
  deps: ActivityDeps,
  bundle: ViewBundle,
  key: ViewKey,
  { faults }: QualityCheck,
): Promise<boolean> {
  const left = faults.filter(({ cause, isRepairable }) => cause === 'committed-file' && !isRepairable)
  if (left.length === 0) return false
  const reach = await findReach(deps, bundle, key, await deps.ledger.shownState(key))
  const isReached = ({ start, end }: Interval) => reach !== null && start < reach.span.end && reach.span.start < end
  return left.some(({ interval }) => interval !== null && isReached(fromIsoInterval(interval)))
}

/** Of a file that cannot be read all that lies in it. */
async function intervalsOf(
  deps: ActivityDeps,
  key: ViewKey,
  { interval, file, key: ofKey }: Fault,
): Promise<Interval[]> {
  if (interval === null) return []
  const span = fromIsoInterval(interval)
  return ofKey !== null || file === null ? [span] : await intervalsOfFile(deps, key, { uri: file, span })
}

/** What is to run again already, or does, is not asked for twice: a run that has listed its files would be followed by another. */
async function withoutReplaced(deps: ActivityDeps, key: ViewKey, intervals: readonly Interval[]): Promise<Interval[]> {
  const states = await inParallel(intervals, lookedAtOnce, (one) => deps.ledger.intervalStates(key, one))
  return intervals.filter((_, index) => !states[index]!.some(isBeingReplaced))
}
