import type { IsoInstant } from '../time/instant.js'

export const incidentRules = [
  'missing_run',
  'skipped',
  'stale',
  'slow_run',
  'failed',
  'schema_change',
  'held',
  'blocked',
  'not_ready',
  'warned',
  'quality',
  'over_budget',
  'ledger_unreachable',
  'scheduler_unreachable',
  'undelivered',
] as const
export type IncidentRule = (typeof incidentRules)[number]

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
  /** Somebody has it in hand: it escalates no more. Absent or null: nobody said so. */
  readonly acknowledged?: IncidentWord | null
  /** What it does is not told until then, but for its end; absent or null: it is told. */
  readonly silenced?: (IncidentWord & { readonly until: IsoInstant }) | null
  /** Since when it is critical without a break; absent or null: it is not. */
  readonly criticalSince?: IsoInstant | null
  /** Nobody had acknowledged it in time; absent or null: not yet. */
  readonly escalatedAt?: IsoInstant | null
  /** Names of the channels that were told of it; absent: of none, or a release said it that kept none. */
  readonly toldTo?: readonly string[]
}

/** What a person said of an incident. */
export interface IncidentWord {
  readonly at: IsoInstant
  readonly by: string
  readonly note: string | null
}

/** What a rule found, before it is known whether the cause is new. */
export interface IncidentDraft
  extends Omit<
    Incident,
    | ('openedAt' | 'updatedAt' | 'resolvedAt' | 'criticalSince' | 'escalatedAt')
    | ('acknowledged' | 'silenced' | 'toldTo')
  > {
  /** Words, apart by spaces: one that was not there before is something new to tell (twice as many intervals), a number that grows with every look is not. */
  readonly news: string
  /** Keys of what is told as part of this; absent: nothing else is. */
  readonly tells?: readonly string[]
}

/** In the order of a life; any but the first and the last may be left out, or come again. */
export type IncidentEvent =
  | 'opened'
  | 'updated'
  | 'acknowledged'
  | 'silenced'
  /** The time of a silence is over and the cause is not. */
  | 'silence_ended'
  /** Nobody has acknowledged it in time. */
  | 'escalated'
  | 'resolved'

/** What happened to an incident: one message each. `incident.updatedAt` is when. */
export interface IncidentChange {
  readonly event: IncidentEvent
  /** As it was then. */
  readonly incident: Incident
}
