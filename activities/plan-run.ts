/** Step 1: which files this run reads, fixed; or that there is nothing to do, or not yet. */
import { activityInfo } from '@temporalio/activity'
import { searchedAroundNs } from '../core/compute/index.js'
import type { SourceDefinition, ViewBundle } from '../core/define/definitions.js'
import { assert, MillcourseError } from '../core/errors.js'
import { isUnchanged, type PinnedFile, type RunOutcome } from '../core/plan/index.js'
import type { RunRecord } from '../core/ports/ledger.js'
import type { RunInput } from '../core/ports/run-control.js'
import type { WaitedFor } from '../core/ports/waited-for.js'
import { filesOf, inputSources, inputsHash, judgeReadiness, type Readiness, rowSource } from '../core/source/index.js'
import { parseDuration } from '../core/time/duration.js'
import { parseInstant } from '../core/time/instant.js'
import { checkInterval, fromIsoInterval, type Interval } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { listDimensions } from './dimension-files.js'
import { currentRunId } from './run-id.js'
import { missingMarkers, sourceFiles } from './source-files.js'
import type { PlanStepResult, RunRef } from './steps.js'
import { judgeUpstream } from './upstream-commits.js'
import { judgeUpstreamRepair } from './upstream-sound.js'

/** This run may stand before the one that is looked for. */
const runsLookedAt = 2
/** All but `skipped`. */
const tellingOutcomes: readonly RunOutcome[] = [
  ...(['running', 'done', 'committed', 'held', 'rejected', 'accepted', 'failed', 'not-ready', 'superseded'] as const),
]

export function planRun(deps: ActivityDeps) {
  return async (input: RunInput): Promise<PlanStepResult> => {
    deps.scheduled?.makeWay(input.kind, activityInfo())
    const bundle = await deps.registry.view(input.view, input.version)
    const interval = fromIsoInterval(input.interval)
    const now = input.now === null ? deps.clock.now() : parseInstant(input.now)
    const grid = { everyNs: parseDuration(bundle.view.every), since: parseInstant(bundle.view.since) }
    checkInterval(interval, grid, now)
    const run: RunRef = { ...input, runId: currentRunId(input), definitionHash: bundle.definitionHash }
    const known = await startOnce(deps, run, interval)
    // An attempt before this one has fixed the inputs: they stay.
    if (known.pins) return await pinned(deps, run, known.pins.files, 0n)

    for (const source of inputSources(bundle.source)) {
      const markers = await missingMarkers(deps, source, interval)
      const readiness = judgeReadiness(source.ready, interval, markers, now)
      if (readiness.kind === 'not-ready') return await waiting(deps, run, source, readiness)
    }
    const upstream = await judgeUpstream(deps, rowSource(bundle.source), interval, now)
    if (upstream.kind === 'not-ready') return await waiting(deps, run, rowSource(bundle.source), upstream)

    // Read before the files are listed: what re-opens the interval from now on may be a file that the list lacks.
    const [state] = await deps.ledger.intervalStates(run, interval)
    // Who asks for an interval by hand does not wait for a repair of the view below.
    if (run.kind === 'scheduled' || run.kind === 'backfill') {
      const repair = await judgeUpstreamRepair(deps, rowSource(bundle.source), state, now)
      if (repair.kind === 'not-ready')
        return await waiting(deps, run, rowSource(bundle.source), repair, { isRepair: true })
    }
    const files = await filesToPin(deps, bundle, interval)
    const hash = inputsHash(files.filter(decides))
    const isDone = isUnchanged(await previousRun(deps, run, interval), {
      kind: run.kind,
      inputsHash: hash,
      definitionHash: run.definitionHash,
      reopenedBecause: state?.reopenedBecause ?? null,
      isForced: run.backfill?.isForced ?? false,
    })
    if (isDone) return { kind: 'unchanged', run }
    return await pinned(deps, run, files, state?.reopens ?? 0n, hash)
  }
}

/** Told while it waits, too: whoever looks at the run sees for what. */
async function waiting(
  deps: ActivityDeps,
  run: RunRef,
  { name, upstream }: SourceDefinition,
  readiness: Extract<Readiness, { kind: 'not-ready' }>,
  more: Pick<WaitedFor, 'isRepair'> = {},
): Promise<PlanStepResult> {
  const view = upstream ? { view: upstream.view.name } : {}
  const waitedFor = { because: readiness.because, source: name, ...view, ...more }
  await deps.ledger.recordProgress(run.runId, { waitedFor })
  return { ...readiness, run, waitedFor }
}

async function startOnce(deps: ActivityDeps, run: RunRef, interval: Interval): Promise<RunRecord> {
  const { workflowExecution } = activityInfo()
  assert(workflowExecution, 'a run step is called by a workflow')
  const known = await deps.ledger.startRun({
    runId: run.runId,
    view: run.view,
    version: run.version,
    interval,
    kind: run.kind,
    definitionHash: run.definitionHash,
    workflowId: workflowExecution.workflowId,
    temporalRunId: workflowExecution.runId,
    ...(run.backfill ? { backfillId: run.backfill.backfillId } : {}),
  })
  if (known.definitionHash !== run.definitionHash)
    throw new MillcourseError(
      'PLAN_DEFINITION_MOVED',
      `${run.view}@v${run.version} was changed while it was being planned`,
      {
        hint: 'the run plans again with the definition that is applied now',
        facts: { view: run.view, planned: known.definitionHash, applied: run.definitionHash },
      },
    )
  return known
}

/** Those whose change re-opens the interval (R27). */
const decides = ({ role }: PinnedFile): boolean => role !== 'within'

/** Own files in byte order, then those that are looked at only for redelivered event ids (R19), then those of dimensions. */
async function filesToPin(deps: ActivityDeps, bundle: ViewBundle, interval: Interval): Promise<PinnedFile[]> {
  const around = searchedAroundNs(bundle)
  const searched = { start: interval.start - around, end: interval.end + around }
  const files = await sourceFiles(deps, rowSource(bundle.source), searched)
  const dimensions = await listDimensions(deps, bundle.source, searched)
  const own = filesOf(files, interval)
  const isOwn = new Set(own.map((file) => file.uri))
  const within = filesOf(files, searched).filter((file) => !isOwn.has(file.uri))
  const pin =
    (role: PinnedFile['role']) =>
    (file: { readonly uri: string; readonly etag: string; readonly sizeBytes: number }) => ({
      uri: file.uri,
      etag: file.etag,
      sizeBytes: file.sizeBytes,
      role,
    })
  return [
    ...own.map(pin('own')),
    ...(around > 0n ? within.map(pin('within')) : []),
    // Rows that are looked at for redeliveries are made the same way.
    ...dimensions(searched).map((file) => ({ ...pin('dimension')(file), alias: file.alias })),
  ]
}

/** The interval's run before this one, skipped ones passed over. */
async function previousRun(deps: ActivityDeps, run: RunRef, interval: Interval) {
  const runs = await deps.ledger.runs({
    of: { view: run.view, version: run.version, interval },
    outcomes: tellingOutcomes,
    limit: runsLookedAt,
  })
  const previous = runs.find((one) => one.runId !== run.runId)
  return previous
    ? {
        outcome: previous.outcome,
        inputsHash: previous.pins?.inputsHash ?? null,
        definitionHash: previous.definitionHash,
      }
    : null
}

async function pinned(
  deps: ActivityDeps,
  run: RunRef,
  files: readonly PinnedFile[],
  reopensSeen: bigint,
  hash = inputsHash(files.filter(decides)),
): Promise<PlanStepResult> {
  const { number, supersedes } = await deps.ledger.pinRun(run.runId, { files, inputsHash: hash }, reopensSeen)
  return {
    kind: 'ready',
    run,
    number,
    supersedes: supersedes === null ? null : String(supersedes),
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
  }
}
