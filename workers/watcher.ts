/**
 * The watcher: a process apart from Temporal that compares the calendar of expected runs with the ledger. It is no workflow,
 * because it must notice a dead scheduler, and it keeps its calendar on disk, because it must notice a dead ledger.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { ActivityDeps, Log } from '../activities/activity-deps.js'
import { isMillcourseError } from '../core/errors.js'
import { isBeingReplaced } from '../core/plan/index.js'
import type { AlertChannel } from '../core/ports/alert-channel.js'
import type { Clock } from '../core/ports/clock.js'
import type { LedgerWriter } from '../core/ports/ledger.js'
import type { RegistryReader } from '../core/ports/registry.js'
import type { RunControl } from '../core/ports/run-control.js'
import { noTelemetry, type Telemetry } from '../core/ports/telemetry.js'
import type { QualityCheck } from '../core/quality/quality-check.js'
import { formatInstant, type Instant, parseInstant } from '../core/time/instant.js'
import {
  buildCalendar,
  type CalendarEntry,
  evaluateQuality,
  evaluateView,
  type IncidentDraft,
  type IncidentRule,
  viewAge,
  type WatchRules,
} from '../core/watch/index.js'
import { sayOpenIncidents } from './open-incidents-line.js'
import { showQuality } from './quality-readings.js'
import { watchedIncidents } from './watch-incidents.js'
import { blindness, ledgerOutage, schedulerOutage } from './watch-outages.js'
import { showAges, showWatch, type ViewLook, WatchReadings } from './watch-readings.js'
import { keepWatcherState, readWatcherState, type WatcherState } from './watcher-state.js'

export interface WatcherDeps extends Pick<ActivityDeps, 'clock' | 'log'> {
  readonly clock: Clock
  readonly log: Log
  readonly ledger: LedgerWriter
  readonly registry: RegistryReader
  /** Only asked whether it answers. */
  readonly scheduler: Pick<RunControl, 'isReachable'>
  readonly channels: readonly AlertChannel[]
  /** Absent: nobody measures. */
  readonly telemetry?: Telemetry
  /** Told of each look: null, or why it failed; and why its state is not on disk. */
  readonly onLook?: (error: unknown, unkept: Error | null) => void
}

export interface WatcherSettings {
  readonly stateDir: string
  readonly pollMs: number
  /** A run counts as missing so long after its interval was due. */
  readonly graceMs: number
  /** The ledger or scheduler is called unreachable after so long without an answer. */
  readonly unreachableAfterMs: number
  /** How far back the ledger is compared, at most. */
  readonly horizonMs: number
  /** A critical incident that nobody acknowledges escalates after so long; null: none does. */
  readonly escalateAfterMs: number | null
}

export const watcherDefaults = {
  pollMs: 15_000,
  graceMs: 300_000,
  unreachableAfterMs: 30_000,
  horizonMs: 31 * 86_400_000,
  escalateAfterMs: 1_800_000,
} as const

/** Looks every `pollMs` until `stop` resolves; one failing look is logged and the next one tried. */
export async function runWatcher(deps: WatcherDeps, settings: WatcherSettings, stop: AbortSignal): Promise<void> {
  const { telemetry = noTelemetry } = deps
  const watcher = await createWatcher(deps, settings)
  while (!stop.aborted) {
    try {
      await watcher.look()
      deps.onLook?.(null, watcher.unkept())
      telemetry.count('millcourse_watcher_looks_total', { outcome: 'ok' })
    } catch (error) {
      deps.onLook?.(error, watcher.unkept())
      telemetry.count('millcourse_watcher_looks_total', { outcome: 'failed' })
      deps.log.error({ error }, 'the watcher could not look; it tries again')
    }
    await pause(settings.pollMs, stop)
  }
  await watcher.leave()
}

export interface Watcher {
  /** One comparison: judge, keep state, record, deliver. */
  look(): Promise<void>
  /** Why what it has to remember is not on disk; null: it is. */
  unkept(): Error | null
  /** Another watcher may speak at once. */
  leave(): Promise<void>
}

export async function createWatcher(deps: WatcherDeps, settings: WatcherSettings): Promise<Watcher> {
  const statePath = join(settings.stateDir, 'watcher.json')
  const loaded = await readWatcherState(statePath)
  if (loaded.problem) deps.log.warn({}, loaded.problem)
  let state = loaded.state
  const kept = keepWatcherState(statePath, deps.log)
  const { telemetry = noTelemetry } = deps
  const readings = new WatchReadings(telemetry, deps.ledger)
  const sayOpen = sayOpenIncidents(deps.log)
  const outages = { ledger: null as number | null, scheduler: null as number | null }

  // Of this process: one that is started again must not be taken for one that hangs.
  const owner = `${process.pid}@${hostname()}/${randomUUID()}`
  const incidents = watchedIncidents(deps, owner, (state) => kept.write(state), settings)

  return {
    unkept: kept.failure,
    leave: () => incidents.leave(state),
    async look() {
      const now = formatInstant(deps.clock.now())
      const ledgerView = await observe(deps, settings, state.calendar, owner)
      outages.ledger = ledgerView.kind === 'unreachable' ? (outages.ledger ?? deps.clock.monotonicMs()) : null
      const isSchedulerUp = await deps.scheduler.isReachable(Math.min(settings.pollMs, 5_000))
      outages.scheduler = isSchedulerUp ? null : (outages.scheduler ?? deps.clock.monotonicMs())
      const lasted = (since: number | null) =>
        since !== null && deps.clock.monotonicMs() - since >= settings.unreachableAfterMs

      const isSeen = ledgerView.kind === 'seen'
      const calendar = isSeen ? ledgerView.calendar : state.calendar
      const found = isSeen ? ledgerView.drafts : []
      const isSchedulerGone = lasted(outages.scheduler)
      const schedulerDrafts = isSchedulerGone ? [schedulerOutage(calendar, isSeen ? found : state.open)] : []
      // One that is under way but not yet long enough leaves open what is open.
      const unsure: IncidentRule[] = outages.scheduler !== null && !isSchedulerGone ? ['scheduler_unreachable'] : []
      const ages = isSeen ? ledgerView.looks.map((look) => viewAge(look.entry, look, deps.clock.now())) : state.ages
      state = { ...state, calendar, ages }
      if (isSeen) {
        // With the scheduler gone every view misses its runs: one cause, one incident.
        const causes = found.filter(({ rule }) => !isSchedulerGone || (rule !== 'missing_run' && rule !== 'stale'))
        state = await incidents.settle(
          state,
          { drafts: [...schedulerDrafts, ...causes], unsure, now },
          ledgerView.isOnDuty,
        )
      } else if (lasted(outages.ledger)) {
        const drafts = [ledgerOutage(calendar, ledgerView), ...schedulerDrafts]
        state = incidents.settleBlind(state, { drafts, unsure, now })
      } else
        state = incidents.settleBlind(state, {
          drafts: schedulerDrafts,
          unsure: [...unsure, 'ledger_unreachable'],
          now,
        })
      // On disk before anything is sent: a watcher that dies here sends again, the receiver tells repeats by their id.
      await kept.write(state)
      state = { ...state, outbox: await deliver(deps, state) }
      if (isSeen) state = await incidents.sayTold(state)
      await kept.write(state)
      sayOpen(state.open, deps.clock.monotonicMs())
      showAges(telemetry, state.ages, deps.clock.now())
      showWatch(deps, state, { isLedgerUp: isSeen, isSchedulerUp })
      // Last: what is shown must not keep an alert from being sent.
      if (!isSeen) return
      showQuality(telemetry, ledgerView.checks)
      await readings.show(ledgerView.looks, deps.clock.now(), rulesOf(settings))
    },
  }
}

type Observation =
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

/** The calendar of what is applied, and what the ledger says of each view. */
async function observe(
  deps: WatcherDeps,
  settings: WatcherSettings,
  before: readonly CalendarEntry[],
  owner: string,
): Promise<Observation> {
  try {
    const isOnDuty = await deps.ledger.takeWatch(owner, dutyMs(settings))
    const applied = await deps.registry.current()
    const now = deps.clock.now()
    const calendar = applied ? buildCalendar(applied.repo, before, formatInstant(now)) : []
    const looks: ViewLook[] = []
    for (const entry of calendar) looks.push(...(await lookAt(deps, settings, entry, now)))
    const checks = await deps.ledger.qualityChecks()
    const drafts = looks.flatMap((look) => evaluateView(look.entry, look, now, rulesOf(settings)))
    return {
      kind: 'seen',
      calendar,
      looks,
      checks,
      drafts: [...drafts, ...evaluateQuality(calendar, checks)],
      isOnDuty,
    }
  } catch (error) {
    if (isMillcourseError(error) && error.code in blindness)
      return { kind: 'unreachable', what: blindness[error.code as keyof typeof blindness], why: error.message }
    throw error
  }
}

/** Another watcher takes over when this one has missed a few looks. */
function dutyMs({ pollMs }: WatcherSettings): number {
  return Math.max(3 * pollMs, 2_000)
}

function rulesOf({ graceMs }: WatcherSettings): WatchRules {
  return { graceNs: BigInt(graceMs) * 1_000_000n }
}

/** Empty: nothing is due of the view yet. */
async function lookAt(
  deps: WatcherDeps,
  settings: WatcherSettings,
  entry: CalendarEntry,
  now: Instant,
): Promise<ViewLook[]> {
  const key = { view: entry.view, version: entry.version }
  const horizon = now - BigInt(settings.horizonMs) * 1_000_000n
  const since = parseInstant(entry.since)
  const range = { start: horizon > since ? horizon : since, end: now }
  if (range.start >= range.end) return []
  const [states, published] = [await deps.ledger.intervalStates(key, range), await deps.ledger.lastPublish(key)]
  const [publishedEndAt, publishedAt] = [published?.endAt ?? null, published?.finishedAt ?? null]
  const isRebuildAsked = states.some(isBeingReplaced) && (await deps.ledger.isRebuildAsked(key))
  return [{ entry, states, published, publishedEndAt, publishedAt, isRebuildAsked }]
}

/** Tries each channel in order; what one did not take stays for the next look, in its order. */
async function deliver(deps: WatcherDeps, state: WatcherState): Promise<WatcherState['outbox']> {
  const left = await Promise.all(
    deps.channels.map(async (channel) => {
      const queue = state.outbox.filter((entry) => entry.channel === channel.name)
      for (const [index, entry] of queue.entries()) {
        try {
          await channel.send(entry.message)
        } catch (error) {
          deps.log.warn(
            { channel: channel.name, waiting: queue.length - index, why: String(error) },
            'an alert could not be delivered; it is tried again',
          )
          return queue.slice(index)
        }
      }
      return []
    }),
  )
  return left.flat()
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done() {
      clearTimeout(timer)
      stop.removeEventListener('abort', done)
      resolve()
    }
    stop.addEventListener('abort', done)
  })
}
