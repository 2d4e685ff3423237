/** How far a view has come: little enough to be kept on disk, so that it goes on ageing while nobody can ask the ledger. */
import type { DurationText } from '../time/duration.js'
import { formatInstant, type Instant, type IsoInstant } from '../time/instant.js'
import type { CalendarEntry } from './calendar.js'
import { isCatchingUp, reachedAt } from './evaluate-view.js'
import type { ViewObservation } from './observation.js'

export interface ViewAge {
  readonly view: string
  readonly version: number
  /** The event time up to which the view is online (an offline view: committed). */
  readonly reachedAt: IsoInstant
  /** What its SLA allows; null: it has none, or none is in force yet. */
  readonly limit: DurationText | null
}

export function viewAge(entry: CalendarEntry, observed: ViewObservation, now: Instant): ViewAge {
  return {
    view: entry.view,
    version: entry.version,
    reachedAt: formatInstant(reachedAt(entry, observed)),
    limit: isCatchingUp(entry, observed, now) ? null : entry.freshness,
  }
}
