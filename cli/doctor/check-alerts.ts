/** The routes of alerts: can they be read, and do they mean what somebody wrote? Nobody is told anything: `millcourse alerts test` does. */
import type { CliContext } from '../context.js'
import { plural } from '../output/words.js'
import type { Finding } from './check.js'

export async function checkAlerts(context: CliContext): Promise<string | Omit<Finding, 'part'>> {
  const { from, routing, unset } = await context.alerts()
  if (from === null)
    return { state: 'absent', found: 'to the log alone', advice: 'docs/incidents.md says how routes are written' }
  const channels = Object.entries(routing.channels).map(([name, { type }]) => `${name} (${type})`)
  const found = `${from}: ${plural(channels.length, 'channel')}${channels.length > 0 ? ` (${channels.join(', ')})` : ''}, ${plural(routing.routes.length, 'route')}`
  const strangers = await ownersUnknown(
    context,
    routing.routes.flatMap(({ owner }) => owner ?? []),
  )
  if (strangers.length > 0)
    return {
      state: 'wrong',
      found: `${found}; no view or source has the owner ${strangers.join(', ')}`,
      advice: `correct the owner in ${from}, or of the view or source`,
    }
  // The watcher has an environment of its own.
  if (unset.length > 0)
    return { state: 'absent', found: `${found}; not set here: ${unset.join('; ')}`, advice: 'the watcher needs them' }
  return found
}

/** Of an incident it is a view's, or that of the source at fault. Where the definitions cannot be read, another line says so. */
async function ownersUnknown(context: CliContext, owners: readonly string[]): Promise<readonly string[]> {
  const repo = await context.readRepo().catch(() => null)
  if (repo === null || repo.problems.length > 0) return []
  const known = new Set([...repo.repo.views, ...repo.repo.sources].map(({ owner }) => owner))
  return [...new Set(owners)].filter((owner) => !known.has(owner))
}
