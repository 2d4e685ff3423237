/** What is wrong with runs of a view: failed, held, without input, too long, not there. Each is a cause; blocked and stale are consequences. */
import type { Finding } from '../judge/verdict.js'
import type { IntervalState } from '../plan/interval-state.js'
import { formatDuration } from '../time/duration.js'
import { formatInstant } from '../time/instant.js'
import type { Interval } from '../time/interval.js'
import { type CalendarEntry, viewLabel } from './calendar.js'
import type { IncidentDraft } from './incident.js'
import { type DraftMore, intervalsDraft, viewDraft } from './interval-drafts.js'
import type { ViewObservation, WatchRules } from './observation.js'
import { formatMs, judgeRunLength } from './run-length.js'
import { skippedBecause } from './skipped.js'

type States = readonly IntervalState[]

/**
 * One cause may hit many intervals, and many views: it is keyed by the source where the source is at fault, by the lake or the online store
 * where these are.
 */
export function failedDrafts(entry: CalendarEntry, failed: States): IncidentDraft[] {
  const codes = [...new Set(failed.map((state) => state.latestRun?.errorCode ?? 'INTERNAL'))]
  return codes.flatMap((code) => {
    const hit = failed.filter((state) => (state.latestRun?.errorCode ?? 'INTERNAL') === code)
    const run = hit[0]?.latestRun?.runId ?? ''
    const isSchema = code === 'SOURCE_SCHEMA_CHANGED'
    const place = placeOf(code, entry)
    return intervalsDraft(
      entry,
      isSchema ? 'schema_change' : 'failed',
      hit,
      (at) =>
        isSchema
          ? `cannot read source ${entry.source} since its schema changed, for ${at}`
          : `failed with ${code} for ${at}`,
      `millcourse runs show ${run}`,
      {
        key: isSchema ? `schema_change/source ${entry.source}` : `failed/${place ?? viewLabel(entry)}/${code}`,
        ...(code.startsWith('SOURCE_') ? ownerOfSource(entry) : {}),
        facts: { code, run },
      },
    )
  })
}

/** Null: the view itself is at fault. */
function placeOf(code: string, entry: CalendarEntry): string | null {
  if (code.startsWith('SOURCE_')) return `source ${entry.source}`
  if (code === 'PUBLISH_UNREACHABLE' || code === 'PUBLISH_ACCESS_DENIED') return 'online store'
  if (code.startsWith('LAKE_') && code !== 'LAKE_FILE_MISSING') return 'lake'
  return null
}

export function heldDrafts(
  entry: CalendarEntry,
  held: States,
  observed: ViewObservation,
  rules: WatchRules,
): IncidentDraft[] {
  const { more, undecided } = heldFor(new Set(held.map(({ latestRun }) => latestRun?.runId)), observed, rules)
  return intervalsDraft(
    entry,
    'held',
    held,
    (at) => `was held by its checks at ${at}${undecided}`,
    `millcourse runs show ${viewLabel(entry)}@START`,
    { ...more, facts: { run: held[0]?.latestRun?.runId ?? '', ...more.facts } },
  )
}

export const heldFeaturesKey = 'held/features of '

/** R35: one for all features of a view, as one fault of its source speaks against several. */
export function heldFeatureDrafts(
  entry: CalendarEntry,
  held: States,
  observed: ViewObservation,
  rules: WatchRules,
): IncidentDraft[] {
  const { more, undecided } = heldFor(new Set(held.map(({ committed }) => committed?.runId)), observed, rules)
  const features = [...new Set(held.flatMap(({ committed }) => committed?.heldFeatures ?? []))].sort()
  const [is, others] = features.length === 1 ? ['is', 'its other features are'] : ['are', 'the others are']
  return intervalsDraft(
    entry,
    'held',
    held,
    (at) =>
      `published without ${features.join(', ')}, which ${is} held by checks at ${at}${undecided}; ${others} online`,
    `millcourse runs show ${viewLabel(entry)}@START`,
    {
      ...more,
      key: `${heldFeaturesKey}${viewLabel(entry)}`,
      news: [...features, ...(more.news ?? [])],
      facts: { features: features.join(', '), run: held[0]?.committed?.runId ?? '', ...more.facts },
    },
  )
}

function heldFor(runs: ReadonlySet<string | undefined>, observed: ViewObservation, { heldMaxNs = null }: WatchRules) {
  const held = (observed.open ?? []).filter(({ outcome, runId }) => outcome === 'held' && runs.has(runId))
  const heldMs = Math.max(0, ...held.map(({ ageMs }) => ageMs))
  if (heldMaxNs === null || heldMs <= Number(heldMaxNs / 1_000_000n)) return { more: {} as DraftMore, undecided: '' }
  const more: DraftMore = { severity: 'critical', news: ['too-long'], facts: { heldFor: formatMs(heldMs) } }
  return { more, undecided: `, and nobody has decided for ${formatDuration(heldMaxNs)}` }
}

/** The deadline is the source's, and so is the cause: one for all views that wait for it. */
export function notReadyDrafts(entry: CalendarEntry, notReady: States): IncidentDraft[] {
  const from = entry.upstream ? `view ${entry.upstream}` : `source ${entry.source}`
  return intervalsDraft(
    entry,
    'not_ready',
    notReady,
    (at) => `had no complete input from ${from} by its deadline for ${at}`,
    `millcourse runs show ${viewLabel(entry)}@START`,
    {
      key: `not_ready/source ${entry.source}`,
      ...ownerOfSource(entry),
      facts: { run: notReady[0]?.latestRun?.runId ?? '' },
    },
  )
}

function ownerOfSource({ sourceOwner, owner }: CalendarEntry) {
  return { owner: sourceOwner ?? owner }
}

/** While they run: beyond what the view promises, or beyond twice what is usual. */
export function slowDrafts(entry: CalendarEntry, observed: ViewObservation, rules: WatchRules): IncidentDraft[] {
  const latest = new Set(observed.states.map(({ latestRun }) => latestRun?.runId))
  const slow = (observed.open ?? [])
    .filter(({ outcome, runId }) => outcome === 'running' && latest.has(runId))
    .map((run) => ({
      run,
      length: judgeRunLength(
        run.ageMs,
        entry.duration ?? null,
        observed.pace ?? null,
        Number(rules.graceNs / 1_000_000n),
      ),
    }))
    .flatMap(({ run, length }) => (length.kind === 'in-time' ? [] : [{ run, length }]))
  const first = slow[0]
  if (first === undefined) return []
  const beyondSla = slow.find(({ length }) => length.kind === 'beyond-sla')
  const { run, length } = beyondSla ?? first
  const what = beyondSla ? `its SLA of ${length.limit} for a run` : `${length.limit}, twice what its runs take`
  return intervalsDraft(
    entry,
    'slow_run',
    slow.map((one) => one.run.interval),
    (at) => `is running for longer than ${what}, at ${at}`,
    `millcourse runs show ${run.runId}`,
    {
      severity: beyondSla ? 'critical' : 'warning',
      facts: { run: run.runId, runningFor: formatMs(run.ageMs), limit: length.limit },
    },
  )
}

/** Nothing was started: because of the scheduler where that can say so, else of nobody knows what. */
export function missingDrafts(
  entry: CalendarEntry,
  missing: readonly Interval[],
  observed: ViewObservation,
): IncidentDraft[] {
  const [first] = missing
  if (first === undefined) return []
  const because = skippedBecause(observed.schedule ?? null, first)
  if (because !== null)
    return intervalsDraft(
      entry,
      'skipped',
      missing,
      (at) => `was not started by the scheduler for ${at}: ${because}`,
      `millcourse materialize ${entry.view}`,
      { facts: { because } },
    )
  if (observed.hasWorker === false)
    return intervalsDraft(
      entry,
      'missing_run',
      missing,
      (at) => `has no run for ${at}: no worker works`,
      'millcourse doctor',
      {
        key: 'missing_run/worker',
      },
    )
  return intervalsDraft(entry, 'missing_run', missing, (at) => `has no run for ${at}`, 'millcourse doctor')
}

/** What the checks of the newest good run warned of; the next good run that does not resolves it. */
export function warnedDrafts(entry: CalendarEntry, { good }: ViewObservation): IncidentDraft[] {
  const warnings = (good?.findings ?? []).filter(({ severity }) => severity === 'warn')
  if (!good || warnings.length === 0) return []
  const start = formatInstant(good.interval.start)
  const told = warnings.slice(0, warningsTold).map(findingText)
  const more = warnings.length > told.length ? ` and ${warnings.length - told.length} more` : ''
  return [
    viewDraft(
      entry,
      'warned',
      `${viewLabel(entry)} was published for ${start} against a warning of its checks: ${told.join(', ')}${more}`,
      `millcourse runs show ${viewLabel(entry)}@${start}`,
      {
        news: [...new Set(warnings.map(({ feature, code }) => `${feature ?? ''}:${code}`))].sort(),
        facts: { run: good.runId, firstInterval: start, warnings: warnings.length },
      },
    ),
  ]
}

const warningsTold = 3

function findingText({ feature, code, observed, limit }: Finding): string {
  // What changed from nothing changed by no number.
  const by = observed === Number.MAX_VALUE ? 'from none' : Number(observed.toPrecision(4))
  return `${feature === null ? '' : `${feature} `}${code.replaceAll('_', ' ')} (${by}, limit ${limit})`
}
