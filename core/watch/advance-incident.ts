/** One step in the life of an incident: what is said of it now, and which messages that makes. */
import { type Instant, type IsoInstant, parseInstant } from '../time/instant.js'
import type { Incident, IncidentChange, IncidentDraft, IncidentEvent } from './incident.js'

export interface OpenIncident extends Incident {
  /** What the rules said last; null: a release that kept none wrote it. */
  readonly news: string | null
}

export interface LifeRules {
  /** A critical incident that nobody acknowledges escalates after so long; null: none does. */
  readonly escalateAfterNs: bigint | null
}

export interface Advanced {
  readonly incident: OpenIncident
  readonly changes: readonly IncidentChange[]
}

/**
 * A cause that is there, against what was known of it. Another severity is news, and a word of the rules that was not there when it was told
 * last: what gets less, or comes and goes, is not told again before the end. The end of a silence is told even if nothing else
 * is; and it escalates once, if it is critical and nobody has acknowledged it in time. A silence stops that clock.
 */
export function advanceIncident(
  known: OpenIncident | undefined,
  draft: IncidentDraft,
  now: IsoInstant,
  rules: LifeRules,
): Advanced {
  const wasCritical = known?.severity === 'critical'
  const hasNews = known !== undefined && isNews(known, draft)
  const { tells: _, ...told } = draft
  let incident: OpenIncident = {
    ...told,
    news: hasNews ? draft.news : (known?.news ?? draft.news),
    openedAt: known?.openedAt ?? now,
    updatedAt: known?.updatedAt ?? now,
    resolvedAt: null,
    acknowledged: known?.acknowledged ?? null,
    silenced: known?.silenced ?? null,
    criticalSince: draft.severity !== 'critical' ? null : wasCritical ? (known.criticalSince ?? known.openedAt) : now,
    escalatedAt: known?.escalatedAt ?? null,
    ...(known?.toldTo ? { toldTo: known.toldTo } : {}),
  }
  const changes: IncidentChange[] = []
  const tell = (event: IncidentEvent, change: Partial<Incident> = {}) => {
    incident = { ...incident, ...change, updatedAt: now }
    changes.push({ event, incident: withoutNews(incident) })
  }
  if (!known) tell('opened')
  else if (hasNews) tell('updated')
  const at = parseInstant(now)
  const silencedUntil = incident.silenced ? parseInstant(incident.silenced.until) : null
  if (silencedUntil !== null && at >= silencedUntil)
    tell('silence_ended', { silenced: null, criticalSince: incident.criticalSince ? now : null })
  const due = escalatesAt(incident, silencedUntil, rules)
  if (due !== null && at >= due) tell('escalated', { escalatedAt: now })
  return { incident, changes }
}

function isNews({ news, severity }: OpenIncident, draft: IncidentDraft): boolean {
  const told = new Set(news?.split(' '))
  return (
    (news !== null && draft.news.split(' ').some((word) => word !== '' && !told.has(word))) ||
    severity !== draft.severity
  )
}

/** Null: it does not. */
function escalatesAt(
  incident: Incident,
  silencedUntil: Instant | null,
  { escalateAfterNs }: LifeRules,
): Instant | null {
  const { criticalSince, acknowledged, escalatedAt } = incident
  if (escalateAfterNs === null || !criticalSince || acknowledged || escalatedAt) return null
  const since = parseInstant(criticalSince)
  return (silencedUntil !== null && silencedUntil > since ? silencedUntil : since) + escalateAfterNs
}

/** What an incident says of its cause, and may say otherwise at each look although nothing is news. */
export function wordsOf({ view, version, owner, summary, nextStep, facts }: Incident) {
  return { view, version, owner, summary, nextStep, facts }
}

export function withoutNews({ news: _news, ...incident }: OpenIncident): Incident {
  return incident
}
