import type { RepairStarted } from '../../core/ports/run-control.js'
import type { QualityCheck } from '../../core/quality/quality-check.js'
import type { Report } from '../context.js'

type Checked = Pick<QualityCheck, 'view' | 'version' | 'faults' | 'faultsLeft' | 'unsettled'>

/**
 * Failed where something is at fault still, or nothing could be checked; partly where a view could not be, or where keys differed each time they were
 * looked at because publishes came and went: they are no fault, but nobody knows that they are right.
 */
export function checkOutcome(
  checks: readonly Checked[],
  failed: number,
  repairs: readonly (Pick<QualityCheck, 'view' | 'version'> &
    Pick<RepairStarted, 'left'> & { readonly isDone: boolean })[],
): Report['outcome'] {
  const isAtFault = ({ view, version, faults, faultsLeft }: Checked): boolean => {
    const repair = repairs.find((one) => one.view === view && one.version === version)
    return faults.length > 0 && !(repair?.isDone && repair.left === 0 && faultsLeft === 0)
  }
  if (checks.some(isAtFault) || (failed > 0 && checks.length === 0)) return 'failed'
  return failed > 0 || checks.some(({ unsettled }) => unsettled > 0) ? 'partly' : 'done'
}
