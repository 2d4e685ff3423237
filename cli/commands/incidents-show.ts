import { MillcourseError } from '../../core/errors.js'
import type { CliContext, Report } from '../context.js'
import { formatTable } from '../output/table.js'
import { findIncidentKey, quotedKey } from './incident-key.js'
import { because, incidentText, type ShownEntry, shownHistory, withRunbook } from './incident-text.js'

/** One incident: what it hits, the next command, and what became of it so far. */
export async function showIncident(context: CliContext, text: string): Promise<Report> {
  const ledger = await context.ledger()
  const key = await findIncidentKey(text, ledger)
  const life = await ledger.incidentLife(key)
  if (life === null)
    throw new MillcourseError('INCIDENT_UNKNOWN', `there is no incident "${text}"`, {
      hint: '`millcourse incidents --all` lists them with their keys; quote a key that has a space',
      facts: { key: text },
    })
  const { history } = life
  const incident = await withRunbook(context, life.incident)
  const shown = shownHistory(history)
  const { givenOptions } = context
  const commands =
    incident.resolvedAt !== null || incident.acknowledged
      ? []
      : [`  in hand: millcourse incidents ack ${quotedKey(key)} --note "…"${givenOptions}`]
  return {
    outcome: 'done',
    data: { incident, history: shown },
    text: [
      [incidentText(incident, givenOptions), ...commands].join('\n'),
      factsText(incident.facts),
      formatTable(
        [
          { title: 'AT', cell: ({ at }) => at },
          { title: 'WHAT', cell: ({ event }) => event.replace('_', ' ') },
          { title: 'BY', cell: ({ by }) => by ?? 'watcher' },
          { title: 'TOLD', cell: ({ told }) => told },
          { title: 'SAYING', cell: (entry) => sayingOf(entry) },
        ],
        shown,
      ),
    ]
      .filter((part) => part !== '')
      .join('\n\n'),
  }
}

function factsText(facts: Readonly<Record<string, string | number>>): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `  ${name}: ${value}`)
    .join('\n')
}

function sayingOf({ event, note, severity, summary }: ShownEntry): string {
  if (event === 'acknowledged' || event === 'silenced') return because(note).slice(2)
  return event === 'resolved' || event === 'silence_ended' ? '' : `${severity}: ${summary}`
}
