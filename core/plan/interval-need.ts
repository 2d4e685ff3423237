/** Whether an interval has to run, from what the ledger knows of it (R27, R37). There is no watermark: every interval is asked. */
import { errorCodes, isErrorCode } from '../errors.js'
import type { IntervalState, RunKind, RunOutcome } from './interval-state.js'

/** How the reason begins of whatever a repair re-opens. */
export const qualityRepair = 'check-quality:'
/** How the reason begins of what is re-opened because a file of the view below was at fault: it waits until that one is mended. */
export const upstreamRepair = `${qualityRepair} what it is made of in`

export interface NeedContext {
  readonly definitionHash: string
  /** Of the files that are there now; null: they were not compared. */
  readonly inputsHash: string | null
  /** Named by a person, as a range: what failed for good is tried again too. */
  readonly isAsked: boolean
}

export function needsRun(state: IntervalState, context: NeedContext): boolean {
  if (state.reopenedBecause !== null) return true
  const { latestRun, committed } = state
  if (latestRun === null) return committed === null
  switch (latestRun.outcome) {
    // A run that is open is joined by its name; one whose workflow died is started anew.
    case 'running':
    case 'not-ready':
      return true
    case 'failed':
      return (
        context.isAsked ||
        mayPass(latestRun.errorCode) ||
        latestRun.definitionHash !== context.definitionHash ||
        hasOtherFiles(state, context)
      )
    case 'superseded':
      return committed === null || hasOtherFiles(state, context)
    case 'done':
    case 'committed':
    case 'accepted':
    case 'held':
    case 'rejected':
    case 'skipped':
      return hasOtherFiles(state, context)
  }
}

/**
 * A run that is to come, or under way and not committed, will take the place of what is committed. One that still plans may find nothing to do,
 * or wait: it is numbered once it is to compute.
 */
export function isBeingReplaced({ committed, reopenedBecause, latestRun }: IntervalState): boolean {
  if (committed === null) return false
  if (reopenedBecause !== null) return true
  return latestRun?.outcome === 'running' && latestRun.number !== null && latestRun.runId !== committed.runId
}

/** The same, and nothing is known that keeps it: what could not be run before may not be tomorrow, either. */
export function isReplacedSoon(state: IntervalState): boolean {
  const last = state.latestRun?.outcome
  return isBeingReplaced(state) && last !== 'not-ready' && last !== 'failed'
}

/** R27: compared with the pins of the latest run, whatever its outcome. */
export function hasOtherFiles(state: IntervalState, context: Pick<NeedContext, 'inputsHash'>): boolean {
  const pinned = state.latestRun?.inputsHash ?? null
  return context.inputsHash !== null && pinned !== null && pinned !== context.inputsHash
}

/** Of errors after which the same is tried again by itself. */
export const passingCodes: readonly string[] = Object.keys(errorCodes).filter(mayPass)

function mayPass(errorCode: string | null): boolean {
  return errorCode !== null && isErrorCode(errorCode) && errorCodes[errorCode].retry !== 'after-fix'
}

const settled: readonly RunOutcome[] = ['done', 'committed', 'accepted', 'held', 'rejected']

/** R21, R27: the run before this one came to an end with the same files and definition, and nothing asks for another. */
export function isUnchanged(
  previous: {
    readonly outcome: RunOutcome
    readonly inputsHash: string | null
    readonly definitionHash: string
  } | null,
  now: {
    readonly kind: RunKind
    readonly inputsHash: string
    readonly definitionHash: string
    readonly reopenedBecause: string | null
    /** By a backfill: also where nothing has changed. Absent: it is not. */
    readonly isForced?: boolean
  },
): boolean {
  return (
    now.kind !== 'rerun' &&
    !now.isForced &&
    now.reopenedBecause === null &&
    previous !== null &&
    settled.includes(previous.outcome) &&
    previous.inputsHash === now.inputsHash &&
    previous.definitionHash === now.definitionHash
  )
}
