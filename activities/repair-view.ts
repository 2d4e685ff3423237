/**
 * Puts right what the last check found, by the ways that values always take: intervals whose committed file is at fault are re-opened, so
 * that a run commits them anew; what is online is written by a publish, under its fence (R36), which trusts no cache. Nothing is written here.
 */
import type { RepairStarted } from '../core/ports/run-control.js'
import { fromIsoInterval, type IsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { RepairViewInput } from './steps.js'

/** Sequences are 64-bit integers in the ledger: one beyond this leaves no room to draw on. */
const sequenceMax = 2n ** 62n

export function repairView(deps: ActivityDeps) {
  return async ({ view, version, by, reason }: RepairViewInput): Promise<RepairStarted> => {
    const key = { view, version }
    const check = (await deps.ledger.qualityChecks()).find((one) => one.view === view && one.version === version)
    const bundle = await deps.registry.view(view, version)
    const faults = check?.faults.filter(({ isRepairable }) => isRepairable) ?? []
    if (!check || faults.length === 0) return { reopened: [], isRebuildAsked: false, left: check?.faults.length ?? 0 }
    const inFiles = faults.filter(({ cause }) => cause === 'committed-file')
    const reopened = [
      ...new Map(inFiles.flatMap(({ interval }) => (interval ? [[interval.start, interval]] : []))).values(),
    ] as IsoInterval[]
    await deps.ledger.audit({ by, action: 'quality repair', subject: `${view}@v${version}`, reason })
    await deps.ledger.reopenIntervals(
      key,
      reopened.map(fromIsoInterval),
      `check-quality: the committed file is at fault (${by}: ${reason})`,
    )
    const seen = BigInt(check.sequenceSeenMax ?? 0)
    const isWritable = seen <= sequenceMax
    // What was published from a file at fault is put right by the publish of its new commit, which then trusts no cache either.
    const isRebuildAsked = bundle.view.online && isWritable && (await deps.ledger.askRebuild(key, seen))
    const isOnline = (fault: (typeof faults)[number]) => fault.cause !== 'committed-file'
    const left = check.faults.length - faults.length + (isRebuildAsked ? 0 : faults.filter(isOnline).length)
    return { reopened, isRebuildAsked, left }
  }
}
