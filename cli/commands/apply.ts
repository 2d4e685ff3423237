import type { FeatureViewDefinition } from '../../core/define/index.js'
import { MillcourseError } from '../../core/errors.js'
import type { ScheduleChanges } from '../../core/ports/run-control.js'
import type { CliContext, Report } from '../context.js'
import { errorInReport } from '../output/error-in-report.js'
import { problemsError } from '../output/error-text.js'
import { changesText, findChanges } from './repo-changes.js'

/** One transaction for the definitions, then the schedules; the same repo again changes nothing. */
export async function apply(
  context: CliContext,
  options: { readonly paused?: boolean; readonly verify?: boolean },
): Promise<Report> {
  await expectSync(context)
  await context.migrate()
  const found = await findChanges(context)
  if (found.refused.length > 0) throw problemsError(found.refused, 'the changes')
  const registry = await context.registry()
  const { revision, isChanged, schedules } = await registry.inTurn(async () => ({
    ...(await registry.apply(found.repo, { by: context.actor })),
    schedules: await syncSchedules(context, found.repo.views, options),
  }))
  const isSynced = !(schedules instanceof MillcourseError)
  const appliedText = isChanged ? `applied as revision ${revision}` : `nothing changed, revision ${revision} stands`
  return {
    outcome: isSynced ? 'done' : 'partly',
    data: {
      project: found.repo.project,
      revision,
      isChanged,
      changes: found.changes,
      schedules: isSynced ? schedules : null,
      schedulesError: isSynced ? null : errorInReport(schedules).json,
    },
    text: `${changesText(found)}\n\n${appliedText}; ${scheduleText(schedules)}`,
  }
}

/** Where Temporal cannot be asked, the sync itself says so. */
async function expectSync(context: CliContext): Promise<void> {
  const control = await context.runControl().catch(() => null)
  control?.expectSync()
}

/** The definitions stand even when Temporal is away: what is missing is said, and applying again completes it. */
async function syncSchedules(
  context: CliContext,
  views: readonly FeatureViewDefinition[],
  { paused = false, verify = false }: { readonly paused?: boolean; readonly verify?: boolean },
): Promise<ScheduleChanges | MillcourseError> {
  try {
    const registry = await context.registry()
    const retired = await registry.viewNames()
    // Without what was left by earlier ones, each is asked for; what it is then brought to is kept all the same.
    const marks = verify ? { ...registry, scheduleMarks: async () => new Map() } : registry
    return await (await context.runControl()).syncSchedules(views, { isPaused: paused, retired, marks })
  } catch (error) {
    if (!(error instanceof MillcourseError) || error.code !== 'TEMPORAL_UNREACHABLE') throw error
    const { hint, ...detail } = error.detail
    const advice = [...(hint === undefined ? [] : [hint]), 'when Temporal answers, apply again: the schedules follow']
    return new MillcourseError(error.code, error.message, { ...detail, hint: advice.join('; ') })
  }
}

function scheduleText(schedules: ScheduleChanges | MillcourseError): string {
  if (schedules instanceof MillcourseError) return `the schedules are as they were\n${errorInReport(schedules).text}`
  const done = (['created', 'updated', 'deleted', 'unchanged'] as const)
    .filter((verb) => schedules[verb].length > 0)
    .map((verb) => `${schedules[verb].length} ${verb}`)
  return `schedules: ${done.length === 0 ? 'none' : done.join(', ')}${checksText(schedules)}${searchText(schedules)}`
}

/** What stays as it was needs no word. */
function checksText({ checks }: ScheduleChanges): string {
  return checks === undefined || checks === 'none' || checks === 'unchanged' ? '' : `; checks of quality: ${checks}`
}

/** Runs do without; whoever looks for one in Temporal's list would not find it by view or outcome. */
function searchText({ notSearchable }: ScheduleChanges): string {
  if (!notSearchable) return ''
  const lines = [
    `Temporal's lists cannot be searched by view and outcome yet: ${notSearchable.because}`,
    'register the search attributes (the first line for a server of your own, the second for Temporal Cloud), then apply again:',
    ...notSearchable.commands.map((command) => `  ${command}`),
  ]
  return `\n\n${lines.join('\n')}`
}
