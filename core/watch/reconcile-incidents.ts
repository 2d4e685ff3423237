/** Open incidents against what is wrong now: what to open, update and resolve, and which messages that makes. */
import type { IsoInstant } from '../time/instant.js'
import { advanceIncident, type LifeRules, type OpenIncident, withoutNews, wordsOf } from './advance-incident.js'
import type { Incident, IncidentChange, IncidentDraft } from './incident.js'
import { joinOwners, splitOwners } from './joined-owners.js'

export interface Reconciled {
  readonly open: readonly OpenIncident[]
  readonly messages: readonly IncidentChange[]
  /** Of which nothing is told, and which say something else by now: how many, how old. */
  readonly reworded: readonly Incident[]
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
  const present = mergeByKey(drafts).map((draft) => {
    const known = open.find((incident) => incident.key === draft.key)
    return { known, ...advanceIncident(known, draft, now, rules) }
  })
  const gone = open.filter(({ key }) => !present.some(({ incident }) => incident.key === key))
  return {
    open: present.map(({ incident }) => incident),
    messages: [
      ...present.flatMap(({ changes }) => changes),
      ...gone.map((incident) => ({
        event: 'resolved' as const,
        incident: withoutNews({ ...incident, ...goesOn(incident, drafts), updatedAt: now, resolvedAt: now }),
      })),
    ],
    reworded: present.flatMap(({ known, incident, changes }) =>
      known && changes.length === 0 && textOf(known) !== textOf(incident) ? [withoutNews(incident)] : [],
    ),
  }
}

/** One cause, one incident: whoever hears the end of this one is not to take the cause for gone. */
function goesOn({ key, summary }: Incident, drafts: readonly IncidentDraft[]): Partial<Incident> {
  const other = drafts.find(({ tells }) => tells?.includes(key))
  return other === undefined ? {} : { summary: `${summary}: it goes on as part of ${other.key}` }
}

function textOf(incident: Incident): string {
  return JSON.stringify(wordsOf(incident))
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
      // A view that is nobody's hides nobody.
      owner: all.find(({ owner }) => owner !== null)?.owner ?? null,
      // Another view that is hit is news, whatever its own are.
      news: [
        first.news,
        ...others.flatMap(({ view, news }) => ['', ...news.split(' ')].map((word) => `${view}:${word}`)),
      ].join(' '),
      facts: { ...first.facts, ...hitBy(all) },
    }
  })
}

/** Whom one cause hits through several views, and through those that wait for them. */
function hitBy(drafts: readonly IncidentDraft[]) {
  const all = (of: (draft: IncidentDraft) => string) => [
    ...new Set(drafts.flatMap((draft) => of(draft).split(', ')).filter((name) => name !== '')),
  ]
  const fact = (name: string) => all(({ facts }) => `${facts[name] ?? ''}`)
  const ownersOf = ({ owner, facts }: IncidentDraft) =>
    facts.owners === undefined ? [owner ?? ''] : splitOwners(`${facts.owners}`)
  const owners = [...new Set(drafts.flatMap(ownersOf))].filter((owner) => owner !== '')
  const downstream = fact('downstream')
  return {
    views: all(({ view, version, facts }) => `${facts.views ?? `${view}@v${version}`}`).join(', '),
    services: fact('services').join(', '),
    ...(downstream.length > 0 ? { downstream: downstream.join(', ') } : {}),
    // Each is told: one owner stands for himself.
    ...(owners.length > 1 ? { owners: joinOwners(owners) } : {}),
  }
}
