/**
 * What is wrong with one view now: its calendar of expected runs against what the ledger says. One incident per cause: a hold
 * that blocks later intervals and makes the view stale is one incident (R32), which says all three; `blocked` and `stale`
 * stand alone only where no failed, held, missing or unready interval explains them.
 */
import { isBeingReplaced } from '../plan/interval-need.js'
import type { IntervalState, RunOutcome } from '../plan/interval-state.js'
import { formatDuration, parseDuration } from '../time/duration.js'
import { formatInstant, type Instant, parseInstant } from '../time/instant.js'
import { type Interval, intervalsBetween } from '../time/interval.js'
import { type CalendarEntry, viewLabel } from './calendar.js'
import type { IncidentDraft, IncidentRule } from './incident.js'
import { judgeSla } from './sla.js'

export interface ViewObservation {
  /** Intervals the ledger knows of, oldest first. */
  readonly states: readonly IntervalState[]
  /** End of what is published online; null: nothing yet. */
  readonly publishedEndAt: Instant | null
  /** When that was published; absent: not known. */
  readonly publishedAt?: Instant | null
  /** `check-quality --repair` asked for a publish that has not finished. Absent: not known. */
  readonly isRebuildAsked?: boolean
}

export interface WatchRules {
  /** A run counts as missing when it has not started so long after its interval was due. */
  readonly graceNs: bigint
}

export function evaluateView(
  entry: CalendarEntry,
  observed: ViewObservation,
  now: Instant,
  rules: WatchRules,
): IncidentDraft[] {
  const unsettled = (outcome: RunOutcome) => observed.states.filter((state) => standsAs(state, outcome))
  const drafts = [
    ...failedDrafts(entry, unsettled('failed')),
    ...intervalsDraft(
      entry,
      'held',
      unsettled('held'),
      (at) => `was held by its checks at ${at}`,
      `millcourse runs show ${viewLabel(entry)}@START`,
    ),
    ...intervalsDraft(
      entry,
      'not_ready',
      unsettled('not-ready'),
      (at) => `had no complete input from source ${entry.source} by its deadline for ${at}`,
      `millcourse runs show ${viewLabel(entry)}@START`,
    ),
    ...intervalsDraft(
      entry,
      'missing_run',
      missingIntervals(entry, observed, now, rules),
      (at) => `has no run for ${at}`,
      'millcourse doctor',
    ),
  ]
  const blocked = blockedEnd(entry, observed)
  const stale = staleBy(entry, observed, now)
  if (drafts.length > 0) {
    const told = drafts.map((draft) => withConsequences(draft, blocked, stale))
    const isRepairKept =
      observed.isRebuildAsked && [...unsettled('failed'), ...unsettled('not-ready')].some(isBeingReplaced)
    return isRepairKept ? told.map(withRepair) : told
  }
  if (blocked && !isGapOnItsWay(entry, observed, blocked.from, now, rules))
    return [
      withConsequences(
        draft(
          entry,
          'blocked',
          `blocked/${viewLabel(entry)}`,
          `${viewLabel(entry)} is computed beyond ${formatInstant(blocked.publishedEndAt ?? parseInstant(entry.since))}, where an earlier interval is missing`,
          `millcourse materialize ${entry.view}`,
          [`${blocked.publishedEndAt}`],
        ),
        blocked,
        stale,
      ),
    ]
  if (stale)
    return [
      withConsequences(
        draft(
          entry,
          'stale',
          `stale/${viewLabel(entry)}`,
          `${viewLabel(entry)} is older online than its SLA of ${entry.freshness} allows`,
          `millcourse runs --view ${entry.view}`,
          [],
        ),
        null,
        stale,
      ),
    ]
  return []
}

/** A re-opened interval waits for its run; one whose run failed before it began, or had no complete input, still stands in the way. */
export function standsAs({ latestRun, reopenedBecause }: IntervalState, outcome: RunOutcome): boolean {
  return latestRun?.outcome === outcome && (reopenedBecause === null || outcome === 'failed' || outcome === 'not-ready')
}

/** One cause may hit many intervals, and with a source's fault many views: keyed by source where the source is at fault. */
function failedDrafts(entry: CalendarEntry, failed: readonly IntervalState[]): IncidentDraft[] {
  const codes = [...new Set(failed.map((state) => state.latestRun?.errorCode ?? 'INTERNAL'))]
  return codes.flatMap((code) => {
    const hit = failed.filter((state) => (state.latestRun?.errorCode ?? 'INTERNAL') === code)
    const cause = code.startsWith('SOURCE_') ? `source ${entry.source}` : viewLabel(entry)
    return intervalsDraft(
      entry,
      'failed',
      hit,
      (at) => `failed with ${code} for ${at}`,
      `millcourse runs show ${hit[0]?.latestRun?.runId}`,
      {
        key: `failed/${cause}/${code}`,
        facts: { code, run: hit[0]?.latestRun?.runId ?? '' },
      },
    )
  })
}

function intervalsDraft(
  entry: CalendarEntry,
  rule: IncidentRule,
  intervals: readonly (Interval | IntervalState)[],
  sentence: (at: string) => string,
  nextStep: string,
  more: { readonly key?: string; readonly facts?: Readonly<Record<string, string | number>> } = {},
): IncidentDraft[] {
  const starts = intervals.map((item) => formatInstant('interval' in item ? item.interval.start : item.start))
  const [first] = starts
  if (first === undefined) return []
  const at = starts.length === 1 ? first : `${starts.length} intervals from ${first} to ${starts.at(-1)}`
  const made = draft(
    entry,
    rule,
    more.key ?? `${rule}/${viewLabel(entry)}`,
    `${viewLabel(entry)} ${sentence(at)}`,
    nextStep.replace('START', first),
    starts,
  )
  return [{ ...made, facts: { ...made.facts, intervals: starts.length, firstInterval: first, ...more.facts } }]
}

function draft(
  entry: CalendarEntry,
  rule: IncidentRule,
  key: string,
  summary: string,
  nextStep: string,
  news: readonly string[],
): IncidentDraft {
  return {
    key,
    rule,
    severity: 'warning',
    view: entry.view,
    version: entry.version,
    owner: entry.owner,
    summary,
    nextStep,
    facts: { services: entry.services.join(', ') },
    news: news.join(' '),
  }
}

/**
 * Due runs that never started. An interval that had ended before the watcher first saw the view is nobody's missing run: its Schedule
 * may not have been there yet, and the next tick takes the backlog with it.
 */
export function missingIntervals(
  entry: CalendarEntry,
  observed: ViewObservation,
  now: Instant,
  rules: WatchRules,
): Interval[] {
  const waitNs = parseDuration(entry.readyDelay) + rules.graceNs
  const known = new Set(
    observed.states
      .filter((state) => state.latestRun !== null || state.committed !== null)
      .map((state) => state.interval.start),
  )
  const since = parseInstant(entry.since)
  const everyNs = parseDuration(entry.every)
  const seenAt = parseInstant(entry.firstSeenAt)
  return [...intervalsBetween(seenAt - everyNs, now - waitNs, everyNs, since)].filter(
    (interval) => interval.end > seenAt && !known.has(interval.start),
  )
}

interface BlockedEnd {
  readonly publishedEndAt: Instant | null
  /** So many are committed and wait. */
  readonly intervals: number
  /** Start of the oldest of them: the gap lies before it. */
  readonly from: Instant
}

/** Committed beyond the published end although nothing newer keeps it: the windows reach a gap (R32). */
export function blockedEnd(entry: CalendarEntry, observed: ViewObservation): BlockedEnd | null {
  if (!entry.canBlock || !entry.isOnline) return null
  const end = observed.publishedEndAt
  const beyond = observed.states.filter(
    (state) => state.committed !== null && !state.committed.isPublished && (end === null || state.interval.end > end),
  )
  const [oldest] = beyond
  // Commits right behind the end are on their way, not blocked: a gap lies between.
  if (!oldest || oldest.interval.start <= (end ?? parseInstant(entry.since))) return null
  return { publishedEndAt: end, intervals: beyond.length, from: oldest.interval.start }
}

/**
 * Runs of one view work side by side, and a later interval may be committed first: what lies before it is missing only when
 * nothing there is under way any more and its own time of grace is over.
 */
function isGapOnItsWay(
  entry: CalendarEntry,
  observed: ViewObservation,
  until: Instant,
  now: Instant,
  rules: WatchRules,
): boolean {
  const from = observed.publishedEndAt ?? parseInstant(entry.since)
  const between = observed.states.filter(({ interval }) => interval.start >= from && interval.start < until)
  if (between.some(({ latestRun }) => latestRun?.outcome === 'running')) return true
  const committed = new Set(between.filter((state) => state.committed !== null).map(({ interval }) => interval.start))
  const waitNs = parseDuration(entry.readyDelay) + rules.graceNs
  let hasGap = false
  // The oldest gap decides, mostly at once: years of intervals are not listed.
  for (const { start, end } of intervalsBetween(from, until, parseDuration(entry.every), parseInstant(entry.since))) {
    if (committed.has(start)) continue
    if (end + waitNs <= now) return false
    hasGap = true
  }
  return hasGap
}

function staleBy(entry: CalendarEntry, observed: ViewObservation, now: Instant): bigint | null {
  if (isCatchingUp(entry, observed, now)) return null
  const reached = reachedAt(entry, observed)
  return judgeSla(entry.freshness, reached, now).kind === 'broken' ? now - reached : null
}

/**
 * A view's first backfill publishes old ends on its way, and that breaks no promise: its SLA is in force once it has been kept, or
 * when the time it allows is over since the view was first seen.
 */
export function isCatchingUp(entry: CalendarEntry, observed: ViewObservation, now: Instant): boolean {
  if (entry.freshness === null) return false
  const limitNs = parseDuration(entry.freshness)
  const seenAt = parseInstant(entry.firstSeenAt)
  const reached = reachedAt(entry, observed)
  if (now > seenAt + limitNs || now <= reached + limitNs || reached >= seenAt) return false
  // A watcher that lost its state sees all views for the first time: the publish still knows that the view was up to date.
  const { publishedEndAt: end, publishedAt = null } = observed
  return end === null || publishedAt === null || publishedAt - end > limitNs
}

/**
 * The event time up to which the view's values are true: online, or committed where it is not online. A view that has nothing yet
 * ages from when it was first seen.
 */
export function reachedAt(entry: CalendarEntry, observed: ViewObservation): Instant {
  const committedEnd = observed.states.reduce<Instant | null>(
    (newest, state) =>
      state.committed && (newest === null || state.interval.end > newest) ? state.interval.end : newest,
    null,
  )
  return (entry.isOnline ? observed.publishedEndAt : committedEnd) ?? parseInstant(entry.firstSeenAt)
}

function withConsequences(made: IncidentDraft, blocked: BlockedEnd | null, staleNs: bigint | null): IncidentDraft {
  return {
    ...made,
    severity: staleNs === null ? made.severity : 'critical',
    summary: `${made.summary}${blocked && made.rule !== 'blocked' ? `; it blocks ${blocked.intervals} later interval(s)` : ''}${staleNs === null || made.rule === 'stale' ? '' : '; the SLA is broken'}`,
    facts: {
      ...made.facts,
      ...(blocked ? { blockedIntervals: blocked.intervals } : {}),
      ...(staleNs === null ? {} : { ageOnline: formatDuration(staleNs - (staleNs % 1_000_000_000n)) }),
    },
  }
}

/** A publish cannot be made of a file that cannot be read before all that lies in it has run again. */
function withRepair(made: IncidentDraft): IncidentDraft {
  return {
    ...made,
    summary: `${made.summary}; a repair of what is online (check-quality --repair) is not published yet`,
  }
}
