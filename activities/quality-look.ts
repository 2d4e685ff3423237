/** One look of a quality check, and what becomes of it in the record. */
import type { Bucket } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { inParallel } from '../core/in-parallel.js'
import { isBeingReplaced } from '../core/plan/index.js'
import {
  carriedFaults,
  drawLots,
  type Fault,
  type FileFault,
  faultsBeyond,
  faultsListedMax,
  fileOfKey,
  firstOfEach,
  type IntervalNow,
  isRebuildHeld,
  isSameFault,
  judgedAtOf,
  type KeyedFile,
  type KeyVerdict,
  lagsOf,
  mayBePutBack,
  mostTelling,
  putBackFaults,
  type QualityCheck,
  type ReadLimit,
  reachedIn,
  shuffled,
  startsAtFault,
} from '../core/quality/index.js'
import { formatInstant, type Instant, parseInstant } from '../core/time/instant.js'
import { type Interval, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import type { QualityInputs, QualityInterval } from './quality-inputs.js'
import type { Target } from './quality-target.js'
import { digestIfReadable, digestsAtOnce } from './unreadable-files.js'

/** Of what a check reads of files to know what they hold (damaged-files.ts). */
const rowsShare = 1 / 8

export interface Look {
  readonly target: Target
  readonly inputs: QualityInputs | null
  readonly verdicts: readonly KeyVerdict[]
  /** Which bucket of a compaction a key lies in, by its encoding, hex. */
  readonly buckets: ReadonlyMap<string, Bucket>
  /** Of whole files. */
  readonly faults: readonly Fault[]
  readonly sequenceSeenMax: bigint
  /** Nothing was published, and no source file was changed, from before anything was read until after. */
  readonly isStable: boolean
}

/**
 * One of each file, over all its intervals from the first to the last; more where some of them between cannot be repaired. Not of what is
 * committed anew already, which the next publish shows, but for the commit of an open backfill, which is left out until that ends (R33).
 */
export function brokenFaults({ intervals }: QualityInputs, broken: ReadonlyMap<string, FileFault>): Fault[] {
  const faults: WholeFile[] = []
  for (const { broken: files, standing, isRunnable } of intervals) {
    const { interval, state } = standing
    if (isReplaced(standing)) continue
    const isRepairable = isRunnable || (state !== null && isBeingReplaced(state))
    for (const { uri: file, isSpare } of files) addInterval(faults, { file, interval, isRepairable, isSpare })
  }
  return faults.map(({ file, span, isRepairable, isSpare }) => ({
    ...fileFault('committed-file', file, span, isRepairable, broken.get(file)),
    ...(isSpare ? { isSpare } : {}),
  }))
}

function isReplaced({ commit, state }: QualityInterval['standing']): boolean {
  return state?.committed?.commitId !== commit?.commitId && !state?.committed?.isOfOpenBackfill
}

/**
 * Files in which rows are wrong, over what lies in them, decides answers and is not computed again: no rebuild may publish that. A record tells
 * of them, so that the next check computes all that it can.
 */
function suspectFaults({ intervals }: QualityInputs, faults: readonly Fault[]): Fault[] {
  const wrong = startsAtFault(faults, intervals.map(intervalNow))
  const doubted = doubtedStarts(intervals, wrong)
  const named = new Set(
    faults.flatMap(({ cause, file }) => (cause === 'committed-file' && file !== null ? [file] : [])),
  )
  const found: WholeFile[] = []
  for (const { standing, files, broken } of intervals) {
    const { interval, state } = standing
    if (!doubted.has(interval.start) || wrong.has(interval.start)) continue
    if (broken.some(({ isSpare }) => !isSpare)) continue
    const isRepairable = state !== null && isBeingReplaced(state)
    const isSpare = false
    for (const { uri: file } of files)
      if (named.has(file)) addInterval(found, { file, interval, isRepairable, isSpare })
  }
  return found.map(({ file, span, isRepairable }) =>
    fileFault('committed-file', file, span, isRepairable, 'holds wrong rows'),
  )
}

interface WholeFile {
  readonly file: string
  span: Interval
  readonly isRepairable: boolean
  readonly isSpare: boolean
}

function addInterval(
  faults: WholeFile[],
  { interval, ...of }: Omit<WholeFile, 'span'> & { readonly interval: Interval },
): void {
  const last = faults.findLast(({ file }) => file === of.file)
  if (last?.isRepairable === of.isRepairable && last.isSpare === of.isSpare)
    last.span = { start: last.span.start, end: interval.end }
  else faults.push({ ...of, span: interval })
}

/** Of what decides answers and is not computed again: it is wrong, or lies in one file with rows that are. Nobody knows what else of that is. */
export function doubtedStarts(
  intervals: readonly QualityInterval[],
  wrong: ReadonlySet<Instant>,
): ReadonlySet<Instant> {
  const startOf = ({ standing }: QualityInterval) => standing.interval.start
  const files = new Set(intervals.filter((one) => wrong.has(startOf(one))).flatMap((one) => one.files.map(uriOf)))
  const isDoubted = (one: QualityInterval) =>
    one.verified.isReached &&
    !one.verified.isRecomputed &&
    (wrong.has(startOf(one)) || one.files.some((file) => files.has(file.uri)))
  return new Set(intervals.filter(isDoubted).map(startOf))
}

const uriOf = ({ uri }: KeyedFile): string => uri

export function fileFault(
  cause: Fault['cause'],
  file: string | null,
  interval: Interval | null,
  isRepairable: boolean,
  found: FileFault = 'cannot be read',
): Fault {
  return {
    ...{ cause, file, isRepairable, key: null, keyHex: null, features: [] },
    ...{
      interval: interval && toIsoInterval(interval),
      expected: null,
      found: file === null ? null : found,
    },
  }
}

/** @param found of whole files what the last look says, of keys their verdicts, by their encoding, hex; null: none */
export async function checkOf(
  deps: ActivityDeps,
  bundle: ViewBundle,
  found: {
    readonly seed: number
    readonly counts: QualityCheck['keys']
    readonly look: Look
    readonly before: QualityCheck | null
    readonly verdicts: ReadonlyMap<string, KeyVerdict | null>
    /** URIs of files at fault before that had no turn to be read. */
    readonly unread: ReadonlySet<string>
    readonly limit: ReadLimit
    readonly unsettled: number
  },
): Promise<QualityCheck> {
  const { view } = bundle
  const { look, before, verdicts, counts, seed, unread, unsettled } = found
  const { target, inputs } = look
  const isKnown = (fault: Fault): boolean => before?.faults.some((old) => isSameFault(old, fault)) ?? false
  const given = [...verdicts.values()].flatMap((verdict) => verdict ?? [])
  // The ledger's digest of a file holds whatever moved meanwhile; and one that could not be read before, and cannot now, is at fault.
  const isOther = ({ found: what }: Fault): boolean => what === 'is not what was committed'
  const told = [
    ...look.faults
      .filter((fault) => look.isStable || isKnown(fault) || isOther(fault))
      .map((fault) => (unread.has(fault.file ?? '') ? asFoundBefore(fault, before!) : fault)),
    ...given.flatMap(({ faults }) => faults),
  ]
  const ofRows =
    inputs === null ? [] : await namedFiles(deps, look, inputs, [...(before?.faults ?? []), ...told], found)
  const digests = new Map(ofRows)
  const carried =
    before === null || inputs === null
      ? []
      : carriedFaults(before, verdicts, nowByStart(inputs), (hex) => look.buckets.get(hex), digests)
  const known = [...told.map((fault) => withDigest(fault, digests)), ...carried]
  const ofFiles = [...known, ...(inputs === null ? [] : suspectFaults(inputs, known))]
  const merged = before !== null && mayBePutBack(before) ? await mergedFrom(deps, bundle, look) : null
  const all = firstOfEach([...ofFiles, ...putBackFaults(before, ofFiles, merged)])
  const isReached = reachedIn(target.span)
  const listed = mostTelling(all, faultsListedMax, isReached)
  const { shown = null } = (target.table === null ? null : target.state) ?? {}
  const { unreadable = null, repairFirst = null } = inputs ?? {}
  const recomputed = inputs?.intervals.filter(({ verified }) => verified.isRecomputed) ?? []
  return {
    ...{ view: view.name, version: view.version, checkedAt: formatInstant(deps.clock.realNow()), seed, keys: counts },
    intervals: {
      recomputed: recomputed.filter(({ verified }) => verified.isReached).length,
      of: target.commits.length,
      older: recomputed.filter(({ verified }) => !verified.isReached).length,
      ...(view.viewKind === 'lookup' && inputs ? { shown: countsOf(inputs.shown) } : {}),
    },
    lostInputs: inputs?.lostInputs ?? 0,
    ...(inputs && inputs.tooLarge > 0 ? { tooLarge: inputs.tooLarge } : {}),
    endAt: shown && formatInstant(shown.endAt),
    sequence: shown && String(shown.sequence),
    sequenceSeenMax: look.sequenceSeenMax === 0n ? null : String(look.sequenceSeenMax),
    faults: listed,
    faultsLeft: faultsBeyond(before, all, listed),
    holdsRebuild: isRebuildHeld(all, listed, isReached),
    lags: lagsOf(given),
    unsettled,
    unreadable: unreadable && { code: unreadable.code, message: unreadable.message },
    ...(repairFirst === null ? {} : { repairFirst }),
  }
}

const countsOf = (intervals: readonly QualityInterval[]) => ({
  recomputed: intervals.filter(({ verified }) => verified.isRecomputed).length,
  of: intervals.length,
})

/**
 * But for what is committed anew already, as above. Null: nothing is online. Sequences are asked for after files were looked at: a publish that is
 * under way may have read what they held before.
 */
async function mergedFrom({ ledger }: ActivityDeps, { view }: ViewBundle, { target, inputs }: Look) {
  const now = target.table === null ? null : await ledger.shownState({ view: view.name, version: view.version })
  if (now === null) return null
  const replaced = (inputs?.intervals ?? []).flatMap(({ standing }) =>
    isReplaced(standing) ? [standing.interval.start] : [],
  )
  const others = new Set(replaced)
  const merged = target.commits.filter(({ interval }) => !others.has(interval.start))
  return {
    ...{ lastSequence: now.lastSequence, rebuiltSequence: now.rebuiltSequence },
    files: new Set(target.places.allOf(merged).keys()),
    commits: new Set(merged.map(({ commitId }) => String(commitId))),
  }
}

function asFoundBefore(fault: Fault, before: QualityCheck): Fault {
  const old = before.faults.find((one) => isSameFault(one, fault))
  return old === undefined ? fault : { ...fault, judgedAt: judgedAtOf(old, before) }
}

/**
 * Of intervals in which rows differ, or did: what the files that hold those of the keys are like, by URI, where the ledger does not tell; null:
 * one is gone. Not all of many: who has no turn is as before.
 */
async function namedFiles(
  { lake }: ActivityDeps,
  { buckets, target }: Look,
  { intervals }: QualityInputs,
  faults: readonly Fault[],
  { seed, limit }: { readonly seed: number; readonly limit: ReadLimit },
): Promise<(readonly [string, string | null])[]> {
  const byStart = new Map(intervals.map((one) => [one.standing.interval.start, one]))
  const files = faults.flatMap(({ cause, keyHex, interval }) => {
    if (cause !== 'committed-file' || keyHex === null || interval === null) return []
    const file = fileOfKey(byStart.get(parseInstant(interval.start))?.files ?? [], buckets.get(keyHex))
    return file === null || file.sha256 !== undefined ? [] : [file]
  })
  const entries = shuffled([...new Map(files.map((file) => [file.uri, file])).values()], seed, uriOf)
  const others = [...target.places.allOf(target.commits).keys()].reverse()
  return await inParallel(drawLots([{ entries, share: rowsShare }], limit), digestsAtOnce, async ({ uri }) => {
    const now = await digestIfReadable(lake, uri, others)
    return [uri, now === 'cannot be read' ? null : (now?.sha256 ?? null)]
  })
}

function withDigest(fault: Fault, digests: ReadonlyMap<string, string | null>): Fault {
  const fileSha256 = fault.commitId === undefined ? null : (digests.get(fault.file ?? '') ?? null)
  return fileSha256 === null ? fault : { ...fault, fileSha256 }
}

export function intervalNow({ standing: { interval, commit, state }, files, isHere }: QualityInterval) {
  return {
    ...{ start: interval.start, commitId: commit && String(commit.commitId), files, isHere },
    isBeingReplaced: state !== null && isBeingReplaced(state),
  }
}

const nowByStart = ({ intervals }: QualityInputs): Map<Instant, IntervalNow> =>
  new Map(intervals.map((one) => [one.standing.interval.start, intervalNow(one)]))
