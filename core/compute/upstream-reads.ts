/** Which committed files of a view give the rows of another that is built on it. */
import type { UpstreamView } from '../define/definitions.js'
import { upstreamSpan } from '../source/index.js'
import { type Interval, overlaps } from '../time/interval.js'
import { type CompactedCommits, committedFiles, type WantedCommit } from './committed-files.js'
import { featureGroups, type HoldingCommit } from './feature-groups.js'
import type { UpstreamPart, UpstreamRead } from './upstream-rows.js'

export type UpstreamCommit = WantedCommit & HoldingCommit

/** @param commits those that the rows are made of @param compactions the newest first */
export function upstreamParts(
  { view }: UpstreamView,
  commits: readonly UpstreamCommit[],
  compactions: readonly CompactedCommits[],
  toUri: (path: string) => string,
): UpstreamPart[] {
  const filesOf = (of: readonly UpstreamCommit[]) => committedFiles(of, compactions, toUri)
  if (view.viewKind === 'window')
    return featureGroups(view, commits).map((group) => ({
      files: filesOf(group.commits),
      features: group.features.map(({ name }) => name),
    }))
  const alike = new Map<string, UpstreamCommit[]>()
  for (const commit of commits) {
    const name = (commit.held?.features ?? []).join()
    const known = alike.get(name)
    if (known) known.push(commit)
    else alike.set(name, [commit])
  }
  return [...alike.values()].map((of) => ({
    files: filesOf(of),
    features: view.features.map(({ name }) => name).filter((name) => !of[0]!.held?.features.includes(name)),
  }))
}

/** Of these those that the rows of an interval are made of, oldest first; null: not all of it is committed. A lookup view's rows lack nothing by that. */
export function upstreamCommits<C extends UpstreamCommit>(
  upstream: UpstreamView,
  interval: Interval,
  commits: readonly C[],
): readonly C[] | null {
  const span = upstreamSpan(upstream, interval)
  if (span === null) return []
  const made = commits.filter((commit) => overlaps(commit.interval, span))
  if (upstream.view.viewKind === 'lookup') return made
  let end = span.start
  for (const one of made) {
    if (one.interval.start > end) return null
    end = one.interval.end
  }
  return end >= span.end ? made : null
}

/**
 * For the rows of many intervals, each once. Ends of a window view whose windows are not all committed have none: a run waits for that.
 * @param commits current ones of all that the rows are made of, oldest first
 */
export function upstreamReads(
  upstream: UpstreamView,
  intervals: readonly Interval[],
  commits: readonly UpstreamCommit[],
  compactions: readonly CompactedCommits[],
  toUri: (path: string) => string,
): UpstreamRead[] {
  const made = intervals.flatMap((interval) => {
    const own = upstreamCommits(upstream, interval, commits)
    return own === null || own.length === 0 ? [] : [{ interval, commits: own }]
  })
  const [first] = made
  if (first === undefined) return []
  const readOf = (interval: Interval, of: readonly UpstreamCommit[]): UpstreamRead => ({
    interval,
    parts: upstreamParts(upstream, of, compactions, toUri),
  })
  if (upstream.view.viewKind === 'window') return made.map((one) => readOf(one.interval, one.commits))
  // Each of its rows is of one commit: which of them are read together changes none.
  return [readOf(first.interval, [...new Set(made.flatMap((one) => one.commits))])]
}
