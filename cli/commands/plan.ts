import type { CliContext, Report } from '../context.js'
import { problemJson, problemsError } from '../output/error-text.js'
import { plural } from '../output/words.js'
import { findOnlineLimits } from './online-limits.js'
import { changesText, findChanges } from './repo-changes.js'

/** Checks all definitions and shows what `apply` would change; changes nothing itself. */
export async function plan(context: CliContext): Promise<Report> {
  const found = await findChanges(context)
  const { repo, applied, registryError, changes, refused, schedules } = found
  const warning = registryError
    ? `\nnothing to compare with (${registryError.message}): shown as if nothing were applied\n`
    : ''
  const online = await findOnlineLimits(context, repo)
  const notes = online.warnings.map((line) => `\nwarning: ${line}`).join('')
  const against = applied ? `revision ${applied.revision}` : 'an empty registry'
  const size = `${plural(repo.views.length, 'view')}, ${plural(repo.services.length, 'service')}`
  return {
    outcome: refused.length > 0 ? 'failed' : 'done',
    data: {
      project: repo.project,
      revision: applied?.revision ?? null,
      isComparedWithRegistry: registryError === null,
      changes,
      refused: refused.map(problemJson),
      schedules,
      online,
    },
    text: `${repo.project}: ${size}, compared with ${against}\n${warning}\n${changesText(found)}${notes}`,
    ...(refused.length > 0 ? { error: problemsError(refused, 'the changes') } : {}),
  }
}
