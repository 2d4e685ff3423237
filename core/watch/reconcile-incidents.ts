/** Open incidents against what is wrong now: what to open, update and resolve, and which messages that makes. */
import type { IsoInstant } from '../time/instant.js'
import { advanceIncident, type LifeRules, type OpenIncident, withoutNews } from './advance-incident.js'
import type { IncidentChange, IncidentDraft } from './incident.js'

export interface Reconciled {
  readonly open: readonly OpenIncident[]
  readonly messages: readonly IncidentChange[]
}

/**
 * One message per change: a cause that appears, one whose severity or extent changes, one that is gone, and what time alone does to one
 * (advance-incident.ts). A cause that several views report at once (one key) is merged: the first draft speaks, the others' views are named
 * in its facts.
 */
export function reconcileIncidents(
  open: readonly OpenIncident[],
  drafts: readonly IncidentDraft[],
  now: IsoInstant,
  rules: LifeRules,
): Reconciled {
  const present = mergeByKey(drafts).map((draft) =>
    advanceIncident(
      open.find((incident) => incident.key === draft.key),
      draft,
      now,
      rules,
    ),
  )
  const gone = open.filter(({ key }) => !present.some(({ incident }) => incident.key === key))
  return {
    open: present.map(({ incident }) => incident),
    messages: [
      ...present.flatMap(({ changes }) => changes),
      ...gone.map((incident) => ({
        event: 'resolved' as const,
        incident: withoutNews({ ...incident, updatedAt: now, resolvedAt: now }),
      })),
    ],
  }
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
      facts: { ...first.facts, ...hitBy(all) },
    }
  })
}

/** Whom one cause hits through several views. */
function hitBy(drafts: readonly IncidentDraft[]) {
  const owners = [...new Set(drafts.flatMap(({ owner }) => owner ?? []))]
  const services = drafts.flatMap(({ facts }) => String(facts.services ?? '').split(', '))
  return {
    views: drafts.map((draft) => `${draft.view}@v${draft.version}`).join(', '),
    services: [...new Set(services)].filter((name) => name !== '').join(', '),
    // Each is told: one owner stands for himself.
    ...(owners.length > 1 ? { owners: owners.join(', ') } : {}),
  }
}
