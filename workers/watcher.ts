/**
 * The watcher: a process apart from Temporal that compares the calendar of expected runs with the ledger. It is no workflow,
 * because it must notice a dead scheduler, and it keeps its calendar on disk, because it must notice a dead ledger.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { ActivityDeps, Log } from '../activities/activity-deps.js'
import type { AlertChannel } from '../core/ports/alert-channel.js'
import type { Clock } from '../core/ports/clock.js'
import type { LedgerWriter } from '../core/ports/ledger.js'
import type { RegistryReader } from '../core/ports/registry.js'
import type { RunControl } from '../core/ports/run-control.js'
import { noTelemetry, type Telemetry } from '../core/ports/telemetry.js'
import { formatInstant } from '../core/time/instant.js'
import { type Incident, type IncidentRule, viewAge } from '../core/watch/index.js'
import {
  type DeliverySettings,
  deliveryDefaults,
  type OutboxEntry,
  ofChannels,
  startDelivery,
} from './alert-delivery.js'
import { DayBudgets } from './day-budgets.js'
import { FirstCauses } from './first-causes.js'
import { observe, rulesOf } from './observe-views.js'
import { sayOpenIncidents } from './open-incidents-line.js'
import type { Heartbeat } from './outward-heartbeat.js'
import { showQuality } from './quality-readings.js'
import { SeenViews } from './seen-views.js'
import { inheritedTroubles, undeliveredDrafts } from './undelivered.js'
import { watchedIncidents } from './watch-incidents.js'
import { ledgerOutage, rulesOfSchedulerOutage, schedulerOutage } from './watch-outages.js'
import { showAges, showWatch, WatchReadings } from './watch-readings.js'
import { keepWatcherState, readWatcherState, type WatcherState } from './watcher-state.js'

export interface WatcherDeps extends Pick<ActivityDeps, 'clock' | 'log'> {
  readonly clock: Clock
  readonly log: Log
  readonly ledger: LedgerWriter
  readonly registry: RegistryReader
  /** Asked whether it answers, why it has not started what was due, and what slow runs are at. */
  readonly scheduler: Pick<RunControl, 'isReachable' | 'schedule' | 'workers' | 'workOf'>
  readonly channels: readonly AlertChannel[]
  /** Names of those that an incident is told to; absent: all of them. */
  readonly channelsFor?: (incident: Incident) => readonly string[]
  /** Absent: nobody outside is told that the watcher lives. */
  readonly heartbeat?: Heartbeat
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
  /** A hold that nobody decides on for longer is critical; null: none is. */
  readonly heldMaxMs: number | null
  /** Absent: `deliveryDefaults`. */
  readonly delivery?: DeliverySettings
}

export const watcherDefaults = {
  pollMs: 15_000,
  graceMs: 300_000,
  unreachableAfterMs: 30_000,
  horizonMs: 31 * 86_400_000,
  escalateAfterMs: 1_800_000,
  heldMaxMs: 86_400_000,
} as const

/** Looks every `pollMs` until `stop` resolves; one failing look is logged and the next one tried. */
export async function runWatcher(deps: WatcherDeps, settings: WatcherSettings, stop: AbortSignal): Promise<void> {
  const { telemetry = noTelemetry } = deps
  const watcher = await createWatcher(deps, settings)
  while (!stop.aborted) {
    try {
      await watcher.look()
      deps.onLook?.(null, watcher.unkept())
      deps.heartbeat?.beat()
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
  /** One comparison: judge, keep state, record; what there is to tell is delivered meanwhile and afterwards. */
  look(): Promise<void>
  /** Why what it has to remember is not on disk; null: it is. */
  unkept(): Error | null
  /** When each channel has taken what it was sent, or keeps a pause after it did not. */
  settled(): Promise<void>
  /** Sends no more, but for what is under way; another watcher may speak at once. */
  leave(): Promise<void>
}

export async function createWatcher(deps: WatcherDeps, settings: WatcherSettings): Promise<Watcher> {
  const statePath = join(settings.stateDir, 'watcher.json')
  const loaded = await readWatcherState(statePath)
  if (loaded.problem) deps.log.warn({}, loaded.problem)
  let state = ofChannels(loaded.state, deps)
  const kept = keepWatcherState(statePath, deps.log)
  const keep = () => kept.write(() => state)
  const { telemetry = noTelemetry } = deps
  const readings = new WatchReadings(telemetry, deps.ledger)
  const sayOpen = sayOpenIncidents(deps.log)
  const outages = { ledger: null as number | null, scheduler: null as number | null }
  const memory = {
    causes: new FirstCauses(deps.ledger, async (run) =>
      outages.scheduler === null ? await deps.scheduler.workOf(run) : null,
    ),
    budgets: new DayBudgets(deps.ledger, deps.registry),
    seenViews: new SeenViews(deps.ledger),
  }

  // Of this process: one that is started again must not be taken for one that hangs.
  const owner = `${process.pid}@${hostname()}/${randomUUID()}`
  const delivered = new WeakSet<OutboxEntry>()
  const delivery = startDelivery(
    {
      ...{ channels: deps.channels, log: deps.log, clock: deps.clock, telemetry, read: () => state },
      async change(to) {
        const next = to(state)
        const left = new Set(next.outbox)
        for (const entry of state.outbox) if (!left.has(entry)) delivered.add(entry)
        state = { ...state, ...next }
        await keep()
        void sayTold()
      },
    },
    settings.delivery ?? deliveryDefaults,
  )
  /** A look takes its time, and works on the state as it was: what was delivered meanwhile stays so. Whoever is off duty delivers nothing. */
  function adopt(next: WatcherState): void {
    const outbox = next.outbox.filter((entry) => !delivered.has(entry))
    state = { ...next, outbox, troubles: next.onDuty === false && outbox.length === 0 ? [] : state.troubles }
  }
  /** At once, so that a watcher that takes over repeats little; the next look says what the ledger could not take. */
  async function sayTold(): Promise<void> {
    const { handed } = state
    const left = await incidents.sayTold(state).catch(() => null)
    if (left === null) return
    const said = new Set(handed.filter((changeId) => !left.handed.includes(changeId)))
    state = { ...state, handed: state.handed.filter((changeId) => !said.has(changeId)) }
  }
  const keepNext = async (next: WatcherState) => {
    adopt(next)
    await keep()
  }
  const incidents = watchedIncidents(deps, owner, keepNext, settings)

  return {
    unkept: kept.failure,
    settled: delivery.settled,
    async leave() {
      await delivery.close()
      await incidents.leave(state)
    },
    async look() {
      const now = formatInstant(deps.clock.now())
      const isSchedulerUp = await deps.scheduler.isReachable(Math.min(Math.max(settings.pollMs, 1_000), 5_000))
      const askedAtMs = deps.clock.monotonicMs()
      const ledgerView = await observe({ ...deps, isSchedulerUp, ...memory }, settings, state.calendar, owner)
      // From when it was asked: of a server that hangs, a failure comes long after.
      outages.ledger = ledgerView.kind === 'unreachable' ? (outages.ledger ?? askedAtMs) : null
      outages.scheduler = isSchedulerUp ? null : (outages.scheduler ?? deps.clock.monotonicMs())
      const lasted = (since: number | null) =>
        since !== null && deps.clock.monotonicMs() - since >= settings.unreachableAfterMs

      const isSeen = ledgerView.kind === 'seen'
      const calendar = isSeen ? ledgerView.calendar : state.calendar
      const found = isSeen ? ledgerView.drafts : []
      const isSchedulerGone = lasted(outages.scheduler)
      if (isSeen && ledgerView.isOnDuty && state.onDuty !== true) {
        const open = await deps.ledger.watchedIncidents()
        state = { ...state, troubles: [...state.troubles, ...inheritedTroubles(open, state, deps.channels)] }
      }
      const untold = undeliveredDrafts(state, deps.clock.realNow(), settings.graceMs)
      const schedulerDrafts = isSchedulerGone
        ? [schedulerOutage(calendar, isSeen ? found : state.open, state.open)]
        : []
      const own = [...schedulerDrafts, ...untold]
      // An outage that is under way but not yet long enough leaves open what is open; why runs are missing nobody can say meanwhile.
      const isUnsure = outages.scheduler !== null && !isSchedulerGone
      const unsure: IncidentRule[] = isUnsure ? ['scheduler_unreachable', 'missing_run', 'skipped'] : []
      const ages = isSeen ? ledgerView.looks.map((look) => viewAge(look.entry, look, deps.clock.now())) : state.ages
      state = { ...state, calendar, ages }
      if (isSeen) {
        const causes = found
          .filter(({ rule }) => !isSchedulerGone || !rulesOfSchedulerOutage.has(rule))
          .filter(({ rule }) => !unsure.includes(rule))
        adopt(await incidents.settle(state, { drafts: [...own, ...causes], unsure, now }, ledgerView.isOnDuty))
      } else if (lasted(outages.ledger)) {
        const drafts = [ledgerOutage(calendar, ledgerView), ...own]
        state = incidents.settleBlind(state, { drafts, unsure, now })
      } else
        state = incidents.settleBlind(state, {
          drafts: own,
          unsure: [...unsure, 'ledger_unreachable'],
          now,
        })
      // On disk before anything is sent: a watcher that dies here sends again, the receiver tells repeats by their id.
      await keep()
      delivery.wake()
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
