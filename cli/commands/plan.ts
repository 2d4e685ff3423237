import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { CliContext, Report } from '../context.js'
import { problemJson, problemsError } from '../output/error-text.js'
import { plural } from '../output/words.js'
import { findOnlineLimits } from './online-limits.js'
import { changesText, findChanges, type RepoChanges, readValidRepo } from './repo-changes.js'

/** Checks all definitions and shows what `apply` would change; changes nothing itself. */
export async function plan(context: CliContext, { offline = false }: { readonly offline?: boolean }): Promise<Report> {
  return offline ? await checkAlone(context) : await compare(context)
}

/** As in a test of a pull request, which reaches no registry. What would change is not guessed. */
async function checkAlone(context: CliContext): Promise<Report> {
  const repo = await readValidRepo(context)
  return {
    outcome: 'done',
    data: {
      project: repo.project,
      revision: null,
      isComparedWithRegistry: false,
      changes: null,
      refused: [],
      schedules: null,
      online: null,
    },
    text: `${sizeText(repo)}: the definitions are right\nnot compared with what is applied (--offline)`,
  }
}

async function compare(context: CliContext): Promise<Report> {
  const found = await findChanges(context).catch((error: unknown) => {
    throw withOfflineHint(error)
  })
  const { repo, applied, changes, refused, schedules } = found
  const online = await findOnlineLimits(context, repo, applied !== null)
  const notes = online.warnings.map((line) => `\nwarning: ${line}`).join('')
  const against = applied ? `revision ${applied.revision}` : 'an empty registry'
  return {
    outcome: refused.length > 0 ? 'failed' : 'done',
    data: {
      project: repo.project,
      revision: applied?.revision ?? null,
      isComparedWithRegistry: true,
      changes,
      refused: refused.map(problemJson),
      schedules,
      online,
    },
    text: `${sizeText(repo)}, compared with ${against}\n\n${changesText(found)}${notes}`,
    ...(refused.length > 0 ? { error: problemsError(refused, 'the changes') } : {}),
  }
}

function sizeText({ project, views, services }: RepoChanges['repo']): string {
  return `${project}: ${plural(views.length, 'view')}, ${plural(services.length, 'service')}`
}

/** Nobody to ask is no empty registry: a plan against nothing would promise views that are there already. */
function withOfflineHint(error: unknown): unknown {
  if (!isMillcourseError(error) || !['STACK_NOT_RUNNING', 'LEDGER_UNREACHABLE'].includes(error.code)) return error
  const hint = `${error.detail.hint}; \`millcourse plan --offline\` checks the definitions alone`
  return new MillcourseError(error.code, error.message, { ...error.detail, hint })
}
