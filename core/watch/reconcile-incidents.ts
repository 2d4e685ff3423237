/** Open incidents against what is wrong now: what to open, update and resolve, and which messages that makes. */
import type { IsoInstant } from '../time/instant.js'
import type { Incident, IncidentChange, IncidentDraft } from './incident.js'

export interface OpenIncident extends Incident {
  readonly news: string
}

export interface Reconciled {
  readonly open: readonly OpenIncident[]
  readonly messages: readonly IncidentChange[]
}

/**
 * One message per change: a cause that appears, one whose severity or extent changes, one that is gone. A cause that several
 * views report at once (one key) is merged: the first draft speaks, the others' views are named in its facts.
 */
export function reconcileIncidents(
  open: readonly OpenIncident[],
  drafts: readonly IncidentDraft[],
  now: IsoInstant,
): Reconciled {
  const present = mergeByKey(drafts)
  const next: OpenIncident[] = []
  const messages: IncidentChange[] = []
  for (const draft of present) {
    const known = open.find((incident) => incident.key === draft.key)
    const isNews = !known || known.news !== draft.news || known.severity !== draft.severity
    const incident = {
      ...draft,
      openedAt: known?.openedAt ?? now,
      updatedAt: known && !isNews ? known.updatedAt : now,
      resolvedAt: null,
    }
    next.push(incident)
    if (isNews) messages.push({ event: known ? 'updated' : 'opened', incident: withoutNews(incident) })
  }
  for (const gone of open.filter((incident) => !present.some((draft) => draft.key === incident.key)))
    messages.push({ event: 'resolved', incident: withoutNews({ ...gone, updatedAt: now, resolvedAt: now }) })
  return { open: next, messages }
}

function mergeByKey(drafts: readonly IncidentDraft[]): IncidentDraft[] {
  const keys = [...new Set(drafts.map((draft) => draft.key))]
  return keys.map((key) => {
    const [first, ...others] = drafts.filter((draft) => draft.key === key) as [IncidentDraft, ...IncidentDraft[]]
    if (others.length === 0) return first
    const all = [first, ...others]
    return {
      ...first,
      severity: all.some((draft) => draft.severity === 'critical') ? 'critical' : first.severity,
      news: all.map((draft) => `${draft.view}:${draft.news}`).join(' '),
      facts: { ...first.facts, views: all.map((draft) => `${draft.view}@v${draft.version}`).join(', ') },
    }
  })
}

function withoutNews({ news: _news, ...incident }: OpenIncident): Incident {
  return incident
}
