/**
 * Checks one view version: draws keys, computes them again from source rows, and compares with the table, the tiles or rows, and the cache
 * of what is online. Commits and publishes go on meanwhile: a difference counts only where nothing was published between looking and
 * looking again.
 */
import { Context } from '@temporalio/activity'
import {
  type CommittedFile,
  type CompactedCommits,
  committedFiles,
  type KnownCoarseTile,
} from '../core/compute/index.js'
import type { ViewBundle } from '../core/define/definitions.js'
import { isMillcourseError, MillcourseError } from '../core/errors.js'
import { keyText } from '../core/explain/index.js'
import { isBeingReplaced } from '../core/plan/index.js'
import type { CancelSignal } from '../core/ports/cancel-signal.js'
import type { Commit, ViewKey } from '../core/ports/ledger.js'
import type { ShownState } from '../core/ports/ledger-quality.js'
import type { QuerySession } from '../core/ports/query-engine.js'
import { noTelemetry } from '../core/ports/telemetry.js'
import { type PackedValue, reachedSpan, versionTableName, windowReach } from '../core/publish/index.js'
import {
  atFault,
  type Fault,
  faultsListedMax,
  firstOfEach,
  judgeKeys,
  type KeyVerdict,
  lagsOf,
  type QualityCheck,
  standingOf,
  type Verified,
  verifyKeys,
} from '../core/quality/index.js'
import { rowSource } from '../core/source/index.js'
import { formatInstant, type Instant, parseInstant } from '../core/time/instant.js'
import { type Interval, toIsoInterval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { currentFiles } from './current-files.js'
import { findCompactions } from './find-compactions.js'
import { isFileLost } from './publish-state.js'
import { cachedOtherwise } from './quality-cache.js'
import { type QualityInputs, type QualityInterval, readQualityInputs } from './quality-inputs.js'
import { readItems } from './quality-items.js'
import { sampleKeys } from './quality-sample.js'
import { recordCheck } from './record-check.js'
import type { CheckViewInput, CheckViewResult } from './steps.js'

/** Keys that differ while publishes come and go are looked at so often. */
const turnsMax = 4
/** Committed files that cannot be read are found one by one. */
const brokenMax = 20

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
    telemetry.count('millcourse_quality_checks_total', { ...labels, outcome: faults > 0 ? 'faults' : 'agrees' })
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
  { seed, sample, before }: Pick<CheckViewInput, 'seed' | 'sample'> & { readonly before: QualityCheck | null },
  signal: CancelSignal,
): Promise<QualityCheck> {
  const { view } = bundle
  const key: ViewKey = { view: view.name, version: view.version }
  const again = atFault(before)
  const found = await findTarget(deps, bundle, key)
  const { keys, counts } = await sampleKeys(
    deps,
    {
      ...{ bundle, seed, sample },
      files: filesOf(deps, found),
      online: found.table === null ? null : { table: found.table, state: found.state! },
      again: again.keys,
    },
    signal,
  )
  const verdicts = new Map<string, KeyVerdict>()
  let left = keys
  let look: Look | null = null
  for (let turn = 0; turn < turnsMax && (left.length > 0 || look === null); turn++) {
    look = await lookAt(deps, bundle, key, left, { seed, again: again.starts, signal })
    const isWrong = ({ faults }: KeyVerdict) => faults.length > 0
    for (const verdict of look.verdicts) if (look.isStable || !isWrong(verdict)) verdicts.set(verdict.text, verdict)
    const isLeft = (one: readonly PackedValue[]) => look!.faults.length > 0 || !verdicts.has(keyText(bundle, one))
    left = look.isStable ? [] : left.filter(isLeft)
  }
  const unsettled = left.filter((one) => !verdicts.has(keyText(bundle, one))).length
  return checkOf(deps, bundle, { seed, counts, look: look!, verdicts: [...verdicts.values()], unsettled })
}

interface Target {
  readonly state: ShownState | null
  /** Null: an offline view, or nothing published: items are no matter. */
  readonly table: string | null
  /** Null: nothing is committed. */
  readonly endAt: Instant | null
  readonly span: Interval | null
  /** Of the state that is shown; of a view that shows nothing, of now. */
  readonly commits: readonly Commit[]
  /** What stands for many of them, by URIs. */
  readonly compactions: readonly CompactedCommits[]
}

async function findTarget(deps: ActivityDeps, bundle: ViewBundle, key: ViewKey): Promise<Target> {
  const { view } = bundle
  const since = parseInstant(view.since)
  const state = await deps.ledger.shownState(key)
  const shown = view.online ? (state?.shown ?? null) : null
  const table =
    shown === null ? null : versionTableName(deps.settings.project, view, await deps.ledger.onlineTable(key))
  const endAt = shown?.endAt ?? (await newestEnd(deps, key, since))
  if (endAt === null || endAt <= since) return { state, table, endAt: null, span: null, commits: [], compactions: [] }
  const window = windowReach(view)
  const span = window === null ? { start: since, end: endAt } : reachedSpan(endAt, window, since)
  const found = await deps.ledger.commitsAt(key, span, shown?.newestCommitId ?? null)
  const commits = found.filter(({ interval }) => interval.end <= endAt)
  const compactions = (await findCompactions(deps.ledger, key, commits)).map((one) => ({
    ...one,
    files: one.files.map((file) => ({ ...file, path: deps.lake.uri(file.path) })),
  }))
  return { state, table, endAt, span, commits, compactions }
}

async function newestEnd(deps: ActivityDeps, key: ViewKey, since: Instant): Promise<Instant | null> {
  const commits = await deps.ledger.commitsAt(key, { start: since, end: deps.clock.now() }, null)
  return commits.at(-1)?.interval.end ?? null
}

interface Look {
  readonly target: Target
  readonly inputs: QualityInputs | null
  readonly verdicts: readonly KeyVerdict[]
  /** Of whole files. */
  readonly faults: readonly Fault[]
  readonly sequenceSeenMax: bigint
  /** Nothing was published, and no source file was changed, from before anything was read until after. */
  readonly isStable: boolean
}

async function lookAt(
  deps: ActivityDeps,
  bundle: ViewBundle,
  key: ViewKey,
  keys: readonly (readonly PackedValue[])[],
  options: Omit<VerifyOptions, 'keys'>,
): Promise<Look> {
  const target = await findTarget(deps, bundle, key)
  const { state, table, span } = target
  if (span === null) return { target, inputs: null, verdicts: [], faults: [], sequenceSeenMax: 0n, isStable: true }
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
  const { inputs, verified, broken, coarse } = await verify(deps, bundle, key, target, { keys, ...options })
  const after = await deps.ledger.shownState(key)
  const isStable = after?.mark === state?.mark && (await isAsRead(deps, inputs))
  const byStart = new Map(inputs.intervals.map((one) => [one.standing.interval.start, one]))
  const etags = new Map(inputs.read.map(({ uri, etag }) => [uri, etag]))
  // A compaction's file holds rows of many intervals: each has to be computed again for its rows to be there.
  const isKnown = ({ verified: one }: QualityInterval) =>
    one.isRecomputed || one.commit === null || one.commit.isReadable
  const verdicts = judgeKeys({
    ...{ bundle, verified },
    keys: looked.map((one) => ({ ...one, isCachedOtherwise: cache !== 'lost' && cache.has(one.text) })),
    online: table === null ? null : { ...state!, realNow: deps.clock.realNow() },
    isTruthKnown: inputs.intervals.every(isKnown),
    fileAt: (start) => ({ interval: byStart.get(start)!.standing.interval, file: byStart.get(start)!.file }),
    standingOf: (row) => {
      const one = byStart.get(row.intervalStart)
      return one ? standingOf(one.standing, row.file, etags.get(row.file) ?? null) : null
    },
  })
  const sequences = looked.map(({ item }) => item?.sequence ?? 0n)
  return {
    ...{ target, inputs, verdicts, isStable },
    faults: [
      ...brokenFaults(inputs, broken),
      ...coarse.map(({ file, span: of }) => fileFault('coarse-tile', file, of, true)),
      ...(cache === 'lost' ? [fileFault('published-state', null, null, true)] : []),
    ],
    sequenceSeenMax: sequences.reduce((max, one) => (one > max ? one : max), 0n),
  }
}

interface VerifyOptions {
  readonly keys: readonly (readonly PackedValue[])[]
  readonly seed: number
  /** Starts of intervals that are computed again whatever is drawn. */
  readonly again: ReadonlySet<Instant>
  readonly signal: CancelSignal
}

/**
 * A committed file that cannot be read is told, and its interval computed from the source; a coarse tile is told, and its tiles read; a
 * source that cannot be read is left out.
 */
async function verify(
  deps: ActivityDeps,
  bundle: ViewBundle,
  key: ViewKey,
  target: Target,
  { keys, seed, again, signal }: VerifyOptions,
): Promise<{ inputs: QualityInputs; verified: Verified; broken: ReadonlySet<string>; coarse: KnownCoarseTile[] }> {
  const { commits, span, endAt, state } = target
  const broken = new Set<string>()
  const committed = new Set([...commits.flatMap(({ data }) => uriOf(deps, data) ?? []), ...urisOf(target.compactions)])
  const known = bundle.view.viewKind === 'window' ? await deps.ledger.coarseTiles(key, span!) : []
  const coarse = known.map((tile): KnownCoarseTile => ({ ...tile, file: uriOf(deps, tile.data) }))
  const lost: KnownCoarseTile[] = []
  let unreadable = ofAnotherView(bundle)
  for (;;) {
    const inputs = await readQualityInputs(deps, {
      ...{ bundle, key, span: span!, commits, compactions: target.compactions, seed, again, broken, unreadable },
    })
    const sizes = new Map(inputs.read.map(({ uri, sizeBytes }) => [uri, sizeBytes]))
    const input = {
      ...{ bundle, keys, endAt: endAt! },
      intervals: inputs.intervals.map(({ verified }) => verified),
      dimensions: inputs.dimensions,
      compactions: target.compactions.filter((one) => !urisOf([one]).some((uri) => broken.has(uri))),
      // Tiles of an unreadable file cannot be compared, and coarse tiles of a state that is not the shown one stand for others.
      coarse: broken.size > 0 || state?.isPublishUnfinished ? [] : coarse.filter((tile) => !lost.includes(tile)),
    }
    try {
      const verified = await deps.engine.withSession((session) => verifyKeys(toolsOf(deps, session, sizes), input), {
        signal,
      })
      return { inputs, verified, broken, coarse: lost }
    } catch (error) {
      const file = isMillcourseError(error) ? String(error.detail.facts?.file ?? '') : ''
      const tile = coarse.find((one) => one.file === file && !lost.includes(one))
      if (isFileLost(error) && tile) lost.push(tile)
      else if (isFileLost(error) && committed.has(file) && !broken.has(file) && broken.size < brokenMax)
        broken.add(file)
      else if (
        isMillcourseError(error) &&
        error.code.startsWith('SOURCE_') &&
        unreadable === null &&
        !committed.has(file)
      )
        unreadable = error
      else throw error
    }
  }
}

/** Its rows are no source's: that view's own check computes them again. */
function ofAnotherView({ source }: ViewBundle): MillcourseError | null {
  const { upstream } = rowSource(source)
  if (!upstream) return null
  const { name, version } = upstream.view
  return new MillcourseError('SOURCE_FILE_UNSUPPORTED', `its rows are what view ${name}@v${version} has committed`, {
    hint: `millcourse check-quality ${name} checks those`,
    facts: { view: name },
  })
}

function toolsOf(deps: ActivityDeps, session: QuerySession, sizes: ReadonlyMap<string, number>) {
  return {
    execute: (query: { readonly sql: string }) => session.execute(query),
    all: (query: { readonly sql: string }) => session.all(query),
    keepFile: (name: string, parts: AsyncIterable<Uint8Array>) => session.keepFile(name, parts),
    open: (file: string) => ({
      sizeBytes: sizes.get(file) ?? 0,
      read: (start: number, length: number) => deps.sources.readRange(file, start, length),
    }),
  }
}

async function isAsRead(deps: ActivityDeps, { read }: QualityInputs): Promise<boolean> {
  const now = await currentFiles(
    deps.sources,
    read.map(({ uri }) => uri),
  )
  return read.every(({ uri, etag }) => now.get(uri)?.etag === etag)
}

const uriOf = (deps: ActivityDeps, data: { readonly path: string } | null): string | null =>
  data === null ? null : deps.lake.uri(data.path)

const urisOf = (compactions: readonly CompactedCommits[]): string[] =>
  compactions.flatMap(({ files }) => files.map(({ path }) => path))

function filesOf(deps: ActivityDeps, { commits, compactions }: Target): CommittedFile[] {
  const wanted = commits.map(({ commitId, interval, data }) => ({
    commitId,
    interval,
    data: data && { path: deps.lake.uri(data.path) },
  }))
  return committedFiles(wanted, compactions, (uri) => uri)
}

/**
 * One of each file, over all its intervals from the first to the last; more where some of them between cannot be repaired. Not of what is
 * committed anew already, which the next publish shows.
 */
function brokenFaults({ intervals }: QualityInputs, broken: ReadonlySet<string>): Fault[] {
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

function fileFault(
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

function checkOf(
  deps: ActivityDeps,
  { view }: ViewBundle,
  found: {
    readonly seed: number
    readonly counts: QualityCheck['keys']
    readonly look: Look
    readonly verdicts: readonly KeyVerdict[]
    readonly unsettled: number
  },
): QualityCheck {
  const { look, verdicts, counts, seed, unsettled } = found
  const { target, inputs } = look
  const faults = [...(look.isStable ? look.faults : []), ...verdicts.flatMap((verdict) => verdict.faults)]
  const listed = firstOfEach(faults)
  const { shown = null } = (target.table === null ? null : target.state) ?? {}
  const { unreadable = null } = inputs ?? {}
  return {
    ...{ view: view.name, version: view.version, checkedAt: formatInstant(deps.clock.realNow()), seed, keys: counts },
    intervals: {
      recomputed: inputs?.intervals.filter(({ verified }) => verified.isRecomputed).length ?? 0,
      of: target.commits.length,
    },
    lostInputs: inputs?.lostInputs ?? 0,
    endAt: shown && formatInstant(shown.endAt),
    sequence: shown && String(shown.sequence),
    sequenceSeenMax: look.sequenceSeenMax === 0n ? null : String(look.sequenceSeenMax),
    faults: listed.slice(0, faultsListedMax),
    faultsLeft: Math.max(0, listed.length - faultsListedMax),
    lags: lagsOf(verdicts),
    unsettled,
    unreadable: unreadable && { code: unreadable.code, message: unreadable.message },
  }
}
