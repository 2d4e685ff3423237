/** One look of a quality check, and what becomes of it in the record. */
import type { ViewBundle } from '../core/define/definitions.js'
import { isBeingReplaced } from '../core/plan/index.js'
import {
  carriedFaults,
  digestOfFiles,
  type Fault,
  faultsListedMax,
  firstOfEach,
  type IntervalNow,
  isSameFault,
  type KeyVerdict,
  lagsOf,
  type QualityCheck,
} from '../core/quality/index.js'
import { formatInstant, type Instant, parseInstant } from '../core/time/instant.js'
import { type Interval, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { fileDigests } from './file-digests.js'
import type { QualityInputs } from './quality-inputs.js'
import type { Target } from './quality-target.js'

export interface Look {
  readonly target: Target
  readonly inputs: QualityInputs | null
  readonly verdicts: readonly KeyVerdict[]
  /** Of whole files. */
  readonly faults: readonly Fault[]
  readonly sequenceSeenMax: bigint
  /** Nothing was published, and no source file was changed, from before anything was read until after. */
  readonly isStable: boolean
}

/**
 * One of each file, over all its intervals from the first to the last; more where some of them between cannot be repaired. Not of what is
 * committed anew already, which the next publish shows.
 */
export function brokenFaults({ intervals }: QualityInputs, broken: ReadonlySet<string>): Fault[] {
  const faults: { file: string; span: Interval; isRepairable: boolean }[] = []
  for (const { file, standing, verified } of intervals) {
    const { interval, commit, state } = standing
    if (file === null || !broken.has(file) || state?.committed?.commitId !== commit?.commitId) continue
    const isRepairable = verified.isRecomputed || (state !== null && isBeingReplaced(state))
    const last = faults.findLast((one) => one.file === file)
    if (last?.isRepairable === isRepairable) last.span = { start: last.span.start, end: interval.end }
    else faults.push({ file, span: interval, isRepairable })
  }
  return faults.map(({ file, span, isRepairable }) => fileFault('committed-file', file, span, isRepairable))
}

export function fileFault(
  cause: Fault['cause'],
  file: string | null,
  interval: Interval | null,
  isRepairable: boolean,
): Fault {
  return {
    ...{ cause, file, isRepairable, key: null, keyHex: null, features: [] },
    ...{
      interval: interval && toIsoInterval(interval),
      expected: null,
      found: file === null ? null : 'cannot be read',
    },
  }
}

/** @param found of whole files what the last look says, of keys their verdicts, by their encoding, hex; null: none */
export async function checkOf(
  deps: ActivityDeps,
  { view }: ViewBundle,
  found: {
    readonly seed: number
    readonly counts: QualityCheck['keys']
    readonly look: Look
    readonly before: QualityCheck | null
    readonly verdicts: ReadonlyMap<string, KeyVerdict | null>
    readonly unsettled: number
  },
): Promise<QualityCheck> {
  const { look, before, verdicts, counts, seed, unsettled } = found
  const { target, inputs } = look
  const isKnown = (fault: Fault): boolean => before?.faults.some((old) => isSameFault(old, fault)) ?? false
  const given = [...verdicts.values()].flatMap((verdict) => verdict ?? [])
  // A file that could not be read before, and cannot now, is at fault whatever moved meanwhile.
  const told = [
    ...look.faults.filter((fault) => look.isStable || isKnown(fault)),
    ...given.flatMap(({ faults }) => faults),
  ]
  const digests = await filesDigests(deps, inputs, [...(before?.faults ?? []), ...told])
  const carried =
    before === null || inputs === null ? [] : carriedFaults(before, verdicts, intervalsOf(inputs, digests))
  const listed = firstOfEach([...told.map((fault) => withDigest(fault, digests)), ...carried])
  const { shown = null } = (target.table === null ? null : target.state) ?? {}
  const { unreadable = null } = inputs ?? {}
  const recomputed = inputs?.intervals.filter(({ verified }) => verified.isRecomputed) ?? []
  return {
    ...{ view: view.name, version: view.version, checkedAt: formatInstant(deps.clock.realNow()), seed, keys: counts },
    intervals: {
      recomputed: recomputed.filter(({ verified }) => verified.isReached).length,
      of: target.commits.length,
      older: recomputed.filter(({ verified }) => !verified.isReached).length,
    },
    lostInputs: inputs?.lostInputs ?? 0,
    endAt: shown && formatInstant(shown.endAt),
    sequence: shown && String(shown.sequence),
    sequenceSeenMax: look.sequenceSeenMax === 0n ? null : String(look.sequenceSeenMax),
    faults: listed.slice(0, faultsListedMax),
    // Nobody knows which they were: they stand while any of those that were listed does.
    faultsLeft: Math.max(0, listed.length - faultsListedMax, listed.some(isKnown) ? before!.faultsLeft : 0),
    lags: lagsOf(given),
    unsettled,
    unreadable: unreadable && { code: unreadable.code, message: unreadable.message },
  }
}

/** Of intervals in which rows differ, or did, by their starts: what the files that hold them are like; none where one is gone. */
async function filesDigests(
  { lake }: ActivityDeps,
  inputs: QualityInputs | null,
  faults: readonly Fault[],
): Promise<ReadonlyMap<Instant, string>> {
  const starts = new Set(
    faults.flatMap(({ cause, keyHex, interval }) =>
      cause === 'committed-file' && keyHex !== null && interval !== null ? [parseInstant(interval.start)] : [],
    ),
  )
  const of = inputs?.intervals.filter(({ standing }) => starts.has(standing.interval.start)) ?? []
  const now = await fileDigests(
    lake,
    of.flatMap(({ files }) => files),
  )
  return new Map(
    of.flatMap(({ standing, files }) => {
      const digests = files.flatMap((uri) => now.get(uri) ?? [])
      return digests.length < files.length ? [] : [[standing.interval.start, digestOfFiles(digests)] as const]
    }),
  )
}

function withDigest(fault: Fault, digests: ReadonlyMap<Instant, string>): Fault {
  const filesDigest = fault.commitId === undefined ? undefined : digests.get(parseInstant(fault.interval!.start))
  return filesDigest === undefined ? fault : { ...fault, filesDigest }
}

function intervalsOf({ intervals }: QualityInputs, digests: ReadonlyMap<Instant, string>): Map<Instant, IntervalNow> {
  return new Map(
    intervals.map(({ standing: { interval, commit, state }, file, isHere }) => [
      interval.start,
      {
        ...{ commitId: commit && String(commit.commitId), file, isHere },
        filesDigest: digests.get(interval.start) ?? null,
        isBeingReplaced: state !== null && isBeingReplaced(state),
      },
    ]),
  )
}
