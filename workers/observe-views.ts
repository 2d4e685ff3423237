/** One look of the watcher: the calendar of what is applied, what the ledger says of each view, and what is wrong with them. */
import type { Log } from '../activities/activity-deps.js'
import { isMillcourseError, MillcourseError } from '../core/errors.js'
import { isBeingReplaced } from '../core/plan/index.js'
import type { Clock } from '../core/ports/clock.js'
import type { LedgerWriter } from '../core/ports/ledger.js'
import type { RegistryReader } from '../core/ports/registry.js'
import type { RunControl } from '../core/ports/run-control.js'
import type { OpenRun } from '../core/ports/watch-ledger.js'
import type { QualityCheck } from '../core/quality/quality-check.js'
import { formatInstant, type Instant, parseInstant } from '../core/time/instant.js'
import {
  buildCalendar,
  type CalendarEntry,
  evaluateQuality,
  evaluateView,
  foldDownstream,
  foldSettled,
  type IncidentDraft,
  missingIntervals,
  type ScheduleSeen,
  viewLabel,
  type WatchRules,
} from '../core/watch/index.js'
import type { DayBudgets } from './day-budgets.js'
import type { FirstCauses } from './first-causes.js'
import type { SeenViews } from './seen-views.js'
import { blindness } from './watch-outages.js'
import type { ViewLook } from './watch-readings.js'

export type Observation =
  | {
      readonly kind: 'seen'
      readonly calendar: readonly CalendarEntry[]
      readonly looks: readonly ViewLook[]
      readonly checks: readonly QualityCheck[]
      readonly drafts: readonly IncidentDraft[]
      /** False: another watcher records and tells. */
      readonly isOnDuty: boolean
    }
  | { readonly kind: 'unreachable'; readonly what: string; readonly why: string }

export interface ObserverDeps {
  readonly ledger: LedgerWriter
  readonly registry: RegistryReader
  readonly scheduler: Pick<RunControl, 'schedule' | 'workers'>
  readonly clock: Pick<Clock, 'now' | 'realNow'>
  readonly log: Log
  readonly isSchedulerUp: boolean
  readonly causes: FirstCauses
  readonly budgets: DayBudgets
  readonly seenViews: SeenViews
}

export interface ObserverSettings {
  readonly pollMs: number
  readonly graceMs: number
  readonly unreachableAfterMs: number
  readonly horizonMs: number
  readonly heldMaxMs: number | null
}

export async function observe(
  deps: ObserverDeps,
  settings: ObserverSettings,
  before: readonly CalendarEntry[],
  owner: string,
): Promise<Observation> {
  try {
    const isOnDuty = await answeredWithin(
      Math.max(settings.unreachableAfterMs, answerMinMs),
      deps.ledger.takeWatch(owner, dutyMs(settings)),
    )
    const applied = await deps.registry.current()
    const now = deps.clock.now()
    const rules = rulesOf(settings)
    const calendar = applied ? buildCalendar(applied.repo, before, formatInstant(now)) : []
    const seen = await deps.seenViews.look(calendar, rangeStart(settings, now), (entry) =>
      lookAt(deps, settings, entry, now),
    )
    const asked = await withScheduler(deps, await withRuns(deps, seen, settings), now, rules)
    const looks = await withBackfills(deps, await withClaims(deps, asked, now, rules))
    const checks = await deps.ledger.qualityChecks()
    const found = looks.flatMap((look) => evaluateView(look.entry, look, now, rules))
    const failures = await deps.causes.addTo(foldDownstream(calendar, found))
    const drafts = [
      ...failures,
      ...evaluateQuality(calendar, checks),
      ...(await deps.budgets.drafts(calendar, deps.clock.realNow())),
    ]
    return { kind: 'seen', calendar, looks, checks, drafts, isOnDuty }
  } catch (error) {
    if (isMillcourseError(error) && error.code in blindness)
      return { kind: 'unreachable', what: blindness[error.code as keyof typeof blindness], why: error.message }
    throw error
  }
}

/** A busy server may take so long over a small statement; a connection may, too. */
const answerMinMs = 10_000

/** Of a server that hangs, a statement fails only when it might have been a long one. @throws MillcourseError LEDGER_UNREACHABLE */
async function answeredWithin<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const why = `Postgres has not answered for ${limitMs / 1_000} s`
    timer = setTimeout(() => reject(new MillcourseError('LEDGER_UNREACHABLE', why)), limitMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Another watcher takes over when this one has missed a few looks. */
function dutyMs({ pollMs }: ObserverSettings): number {
  return Math.max(3 * pollMs, 2_000)
}

export function rulesOf({ graceMs, horizonMs, heldMaxMs }: ObserverSettings): WatchRules {
  return {
    graceNs: BigInt(graceMs) * 1_000_000n,
    horizonNs: BigInt(horizonMs) * 1_000_000n,
    heldMaxNs: heldMaxMs === null ? null : BigInt(heldMaxMs) * 1_000_000n,
  }
}

function rangeStart({ horizonMs }: ObserverSettings, now: Instant): Instant {
  return now - BigInt(horizonMs) * 1_000_000n
}

/** Empty: nothing is due of the view yet. */
async function lookAt(
  deps: ObserverDeps,
  settings: ObserverSettings,
  entry: CalendarEntry,
  now: Instant,
): Promise<ViewLook[]> {
  const key = { view: entry.view, version: entry.version }
  const horizon = rangeStart(settings, now)
  const since = parseInstant(entry.since)
  const range = { start: horizon > since ? horizon : since, end: now }
  if (range.start >= range.end) return []
  const older = range.start > since ? await deps.ledger.standingIntervals(key, { start: since, end: range.start }) : []
  const states = [...older, ...(await deps.ledger.intervalStates(key, range))]
  const published = await deps.ledger.lastPublish(key)
  const [publishedEndAt, publishedAt] = [published?.endAt ?? null, published?.finishedAt ?? null]
  const isRebuildAsked = states.some(isBeingReplaced) && (await deps.ledger.isRebuildAsked(key))
  return [{ entry, ...foldSettled(entry, states), published, publishedEndAt, publishedAt, isRebuildAsked }]
}

/** In three statements, however many views there are; what is usual is asked only of views with a run that is not quick. */
async function withRuns(
  { ledger }: ObserverDeps,
  looks: readonly ViewLook[],
  { graceMs }: ObserverSettings,
): Promise<ViewLook[]> {
  const open = groupByView(await ledger.openRuns())
  const good = groupByView(await ledger.goodRuns(looks.map(({ entry }) => entry)))
  const isLong = ({ outcome, ageMs }: OpenRun) => outcome === 'running' && ageMs > graceMs
  const slow = looks.filter(({ entry }) => open.get(viewLabel(entry))?.some(isLong))
  const paces = groupByView(await ledger.runPaces(slow.map(({ entry }) => entry)))
  return looks.map((look) => {
    const label = viewLabel(look.entry)
    return {
      ...look,
      open: open.get(label) ?? [],
      good: good.get(label)?.[0] ?? null,
      pace: paces.get(label)?.[0] ?? null,
    }
  })
}

/** Of views that miss runs, what an open backfill keeps from ticks: whatever the scheduler says, these wait for that. */
async function withClaims(
  { ledger }: ObserverDeps,
  looks: readonly ViewLook[],
  now: Instant,
  rules: WatchRules,
): Promise<ViewLook[]> {
  return await Promise.all(
    looks.map(async (look) => {
      const missing = missingIntervals(look.entry, look, now, rules)
      const [first, last] = [missing[0], missing.at(-1)]
      if (first === undefined || last === undefined) return look
      return { ...look, claims: await ledger.claimedIntervals(look.entry, { start: first.start, end: last.end }) }
    }),
  )
}

/** In one statement: what keeps an end back may lie longer ago than the states that are read, and a word to a backfill changes no mark of its view. */
async function withBackfills({ ledger }: ObserverDeps, looks: readonly ViewLook[]): Promise<ViewLook[]> {
  const keeping = groupByView(await ledger.keepingBackfills(looks.map(({ entry }) => entry)))
  return looks.map((look) => {
    const backfills = (keeping.get(viewLabel(look.entry)) ?? []).map(({ backfillId, state, interval }) => ({
      ...{ backfillId, state, from: interval.start },
    }))
    return backfills.length === 0 ? look : { ...look, backfills }
  })
}

function groupByView<One extends { readonly view: string; readonly version: number }>(all: readonly One[]) {
  const groups = new Map<string, One[]>()
  for (const one of all) groups.set(viewLabel(one), [...(groups.get(viewLabel(one)) ?? []), one])
  return groups
}

/** So many Schedules are asked for at once. */
const askedAtOnce = 10
/** A worker at rest asks for work each minute. */
const workerSilentMsMax = 120_000

/** Of views that miss runs, what Temporal can say about why; nothing where it does not answer. */
async function withScheduler(
  deps: ObserverDeps,
  looks: readonly ViewLook[],
  now: Instant,
  rules: WatchRules,
): Promise<ViewLook[]> {
  const missing = looks.filter((look) => missingIntervals(look.entry, look, now, rules).length > 0)
  if (!deps.isSchedulerUp || missing.length === 0) return [...looks]
  const { scheduler, log } = deps
  const said = new Map<string, ScheduleSeen>()
  try {
    for (let from = 0; from < missing.length; from += askedAtOnce) {
      const names = missing.slice(from, from + askedAtOnce).map(({ entry }) => entry.view)
      const schedules = await Promise.all(names.map((name) => scheduler.schedule(name)))
      for (const [index, name] of names.entries()) said.set(name, schedules[index]!)
    }
    const workers = await scheduler.workers()
    const hasWorker = workers.some(({ silentMs }) => silentMs <= workerSilentMsMax)
    return looks.map((look) => ({ ...look, schedule: said.get(look.entry.view) ?? null, hasWorker }))
  } catch (error) {
    log.warn({ why: String(error) }, 'Temporal did not say why runs are missing; they are told as missing')
    return looks.map((look) => ({ ...look, schedule: said.get(look.entry.view) ?? null }))
  }
}
