/**
 * Checks one view version: draws keys, computes them again from source rows, and compares with the table, the tiles or rows, and the cache
 * of what is online. Commits and publishes go on meanwhile: a difference counts only where nothing was published between looking and
 * looking again.
 */
import { Context } from '@temporalio/activity'
import { type Bucket, type CommittedFile, committedFiles, heldFeaturesIn, uriOfFile } from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { keyText } from '../core/explain/index.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { RunRecord, ViewKey } from '../core/ports/ledger.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { encodeKey, type PackedValue } from '../core/publish/index.js'
import {
  atFault,
  fileOfKey,
  hexOf,
  judgeKeys,
  type KeyVerdict,
  type QualityCheck,
  type ReadLimit,
  standingFiles,
  standingOf,
} from '../core/quality/index.js'
import { isCommitUri } from '../core/source/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { currentFiles } from './current-files.js'
import { damagedFiles, digestedMax } from './damaged-files.js'
import { cachedOtherwise } from './quality-cache.js'
import { drawOlder, type QualityInputs, type QualityInterval } from './quality-inputs.js'
import { readItems } from './quality-items.js'
import { brokenFaults, checkOf, fileFault, type Look } from './quality-look.js'
import { sampleKeys } from './quality-sample.js'
import { findTarget, type Target } from './quality-target.js'
import { recordCheck } from './record-check.js'
import type { CheckViewInput, CheckViewResult } from './steps.js'
import { type VerifyOptions, verifyFiles } from './verify-files.js'

/** Keys that differ while publishes come and go are looked at so often. */
const turnsMax = 4

export function checkView(deps: ActivityDeps): (input: CheckViewInput) => Promise<CheckViewResult> {
  return async (input) => {
    const { telemetry = noTelemetry } = deps
    const bundle = await deps.registry.view(input.view, input.version)
    const labels = { view: input.view, version: String(input.version) }
    const signal = Context.current().cancellationSignal
    const look = (before: QualityCheck | null) => checkVersion(deps, bundle, { ...input, before }, signal)
    const check = await recordCheck(deps, input, look).catch((error: unknown) => {
      telemetry.count('millcourse_quality_checks_total', { ...labels, outcome: 'failed' })
      throw error
    })
    const faults = check.faults.length + check.faultsLeft
    const outcome = faults > 0 ? 'faults' : check.unsettled > 0 ? 'unsettled' : 'agrees'
    telemetry.count('millcourse_quality_checks_total', { ...labels, outcome })
    telemetry.count(
      'millcourse_quality_keys_checked_total',
      labels,
      check.keys.committed + check.keys.published + check.keys.online,
    )
    if (faults > 0)
      deps.log.warn(
        { ...labels, faults: check.faults.slice(0, 5), more: faults - 5 },
        'what is served is not what the source gives',
      )
    return { view: input.view, version: input.version, faults }
  }
}

/** Without a record of it; what was at fault `before` is looked at again, whatever is drawn. */
export async function checkVersion(
  deps: ActivityDeps,
  bundle: ViewBundle,
  {
    seed,
    sample,
    before,
    limit = digestedMax,
  }: Pick<CheckViewInput, 'seed' | 'sample'> & { readonly before: QualityCheck | null; readonly limit?: ReadLimit },
  signal: CancelSignal,
): Promise<QualityCheck> {
  const { view } = bundle
  const key: ViewKey = { view: view.name, version: view.version }
  const again = atFault(before)
  const found = await findTarget(deps, bundle, key)
  const named = new Set((before?.faults ?? []).flatMap(({ file }) => file ?? []))
  const standing = standingFiles(before)
  const { damaged, unread } = await damagedFiles(deps.lake, { ...found, seed, standing, named, limit }, signal)
  const isWhole = (file: CommittedFile) => !damaged.has(uriOfFile(file))
  const { keys, counts } = await sampleKeys(
    deps,
    {
      ...{ bundle, seed, sample },
      files: [...olderFiles(deps, found, seed), ...filesOf(deps, found)].filter(isWhole),
      online: found.table === null ? null : { table: found.table, state: found.state! },
      again: again.keys,
    },
    signal,
  )
  const verdicts = new Map<string, KeyVerdict>()
  const [runs, knownBelow] = [new Map<string, RunRecord>(), new Map<string, boolean>()]
  let left = keys
  let look: Look | null = null
  for (let turn = 0; turn < turnsMax && (left.length > 0 || look === null); turn++) {
    const known = [...(before?.faults ?? []), ...(look?.verdicts ?? []).flatMap(({ faults }) => faults)]
    look = await lookAt(deps, bundle, key, left, { seed, again, known, damaged, runs, knownBelow, signal })
    const isWrong = ({ faults }: KeyVerdict) => faults.length > 0
    for (const verdict of look.verdicts) if (look.isStable || !isWrong(verdict)) verdicts.set(verdict.text, verdict)
    const isLeft = (one: readonly PackedValue[]) => look!.faults.length > 0 || !verdicts.has(keyText(bundle, one))
    left = look.isStable ? [] : left.filter(isLeft)
  }
  const unsettled = left.filter((one) => !verdicts.has(keyText(bundle, one))).length
  const byKey = keys.map((one) => {
    const verdict = verdicts.get(keyText(bundle, one)) ?? null
    return [hexOf(encodeKey(bundle.entity.keys, one)), verdict] as const
  })
  const verdictOf = new Map(byKey)
  return await checkOf(deps, bundle, {
    seed,
    counts,
    look: look!,
    before,
    verdicts: verdictOf,
    unread,
    limit,
    unsettled,
  })
}

async function lookAt(
  deps: ActivityDeps,
  bundle: ViewBundle,
  key: ViewKey,
  keys: readonly (readonly PackedValue[])[],
  options: Omit<VerifyOptions, 'keys' | 'itemTimes'>,
): Promise<Look> {
  const target = await findTarget(deps, bundle, key)
  const { state, table, span } = target
  if (span === null)
    return { target, inputs: null, verdicts: [], buckets: new Map(), faults: [], sequenceSeenMax: 0n, isStable: true }
  const looked = await readItems(deps, bundle, table, keys)
  const cache =
    table === null || state?.published == null || keys.length === 0
      ? new Set<string>()
      : await cachedOtherwise(
          deps,
          bundle,
          state.published,
          keys,
          looked.flatMap(({ item }) => item ?? []),
          options.signal,
        )
  const { inputs, verified, broken, doubted, coarse, isCoarseKnown } = await verifyFiles(deps, bundle, key, target, {
    keys,
    itemTimes: looked.flatMap(({ item }) => item?.eventAt ?? []),
    ...options,
  })
  const after = await deps.ledger.shownState(key)
  const isStable = after?.mark === state?.mark && (await isAsRead(deps, inputs))
  const byStart = new Map(inputs.intervals.map((one) => [one.standing.interval.start, one]))
  const etags = new Map(inputs.read.map(({ uri, etag }) => [uri, etag]))
  // A compaction's file holds rows of many intervals: each has to be computed again for its rows to be there.
  const isKnown = ({ verified: one }: QualityInterval) =>
    !one.isReached ||
    one.isRecomputed ||
    one.commit === null ||
    (one.commit.isReadable && !doubted.has(one.interval.start))
  const bucketOf = (text: string) => verified.buckets.get(text)
  const verdicts = judgeKeys({
    ...{ bundle, verified },
    keys: looked.map((one) => ({ ...one, isCachedOtherwise: cache !== 'lost' && cache.has(one.text) })),
    online: table === null ? null : { ...state!, realNow: deps.clock.realNow() },
    isTruthKnown: inputs.intervals.every(isKnown),
    ...{ isCoarseKnown, isCacheKnown: cache !== 'lost' },
    heldOf: heldFeaturesIn(bundle, target.commits),
    compared: new Set(inputs.intervals.filter(isCompared).map(({ standing }) => standing.interval.start)),
    fileAt: (start, one) => {
      const { standing, files } = byStart.get(start)!
      const file = fileOfKey(files, bucketOf(one))?.uri ?? null
      return { interval: standing.interval, file, commitId: String(standing.commit!.commitId) }
    },
    standingOf: (row) => {
      const one = byStart.get(row.intervalStart)
      return one ? standingOf(one.standing, row.file, etags.get(row.file) ?? null) : null
    },
  })
  const sequences = looked.map(({ item }) => item?.sequence ?? 0n)
  const hexes = keys.map((one) => [hexOf(encodeKey(bundle.entity.keys, one)), keyText(bundle, one)] as const)
  const buckets = hexes.flatMap(([hex, text]): [string, Bucket][] => {
    const bucket = bucketOf(text)
    return bucket ? [[hex, bucket]] : []
  })
  return {
    ...{ target, inputs, verdicts, isStable, buckets: new Map(buckets) },
    faults: [
      ...brokenFaults(inputs, broken),
      ...coarse.map(({ file, span: of }) => fileFault('coarse-tile', file, of, true)),
      ...(cache === 'lost' ? [fileFault('published-state', null, null, true)] : []),
    ],
    sequenceSeenMax: sequences.reduce((max, one) => (one > max ? one : max), 0n),
  }
}

const isCompared = ({ verified: { isRecomputed, commit } }: QualityInterval): boolean =>
  isRecomputed && commit?.isReadable === true

/** A commit is what it was, whatever took its place since. */
async function isAsRead(deps: ActivityDeps, { read }: QualityInputs): Promise<boolean> {
  const files = read.filter(({ uri }) => !isCommitUri(uri))
  const now = await currentFiles(
    deps.sources,
    files.map(({ uri }) => uri),
  )
  return files.every(({ uri, etag }) => now.get(uri)?.etag === etag)
}

/** Of intervals that no window reaches any more, those that are compared: their keys are nowhere else, some of them. */
function olderFiles(deps: ActivityDeps, { others, span, compactions }: Target, seed: number): CommittedFile[] {
  return span === null ? [] : filesOf(deps, { commits: drawOlder(others, span, seed), compactions })
}

function filesOf(
  deps: ActivityDeps,
  { commits, compactions }: Pick<Target, 'commits' | 'compactions'>,
): CommittedFile[] {
  const wanted = commits.map(({ commitId, interval, data }) => ({
    commitId,
    interval,
    data: data && { path: deps.lake.uri(data.path) },
  }))
  return committedFiles(wanted, compactions, (uri) => uri)
}
