import { MillcourseError } from '../../core/errors.js'
import { formatInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { durationOption } from './duration-option.js'
import { findIncidentKey } from './incident-key.js'
import { incidentText, withRunbook } from './incident-text.js'

/** A silence that nobody ends hides the next outage of the same cause. */
const longest = '30d'

/** Nothing more is told of it for so long, but its end. */
export async function silenceIncident(
  context: CliContext,
  text: string,
  options: { readonly for: string; readonly reason: string; readonly by?: string },
): Promise<Report> {
  if (options.reason.trim() === '')
    throw new MillcourseError('USAGE', 'a silence needs a reason', { hint: '--reason "why"' })
  const lengthNs = durationOption('for', options.for, {
    longest,
    hint: `write it as 2h, at most ${longest}; 0s ends a silence`,
  })
  const ledger = await context.ledger()
  const key = await findIncidentKey(text, ledger)
  const now = context.clock.now()
  const incident = await ledger.silenceIncident(key, {
    at: formatInstant(now),
    by: options.by ?? context.actor,
    note: options.reason,
    until: formatInstant(now + lengthNs),
  })
  const shown = await withRunbook(context, incident)
  return { outcome: 'done', data: { incident: shown }, text: incidentText(shown, context.givenOptions) }
}
