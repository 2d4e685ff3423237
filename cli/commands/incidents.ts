import { MillcourseError } from '../../core/errors.js'
import type { IncidentReader } from '../../core/ports/incident-ledger.js'
import type { Incident } from '../../core/watch/incident.js'
import type { CliContext, Report } from '../context.js'
import { plural } from '../output/words.js'
import { incidentText, type ShownIncident, shownHistory, withRunbooks } from './incident-text.js'

/** One entry a cause: what, since when, what to do. Open ones first, broken SLAs before the rest. */
export async function incidents(
  context: CliContext,
  options: { readonly all?: boolean; readonly limit: number; readonly before?: number },
): Promise<Report> {
  const ledger = await context.ledger()
  const open = (await ledger.openIncidents()).toSorted((a, b) => weight(a) - weight(b))
  const { limit, before } = options
  if (before !== undefined && options.all !== true)
    throw new MillcourseError('USAGE', '--before pages through all incidents', { hint: 'write --all, too' })
  const page = options.all
    ? await ledger.incidentPage({ limit, ...(before === undefined ? {} : { before: String(before) }) })
    : { incidents: [], next: null }
  const resolved = page.incidents.filter(({ resolvedAt }) => resolvedAt !== null)
  // What is open stands on top of the newest page.
  const onTop = before === undefined ? open.slice(0, limit) : []
  const isCut = before === undefined && open.length > limit
  const found = await withRunbooks(context, [...onTop, ...resolved])
  const head = open.length === 0 ? 'no open incidents' : plural(open.length, 'open incident')
  return {
    outcome: 'done',
    data: {
      open: open.length,
      next: page.next,
      incidents: context.isJson ? await withHistories(ledger, found) : found,
    },
    text: [
      head,
      ...found.map((incident) => incidentText(incident, context.givenOptions)),
      ...(isCut ? [`${plural(open.length - limit, 'open incident')} more: --limit ${open.length}`] : []),
      ...older(page.next),
    ].join('\n\n'),
  }
}

function older(next: string | null): string[] {
  return next === null ? [] : [`older ones: --all --before ${next}`]
}

/** What breaks an SLA first, of these what nobody has in hand. */
function weight({ severity, acknowledged, silenced }: Incident): number {
  return (severity === 'critical' ? 0 : 2) + (acknowledged || silenced ? 1 : 0)
}

/** The ledger tells the newest life of a key: one that came before it is listed without. */
async function withHistories(ledger: IncidentReader, found: readonly ShownIncident[]) {
  const histories = []
  for (const incident of found) {
    const life = await ledger.incidentLife(incident.key)
    const isOfIt = life?.incident.openedAt === incident.openedAt
    histories.push({ ...incident, history: isOfIt ? shownHistory(life.history) : null })
  }
  return histories
}
