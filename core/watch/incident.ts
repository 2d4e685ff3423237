import type { IsoInstant } from '../time/instant.js'

export type IncidentRule =
  | 'missing_run'
  | 'stale'
  | 'failed'
  | 'held'
  | 'blocked'
  | 'not_ready'
  | 'ledger_unreachable'
  | 'scheduler_unreachable'

/** One cause, however many alerts. */
export interface Incident {
  /** Names the cause: `failed/airport_delays@v1/2001-01-01T05:00:00Z`; one open incident per key. */
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
