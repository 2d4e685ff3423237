/**
 * What the publishes that a spine met had shown (R30), as few reads as can answer it. A publish showed the commits that counted when it
 * opened, up to its end E. Where one only adds intervals after the E of the publish before it, its files answer both, each at its own E:
 *
 *     publish 1   [a][b]              E = 2        one read of a b c, at E = 2 and at E = 3
 *     publish 2   [a][b][c]           E = 3
 *     publish 3   [a][B][c]           E = 3        b was committed anew: a read of its own
 */
import type { ViewBundle } from '../define/definitions.js'
import { type Instant, parseInstant } from '../time/instant.js'
import { reachNs } from './needed-commits.js'
import type { PublishHistory, SpineTimes, StateCommit, StatePublish } from './set-state.js'

export interface StateRead {
  readonly publishes: readonly StatePublish[]
  /** Oldest first. */
  readonly commits: readonly StateCommit[]
}

/**
 * A lookup that hides rows by what came after them, a redelivery (R19) or a row not yet written (R16), saw all of what a publish
 * covered, and nothing else: each state is read on its own.
 */
export function areWholeStates({ view, source }: ViewBundle): boolean {
  return view.viewKind === 'lookup' && (source.eventId !== null || source.visibility === 'created')
}

export function planPublishedReads(
  bundle: ViewBundle,
  history: PublishHistory,
  times: SpineTimes | null,
): readonly StateRead[] {
  const met = publishesMet(history.publishes, times)
  const isWhole = areWholeStates(bundle)
  const groups: StatePublish[][] = []
  for (const publish of met) {
    const group = groups.at(-1)
    if (group !== undefined && addsOnly(history.commits, group.at(-1)!, publish, isWhole)) group.push(publish)
    else groups.push([publish])
  }
  return groups.map((publishes) => ({
    publishes,
    commits: inReach(bundle, shownBy(history.commits, publishes.at(-1)!), publishes, times!),
  }))
}

/** Those that a row of the spine may see: recorded while it asks, and the last one before. */
function publishesMet(publishes: readonly StatePublish[], times: SpineTimes | null): StatePublish[] {
  if (times === null) return []
  const shown = publishes.filter(({ recordedAt }) => recordedAt <= times.max)
  const last = shown.findLastIndex(({ recordedAt }) => recordedAt <= times.min)
  return shown.slice(Math.max(last, 0))
}

/** Up to the end of `before` the two showed the same. A whole state must be the same altogether. */
function addsOnly(
  commits: readonly StateCommit[],
  before: StatePublish,
  after: StatePublish,
  isWhole: boolean,
): boolean {
  const end = isWhole ? after.endAt : before.endAt
  return (
    (!isWhole || before.endAt === after.endAt) &&
    !commits.some(
      ({ commitId, interval }) =>
        interval.end <= end &&
        commitId <= after.newestCommitId &&
        (before.newestCommitId < commitId || isLeftOut(before, commitId) !== isLeftOut(after, commitId)),
    )
  )
}

const isLeftOut = ({ leftOut = [] }: StatePublish, commitId: bigint): boolean => leftOut.includes(commitId)

function shownBy(commits: readonly StateCommit[], publish: StatePublish): StateCommit[] {
  const { newestCommitId, endAt, leftOut = [] } = publish
  if (leftOut.length > 0) {
    const isOut = new Set(leftOut)
    const shown = commits.filter(
      ({ commitId, interval }) => commitId <= newestCommitId && interval.end <= endAt && !isOut.has(commitId),
    )
    // Of each interval the newest that was shown: what it was replaced by had been left out.
    const newest = new Map(shown.map((commit) => [commit.interval.start, commit]))
    return [...newest.values()].map((commit) => ({ ...commit, supersededBy: null }))
  }
  return commits
    .filter(({ commitId, interval, supersededBy }) => {
      const isCurrent = supersededBy === null || supersededBy > newestCommitId
      return commitId <= newestCommitId && isCurrent && interval.end <= endAt
    })
    .map((commit) => ({ ...commit, supersededBy: null }))
}

/** Without the intervals that no value of these publishes reaches. */
function inReach(
  bundle: ViewBundle,
  commits: readonly StateCommit[],
  publishes: readonly StatePublish[],
  times: SpineTimes,
): readonly StateCommit[] {
  const first = publishes[0]!
  const reach = reachNs(bundle)
  if (reach === null || (bundle.view.viewKind === 'lookup' && bundle.source.eventId !== null)) return commits
  const asked = first.recordedAt > times.min ? first.recordedAt : times.min
  const from = bundle.view.viewKind === 'lookup' ? asked - reach - 1n : firstEnd(publishes) - reach
  return commits.filter(({ interval }) => interval.end > from)
}

/** The oldest end that any feature was shown at (R35). */
function firstEnd(publishes: readonly StatePublish[]): Instant {
  const held = publishes.flatMap(({ held: windows = [] }) =>
    windows.flatMap(({ endAt }) => (endAt === null ? [] : [parseInstant(endAt)])),
  )
  return [publishes[0]!.endAt, ...held].reduce((a, b) => (a < b ? a : b))
}
