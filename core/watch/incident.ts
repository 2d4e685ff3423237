import type { IsoInstant } from '../time/instant.js'

export type IncidentRule =
  | 'missing_run'
  | 'stale'
  | 'failed'
  | 'held'
  | 'blocked'
  | 'not_ready'
  | 'quality'
  | 'ledger_unreachable'
  | 'scheduler_unreachable'

/** One cause, however many alerts. */
export interface Incident {
  /** Names the cause: `failed/airport_delays@v1/SOURCE_FILE_CORRUPT`; one open incident per key. */
  readonly key: string
  readonly rule: IncidentRule
  readonly severity: 'warning' | 'critical'
  readonly view: string | null
  readonly version: number | null
  readonly owner: string | null
  readonly openedAt: IsoInstant
  readonly updatedAt: IsoInstant
  readonly resolvedAt: IsoInstant | null
  /** One sentence: what, since when. */
  readonly summary: string
  /** The next command. */
  readonly nextStep: string
  readonly facts: Readonly<Record<string, string | number>>
}

/** What a rule found, before it is known whether the cause is new. */
export interface IncidentDraft extends Omit<Incident, 'openedAt' | 'updatedAt' | 'resolvedAt'> {
  /** Text that changes when there is something new to tell (another interval), and not with every look. */
  readonly news: string
}

/** What happened to an incident: one message each. */
export interface IncidentChange {
  readonly event: 'opened' | 'updated' | 'resolved'
  readonly incident: Incident
}
