/**
 * What a view that is built on another can be computed again from in a check: the commits that count now, of few intervals of many, as each is a
 * query of its own, and only where their files are what was committed. What is at fault there is told of the view below; rows that are computed from it
 * would blame this one.
 */
import { type UpstreamRead, upstreamCommits, upstreamParts, upstreamReads, uriOfFile } from '../core/compute/index.js'
import type { UpstreamView } from '../core/define/definitions.js'
import { inParallel } from '../core/in-parallel.js'
import { mergeRanges } from '../core/plan/index.js'
import type { ReadLimit } from '../core/quality/index.js'
import { type CommitFile, commitFile, upstreamSpan } from '../core/source/index.js'
import type { Instant } from '../core/time/instant.js'
import { type Interval, overlaps } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { filePlaces } from './file-places.js'
import { findCompactions } from './find-compactions.js'
import { digestIfReadable, digestsAtOnce } from './unreadable-files.js'
import { unsoundIntervals } from './upstream-sound.js'

/** Files of the view below that are read whole, to know that they are what was committed. */
const digestedMax: ReadLimit = { files: 1_000, bytes: 512 * 1024 ** 2 }
const spansAtOnce = 8

export interface UpstreamNow {
  /** What the rows of an interval are made of; null: not all of it is committed. */
  commitsOf(interval: Interval): readonly CommitFile[] | null
  /** Starts of intervals that can be computed from that. Others are made of what is missing, or at fault, or had no turn. */
  readonly sound: ReadonlySet<Instant>
  /** Starts of those that had their turn. */
  readonly looked: ReadonlySet<Instant>
  /** Starts of those that no check computes again: one alone is made of more than is read. */
  readonly tooLarge: ReadonlySet<Instant>
  readsOf(intervals: readonly Interval[]): UpstreamRead[]
}

/** By URI, whether a file is what was committed: kept for the turns of one check. */
export type KnownFiles = Map<string, boolean>

/**
 * @param intervals those first that are to have their turn first
 * @throws MillcourseError what the ledger does; LAKE_UNREACHABLE and others where none of the lake can be read
 */
export async function readUpstreamNow(
  deps: Pick<ActivityDeps, 'ledger' | 'lake'>,
  upstream: UpstreamView,
  intervals: readonly Interval[],
  known: KnownFiles,
): Promise<UpstreamNow> {
  const { lake, ledger } = deps
  const key = { view: upstream.view.name, version: upstream.view.version }
  const reached = mergeRanges(intervals.flatMap((interval) => upstreamSpan(upstream, interval) ?? []))
  const found = await inParallel(reached, spansAtOnce, (span) => ledger.currentCommits(key, span))
  const commits = [...new Map(found.flat().map((commit) => [commit.commitId, commit])).values()]
  const compactions = await findCompactions(ledger, key, commits)
  const toUri = (path: string) => lake.uri(path)
  const placed = filePlaces(lake, commits, compactions).allOf(commits)
  const madeOf = (interval: Interval) => upstreamCommits(upstream, interval, commits)
  const [looked, sound, tooLarge] = [new Set<Instant>(), new Set<Instant>(), new Set<Instant>()]
  const left = { ...digestedMax }
  const unsound = await unsoundIntervals(deps, upstream, reached)
  for (const interval of intervals) {
    const span = upstreamSpan(upstream, interval)
    if (span !== null && unsound.some((one) => overlaps(one, span))) continue
    const made = madeOf(interval)
    if (made === null) {
      looked.add(interval.start)
      continue
    }
    const parts = upstreamParts(upstream, made, compactions, toUri)
    const uris = new Set(parts.flatMap(({ files }) => files.map(uriOfFile)))
    const sizeOf = (some: readonly string[]): ReadLimit => ({
      files: some.length,
      bytes: some.reduce((sum, uri) => sum + (placed.get(uri)?.sizeBytes ?? 0), 0),
    })
    if (isOver(sizeOf([...uris]), digestedMax)) tooLarge.add(interval.start)
    const unread = [...uris].filter((uri) => !known.has(uri))
    const size = sizeOf(unread)
    if (isOver(size, left)) continue
    Object.assign(left, { files: left.files - size.files, bytes: left.bytes - size.bytes })
    await inParallel(unread, digestsAtOnce, async (uri) => {
      const now = await digestIfReadable(lake, uri, placed.keys())
      // Nobody knows what a file held that was committed before the ledger kept digests.
      const sha256 = placed.get(uri)?.sha256
      known.set(uri, sha256 !== undefined && now !== null && now !== 'cannot be read' && now.sha256 === sha256)
    })
    looked.add(interval.start)
    if ([...uris].every((uri) => known.get(uri))) sound.add(interval.start)
  }
  return {
    ...{ looked, sound, tooLarge },
    commitsOf: (interval) => madeOf(interval)?.map((commit) => commitFile(upstream, commit)) ?? null,
    readsOf: (some) => upstreamReads(upstream, some, commits, compactions, toUri),
  }
}

function isOver({ files, bytes }: ReadLimit, max: ReadLimit): boolean {
  return files > max.files || bytes > max.bytes
}
