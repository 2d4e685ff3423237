/**
 * The calendar of expected runs: what the watcher must know of each view to judge it, small and JSON-safe, so that it can be
 * kept on disk and the watcher can still speak when neither the scheduler nor the ledger answers.
 */
import type { FeatureRepo } from '../define/definitions.js'
import type { DurationText } from '../time/duration.js'
import type { IsoInstant } from '../time/instant.js'

export interface CalendarEntry {
  readonly view: string
  readonly version: number
  /** Whose files are read; of a view on a view its own source's name. */
  readonly source: string
  readonly owner: string | null
  /** Whose the sources are that it is made of, that of the rows and those of dimensions, by name: their faults go there. Absent: a former release did not say. */
  readonly sourceOwners?: Readonly<Record<string, string | null>>
  /** The view that it is built on, whose faults keep it waiting; absent or null: none. */
  readonly upstream?: string | null
  readonly services: readonly string[]
  readonly since: IsoInstant
  readonly every: DurationText
  /** The source says that its files come so long after an interval's end. */
  readonly readyDelay: DurationText
  readonly freshness: DurationText | null
  /** A run may take at most so long; absent or null: nobody said. */
  readonly duration?: DurationText | null
  /** Write units of a day; absent or null: as many as it takes. */
  readonly writeUnitsPerDay?: number | null
  readonly isOnline: boolean
  readonly canBlock: boolean
  /** Runs that fell due before the watcher first saw the view are a backlog, not missing runs. */
  readonly firstSeenAt: IsoInstant
}

/** Keeps `firstSeenAt` of views that were there before; a new version is a view seen for the first time. */
export function buildCalendar(repo: FeatureRepo, before: readonly CalendarEntry[], now: IsoInstant): CalendarEntry[] {
  return repo.views.map((view) => {
    const known = before.find((entry) => entry.view === view.name && entry.version === view.version)
    const source = repo.sources.find((candidate) => candidate.name === view.source)
    const files = source?.query?.from ?? source
    const read = [...(files ? [files] : []), ...(source?.query?.with ?? []).map((dimension) => dimension.source)]
    return {
      view: view.name,
      version: view.version,
      source: files?.name ?? view.source,
      owner: view.owner,
      sourceOwners: Object.fromEntries(read.map(({ name, owner }) => [name, owner])),
      upstream: files?.upstream?.view.name ?? null,
      services: repo.services
        .filter((service) =>
          service.features.some((feature) => feature.view === view.name && feature.viewVersion === view.version),
        )
        .map((service) => service.name),
      since: view.since,
      every: view.every,
      readyDelay: source?.ready.delay ?? '0s',
      freshness: view.sla.freshness,
      duration: view.sla.duration,
      writeUnitsPerDay: view.budget?.writeUnitsPerDay ?? null,
      isOnline: view.online,
      canBlock: view.viewKind === 'window' && view.onGap === 'block',
      firstSeenAt: known?.firstSeenAt ?? now,
    }
  })
}

export function viewLabel(entry: Pick<CalendarEntry, 'view' | 'version'>): string {
  return `${entry.view}@v${entry.version}`
}
