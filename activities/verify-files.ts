/**
 * Has the keys of a check computed again, whatever cannot be read meanwhile: each file at fault is told and left out, in as many turns as that
 * takes. A lake that is away is no file's fault: the check ends, and is tried again.
 */
import type { CompactedCommits, KnownCoarseTile } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError, type MillcourseError } from '../core/errors.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { Commit, RunRecord, ViewKey } from '../core/ports/ledger.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import type { PackedValue } from '../core/publish/index.js'
import {
  type AtFault,
  buildWholeFileQuery,
  type Fault,
  type FileFault,
  startsAtFault,
  type Verified,
  verifyKeys,
} from '../core/quality/index.js'
import type { Instant } from '../core/time/instant.js'
import type { ActivityDeps } from './activity-deps.js'
import { type QualityInputs, type QualityInterval, readQualityInputs } from './quality-inputs.js'
import { doubtedStarts, intervalNow } from './quality-look.js'
import type { Target } from './quality-target.js'
import { shownIntervals } from './shown-intervals.js'
import { awayFor, fileNotRead, isFileAtFault, passingMax } from './unreadable-files.js'
import type { KnownFiles } from './upstream-now.js'
import { verifyTools } from './verify-tools.js'

/** Files that cannot be read are found one by one, which is quick for few; where there are more, each of them is read. */
const brokenOneByOneMax = 3

export interface VerifyOptions {
  readonly keys: readonly (readonly PackedValue[])[]
  readonly seed: number
  /** Event times of the keys' items. */
  readonly itemTimes: readonly Instant[]
  /** Looked at whatever is drawn. */
  readonly again: AtFault
  /** Found before. */
  readonly known: readonly Fault[]
  /** Committed files that are not what they were when they were committed, by URI. */
  readonly damaged: ReadonlyMap<string, FileFault>
  /** Runs of commits that were looked at, which change no more: kept for the turns that follow. */
  readonly runs: Map<string, RunRecord>
  /** Of the view that it is built on: the same of its files. */
  readonly knownBelow: KnownFiles
  readonly signal: CancelSignal
}

export interface VerifiedFiles {
  readonly inputs: QualityInputs
  readonly verified: Verified
  /** Committed files that cannot be read, or are not what was committed. */
  readonly broken: ReadonlyMap<string, FileFault>
  /** Starts of intervals that no answer may be judged by. */
  readonly doubted: ReadonlySet<Instant>
  /** Those that cannot. */
  readonly coarse: readonly KnownCoarseTile[]
  readonly isCoarseKnown: boolean
}

/**
 * A committed file that cannot be read is told, and its interval computed from the source; a coarse tile is told, and its tiles read; a
 * source that cannot be read is left out, and so is what it has by now where that cannot be computed.
 */
export async function verifyFiles(
  deps: ActivityDeps,
  bundle: ViewBundle,
  key: ViewKey,
  target: Target,
  { keys, seed, itemTimes, again, known, damaged, runs, knownBelow, signal }: VerifyOptions,
): Promise<VerifiedFiles> {
  const { commits, heldCommits, others, span, endAt, state, places } = target
  const all = [...commits, ...others]
  const committed = places.allOf(all)
  const shown = (bundle.view.online && state?.shown) || null
  const tiles = bundle.view.viewKind === 'window' ? await deps.ledger.coarseTiles(key, span!, shown) : []
  const coarse = tiles.map((tile): KnownCoarseTile => ({ ...tile, file: uriOf(deps, tile.data) }))
  const counting = new Set([...committed.keys(), ...coarse.flatMap(({ file }) => file ?? [])])
  const broken = new Map<string, FileFault>([...damaged].filter(([file]) => committed.has(file)))
  const newestFirst = [...places.allOf(commits).keys()].reverse()
  const witnesses = () => ({ others: newestFirst.filter((file) => !broken.has(file)), signal })
  const unread = await lostAmong(
    deps,
    [...again.files].filter((file) => counting.has(file) && !damaged.has(file)),
    witnesses(),
  )
  for (const file of unread) if (committed.has(file)) broken.set(file, 'cannot be read')
  const lost = coarse.filter(({ file }) => file !== null && unread.has(file))
  const sound = { ...target, compactions: soundCompactions(deps, target, broken) }
  const shownNow = { keys, items: itemTimes, broken: broken.keys(), signal }
  const shownStarts = await shownIntervals(deps, bundle, sound, shownNow)
  let unreadable: MillcourseError | null = null
  let isSwept = false
  let areOthersRead = true
  let isNowRead = true
  const shownCommits = [...heldCommits, ...commits].map((one) => ({
    ...one,
    data: one.data && { path: uriOf(deps, one.data)! },
  }))
  const ofHeld = new Set(heldCommits.flatMap(({ data }) => uriOf(deps, data) ?? []))
  const isHolding = target.table !== null && shownCommits.some(({ held }) => held !== undefined)
  let isHeldRead = true
  let passed = 0
  // Tiles of an unreadable or wrong file cannot be compared, and coarse tiles of a state that is not the shown one stand for others.
  const isTorn = ({ verified: { isReached, commit } }: QualityInterval) => isReached && commit?.isReadable === false
  const isCoarseRead = ({ intervals }: QualityInputs, doubted: ReadonlySet<Instant>) =>
    doubted.size === 0 && !intervals.some(isTorn) && !state?.isPublishUnfinished
  const isHeldKnown = ({ intervals }: QualityInputs, doubted: ReadonlySet<Instant>) =>
    isHeldRead && doubted.size === 0 && !intervals.some(isTorn) && ![...ofHeld].some((file) => broken.has(file))
  for (;;) {
    const inputs = await readQualityInputs(deps, {
      ...{ bundle, key, span: span!, commits, others, places },
      ...{ seed, shown: shownStarts, again, broken, unreadable, areOthersRead, runs, knownBelow },
    })
    const wrong = startsAtFault(known, inputs.intervals.map(intervalNow))
    const doubted = doubtedStarts(inputs.intervals, wrong)
    const sizes = new Map(inputs.read.map(({ uri, sizeBytes }) => [uri, sizeBytes]))
    const input = {
      ...{ bundle, keys, endAt: endAt! },
      intervals: inputs.intervals.map(({ verified }) => (isNowRead ? verified : { ...verified, now: null })),
      ...{ dimensions: inputs.dimensions, upstream: inputs.upstream },
      compactions: soundCompactions(deps, target, broken),
      coarse: isCoarseRead(inputs, doubted) ? coarse.filter((tile) => !lost.includes(tile)) : [],
      holding: isHolding && isHeldKnown(inputs, doubted) ? { commits: shownCommits, held: shown?.held ?? [] } : null,
    }
    try {
      const verifyIn = (session: QuerySession) => verifyKeys(verifyTools(deps, session, sizes), input)
      const verified = await deps.engine.withSession(verifyIn, { signal })
      const found = verified.differences.map(({ intervalStart }) => intervalStart)
      const now = doubtedStarts(inputs.intervals, new Set([...wrong, ...found]))
      const isCoarseKnown = coarse.length === 0 || isCoarseRead(inputs, now)
      return { inputs, verified, broken, doubted: now, coarse: lost, isCoarseKnown }
    } catch (error) {
      const file = fileNotRead(error) ?? ''
      const tile = coarse.find((one) => one.file === file && !lost.includes(one))
      if (tile || (committed.has(file) && !broken.has(file))) {
        if (!(await isFileAtFault(deps, error, file, witnesses()))) {
          if (++passed > passingMax) throw awayFor(error, file)
          continue
        }
        if (tile) {
          lost.push(tile)
          continue
        }
        broken.set(file, 'cannot be read')
        if (isSwept || broken.size < brokenOneByOneMax) continue
        isSwept = true
        const isFound = (one: string) => broken.has(one) || lost.some((tile) => tile.file === one)
        const read = inputs.intervals.flatMap(({ files }) => files.map(({ uri }) => uri))
        const others = await lostAmong(
          deps,
          [...new Set([...read, ...coarse.flatMap((one) => one.file ?? [])])].filter((one) => !isFound(one)),
          witnesses(),
        )
        for (const one of others) if (committed.has(one)) broken.set(one, 'cannot be read')
        for (const tile of coarse) if (tile.file !== null && others.has(tile.file)) lost.push(tile)
      } else if (isHeldRead && (ofHeld.has(file) || broken.has(file))) {
        // What is shown at E is judged without what is held at an older one.
        isHeldRead = false
      } else if (isOfValue(error) && isNowRead) {
        // The run that met the value has failed of it, and nothing of it is committed: what is can be computed again.
        isNowRead = false
      } else if (
        isMillcourseError(error) &&
        (error.code.startsWith('SOURCE_') || isOfValue(error)) &&
        unreadable === null &&
        !committed.has(file)
      ) {
        if (areOthersRead && inputs.intervals.some(isOlderRead)) areOthersRead = false
        else unreadable = error
      } else throw error
    }
  }
}

/** A value that the source's query, or a sum, cannot take. */
const isOfValue = (error: unknown): boolean => isMillcourseError(error) && error.code === 'COMPUTE_VALUE_OUT_OF_RANGE'

const isOlderRead = ({ verified }: QualityInterval): boolean => !verified.isReached && verified.isRecomputed

/** Those that cannot be read as a whole: what is asked of the keys may leave their faulty pages out. */
async function lostAmong(
  deps: ActivityDeps,
  files: readonly string[],
  witnesses: { readonly others: readonly string[]; readonly signal: CancelSignal },
): Promise<ReadonlySet<string>> {
  const lost = new Set<string>()
  for (const file of files)
    try {
      await deps.engine.withSession((session) => session.all(buildWholeFileQuery(file)), witnesses)
    } catch (error) {
      if (fileNotRead(error) !== file) throw error
      if (await isFileAtFault(deps, error, file, witnesses)) lost.add(file)
    }
  return lost
}

const uriOf = (deps: ActivityDeps, data: { readonly path: string } | null): string | null =>
  data === null ? null : deps.lake.uri(data.path)

/** Without those at fault; the others stand for own files at fault, however few of their intervals are read. */
function soundCompactions(
  deps: ActivityDeps,
  { commits, others, compactions }: Target,
  broken: ReadonlyMap<string, FileFault>,
): CompactedCommits[] {
  const isLost = ({ data }: Commit) => broken.has(uriOf(deps, data) ?? '')
  const lost = broken.size === 0 ? [] : [...commits, ...others].filter(isLost).map(({ commitId }) => commitId)
  return compactions
    .filter(({ files }) => !files.some(({ path }) => broken.has(path)))
    .map((one) => ({ ...one, removedIds: [...one.removedIds, ...lost] }))
}
