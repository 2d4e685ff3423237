import type { Incident } from '../../core/watch/incident.js'
import type { CliContext, Report } from '../context.js'
import { plural } from '../output/words.js'

/** One entry a cause: what, since when, what to do. Open ones first, broken SLAs before the rest. */
export async function incidents(
  context: CliContext,
  options: { readonly all?: boolean; readonly limit: number },
): Promise<Report> {
  const ledger = await context.ledger()
  const open = (await ledger.openIncidents()).toSorted((a, b) => weight(a) - weight(b))
  const newest = await ledger.incidents({ limit: options.limit, includeResolved: options.all === true })
  const resolved = newest.filter(({ resolvedAt }) => resolvedAt !== null)
  const found = [...open.slice(0, options.limit), ...resolved]
  const head = open.length === 0 ? 'no open incidents' : plural(open.length, 'open incident')
  return {
    outcome: 'done',
    data: { open: open.length, incidents: found },
    text: [head, ...found.map((incident) => incidentText(incident, context.givenOptions))].join('\n\n'),
  }
}

/** What breaks an SLA first. */
function weight({ severity }: Incident): number {
  return severity === 'critical' ? 0 : 1
}

/** Whose names stand in the summary already, or that a person does not need. */
const factsShown = ['services', 'views', 'blockedIntervals', 'ageOnline', 'shortestFreshness'] as const
const factNames: Readonly<Record<(typeof factsShown)[number], string>> = {
  services: 'services',
  views: 'views',
  blockedIntervals: 'intervals that wait',
  ageOnline: 'online values are old',
  shortestFreshness: 'shortest freshness',
}

function incidentText(incident: Incident, givenOptions: string): string {
  const { rule, severity, openedAt, resolvedAt, owner, summary, facts, nextStep } = incident
  const state = resolvedAt === null ? severity : `resolved ${resolvedAt}`
  const told = factsShown.flatMap((name) => (facts[name] ? [`${factNames[name]}: ${facts[name]}`] : []))
  return [
    `${rule} (${state}) since ${openedAt}${owner ? `, owner ${owner}` : ''}`,
    `  ${summary}`,
    ...(told.length > 0 ? [`  ${told.join('; ')}`] : []),
    ...(resolvedAt === null ? [`  next: ${nextStep}${givenOptions}`] : []),
  ].join('\n')
}
