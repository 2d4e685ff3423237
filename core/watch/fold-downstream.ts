/** A view that is built on another one and waits for it waits for that one's cause: one incident, which names both. */
import { type CalendarEntry, viewLabel } from './calendar.js'
import { notReadyKey } from './evaluate-runs.js'
import type { IncidentDraft, IncidentRule } from './incident.js'
import { joinOwners } from './joined-owners.js'

/** What a view may show only because the view below has not committed. */
const consequences: ReadonlySet<IncidentRule> = new Set<IncidentRule>(['not_ready', 'stale'])
/** What keeps no view from committing. */
const harmless: ReadonlySet<IncidentRule> = new Set<IncidentRule>(['warned', 'quality', 'stale', 'blocked'])

export function foldDownstream(calendar: readonly CalendarEntry[], drafts: readonly IncidentDraft[]): IncidentDraft[] {
  const entryOf = new Map(calendar.map((entry) => [entry.view, entry]))
  /** The first cause below; null: it stands for itself. */
  const rootOf = (draft: IncidentDraft): IncidentDraft | null => {
    const { upstream = null, source = '' } = entryOf.get(draft.view ?? '') ?? {}
    if (upstream === null || !consequences.has(draft.rule)) return null
    // For a dimension it waits on its own: what is wrong below has no part in that.
    if (draft.rule === 'not_ready' && draft.key !== notReadyKey(source)) return null
    const below = drafts.find(({ view, rule }) => view === upstream && !harmless.has(rule))
    return below === undefined ? null : (rootOf(below) ?? below)
  }
  const folded = drafts.map((draft) => ({ draft, root: rootOf(draft) }))
  return folded
    .filter(({ root }) => root === null)
    .map(({ draft }) =>
      withWaiting(
        draft,
        folded.filter(({ root }) => root === draft).map(({ draft: waiting }) => waiting),
        entryOf,
      ),
    )
}

function withWaiting(
  draft: IncidentDraft,
  waiting: readonly IncidentDraft[],
  entryOf: ReadonlyMap<string, CalendarEntry>,
): IncidentDraft {
  if (waiting.length === 0) return draft
  const entries = [...new Set(waiting.map(({ view }) => view))].flatMap((view) => entryOf.get(view ?? '') ?? [])
  const labels = entries.map(viewLabel)
  const owners = [...new Set([draft.owner, ...entries.map(({ owner }) => owner)])].flatMap((owner) => owner ?? [])
  const services = new Set([String(draft.facts.services ?? ''), ...entries.flatMap((entry) => entry.services)])
  return {
    ...draft,
    tells: [...(draft.tells ?? []), ...waiting.map(({ key }) => key)],
    severity: waiting.some(({ severity }) => severity === 'critical') ? 'critical' : draft.severity,
    owner: owners[0] ?? null,
    summary: `${draft.summary}; ${labels.join(', ')} ${labels.length === 1 ? 'waits' : 'wait'} for it`,
    news: `${draft.news} ${labels.join(' ')}`,
    facts: {
      ...draft.facts,
      downstream: labels.join(', '),
      views: [`${draft.view}@v${draft.version}`, ...labels].join(', '),
      ...(owners.length > 1 ? { owners: joinOwners(owners) } : {}),
      services: [...services].filter((name) => name !== '').join(', '),
    },
  }
}
