/**
 * Puts right what the last check found, by the ways that values always take: intervals whose committed file is at fault are re-opened, so
 * that a run commits them anew; what is online is written by a publish, under its fence (R36), which trusts no cache. Nothing is written here.
 */

import { inParallel } from '../core/in-parallel.js'
import { isBeingReplaced, qualityRepair } from '../core/plan/index.js'
import type { ViewKey } from '../core/ports/ledger.js'
import type { RepairStarted } from '../core/ports/run-control.js'
import type { Fault } from '../core/quality/index.js'
import { fromIsoInterval, type Interval, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { commitsOfFile } from './commits-of-file.js'
import { lastCheck } from './last-check.js'
import { reopenAbove } from './reopen-above.js'
import type { RepairViewInput } from './steps.js'
import { sequenceMax } from './undrawn-sequences.js'

const lookedAtOnce = 8
/** Of one repair: they are started by one tick, and Temporal takes no more than 2,000 open children of a workflow. */
const reopenedMax = 1_500

export function repairView(deps: ActivityDeps) {
  return async ({ view, version, by, reason }: RepairViewInput): Promise<RepairStarted> => {
    const key = { view, version }
    const check = await lastCheck(deps, key)
    const bundle = await deps.registry.view(view, version)
    const faults = check?.faults.filter(({ isRepairable }) => isRepairable) ?? []
    // One that was asked for before waits for what is no fault any more, or for a tick that nobody starts: it is asked for anew.
    const isAskedAlready = faults.length === 0 && (await deps.ledger.isRebuildAsked(key))
    if (!check || (faults.length === 0 && !isAskedAlready))
      return { reopened: [], isRebuildAsked: false, left: check?.faults.length ?? 0 }
    const inFiles = faults.filter(({ cause }) => cause === 'committed-file')
    const found = (await inParallel(inFiles, lookedAtOnce, (fault) => commitsOf(deps, key, fault))).flat()
    const wanted = [...new Map(found.map(({ interval }) => [interval.start, interval])).values()]
    // Of a file that answers are not read from nothing was made.
    const read = found.filter(({ isSpare }) => !isSpare)
    const awaited = [...new Set(read.flatMap(({ commitId }) => commitId ?? []))]
    const again = wanted.slice(0, reopenedMax)
    const reopened = again.map(toIsoInterval)
    await deps.ledger.audit({ by, action: 'quality repair', subject: `${view}@v${version}`, reason })
    const starts = new Set(read.map(({ interval }) => interval.start))
    // First: begun again after these here have run, it would no longer know what they were.
    const above = await reopenAbove(
      deps,
      key,
      again.filter(({ start }) => starts.has(start)),
    )
    await deps.ledger.reopenIntervals(
      key,
      await withoutReplaced(deps, key, again),
      `${qualityRepair} the committed file is at fault (${by}: ${reason})`,
    )
    const seen = BigInt(check.sequenceSeenMax ?? 0)
    const isWritable = seen <= sequenceMax
    const isUnmended = ({ cause, isRepairable, isSpare }: Fault) =>
      cause === 'committed-file' && !isRepairable && !isSpare
    const isHeld = check.holdsRebuild ?? check.faults.some(isUnmended)
    // What was published from a file at fault is put right by it, too, once that counts no more: one that can be read would be published.
    const isRebuildAsked =
      bundle.view.online && isWritable && !isHeld && (await deps.ledger.askRebuild(key, seen, awaited))
    // Every publish reads them, and that which a rebuild would wait for, or that holds it, may have nothing to do with them.
    if (faults.some(({ cause }) => cause === 'coarse-tile')) await deps.ledger.forgetCoarseTiles(key)
    const isOnline = (fault: (typeof faults)[number]) => fault.cause !== 'committed-file'
    const left = check.faults.length - faults.length + (isRebuildAsked ? 0 : faults.filter(isOnline).length)
    const started = { reopened, isRebuildAsked, left: left + (wanted.length > again.length ? 1 : 0) }
    return above.length === 0 ? started : { ...started, above }
  }
}

interface CommitAtFault {
  readonly interval: Interval
  /** Null: an older record does not tell. */
  readonly commitId: bigint | null
  readonly isSpare: boolean
}

/** Of a whole file all that lies in it. */
async function commitsOf(
  deps: ActivityDeps,
  key: ViewKey,
  { interval, file, key: ofKey, commitId, isSpare: spare }: Fault,
): Promise<CommitAtFault[]> {
  if (interval === null) return []
  const isSpare = spare ?? false
  const span = fromIsoInterval(interval)
  if (ofKey !== null || file === null)
    return [{ interval: span, commitId: commitId === undefined ? null : BigInt(commitId), isSpare }]
  const commits = await commitsOfFile(deps, key, { uri: file, span })
  return commits.map((commit) => ({ ...commit, isSpare }))
}

/** What is to run again already, or does, is not asked for twice: a run that has listed its files would be followed by another. */
async function withoutReplaced(deps: ActivityDeps, key: ViewKey, intervals: readonly Interval[]): Promise<Interval[]> {
  const states = await inParallel(intervals, lookedAtOnce, (one) => deps.ledger.intervalStates(key, one))
  return intervals.filter((_, index) => !states[index]!.some(isBeingReplaced))
}
