/** What is said of a ledger or scheduler that does not answer: one incident each, whoever it hits. */
import { parseDuration } from '../core/time/duration.js'
import {
  type CalendarEntry,
  type Incident,
  type IncidentDraft,
  type IncidentRule,
  joinOwners,
  viewLabel,
} from '../core/watch/index.js'

/** Why the ledger cannot be read, and what its incident says: whatever it is, nobody watches meanwhile. */
export const blindness = {
  LEDGER_UNREACHABLE: 'the ledger does not answer',
  LEDGER_ACCESS_DENIED: 'the ledger does not let us in',
  LEDGER_SCHEMA_OUTDATED: 'the ledger is of another release',
} as const

export function ledgerOutage(
  calendar: readonly CalendarEntry[],
  { what, why }: { readonly what: string; readonly why: string },
): IncidentDraft {
  return {
    ...outage('ledger_unreachable', calendar),
    summary: `${what}: ${calendar.length} view(s) can neither run nor be watched`,
    nextStep: 'millcourse doctor',
    facts: {
      views: calendar.map(viewLabel).join(', '),
      why,
      shortestFreshness: shortestFreshness(calendar),
      ...hitBy(calendar),
    },
  }
}

/** With the scheduler gone every view misses its runs, and nobody can say for what else: one cause, one incident. */
export const rulesOfSchedulerOutage: ReadonlySet<IncidentRule> = new Set(['missing_run', 'skipped', 'stale'] as const)

/**
 * @param drafts what is wrong with the views: those that miss runs do so for this cause
 * @param open what was told before it began, and goes on as part of it
 */
export function schedulerOutage(
  calendar: readonly CalendarEntry[],
  drafts: readonly Pick<IncidentDraft, 'rule' | 'key' | 'summary'>[],
  open: readonly Pick<Incident, 'rule' | 'key'>[],
): IncidentDraft {
  const missing = drafts.filter((draft) => draft.rule === 'missing_run')
  return {
    ...outage('scheduler_unreachable', calendar),
    summary: `Temporal does not answer: no run starts for ${calendar.length} view(s)${missing.length > 0 ? `, ${missing.length} of them already miss runs` : ''}`,
    nextStep: 'millcourse doctor',
    news: missing.map((draft) => draft.key).join(' '),
    tells: open.filter(({ rule }) => rulesOfSchedulerOutage.has(rule)).map(({ key }) => key),
    facts: {
      views: calendar.map(viewLabel).join(', '),
      missing: missing.map((draft) => draft.summary).join('; '),
      shortestFreshness: shortestFreshness(calendar),
      ...hitBy(calendar),
    },
  }
}

function outage(
  rule: IncidentDraft['rule'],
  calendar: readonly CalendarEntry[],
): Omit<IncidentDraft, 'summary' | 'nextStep' | 'facts'> {
  return {
    key: rule,
    rule,
    severity: 'critical',
    view: null,
    version: null,
    owner: ownersOf(calendar)[0] ?? null,
    news: '',
  }
}

/** Whoever has a view is hit: alerts go to each. */
function hitBy(calendar: readonly CalendarEntry[]): { readonly owners?: string } {
  const owners = ownersOf(calendar)
  return owners.length > 1 ? { owners: joinOwners(owners) } : {}
}

function ownersOf(calendar: readonly CalendarEntry[]): readonly string[] {
  return [...new Set(calendar.flatMap(({ owner }) => owner ?? []))]
}

/** Until when the SLA of any view holds at the earliest is decided by the shortest one. */
function shortestFreshness(calendar: readonly CalendarEntry[]): string {
  const limits = calendar.flatMap((entry) => (entry.freshness ? [entry.freshness] : []))
  return limits.sort((a, b) => (parseDuration(a) < parseDuration(b) ? -1 : 1))[0] ?? 'none'
}
