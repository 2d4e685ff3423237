/** Whether intervals of a view that is built on another can run again as they did: what its runs were made of is committed, and not at fault itself. */
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError } from '../core/errors.js'
import { inParallel } from '../core/in-parallel.js'
import { mergeRanges, type PinnedFile } from '../core/plan/index.js'
import { isCommitUri, rowSource, upstreamSpan } from '../core/source/index.js'
import type { Instant } from '../core/time/instant.js'
import { type Interval, overlaps } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { currentFiles } from './current-files.js'
import { judgeUpstream, upstreamFiles } from './upstream-commits.js'
import { unsoundIntervals } from './upstream-sound.js'

const rangesAtOnce = 8

export interface PinnedInterval {
  readonly interval: Interval
  readonly pins: readonly PinnedFile[]
}

export interface Rerun {
  /** Starts of those that can. Another commit than the pinned one is as good: made of it the interval is what it should be by now (R27). */
  readonly starts: ReadonlySet<Instant>
  /** Some are made of what is at fault, or is to run again itself: that goes first. */
  readonly isUpstreamAtFault: boolean
}

/** Asks nothing where there are none. @throws MillcourseError what the ledger does; dimensions that cannot be read are not there */
export async function rerunAbove(
  deps: ActivityDeps,
  { source }: Pick<ViewBundle, 'source'>,
  intervals: readonly PinnedInterval[],
): Promise<Rerun> {
  const rows = rowSource(source)
  const upstream = rows.upstream!
  const now = deps.clock.now()
  const files = intervals.flatMap(({ pins }) => pins.filter(({ uri }) => !isCommitUri(uri)))
  const here = await etagsNow(deps, files)
  const ranges = mergeRanges(intervals.map(({ interval }) => interval))
  const reached = ranges.flatMap((range) => upstreamSpan(upstream, range) ?? [])
  const unsound = await unsoundIntervals(deps, upstream, reached)
  const found = await inParallel(ranges, rangesAtOnce, async (range) => {
    const within = intervals.filter(({ interval }) => overlaps(interval, range))
    const known = new Set((await upstreamFiles(deps, upstream, range)).map(({ uri }) => uri))
    // Where all of it is there, each part is.
    const isAllReady = (await judgeUpstream(deps, rows, range, now)).kind === 'ready'
    const isHere = ({ uri, etag }: PinnedFile) => (isCommitUri(uri) ? known.has(uri) : here.get(uri) === etag)
    return await inParallel(within, rangesAtOnce, async ({ interval, pins }) => {
      const span = upstreamSpan(upstream, interval)
      const isWrong = span !== null && unsound.some((one) => overlaps(one, span))
      const isReady = isAllReady || (await judgeUpstream(deps, rows, interval, now)).kind === 'ready'
      return { start: interval.start, isWrong, isRunnable: !isWrong && isReady && pins.every(isHere) }
    })
  })
  const all = found.flat()
  return {
    starts: new Set(all.flatMap(({ start, isRunnable }) => (isRunnable ? [start] : []))),
    isUpstreamAtFault: all.some(({ isWrong }) => isWrong),
  }
}

async function etagsNow(
  { sources }: Pick<ActivityDeps, 'sources'>,
  pins: readonly PinnedFile[],
): Promise<ReadonlyMap<string, string>> {
  try {
    const uris = pins.map(({ uri }) => uri)
    return new Map([...(await currentFiles(sources, uris))].flatMap(([uri, file]) => (file ? [[uri, file.etag]] : [])))
  } catch (error) {
    if (!isMillcourseError(error) || !/^(LAKE|SOURCE)_/.test(error.code)) throw error
    return new Map()
  }
}
