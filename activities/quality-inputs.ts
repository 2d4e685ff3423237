/** Which intervals a check computes again, and from which files: those that their runs read, and those that are there now. */
import type { UpstreamRead } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import type { MillcourseError } from '../core/errors.js'
import { inParallel } from '../core/in-parallel.js'
import { type IntervalState, mergeRanges, type PinnedFile } from '../core/plan/index.js'
import type { Commit, RunRecord, ViewKey } from '../core/ports/ledger.js'
import {
  type AtFault,
  drawByChance,
  drawNewestAndOthers,
  type FileFault,
  type KeyedFile,
  type StandingInterval,
  type VerifiedInterval,
} from '../core/quality/index.js'
import { rowSource } from '../core/source/index.js'
import type { Instant } from '../core/time/instant.js'
import type { Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { DimensionFile } from './dimension-files.js'
import type { FilePlaces } from './file-places.js'
import { readSource, type SourceNow } from './quality-source.js'
import type { KnownFiles } from './upstream-now.js'
import { type Rerun, rerunAbove } from './upstream-rerun.js'

/** Intervals computed again: of a window view all that its windows reach, mostly; of a lookup view, whose answers may lie anywhere, some. */
const intervalsMax = { window: 1_000, lookup: 100 } as const
/** Beside those drawn, of intervals that hold what a lookup shows of the looked-at keys: as many as the keys of a sample of ordinary size. */
const shownMax = 100
/** Of those that its windows reach no more. */
const olderMax = 100
/** The same of a view on a view, each interval of which is a query for every 64 ends that the view below has in it. */
const onViewMax = { intervals: 12, shown: 8, older: 4 }
/** Intervals without an accepted version that are looked at, the newest. */
const openMax = 100
const runsAtOnce = 8

export interface QualityInterval {
  readonly verified: VerifiedInterval
  readonly standing: StandingInterval
  /** What holds its rows, also where that cannot be read: of a compaction all files. */
  readonly files: readonly KeyedFile[]
  /** Those that it may be read from and that are at fault as a whole. Spare: not read where many intervals are. */
  readonly broken: readonly { readonly uri: string; readonly isSpare: boolean }[]
  /** It could be computed again, which it is unless nobody would look at that. */
  readonly isRunnable: boolean
  /** What its run read is there, unchanged. */
  readonly isHere: boolean
}

export interface QualityInputs {
  readonly intervals: readonly QualityInterval[]
  /** Files that count for what is computed again: they must be as they were when that is done. */
  readonly read: readonly { readonly uri: string; readonly etag: string; readonly sizeBytes: number }[]
  /** Of the dimensions of the view's query. */
  readonly dimensions: readonly DimensionFile[]
  /** Of a view that is built on another: where the commits among the files are read. */
  readonly upstream: readonly UpstreamRead[]
  readonly lostInputs: number
  readonly tooLarge: number
  /** As requested, of those that are reached. */
  readonly shown: readonly QualityInterval[]
  readonly unreadable: MillcourseError | null
  /** The view that this one is built on, where its own intervals at fault keep some of these from running again; null: nothing does. */
  readonly repairFirst: string | null
}

export interface InputsRequest {
  readonly bundle: ViewBundle
  readonly key: ViewKey
  readonly span: Interval
  readonly commits: readonly Commit[]
  /** Beyond the span: some are compared row by row, and stand for no answer. */
  readonly others: readonly Commit[]
  /** False: something that they need cannot be read, which is to keep nothing else from being judged. */
  readonly areOthersRead: boolean
  readonly seed: number
  /** Starts of intervals that hold what a lookup shows of the looked-at keys: computed again, too, some of many. */
  readonly shown: ReadonlySet<Instant>
  /** Computed again whatever is drawn. */
  readonly again: Pick<AtFault, 'starts' | 'files'>
  readonly places: FilePlaces
  /** By URIs of committed files, and of compactions', that cannot be read or are not what was committed. */
  readonly broken: ReadonlyMap<string, FileFault>
  /** Why the source is not to be read any more; null: it may be. */
  readonly unreadable: MillcourseError | null
  /** Of the view that this one is built on, files that were read before; others are added. */
  readonly knownBelow: KnownFiles
  /** By their ids, those that were asked for before; others are added. */
  readonly runs: Map<string, RunRecord>
}

export async function readQualityInputs(deps: ActivityDeps, request: InputsRequest): Promise<QualityInputs> {
  const { bundle, key, span, commits, others, places } = request
  const states = await deps.ledger.intervalStates(key, span)
  const open = states.filter(({ committed, interval }) => committed === null && interval.end <= span.end)
  const chosen = chooseCommits(request)
  const beyond = chooseOthers(request)
  const statesBeyond = await inParallel(mergeRanges(beyond.map(({ interval }) => interval)), runsAtOnce, (range) =>
    deps.ledger.intervalStates(key, range),
  )
  const runs = await inParallel([...chosen, ...beyond], runsAtOnce, ({ runId }) => runOf(deps, request, runId))
  const intervalsOf = (some: readonly { readonly interval: Interval }[]) => some.map(({ interval }) => interval)
  const looked = { looked: intervalsOf(chosen), open: intervalsOf(open.slice(-openMax)) }
  const source = await readSource(deps, bundle, {
    ...{ ...looked, beyond: request.areOthersRead ? intervalsOf(beyond) : [] },
    pins: runs.flatMap((run) => run?.pins?.files ?? []),
    first: new Set(
      intervalsOf([...beyond, ...chosen].filter((one) => isWanted(request, one))).map(({ start }) => start),
    ),
    ...{ known: request.knownBelow, unreadable: request.unreadable },
  })
  const above = await readAbove(
    deps,
    request,
    [...chosen, ...beyond].filter((one) => isAtFault(request, one)),
  )
  const known: Known = {
    ...{ deps, request, source, above },
    chosen: new Set([...chosen, ...beyond].map(({ commitId }) => commitId)),
    runs: new Map(runs.flatMap((run) => (run === null ? [] : [[run.runId, run] as const]))),
    states: new Map([...states, ...statesBeyond.flat()].map((state) => [state.interval.start, state])),
    // Online is merged from the span, training sets from all of it.
    readOf: { reached: places.readTogether(commits), beyond: places.readTogether([...others, ...commits]) },
  }
  const isOlder = ({ interval }: Commit) => interval.start < span.start
  const made = [
    ...beyond.filter(isOlder).map((commit) => ofCommit(known, commit, false)),
    ...commits.map((commit) => ofCommit(known, commit, true)),
    ...beyond.filter((commit) => !isOlder(commit)).map((commit) => ofCommit(known, commit, false)),
    ...open.slice(-openMax).map((state) => ofOpen(known, state)),
  ]
  const dimensions = [...looked.looked, ...looked.open].flatMap((interval) => source.dimensionsOf(interval))
  const readAgain = made.filter(({ verified: { isRecomputed, now } }) => isRecomputed || now !== null)
  const files = [...made.flatMap(({ read: own }) => own), ...dimensions]
  const read = new Map(files.map((file) => [file.uri, file]))
  return {
    intervals: made,
    read: [...read.values()],
    dimensions: [...new Map(dimensions.map((file) => [`${file.alias} ${file.uri}`, file])).values()],
    upstream: source.readsOf(readAgain.map(({ verified }) => verified.interval)),
    lostInputs: made.filter(({ isLost }) => isLost).length,
    tooLarge: made.filter(({ verified: { interval, isReached } }) => isReached && source.isTooLarge(interval)).length,
    shown: made.filter(
      ({ verified: { interval, isReached, commit } }) =>
        isReached && commit !== null && request.shown.has(interval.start),
    ),
    unreadable: source.unreadable,
    repairFirst: above?.isUpstreamAtFault ? rowSource(bundle.source).upstream!.view.name : null,
  }
}

/** Whether those at fault can run again: of whatever is committed below by now. Null: it is built on none. */
async function readAbove(
  deps: ActivityDeps,
  request: InputsRequest,
  commits: readonly Commit[],
): Promise<Rerun | null> {
  const { bundle, runs } = request
  if (!rowSource(bundle.source).upstream) return null
  const pinned = commits.map(({ interval, runId }) => ({ interval, pins: runs.get(runId)?.pins?.files ?? [] }))
  return await rerunAbove(deps, bundle, pinned)
}

async function runOf({ ledger }: ActivityDeps, { runs }: InputsRequest, runId: string): Promise<RunRecord | null> {
  const run = runs.get(runId) ?? (await ledger.run(runId))
  if (run !== null) runs.set(runId, run)
  return run
}

interface Known {
  readonly deps: ActivityDeps
  readonly request: InputsRequest
  readonly source: SourceNow
  /** Null: the view is built on no other. */
  readonly above: Rerun | null
  readonly chosen: ReadonlySet<bigint>
  readonly runs: ReadonlyMap<string, RunRecord>
  readonly states: ReadonlyMap<Instant, IntervalState>
  /** URIs of the files that a commit's rows are read from. */
  readonly readOf: Readonly<Record<'reached' | 'beyond', (commit: Commit) => ReadonlySet<string>>>
}

interface MadeInterval extends QualityInterval {
  readonly read: QualityInputs['read']
  readonly isLost: boolean
}

/** Those that lie in what was at fault last time, or is now, are computed again in any case. */
function chooseCommits(request: InputsRequest): Commit[] {
  const { bundle, commits, seed, shown } = request
  const max = drawnMax(bundle)
  const startText = ({ interval }: Commit) => String(interval.start)
  const ofKeys = commits.filter(({ interval }) => shown.has(interval.start))
  const drawn = new Set([
    ...drawNewestAndOthers(commits, max.intervals, seed, startText),
    ...drawByChance(ofKeys, max.shown, seed, startText),
  ])
  return commits.filter((commit) => drawn.has(commit) || isWanted(request, commit))
}

function drawnMax({ view, source }: ViewBundle): typeof onViewMax {
  if (rowSource(source).upstream) return onViewMax
  return { intervals: intervalsMax[view.viewKind], shown: shownMax, older: olderMax }
}

/** It was, or lies in a file that is. */
function isAtFault(request: InputsRequest, commit: Commit): boolean {
  return request.again.starts.has(commit.interval.start) || brokenOf(request, commit).length > 0
}

/** Or in one that was. */
function isWanted(request: InputsRequest, commit: Commit): boolean {
  const { files } = request.again
  const isInOne = files.size > 0 && request.places.filesOf(commit).some(({ uri }) => files.has(uri))
  return isInOne || isAtFault(request, commit)
}

/** Of those in a file at fault it is asked whether they can run again: their rows are compared with nothing. */
function chooseOthers(request: InputsRequest): Commit[] {
  const { bundle, others, span, seed } = request
  const drawn = new Set(drawOlder(others, span, seed, drawnMax(bundle).older))
  return others.filter((commit) => drawn.has(commit) || isAtFault(request, commit))
}

/** Of what lies before the span. */
export function drawOlder(others: readonly Commit[], span: Interval, seed: number, max = olderMax): Commit[] {
  const older = others.filter(({ interval }) => interval.start < span.start)
  return drawByChance(older, max, seed, ({ interval }) => String(interval.start))
}

/** Of all that it may be read from. */
function brokenOf({ broken, places }: InputsRequest, commit: Commit): string[] {
  if (broken.size === 0) return []
  return places.filesOf(commit).flatMap(({ uri }) => (broken.has(uri) ? [uri] : []))
}

function ofCommit(
  { deps, request, source, above, chosen, runs, states, readOf }: Known,
  commit: Commit,
  isReached: boolean,
): MadeInterval {
  const { interval, data, isRejected, commitId } = commit
  const path = data === null ? null : deps.lake.uri(data.path)
  const atFault = brokenOf(request, commit)
  const read = atFault.length === 0 ? null : readOf[isReached ? 'reached' : 'beyond'](commit)
  const broken = atFault.map((uri) => ({ uri, isSpare: !read!.has(uri) }))
  const isReadable = broken.every(({ isSpare }) => isSpare)
  const run = runs.get(commit.runId)
  const pins = run?.pins?.files ?? []
  const state = states.get(interval.start) ?? null
  const isRead = isReached || request.areOthersRead
  const isChosen = chosen.has(commitId) && isRead
  const isLooked = isChosen && source.isLooked(interval)
  // What another definition computed is not what this one gives.
  const isAsRun = run?.definitionHash === request.bundle.definitionHash && isSettled(request.bundle, commit, state)
  const isMeant = isLooked && isAsRun && !isRejected
  const isPinnedHere = source.isHere(interval, pins)
  const isComputable = isMeant && isPinnedHere && isOfTheseDimensions(pins, source.dimensionsOf(interval))
  const isRecomputed = isComputable && (isReached || isReadable)
  const isAsked = above !== null && isAtFault(request, commit)
  const isHere = isAsked ? above.starts.has(interval.start) : isPinnedHere
  const isRunnable = isAsked ? isChosen && isAsRun && !isRejected && isHere : isComputable
  const now = isLooked && isReached ? source.ownOf(interval) : null
  const pinned = new Map(pins.flatMap(({ uri, etag, role }) => (role === 'own' ? [[uri, etag] as const] : [])))
  return {
    verified: {
      interval,
      commit: { commitId, isReadable, file: isReadable ? path : null },
      ...{ isReached, isRecomputed },
      pinned: pins,
      now: now?.map(({ uri }) => uri) ?? null,
    },
    standing: { interval, commit: { commitId, isRejected }, pinned, state },
    ...{
      ...{ files: request.places.placeOf(commit), broken, isHere, isRunnable },
      read: [...(isRecomputed ? pins : []), ...(now ?? [])],
      isLost: isReached && isMeant && !isPinnedHere,
    },
  }
}

/** All intervals are computed from the dimensions' files together: one that saw others gives something else. */
function isOfTheseDimensions(pins: readonly PinnedFile[], now: readonly DimensionFile[]): boolean {
  const seen = pins.filter(({ role }) => role === 'dimension')
  const names = new Set(now.map(({ uri, etag, alias }) => `${alias} ${uri} ${etag}`))
  return seen.length === names.size && seen.every(({ uri, etag, alias }) => names.has(`${alias} ${uri} ${etag}`))
}

/**
 * What is to run again is not what its files give. Where events are delivered again (R19) a neighbour's run changes what an interval
 * holds: until its own run for that has come to its end, it is not what all files together give.
 */
function isSettled({ source, view }: ViewBundle, commit: Commit, state: IntervalState | null): boolean {
  if (state === null || state.reopenedBecause !== null) return false
  if (view.viewKind === 'lookup' || source.eventId === null) return true
  return state.committed?.commitId === commit.commitId && state.latestRun?.runId === commit.runId
}

function ofOpen({ source }: Known, state: IntervalState): MadeInterval {
  const { interval } = state
  const now = source.ownOf(interval)
  return {
    verified: {
      interval,
      commit: null,
      isReached: true,
      isRecomputed: false,
      pinned: [],
      now: now?.map(({ uri }) => uri) ?? null,
    },
    standing: { interval, commit: null, pinned: new Map(), state },
    ...{ files: [], broken: [], isHere: false, isRunnable: false, read: now ?? [], isLost: false },
  }
}
