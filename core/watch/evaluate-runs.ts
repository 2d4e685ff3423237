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
 * One cause may hit many intervals, and many views: it is keyed by the source where the source is at fault (that of the rows or a dimension, as
 * the run says), by the lake or the online store where these are.
 */
export function failedDrafts(entry: CalendarEntry, failed: States): IncidentDraft[] {
  const causes = groupedBy(failed, (state) => `${codeOf(state)} ${sourceAtFault(entry, state) ?? ''}`)
  return causes.flatMap((hit) => {
    const [code, source] = [codeOf(hit[0]), sourceAtFault(entry, hit[0])]
    const run = hit[0].latestRun?.runId ?? ''
    const isSchema = code === 'SOURCE_SCHEMA_CHANGED'
    const place = source === null ? placeOf(code) : `source ${source}`
    return intervalsDraft(
      entry,
      isSchema ? 'schema_change' : 'failed',
      hit,
      (at) =>
        isSchema
          ? `cannot read source ${source} since its schema changed, for ${at}`
          : `failed with ${code}${source === null ? '' : ` of source ${source}`} for ${at}`,
      `millcourse runs show ${run}`,
      {
        key: isSchema ? `schema_change/source ${source}` : `failed/${place ?? viewLabel(entry)}/${code}`,
        ...(source === null ? {} : ownerOfSource(entry, source)),
        facts: { code, run },
      },
    )
  })
}

type Group = readonly [IntervalState, ...IntervalState[]]

/** In the order of the first of each. */
function groupedBy(states: States, nameOf: (state: IntervalState) => string): readonly Group[] {
  const groups = new Map<string, [IntervalState, ...IntervalState[]]>()
  for (const state of states) {
    const known = groups.get(nameOf(state))
    if (known) known.push(state)
    else groups.set(nameOf(state), [state])
  }
  return [...groups.values()]
}

function codeOf({ latestRun }: IntervalState): string {
  return latestRun?.errorCode ?? 'INTERNAL'
}

/** Null: none is. Where the run names none, that of the rows is taken for it. */
function sourceAtFault(entry: CalendarEntry, state: IntervalState): string | null {
  return codeOf(state).startsWith('SOURCE_') ? (state.latestRun?.source ?? entry.source) : null
}

/** Null: the view itself is at fault. */
function placeOf(code: string): string | null {
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
  const heldMs = held.reduce((longest, { ageMs }) => Math.max(longest, ageMs), 0)
  if (heldMaxNs === null || heldMs <= Number(heldMaxNs / 1_000_000n)) return { more: {} as DraftMore, undecided: '' }
  const more: DraftMore = { severity: 'critical', news: ['too-long'], facts: { heldFor: formatMs(heldMs) } }
  return { more, undecided: `, and nobody has decided for ${formatDuration(heldMaxNs)}` }
}

/** Of a view on a view its own source's name stands for the view below. */
export const notReadyKey = (source: string): string => `not_ready/source ${source}`

/** The deadline is the source's, and so is the cause: one for all views that wait for it. */
export function notReadyDrafts(entry: CalendarEntry, notReady: States): IncidentDraft[] {
  const awaited = (state: IntervalState) => state.latestRun?.source ?? entry.source
  return groupedBy(notReady, awaited).flatMap((waiting) => {
    const source = awaited(waiting[0])
    const from = entry.upstream && source === entry.source ? `view ${entry.upstream}` : `source ${source}`
    return intervalsDraft(
      entry,
      'not_ready',
      waiting,
      (at) => `had no complete input from ${from} by its deadline for ${at}`,
      `millcourse runs show ${viewLabel(entry)}@START`,
      {
        key: notReadyKey(source),
        ...ownerOfSource(entry, source),
        facts: { run: waiting[0].latestRun?.runId ?? '' },
      },
    )
  })
}

function ownerOfSource({ sourceOwners, owner }: CalendarEntry, source: string) {
  return { owner: sourceOwners?.[source] ?? owner }
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
    // The ledger names open runs as they started, of which the words take the first and the last interval.
    .sort((a, b) => Number(a.run.interval.start - b.run.interval.start))
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
      { key: 'missing_run/worker' },
      // Temporal takes a while to say that no worker asks any more: until then each view stands for itself.
    ).map((draft) => ({ ...draft, tells: [`missing_run/${viewLabel(entry)}`] }))
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

/** The largest number stands for what is none: a NaN, which is above every limit (R20), an infinity, or a change from nothing. */
function endlessText(code: Finding['code']): string {
  return code === 'value_above' ? 'NaN or infinity' : code === 'value_below' ? '-infinity' : 'from none'
}

function findingText({ feature, code, observed, limit }: Finding): string {
  const by = Math.abs(observed) === Number.MAX_VALUE ? endlessText(code) : Number(observed.toPrecision(4))
  return `${feature === null ? '' : `${feature} `}${code.replaceAll('_', ' ')} (${by}, limit ${limit})`
}
