/**
 * What is wrong with one view now: its calendar of expected runs against what the ledger says. One incident per cause: a hold
 * that blocks later intervals and makes the view stale is one incident (R32), which says all three; `blocked` and `stale`
 * stand alone only where nothing about its runs (evaluate-runs.ts) explains them.
 */
import { claimCommand } from '../plan/claimed-interval.js'
import { isBeingReplaced } from '../plan/interval-need.js'
import type { IntervalState, RunOutcome } from '../plan/interval-state.js'
import { formatDuration, parseDuration } from '../time/duration.js'
import { formatInstant, type Instant, parseInstant } from '../time/instant.js'
import { type Interval, intervalsBetween } from '../time/interval.js'
import { type CalendarEntry, viewLabel } from './calendar.js'
import { claimedDrafts, unclaimed } from './claimed-drafts.js'
import {
  failedDrafts,
  heldDrafts,
  heldFeatureDrafts,
  heldFeaturesKey,
  missingDrafts,
  notReadyDrafts,
  slowDrafts,
  warnedDrafts,
} from './evaluate-runs.js'
import type { IncidentDraft } from './incident.js'
import { viewDraft } from './interval-drafts.js'
import { awaitedBackfill, isKeptBack } from './kept-back.js'
import type { OpenBackfill, ViewObservation, WatchRules } from './observation.js'
import { judgeSla } from './sla.js'

export function evaluateView(
  entry: CalendarEntry,
  observed: ViewObservation,
  now: Instant,
  rules: WatchRules,
): IncidentDraft[] {
  const unsettled = (outcome: RunOutcome) =>
    observed.states.filter((state) => standsAs(state, outcome)).map(withStandingRun)
  const missing = missingIntervals(entry, observed, now, rules)
  const { claims = [] } = observed
  const causes = [
    ...failedDrafts(entry, unsettled('failed')),
    ...heldDrafts(entry, unsettled('held'), observed, rules),
    ...heldFeatureDrafts(entry, observed.states.filter(holdsFeatures), observed, rules),
    ...notReadyDrafts(entry, unsettled('not-ready')),
    ...claimedDrafts(entry, missing, claims),
    ...missingDrafts(entry, unclaimed(missing, claims), observed),
    ...slowDrafts(entry, observed, rules),
  ]
  const blocked = blockedEnd(entry, observed)
  const stale = staleBy(entry, observed, now)
  const warned = warnedDrafts(entry, observed)
  const explains = (draft: IncidentDraft) =>
    blocked !== null && !draft.key.startsWith(heldFeaturesKey) && reachesBack(draft, blocked.from)
  const unexplained = causes.some(explains) ? null : blocked
  const gaps = blockedDrafts(entry, observed, unexplained, stale, now, rules)
  // Of features held alone neither is a consequence: the others are published.
  if (causes.some(({ key }) => !key.startsWith(heldFeaturesKey))) {
    const told = causes.map((draft) =>
      draft.key.startsWith(heldFeaturesKey) ? draft : withConsequences(draft, explains(draft) ? blocked : null, stale),
    )
    const isRepairKept =
      observed.isRebuildAsked &&
      observed.states.some(
        (state) => (standsAs(state, 'failed') || standsAs(state, 'not-ready')) && isBeingReplaced(state),
      )
    return [...(isRepairKept ? told.map(withRepair) : told), ...gaps, ...warned]
  }
  const alone = stale === null || gaps.length > 0 ? [] : [staleDraft(entry, observed, stale)]
  return [...causes, ...gaps, ...alone, ...warned]
}

/** A re-opened interval waits for its run; one whose run failed before it began, or had no complete input, still stands in the way. */
export function standsAs(state: IntervalState, outcome: RunOutcome): boolean {
  const isInTheWay = outcome === 'failed' || outcome === 'not-ready'
  return withStandingRun(state).latestRun?.outcome === outcome && (state.reopenedBecause === null || isInTheWay)
}

/** While what failed, or had no complete input, is tried again nothing is better yet: it stands until the new run has ended. */
function withStandingRun(state: IntervalState): IntervalState {
  const { latestRun, endedRun } = state
  const isTriedAgain = latestRun?.outcome === 'running' && ['failed', 'not-ready'].includes(endedRun?.outcome ?? '')
  return isTriedAgain ? { ...state, latestRun: { ...latestRun, ...endedRun } } : state
}

/** R35: its other features are committed, and these await a decision. */
export function holdsFeatures({ committed }: IntervalState): boolean {
  return (committed?.heldFeatures?.length ?? 0) > 0
}

/** Something is still to be done about it: it stays in sight, however long ago it ended. */
export function isStanding(state: IntervalState): boolean {
  const { committed, latestRun, reopenedBecause } = state
  return (
    committed === null ||
    reopenedBecause !== null ||
    holdsFeatures(state) ||
    (latestRun !== null && ['running', 'failed', 'not-ready', 'held'].includes(latestRun.outcome))
  )
}

/** What goes wrong only behind a gap does not explain it: the gap was there before, and stays when that is mended. */
function reachesBack({ facts }: IncidentDraft, until: Instant): boolean {
  return typeof facts.firstInterval !== 'string' || parseInstant(facts.firstInterval) < until
}

/** Where no cause explains it. */
function staleDraft(entry: CalendarEntry, observed: ViewObservation, stale: bigint): IncidentDraft {
  const awaited = awaitedBackfill(null, observed)
  const why = awaited ? `: what follows waits for ${wordsOf(awaited)}` : ''
  const made = viewDraft(
    entry,
    'stale',
    `${viewLabel(entry)} is older online than its SLA of ${entry.freshness} allows${why}`,
    `millcourse ${awaited ? claimCommand(awaited) : `runs --view ${entry.view}`}`,
    { facts: awaited ? factsOf(awaited) : {} },
  )
  return withConsequences(made, null, stale)
}

/** A gap that no cause explains. */
function blockedDrafts(
  entry: CalendarEntry,
  observed: ViewObservation,
  blocked: BlockedEnd | null,
  stale: bigint | null,
  now: Instant,
  rules: WatchRules,
): IncidentDraft[] {
  if (!blocked || isGapOnItsWay(entry, observed, blocked.from, now, rules)) return []
  const end = formatInstant(blocked.publishedEndAt ?? parseInstant(entry.since))
  const awaited = awaitedBackfill(blocked.from, observed)
  const why = awaited ? `an earlier interval waits for ${wordsOf(awaited)}` : 'an earlier interval is missing'
  const made = viewDraft(
    entry,
    'blocked',
    `${viewLabel(entry)} is computed beyond ${end}, where ${why}`,
    `millcourse ${awaited ? claimCommand(awaited) : `materialize ${entry.view}`}`,
    {
      news: [`${blocked.publishedEndAt}`, ...(awaited ? [awaited.state] : [])],
      facts: awaited ? factsOf(awaited) : {},
    },
  )
  return [withConsequences(made, blocked, stale)]
}

const wordsOf = ({ backfillId, state }: OpenBackfill): string =>
  `the publish of backfill ${backfillId}, which is ${state}`
const factsOf = ({ backfillId: backfill, state }: OpenBackfill) => ({ backfill, state })

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
  const [sinceSeen, inSight] = [seenAt - everyNs, now - rules.horizonNs]
  const from = sinceSeen > inSight ? sinceSeen : inSight
  return [...intervalsBetween(from, now - waitNs, everyNs, since)].filter(
    (interval) => interval.end > seenAt && !known.has(interval.start) && !isSettledAt(interval.start, observed),
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
    (state) =>
      state.committed !== null &&
      !state.committed.isPublished &&
      (end === null || state.interval.end > end) &&
      !isKeptBack(state, observed),
  )
  const [oldest] = beyond
  // Commits right behind the end are on their way, not blocked: a gap lies between.
  if (!oldest || oldest.interval.start <= (end ?? parseInstant(entry.since))) return null
  return { publishedEndAt: end, intervals: beyond.length, from: oldest.interval.start }
}

/**
 * Runs of one view work side by side, and a later interval may be committed first: what lies before it is missing only when
 * nothing there is under way any more and its own time of grace is over. A backfill that goes on is under way until its end.
 */
function isGapOnItsWay(
  entry: CalendarEntry,
  observed: ViewObservation,
  until: Instant,
  now: Instant,
  rules: WatchRules,
): boolean {
  const from = observed.publishedEndAt ?? parseInstant(entry.since)
  const between = before(observed, until).filter(({ interval }) => interval.start >= from)
  if (between.some(({ latestRun }) => latestRun?.outcome === 'running')) return true
  const awaited = awaitedBackfill(until, observed)
  if (awaited !== undefined) return awaited.state !== 'paused'
  const committed = new Set(between.filter((state) => state.committed !== null).map(({ interval }) => interval.start))
  const waitNs = parseDuration(entry.readyDelay) + rules.graceNs
  let hasGap = false
  // The oldest gap decides, mostly at once: years of intervals are not listed.
  for (const { start, end } of intervalsBetween(from, until, parseDuration(entry.every), parseInstant(entry.since))) {
    if (committed.has(start) || isSettledAt(start, observed)) continue
    if (end + waitNs <= now) return false
    hasGap = true
  }
  return hasGap
}

const isSettledAt = (start: Instant, { settled = [] }: ViewObservation): boolean =>
  settled.some((span) => span.start <= start && start < span.end)

const before = ({ states }: ViewObservation, until: Instant): IntervalState[] =>
  states.filter(({ interval }) => interval.start < until)

function staleBy(entry: CalendarEntry, observed: ViewObservation, now: Instant): bigint | null {
  if (isCatchingUp(entry, observed, now)) return null
  const reached = reachedAt(entry, observed)
  return judgeSla(entry.freshness, reached, now).kind === 'broken' ? now - reached : null
}

/**
 * Ticks that catch up a new view's past publish old ends on their way, and that breaks no promise: its SLA is in force once it has been kept, or
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
  const committed = observed.states.flatMap((state) => (state.committed ? state.interval : []))
  const committedEnd = [...committed, ...(observed.settled ?? [])].reduce<Instant | null>(
    (newest, { end }) => (newest === null || end > newest ? end : newest),
    null,
  )
  return (entry.isOnline ? observed.publishedEndAt : committedEnd) ?? parseInstant(entry.firstSeenAt)
}

function withConsequences(made: IncidentDraft, blocked: BlockedEnd | null, staleNs: bigint | null): IncidentDraft {
  const isBlocking = blocked !== null && made.rule !== 'blocked'
  return {
    ...made,
    severity: staleNs === null ? made.severity : 'critical',
    // That it blocks is news once; how many wait grows with every interval.
    news: isBlocking ? `${made.news} blocks` : made.news,
    summary: `${made.summary}${isBlocking ? `; it blocks ${blocked.intervals} later interval(s)` : ''}${staleNs === null || made.rule === 'stale' ? '' : '; the SLA is broken'}`,
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
