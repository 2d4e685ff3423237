/** The commits of another view that a view's rows are made of: as input files, whether they are all there, and where they lie. */
import { type UpstreamPart, upstreamParts } from '../core/compute/index.js'
import type { SourceDefinition, UpstreamView } from '../core/define/definitions.js'
import { MillcourseError } from '../core/errors.js'
import type { IntervalState, PinnedFile } from '../core/plan/index.js'
import {
  commitFile,
  isCommitUri,
  judgeReadiness,
  type Readiness,
  type SourceFile,
  touchedByCommit,
  upstreamSpan,
} from '../core/source/index.js'
import type { Instant } from '../core/time/instant.js'
import { formatInterval, type Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { findCompactions } from './find-compactions.js'

type CommitDeps = Pick<ActivityDeps, 'ledger'>

const keyOf = ({ view }: UpstreamView) => ({ view: view.name, version: view.version })

/** Commits that rows of `range` are made of; one of them is made of it where the instants that it touches overlap. */
export async function upstreamFiles(deps: CommitDeps, upstream: UpstreamView, range: Interval): Promise<SourceFile[]> {
  const span = upstreamSpan(upstream, range)
  const commits = span === null ? [] : await deps.ledger.currentCommits(keyOf(upstream), span)
  return commits.map((commit) => ({
    ...commitFile(upstream, commit),
    ...{ partition: touchedByCommit(upstream, commit.interval), eventMin: null, eventMax: null },
  }))
}

/** R32: what is not committed yet, held or failed, is waited for: a value without it would be another. */
export async function judgeUpstream(
  deps: CommitDeps,
  source: SourceDefinition,
  interval: Interval,
  now: Instant,
): Promise<Readiness> {
  const { upstream } = source
  const span = upstream && upstreamSpan(upstream, interval)
  if (!upstream || !span) return { kind: 'ready' }
  const key = keyOf(upstream)
  const [gap] = await deps.ledger.intervalGaps(key, span)
  const states = await deps.ledger.intervalStates(key, span)
  const open = states.find(({ committed }) => committed === null)
  const missing = [...(gap ? [gap] : []), ...(open ? [open.interval] : [])].sort((a, b) =>
    a.start < b.start ? -1 : 1,
  )[0]
  const held = missing ? null : heldIn(source, states)
  if (!missing && !held) return { kind: 'ready' }
  const label = `view ${key.view}@v${key.version}`
  const what = held ? `${label} holds ${held}` : `${label} has not committed ${formatInterval(missing!)}`
  const readiness = judgeReadiness(source.ready, interval, [what], now)
  return readiness.kind === 'ready' ? readiness : { ...readiness, because: what }
}

/** R35: of what is read, a feature that awaits a decision; once it is rejected, there is none. */
function heldIn({ schema }: SourceDefinition, states: readonly IntervalState[]): string | null {
  for (const { committed, interval } of states) {
    const held = committed?.heldFeatures?.find((feature) => schema.some(({ name }) => name === feature))
    if (held !== undefined) return `${held} of ${formatInterval(interval)}`
  }
  return null
}

/**
 * Where the pinned commits lie. @throws MillcourseError PLAN_INPUTS_MOVED where others count by now
 * @param pins of one run; none where nothing is committed
 */
export async function pinnedCommits(
  deps: Pick<ActivityDeps, 'ledger' | 'lake'>,
  source: SourceDefinition,
  interval: Interval,
  pins: readonly PinnedFile[],
): Promise<UpstreamPart[]> {
  const { upstream } = source
  const span = upstream && upstreamSpan(upstream, interval)
  if (!upstream || !span) return []
  const commits = await deps.ledger.currentCommits(keyOf(upstream), span)
  const now = new Map(commits.map((commit) => commitFile(upstream, commit)).map(({ uri, etag }) => [uri, etag]))
  const pinned = pins.filter(({ uri }) => isCommitUri(uri))
  const moved = pinned.find(({ uri, etag }) => now.get(uri) !== etag)
  if (moved)
    throw new MillcourseError('PLAN_INPUTS_MOVED', `${moved.uri} was replaced before it was read`, {
      hint: 'the run plans again with what is committed now',
      facts: { file: moved.uri, pinned: moved.etag, found: now.get(moved.uri) ?? 'absent' },
    })
  const isPinned = new Set(pinned.map(({ etag }) => etag))
  const wanted = commits.filter(({ commitId }) => isPinned.has(String(commitId)))
  const compactions = await findCompactions(deps.ledger, keyOf(upstream), wanted)
  return upstreamParts(upstream, wanted, compactions, (path) => deps.lake.uri(path))
}
