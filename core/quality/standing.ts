/** Why a row of the source is not in what online shows: how its interval stands to it. */
import type { IntervalState } from '../plan/interval-state.js'
import type { Interval } from '../time/interval.js'
import type { LagCause } from './quality-check.js'

export interface StandingInterval {
  readonly interval: Interval
  /** Of the version that online shows; null: none. */
  readonly commit: { readonly commitId: bigint; readonly isRejected: boolean } | null
  /** URI -> ETag of the own files of its run. */
  readonly pinned: ReadonlyMap<string, string>
  readonly state: IntervalState | null
}

/** Null: the row is in it. @param etag of its file now */
export function standingOf(
  { interval, commit, pinned, state }: StandingInterval,
  file: string,
  etag: string | null,
): { readonly cause: LagCause; readonly interval: Interval } | null {
  if (commit === null) return { cause: causeOf(state), interval }
  if (state?.committed && state.committed.commitId !== commit.commitId) return { cause: 'unpublished-commit', interval }
  if (commit.isRejected) return { cause: 'interval-rejected', interval }
  const known = pinned.get(file)
  if (known !== undefined && known === etag) return null
  // Of a version that is not accepted yet: its run has read the file.
  if (state?.latestRun?.outcome === 'held' || state?.latestRun?.outcome === 'failed')
    return { cause: causeOf(state), interval }
  return { cause: known === undefined ? 'late-file' : 'file-changed', interval }
}

function causeOf(state: IntervalState | null): LagCause {
  switch (state?.latestRun?.outcome) {
    case 'held':
      return 'interval-held'
    case 'failed':
      return 'interval-failed'
    case 'rejected':
      return 'interval-rejected'
    case 'running':
      return 'interval-open'
    default:
      return state?.committed ? 'unpublished-commit' : 'interval-missing'
  }
}
