/** Asks the ledger, the registry and the files' footers for what the screen of a run says. */
import type { ViewBundle } from '../../core/define/definitions.js'
import { isErrorCode, isMillcourseError } from '../../core/errors.js'
import { compareProfiles } from '../../core/judge/index.js'
import type { IntervalState, PinnedFile } from '../../core/plan/interval-state.js'
import type { LedgerReader, RunRecord, ViewKey } from '../../core/ports/ledger.js'
import type { RegistryReader } from '../../core/ports/registry.js'
import { windowReach } from '../../core/publish/index.js'
import { errorGuides, type Layer, runbookOf } from '../../core/runbook/index.js'
import { compareInputs, isCommitUri, rowSource } from '../../core/source/index.js'
import { formatDuration } from '../../core/time/duration.js'
import { formatInstant, type Instant, nsPerSecond } from '../../core/time/instant.js'
import { type Interval, toIsoInterval } from '../../core/time/interval.js'
import { blockedBy, judgeSla } from '../../core/watch/index.js'
import { runSummary } from '../commands/run-summary.js'
import type { RunTarget } from '../commands/run-target.js'
import type { CliContext } from '../context.js'
import { askWork } from './ask-work.js'
import { blastRadius, sourcesAtFault } from './blast-radius.js'
import { nextSteps } from './next-steps.js'
import { compareFileSchemas } from './read-schemas.js'
import { rejectedRows } from './rejected-rows.js'
import type { BlockFacts, Differences, IntervalFacts, RunDetails, RunFacts, SlaFacts } from './run-facts.js'
import type { RunWork } from './work-text.js'

export type FactPorts = Pick<
  CliContext,
  'ledger' | 'registry' | 'sources' | 'lake' | 'engine' | 'runControl' | 'addresses' | 'clock' | 'givenOptions'
>

/** @throws MillcourseError STACK_NOT_RUNNING, LEDGER_UNREACHABLE */
export async function gatherRunFacts(ports: FactPorts, { key, interval, run }: RunTarget): Promise<RunFacts> {
  const [ledger, registry] = [await ports.ledger(), await ports.registry()]
  const now = ports.clock.now()
  const [bundle, newest] = [await viewOrNull(registry, key.view, key.version), await viewOrNull(registry, key.view)]
  const lastGood = await ledger.lastGoodRun(key, { interval, runId: run?.runId ?? null })
  const published = await ledger.lastPublish(key)
  const [state] = (await ledger.intervalStates(key, interval)).filter((one) => one.interval.start === interval.start)
  const repo = (await registry.current())?.repo ?? null
  const details = run ? await runDetails(ports, ledger, run) : null
  const facts = {
    ...key,
    ...toIsoInterval(interval),
    run: run?.runId ?? null,
    layer: run ? brokenLayer(run) : null,
    runbook: runbook(run, interval.end <= now, (await ports.addresses()).runbooksUrl, state, details?.work),
    details,
    interval: await intervalFacts(ledger, key, interval, state, now),
    lastGoodRun: lastGood ? runSummary(lastGood) : null,
    differences: run && lastGood ? await differences(ports, bundle, run, lastGood) : null,
    hits: await blastRadius(ledger, repo, key, bundle, interval, run),
    sla: await slaFacts(ledger, key, bundle, published?.endAt ?? null, now),
    blocks: await blockFacts(ledger, key, bundle, interval, state, now),
  }
  return {
    ...facts,
    nextSteps: nextSteps({
      ...facts,
      owners: { view: bundle?.view.owner ?? null, source: sourcesAtFault(bundle, run)[0]?.owner ?? null },
      lookback: bundle?.view.lookback ?? null,
      isNewestVersion: newest?.view.version === key.version,
      givenOptions: ports.givenOptions,
    }),
  }
}

/** Null: the view, or this version of it, is not applied. */
async function viewOrNull(registry: RegistryReader, name: string, version?: number): Promise<ViewBundle | null> {
  try {
    return await registry.view(name, version)
  } catch (error) {
    if (isMillcourseError(error) && error.code === 'REGISTRY_UNKNOWN_VIEW') return null
    throw error
  }
}

function brokenLayer({ outcome, error }: RunRecord): Layer | null {
  if (outcome === 'not-ready') return 'source'
  // A publish of a run may have failed and another one have covered it: then nothing is broken any more.
  return outcome === 'failed' && error && isErrorCode(error.code) ? errorGuides[error.code].layer : null
}

/** Null: nobody has to act. */
function runbook(
  run: RunRecord | null,
  isOver: boolean,
  baseUrl: string | null,
  state: IntervalState | undefined,
  work: RunWork | undefined,
): string | null {
  if (!run) return isOver ? runbookOf('missing_run', null, baseUrl) : null
  const { committed = null } = state ?? {}
  if (committed?.heldFeatures && committed.runId === run.runId) return runbookOf('held', null, baseUrl)
  switch (run.outcome) {
    case 'failed':
      return runbookOf('failed', run.error?.code ?? null, baseUrl)
    case 'held':
      return runbookOf('held', null, baseUrl)
    case 'not-ready':
      return runbookOf('not_ready', null, baseUrl)
    case 'running': {
      const code = work?.kind === 'step' ? (work.lastFailure?.code ?? null) : null
      return code === null ? null : runbookOf('slow_run', code, baseUrl)
    }
    default:
      return null
  }
}

async function runDetails(ports: FactPorts, ledger: LedgerReader, run: RunRecord): Promise<RunDetails> {
  const { addresses, clock, lake } = ports
  const { run: _run, view: _view, version: _version, start: _start, end: _end, ...summary } = runSummary(run)
  const { temporalUi, temporalNamespace } = await addresses()
  const workflow = `workflows/${encodeURIComponent(run.workflowId)}/${run.temporalRunId}/history`
  const namespace = encodeURIComponent(temporalNamespace)
  const rejected = await rejectedRows(lake, run)
  return {
    ...summary,
    tookMs: Number(((run.endedAt ?? clock.realNow()) - run.startedAt) / 1_000_000n),
    counts: run.candidate?.counts ?? null,
    ...(rejected && { rejectedRows: rejected }),
    keyCounts: run.keyCounts,
    measures: run.measures,
    spend: await ledger.spendOf(run.runId),
    files: run.pins?.files ?? [],
    ...(run.outcome === 'running' ? { work: await askWork(ports, run) } : {}),
    temporal: {
      workflowId: run.workflowId,
      runId: run.temporalRunId,
      ui: temporalUi === null ? null : `${temporalUi}/namespaces/${namespace}/${workflow}`,
    },
  }
}

async function intervalFacts(
  ledger: LedgerReader,
  key: ViewKey,
  interval: Interval,
  state: IntervalState | undefined,
  now: Instant,
): Promise<IntervalFacts> {
  const pending = (await ledger.pendingDecisions(key)).find((one) => one.interval.start === interval.start)
  const claim = (await ledger.claimedIntervals(key, interval)).find((one) => one.start === interval.start)
  return {
    isOver: interval.end <= now,
    latestRun: state?.latestRun ? { run: state.latestRun.runId, outcome: state.latestRun.outcome } : null,
    committedRun: state?.committed?.runId ?? null,
    ...(state?.committed?.isEmpty ? { isEmpty: true as const } : {}),
    isPublished: state?.committed?.isPublished ?? false,
    ...(state?.committed?.isOfOpenBackfill ? { isOfOpenBackfill: true as const } : {}),
    ...(state?.committed?.heldFeatures ? { heldFeatures: state.committed.heldFeatures } : {}),
    reopenedBecause: state?.reopenedBecause ?? null,
    ...(claim ? { claimedBy: { backfill: claim.backfillId, state: claim.state } } : {}),
    pendingDecision: pending
      ? {
          ...{ action: pending.action, run: pending.runId, by: pending.by },
          requestedAt: formatInstant(pending.requestedAt),
        }
      : null,
  }
}

async function differences(
  ports: FactPorts,
  bundle: ViewBundle | null,
  run: RunRecord,
  lastGood: RunRecord,
): Promise<Differences | null> {
  if (!run.pins || !lastGood.pins) return null
  const [was, is] = [ownFiles(lastGood.pins.files), ownFiles(run.pins.files)]
  const [before, after] = [lastGood.candidate?.counts, run.candidate?.counts]
  return {
    comparedWith: lastGood.runId,
    isSameInterval: lastGood.interval.start === run.interval.start,
    isDefinitionChanged: lastGood.definitionHash !== run.definitionHash,
    files: compareInputs(
      bundle?.source.path ?? '',
      { interval: lastGood.interval, files: was },
      { interval: run.interval, files: is },
    ),
    rows: before && after ? { was: before.kept, is: after.kept } : null,
    schema: await compareFileSchemas(
      ports,
      bundle ? rowSource(bundle.source) : null,
      inSources(was),
      inSources(is),
      String(run.error?.facts.file ?? '') || null,
    ),
    profile: lastGood.profile && run.profile ? compareProfiles(lastGood.profile, run.profile) : null,
  }
}

/** Commits of another view have no footer to compare. */
function inSources(files: readonly PinnedFile[]): PinnedFile[] {
  return files.filter(({ uri }) => !isCommitUri(uri))
}

function ownFiles(files: readonly PinnedFile[]): PinnedFile[] {
  return files.filter(({ role }) => role === 'own')
}

async function slaFacts(
  ledger: LedgerReader,
  key: ViewKey,
  bundle: ViewBundle | null,
  publishedEndAt: Instant | null,
  now: Instant,
): Promise<SlaFacts> {
  // Of an offline view what is committed counts: the newest good run's end.
  const reachedAt =
    bundle && !bundle.view.online
      ? ((await ledger.lastGoodRun(key, { interval: { start: now, end: now }, runId: null }))?.interval.end ?? null)
      : publishedEndAt
  const sla = judgeSla(bundle?.view.sla.freshness ?? null, reachedAt, now)
  const until = 'until' in sla ? sla.until : null
  const distanceNs = until === null ? null : until > now ? until - now : now - until
  return {
    kind: sla.kind,
    freshness: 'freshness' in sla ? sla.freshness : null,
    reachedAt: reachedAt === null ? null : formatInstant(reachedAt),
    until: until === null ? null : formatInstant(until),
    distance: distanceNs === null ? null : formatDuration(distanceNs - (distanceNs % nsPerSecond)),
  }
}

async function blockFacts(
  ledger: LedgerReader,
  key: ViewKey,
  bundle: ViewBundle | null,
  interval: Interval,
  state: IntervalState | undefined,
  now: Instant,
): Promise<BlockFacts> {
  const reach = bundle?.view.online ? windowReach(bundle.view) : null
  const nothing = { waiting: [], until: null }
  if (reach === null) return { kind: 'never', ...nothing }
  if (state?.committed) return { kind: 'accepted', ...nothing }
  if (interval.end > now) return { kind: 'not-yet', ...nothing }
  const until = reach.reachNs === 'lifetime' ? null : interval.end + reach.reachNs
  const later = { start: interval.end, end: until ?? now }
  const { intervals } = blockedBy(interval, await ledger.intervalStates(key, later), reach.reachNs)
  return {
    kind: reach.onGap === 'block' ? 'blocks' : 'marks',
    waiting: reach.onGap === 'block' ? intervals.map(toIsoInterval) : [],
    until: until === null ? null : formatInstant(until),
  }
}
