import type { Incident } from '../../core/watch/incident.js'
import type { CliContext, Report } from '../context.js'
import { plural } from '../output/words.js'

/** One entry a cause: what, since when, what to do. */
export async function incidents(
  context: CliContext,
  options: { readonly all?: boolean; readonly limit: number },
): Promise<Report> {
  const ledger = await context.ledger()
  const found = await ledger.incidents({ limit: options.limit, includeResolved: options.all === true })
  const open = found.filter(({ resolvedAt }) => resolvedAt === null)
  const head = open.length === 0 ? 'no open incidents' : plural(open.length, 'open incident')
  return {
    outcome: 'done',
    data: { open: open.length, incidents: found },
    text: [head, ...found.map(incidentText)].join('\n\n'),
  }
}

function incidentText(incident: Incident): string {
  const state = incident.resolvedAt === null ? incident.severity : `resolved ${incident.resolvedAt}`
  return [
    `${incident.rule} (${state}) since ${incident.openedAt}${incident.owner ? `, owner ${incident.owner}` : ''}`,
    `  ${incident.summary}`,
    ...(incident.resolvedAt === null ? [`  next: ${incident.nextStep}`] : []),
  ].join('\n')
}
