/**
 * Incidents in the ledger: what is open, what became of each, what people said of it; and which of several watchers speaks. Whoever is *on
 * duty* compares, records and tells; the others wait. What is recorded and not yet told is told by whoever is on duty next, under the same id.
 */
import type { Instant, IsoInstant } from '../time/instant.js'
import type { OpenIncident } from '../watch/advance-incident.js'
import type { Incident, IncidentChange, IncidentEvent, IncidentWord } from '../watch/incident.js'

/** An event in the life of an incident. */
export interface IncidentEntry {
  readonly event: IncidentEvent
  /** By the clock of whoever made it. */
  readonly at: IsoInstant
  /** Null: the watcher. */
  readonly by: string | null
  readonly note: string | null
  readonly severity: Incident['severity']
  readonly summary: string
  /** `quiet`: it was silenced, and is not told. */
  readonly told: Instant | 'waiting' | 'quiet'
}

export interface IncidentLife {
  readonly incident: Incident
  /** Oldest first; of an incident of an older release only what came since. */
  readonly history: readonly IncidentEntry[]
}

export interface UntoldChange {
  readonly changeId: string
  readonly change: IncidentChange
}

export interface IncidentPage {
  readonly incidents: readonly Incident[]
  /** Null: there are none before. */
  readonly next: string | null
}

export interface IncidentReader {
  openIncidents(): Promise<Incident[]>
  /** Open and resolved, newest first; from the one that `before` (a former page's `next`) names on. */
  incidentPage(options: { readonly limit: number; readonly before?: string }): Promise<IncidentPage>
  /** The open one of this key, else the newest that was; null: there never was one. */
  incidentLife(key: string): Promise<IncidentLife | null>
}

export interface IncidentWriter extends IncidentReader {
  /** As `openIncidents`, with what the rules said last. */
  watchedIncidents(): Promise<OpenIncident[]>
  /** Takes or renews the duty, by the server's clock: it lapses `leaseMs` after it was last renewed. False: another watcher has it. */
  takeWatch(owner: string, leaseMs: number): Promise<boolean>
  /** So that another one need not wait. */
  leaveWatch(owner: string): Promise<void>
  /**
   * All of them in one transaction; false: another watcher is on duty, and nothing was recorded. What people said meanwhile stays, and
   * so does whoever has heard of the incident before (`toldTo`); of what is silenced nobody hears.
   */
  recordChanges(owner: string, changes: readonly IncidentChange[], news: ReadonlyMap<string, string>): Promise<boolean>
  /** Open ones say what these say by now; it is no event, and nothing happens where another watcher is on duty. */
  rewordIncidents(owner: string, incidents: readonly Incident[]): Promise<void>
  /**
   * What is recorded, not silenced, and was not yet told to every channel, a few hundred at a time; oldest first.
   * @param handed ids of those that the caller has already, and that wait for a channel: they keep none after them from being told
   */
  untoldChanges(handed?: readonly string[]): Promise<UntoldChange[]>
  changesTold(changeIds: readonly string[]): Promise<void>
  /**
   * What a watcher saw, and told, while it could not reach the ledger: opens, updates or resolves by key. Another watcher may have recorded
   * the same outage: then nothing happens.
   */
  upsertIncident(incident: Incident): Promise<'opened' | 'updated' | 'resolved' | 'unchanged'>
  /** With its audit. @throws MillcourseError INCIDENT_UNKNOWN, INCIDENT_NOT_OPEN */
  acknowledgeIncident(key: string, word: IncidentWord): Promise<Incident>
  /** As `acknowledgeIncident`; another silence replaces it. It outlives the incident: a cause that comes back before its end is quiet. */
  silenceIncident(key: string, word: IncidentWord & { readonly until: IsoInstant }): Promise<Incident>
}
