/** What a message about an incident says, before a channel gives it its form: what, since when, whom it hits, why, what to do. */

import { incidentRunbook } from '../runbook/index.js'
import type { IsoInstant } from '../time/instant.js'
import type { Incident, IncidentChange, IncidentEvent } from '../watch/index.js'

export interface Teller {
  readonly project: string
  /** Null: runbooks are named by their path. */
  readonly runbooksUrl: string | null
}

export interface ToldIncident {
  /** One line: `[critical] flights: delays@v1 failed with …`. */
  readonly title: string
  readonly what: string
  /** What a person said of it, at this event; null: nobody. */
  readonly said: string | null
  readonly since: IsoInstant
  /** Null: it is still open. */
  readonly until: IsoInstant | null
  readonly owner: string | null
  /** Empty: no view, or no service of any. */
  readonly views: string
  readonly services: string
  /** Null: the summary is all that is known. */
  readonly firstCause: string | null
  readonly next: string
  /** A link, or a path in the repository. */
  readonly runbook: string
}

export function tellIncident({ event, incident }: IncidentChange, { project, runbooksUrl }: Teller): ToldIncident {
  const { facts, severity, summary } = incident
  return {
    title: `[${titleWords[event] ?? severity}] ${project}: ${summary}`,
    what: `${eventWords[event]}${summary}`,
    said: saidOf(event, incident),
    since: incident.openedAt,
    until: incident.resolvedAt,
    owner: incident.owner,
    views: `${facts.views ?? viewOf(incident)}`,
    services: `${facts.services ?? ''}`,
    firstCause: firstCauseOf(incident),
    next: incident.nextStep,
    runbook: incidentRunbook(incident, runbooksUrl),
  }
}

const eventWords: Readonly<Record<IncidentEvent, string>> = {
  opened: '',
  updated: 'changed: ',
  acknowledged: 'acknowledged: ',
  silenced: 'silenced: ',
  silence_ended: 'silence is over, still open: ',
  escalated: 'nobody has acknowledged it: ',
  resolved: 'resolved: ',
}

/** Else its severity is what counts. */
const titleWords: Readonly<Partial<Record<IncidentEvent, string>>> = {
  acknowledged: 'acknowledged',
  silenced: 'silenced',
  escalated: 'escalated',
  resolved: 'resolved',
}

function saidOf(event: IncidentEvent, { acknowledged, silenced }: Incident): string | null {
  const word = event === 'acknowledged' ? acknowledged : event === 'silenced' ? silenced : null
  if (!word) return null
  const until = event === 'silenced' && silenced ? ` until ${silenced.until}` : ''
  return `${word.by}${until}${word.note === null ? '' : `: ${word.note}`}`
}

/** By the lines of a mail; each but the title has its name. */
export function incidentLines(told: ToldIncident): readonly (readonly [name: string, text: string])[] {
  const lines: [string, string | null][] = [
    ['what', told.what],
    ['said', told.said],
    ['since', told.since],
    ['resolved', told.until],
    ['owner', told.owner],
    ['views', told.views],
    ['services', told.services],
    ['first cause', told.firstCause],
    // What is over needs no command.
    ['next', told.until === null ? told.next : null],
    ['runbook', told.runbook],
  ]
  return lines.flatMap(([name, text]) => (text ? [[name, text] as const] : []))
}

function viewOf({ view, version }: Incident): string {
  return view === null ? '' : `${view}@v${version}`
}

function firstCauseOf({ facts }: Incident): string | null {
  const cause = facts.firstCause ?? facts.code ?? facts.why ?? ''
  return cause === '' ? null : String(cause)
}
