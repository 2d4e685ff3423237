/**
 * What a watcher does with what it found. With the ledger in sight the incidents are the ledger's: the watcher on duty records each change
 * there first, then tells what the ledger says is untold; so two watchers do not tell it twice, and what one that died left is told by the
 * other. While the ledger is away each watcher keeps its own list, and tells of the rest only if it was the one on duty.
 */
import { createHash } from 'node:crypto'
import type { Log } from '../activities/activity-deps.js'
import type { AlertChannel, AlertMessage } from '../core/ports/alert-channel.js'
import type { IncidentWriter } from '../core/ports/incident-ledger.js'
import type { IsoInstant } from '../core/time/instant.js'
import {
  type Incident,
  type IncidentChange,
  type IncidentDraft,
  type IncidentRule,
  type LifeRules,
  type OpenIncident,
  reconcileIncidents,
} from '../core/watch/index.js'
import type { WatcherState } from './watcher-state.js'

export interface IncidentDeps {
  readonly ledger: IncidentWriter
  readonly channels: readonly Pick<AlertChannel, 'name'>[]
  /** Absent: all of them. */
  readonly channelsFor?: (incident: Incident) => readonly string[]
  readonly log: Log
}

export interface Found {
  readonly drafts: readonly IncidentDraft[]
  /** Of these rules nobody can say yet: what is open stays open. */
  readonly unsure: readonly IncidentRule[]
  readonly now: IsoInstant
}

export interface WatchedIncidents {
  /** With the ledger in sight: judge, record, and put what is untold into the outbox. */
  settle(state: WatcherState, found: Found, isOnDuty: boolean): Promise<WatcherState>
  /** Without it: of outages alone; all else stays as it was. */
  settleBlind(state: WatcherState, found: Found): WatcherState
  /** Tells the ledger what every channel has taken. */
  sayTold(state: WatcherState): Promise<WatcherState>
  /** Gives the duty back. */
  leave(state: WatcherState): Promise<void>
}

export function watchedIncidents(
  deps: IncidentDeps,
  owner: string,
  keep: (state: WatcherState) => Promise<void>,
  { escalateAfterMs }: { readonly escalateAfterMs: number | null },
): WatchedIncidents {
  const { ledger } = deps
  const rules: LifeRules = { escalateAfterNs: escalateAfterMs === null ? null : BigInt(escalateAfterMs) * 1_000_000n }
  const forAll = (change: IncidentChange, changeId: string | null) =>
    hearers(deps, change.incident).map((channel) => ({ channel, message: addressed(change), changeId }))

  function reconcile(known: readonly OpenIncident[], { drafts, unsure, now }: Found) {
    const kept = known.filter(({ rule }) => unsure.includes(rule))
    const present = [...drafts, ...kept.map((one) => ({ ...one, news: one.news ?? '' }))]
    const { open, messages, reworded } = reconcileIncidents(known, present, now, rules)
    const told = new Set(messages.map(({ incident }) => incident.key))
    return {
      open: open.map((incident) => (told.has(incident.key) ? heard(incident) : incident)),
      messages: messages.map(({ event, incident }) => ({ event, incident: heard(incident) })),
      reworded,
    }
  }

  function heard<Told extends Incident>(incident: Told): Told {
    return { ...incident, toldTo: hearers(deps, incident) }
  }

  async function settle(given: WatcherState, found: Found, isOnDuty: boolean): Promise<WatcherState> {
    const state = await reportBlindTime(given, found.now)
    // Until the ledger has what was told without it, it would be told again.
    if (state.unrecorded.length > 0) return state
    let known = await ledger.watchedIncidents()
    const { open, messages, reworded } = reconcile(known, found)
    const news = new Map(open.map((incident) => [incident.key, incident.news ?? '']))
    const speaks = isOnDuty && (messages.length === 0 || (await ledger.recordChanges(owner, messages, news)))
    if (speaks && reworded.length > 0) await ledger.rewordIncidents(owner, reworded)
    if (messages.length + reworded.length > 0) known = await ledger.watchedIncidents()
    if (speaks) return await takeUntold({ ...state, open: known, onDuty: true })
    // What is left of an earlier duty is told by whoever has it now.
    return { ...state, open: known, onDuty: false, handed: [], outbox: state.outbox.filter(isOwn) }
  }

  /** What was opened without the ledger and is over, first on disk, then in the ledger. */
  async function reportBlindTime(state: WatcherState, now: IsoInstant): Promise<WatcherState> {
    const seen = state.open.filter(({ rule }) => rule === 'ledger_unreachable')
    const over = reconcileIncidents(seen, [], now, rules).messages
    if (over.length === 0 && state.unrecorded.length === 0) return state
    const next = {
      ...state,
      open: state.open.filter((incident) => !seen.includes(incident)),
      outbox: [...state.outbox, ...over.flatMap((change) => forAll(change, null))],
      unrecorded: [...state.unrecorded, ...over.map(unrecordedOf)],
    }
    await keep(next)
    return { ...next, unrecorded: await record(deps, next.unrecorded) }
  }

  async function takeUntold(given: WatcherState): Promise<WatcherState> {
    const state = await sayTold(given)
    const untold = await ledger.untoldChanges(state.handed)
    return {
      ...state,
      outbox: [...state.outbox, ...untold.flatMap(({ change, changeId }) => forAll(change, changeId))],
      handed: [...state.handed, ...untold.map(({ changeId }) => changeId)],
    }
  }

  async function sayTold(state: WatcherState): Promise<WatcherState> {
    const waiting = new Set(state.outbox.map(({ changeId }) => changeId))
    const told = state.handed.filter((changeId) => !waiting.has(changeId))
    if (told.length === 0) return state
    await ledger.changesTold(told)
    return { ...state, handed: state.handed.filter((changeId) => waiting.has(changeId)) }
  }

  return {
    settle,
    sayTold,
    settleBlind(state, found) {
      const { open, messages } = reconcile(state.open.filter(isOutage), found)
      // Of two blind watchers one tells that Temporal is away, too; that nobody can watch both must say, for neither knows of the other.
      const mine = messages.filter(({ incident }) => state.onDuty !== false || incident.rule === 'ledger_unreachable')
      return {
        ...state,
        open: [...open, ...state.open.filter((incident) => !isOutage(incident))],
        outbox: [...state.outbox, ...mine.flatMap((change) => forAll(change, null))],
        unrecorded: [...state.unrecorded, ...mine.map(unrecordedOf)],
      }
    },
    async leave(state) {
      if (state.onDuty !== true) return
      try {
        await sayTold(state)
        await ledger.leaveWatch(owner)
      } catch (error) {
        deps.log.warn(
          { why: String(error) },
          'the ledger was not told that this watcher ends; another takes over a little later',
        )
      }
    },
  }
}

/** What a watcher sees without the ledger. */
function isOutage({ rule }: Pick<OpenIncident, 'rule'>): boolean {
  return rule === 'ledger_unreachable' || rule === 'scheduler_unreachable' || rule === 'undelivered'
}

/**
 * Those that its routes name as it is now, and those that heard of it when it was another's, or worse: what they opened for it has to be
 * closed. A channel that takes no alerts cannot be told that it does not.
 */
function hearers({ channels, channelsFor }: IncidentDeps, incident: Incident): readonly string[] {
  const all = channels.map(({ name }) => name)
  // Of a release, or a file of routes, before this process.
  const heardBefore = (incident.toldTo ?? []).filter((name) => all.includes(name))
  const names = [...new Set([...(channelsFor?.(incident) ?? all), ...heardBefore])]
  return incident.rule === 'undelivered' ? names.filter((name) => name !== incident.facts.channel) : names
}

function isOwn({ changeId }: WatcherState['outbox'][number]): boolean {
  return changeId == null
}

function unrecordedOf({ incident }: IncidentChange): OpenIncident {
  return { ...incident, news: null }
}

/** The same id for every repeat of one change, whichever watcher tells it: what happened, to which cause, when. */
function addressed(change: IncidentChange): AlertMessage {
  const { key, openedAt, updatedAt } = change.incident
  return {
    ...change,
    deliveryId: `msg_${createHash('sha256').update(`${key}|${change.event}|${openedAt}|${updatedAt}`).digest('hex').slice(0, 32)}`,
  }
}

/** What is left: the ledger could not take it yet. */
async function record(
  deps: Pick<IncidentDeps, 'ledger' | 'log'>,
  unrecorded: readonly OpenIncident[],
): Promise<readonly OpenIncident[]> {
  for (const [index, { news: _news, ...incident }] of unrecorded.entries()) {
    try {
      await deps.ledger.upsertIncident(incident)
    } catch (error) {
      deps.log.warn({ why: String(error) }, 'the ledger could not take an incident; it is tried again')
      return unrecorded.slice(index)
    }
  }
  return []
}
