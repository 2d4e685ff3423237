/** An incident as a person reads it: what, since when, whom it hits, who has it in hand, what to do. */
import type { IncidentEntry } from '../../core/ports/incident-ledger.js'
import { incidentRunbook } from '../../core/runbook/index.js'
import { formatInstant } from '../../core/time/instant.js'
import type { Incident } from '../../core/watch/incident.js'
import type { CliContext } from '../context.js'

/** Whose names stand in the summary already, or that a person does not need. */
const factsShown = ['services', 'views', 'blockedIntervals', 'ageOnline', 'shortestFreshness'] as const
const factNames: Readonly<Record<(typeof factsShown)[number], string>> = {
  services: 'services',
  views: 'views',
  blockedIntervals: 'intervals that wait',
  ageOnline: 'online values are old',
  shortestFreshness: 'shortest freshness',
}

/** As `--json` has it. */
export interface ShownIncident extends Incident {
  /** The page that says what to do: a link, or its path in the repository. */
  readonly runbook: string
}

/** @throws MillcourseError CONFIG_INVALID */
export async function withRunbooks(
  { addresses }: Pick<CliContext, 'addresses'>,
  incidents: readonly Incident[],
): Promise<ShownIncident[]> {
  const { runbooksUrl } = await addresses()
  return incidents.map((incident) => ({ ...incident, runbook: incidentRunbook(incident, runbooksUrl) }))
}

/** @throws MillcourseError CONFIG_INVALID */
export async function withRunbook(context: Pick<CliContext, 'addresses'>, incident: Incident): Promise<ShownIncident> {
  return (await withRunbooks(context, [incident]))[0]!
}

export function incidentText(incident: ShownIncident, givenOptions: string): string {
  const { rule, severity, openedAt, resolvedAt, owner, summary, facts, nextStep, runbook } = incident
  const state = resolvedAt === null ? severity : `resolved ${resolvedAt}`
  const told = factsShown.flatMap((name) => (facts[name] ? [`${factNames[name]}: ${facts[name]}`] : []))
  return [
    `${rule} (${state}) since ${openedAt}${owner ? `, owner ${owner}` : ''}`,
    `  ${summary}`,
    ...(told.length > 0 ? [`  ${told.join('; ')}`] : []),
    ...(resolvedAt === null ? [...words(incident), `  next: ${nextStep}${givenOptions}`, `  runbook: ${runbook}`] : []),
    `  key: ${incident.key}`,
  ].join('\n')
}

function words({ acknowledged, silenced, escalatedAt }: Incident): string[] {
  return [
    ...(acknowledged ? [`  acknowledged by ${acknowledged.by}${because(acknowledged.note)}`] : []),
    ...(silenced ? [`  silenced until ${silenced.until} by ${silenced.by}${because(silenced.note)}`] : []),
    ...(escalatedAt ? [`  escalated at ${escalatedAt}`] : []),
  ]
}

export function because(note: string | null): string {
  return note === null ? '' : `: ${note}`
}

export type ShownEntry = Omit<IncidentEntry, 'told'> & { readonly told: string }

/** As `--json` and the table have it. */
export function shownHistory(history: readonly IncidentEntry[]): ShownEntry[] {
  return history.map((entry) => ({
    ...entry,
    told: typeof entry.told === 'string' ? entry.told : formatInstant(entry.told),
  }))
}
