/** What the source has now for the intervals that a check computes again: files, or commits of the view that it is built on. */
import { searchedAroundNs, type UpstreamRead } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError, type MillcourseError } from '../core/errors.js'
import { mergeRanges, type PinnedFile } from '../core/plan/index.js'
import { type CommitFile, filesOf, isCommitUri, rowSource, type SourceFile } from '../core/source/index.js'
import type { Instant } from '../core/time/instant.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { currentFiles } from './current-files.js'
import { type DimensionFile, listDimensions } from './dimension-files.js'
import { sourceFiles } from './source-files.js'
import { type KnownFiles, readUpstreamNow } from './upstream-now.js'

export interface SourceNow {
  /** Own files of an interval, or commits; null: it is not looked at. */
  ownOf(interval: Interval): readonly CommitFile[] | null
  /** Of a query: what the run of an interval would see now. */
  dimensionsOf(interval: Interval): readonly DimensionFile[]
  /** It is looked at, where the source can be read at all. */
  isLooked(interval: Interval): boolean
  /** Of a view that is built on another: no check reads all that it is made of. */
  isTooLarge(interval: Interval): boolean
  /** What its run read is there, unchanged. */
  isHere(interval: Interval, pins: readonly PinnedFile[]): boolean
  /** Of a view that is built on another, where the commits are read. */
  readsOf(intervals: readonly Interval[]): readonly UpstreamRead[]
  readonly unreadable: MillcourseError | null
}

export interface SourceRequest {
  /** Committed ones that answers are merged from; oldest first, as all. */
  readonly looked: readonly Interval[]
  /** Without an accepted version. */
  readonly open: readonly Interval[]
  /** Beyond the span of the answers: what is there now is no matter. */
  readonly beyond: readonly Interval[]
  readonly pins: readonly PinnedFile[]
  /** Starts of intervals that are to be looked at before others, where not all can be. */
  readonly first: ReadonlySet<Instant>
  readonly known: KnownFiles
  /** Why it is not to be read any more; null: it may be. */
  readonly unreadable: MillcourseError | null
}

/** Of a view on a view: each is a query for every 64 ends that the view below has in it. */
const intervalsMax = 24
/** Beside those: that were at fault, or are, or lie in one file with them. */
const firstMax = 200

/** Who may not read the source, or cannot now, compares what is online with what is committed. */
export async function readSource(deps: ActivityDeps, bundle: ViewBundle, request: SourceRequest): Promise<SourceNow> {
  const nothing = {
    ...{ ownOf: () => null, dimensionsOf: () => [], readsOf: () => [] },
    ...{ isLooked: () => false, isTooLarge: () => false, isHere: () => false },
  }
  if (request.unreadable !== null) return { ...nothing, unreadable: request.unreadable }
  try {
    return await readAll(deps, bundle, request)
  } catch (error) {
    if (!isMillcourseError(error) || !/^(LAKE|SOURCE)_/.test(error.code)) throw error
    return { ...nothing, unreadable: error }
  }
}

async function readAll(deps: ActivityDeps, bundle: ViewBundle, request: SourceRequest): Promise<SourceNow> {
  const { beyond, pins, known } = request
  const rows = rowSource(bundle.source)
  const looked = [...request.looked, ...request.open]
  const inSources = pins.filter(({ uri }) => !isCommitUri(uri))
  const found = await currentFiles(
    deps.sources,
    inSources.map(({ uri }) => uri),
  )
  const etags = new Map([...found].flatMap(([uri, file]) => (file ? [[uri, file.etag] as const] : [])))
  const around = searchedAroundNs(bundle)
  const searched = ({ start, end }: Interval): Interval => ({ start: start - around, end: end + around })
  const ranges: { readonly range: Interval; readonly of: (interval: Interval) => DimensionFile[] }[] = []
  const files = new Map<string, SourceFile>()
  if (!rows.upstream)
    for (const range of mergeRanges(looked))
      for (const file of await sourceFiles(deps, rows, range)) files.set(file.uri, file)
  const intervals = [...beyond, ...looked]
  for (const range of mergeRanges(intervals))
    ranges.push({ range, of: await listDimensions(deps, bundle.source, searched(range)) })
  for (const { uri, etag } of files.values()) etags.set(uri, etag)
  const dimensionsOf = (interval: Interval) =>
    ranges.find(({ range }) => range.start <= interval.start && interval.end <= range.end)?.of(searched(interval)) ?? []
  for (const interval of intervals) for (const { uri, etag } of dimensionsOf(interval)) etags.set(uri, etag)
  const areHere = (some: readonly PinnedFile[]) => some.every(({ uri, etag }) => etags.get(uri) === etag)
  if (!rows.upstream) {
    const own = [...files.values()]
    return {
      ...{ dimensionsOf, readsOf: () => [], unreadable: null },
      ownOf: (interval) => filesOf(own, interval),
      ...{ isLooked: () => true, isTooLarge: () => false },
      isHere: (_, some) => areHere(some),
    }
  }
  const below = await readUpstreamNow(deps, rows.upstream, turnsOf(request), known)
  return {
    ...{ dimensionsOf, unreadable: null },
    ownOf: (interval) => (below.sound.has(interval.start) ? below.commitsOf(interval) : null),
    isLooked: ({ start }) => below.looked.has(start),
    isTooLarge: ({ start }) => below.tooLarge.has(start) && !below.looked.has(start),
    isHere(interval, some) {
      const pinned = new Set(some.map(({ uri, etag }) => `${uri} ${etag}`))
      const isPinned = ({ uri, etag }: CommitFile) => pinned.has(`${uri} ${etag}`)
      const isSound = below.sound.has(interval.start) && below.commitsOf(interval)!.every(isPinned)
      return isSound && areHere(some.filter(({ uri }) => !isCommitUri(uri)))
    },
    readsOf: (some) => below.readsOf(some),
  }
}

/** Those first that were at fault, or are; what is not committed yet last. */
function turnsOf({ looked, beyond, open, first }: SourceRequest): Interval[] {
  const isFirst = ({ start }: Interval) => first.has(start)
  const committed = [...looked.toReversed(), ...beyond]
  const others = [...committed.filter((one) => !isFirst(one)), ...open.toReversed()]
  return [...committed.filter(isFirst).slice(0, firstMax), ...others.slice(0, intervalsMax)]
}
