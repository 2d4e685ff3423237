import { formatInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { findIncidentKey } from './incident-key.js'
import { incidentText, withRunbook } from './incident-text.js'

/** Somebody has it in hand: it does not escalate, and whoever was told of it is told so. */
export async function acknowledgeIncident(
  context: CliContext,
  text: string,
  options: { readonly by?: string; readonly note?: string },
): Promise<Report> {
  const ledger = await context.ledger()
  const key = await findIncidentKey(text, ledger)
  const at = formatInstant(context.clock.now())
  const word = { at, by: options.by ?? context.actor, note: options.note ?? null }
  const incident = await ledger.acknowledgeIncident(key, word)
  const shown = await withRunbook(context, incident)
  return { outcome: 'done', data: { incident: shown }, text: incidentText(shown, context.givenOptions) }
}
