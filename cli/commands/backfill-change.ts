import { isMillcourseError, MillcourseError } from '../../core/errors.js'
import type { Backfill, BackfillChange } from '../../core/ports/backfill-ledger.js'
import { backfillInput } from '../../core/ports/run-control.js'
import { formatInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { checkReason, plannedAnew, planReport, type StartOptions, startPlan } from './backfill.js'
import { facts, queuePlaces } from './backfill-status.js'
import { findBackfill, readProgress } from './backfill-target.js'

export interface ChangeOptions {
  readonly reason?: string
}

/** The ledger is told first, then the workflow is woken to look there: one that does not hear it looks by itself. */
export async function changeBackfill(
  context: CliContext,
  to: BackfillChange,
  id: string,
  { reason }: ChangeOptions,
): Promise<Report> {
  const ledger = await context.ledger()
  const { backfillId } = await findBackfill(context, id)
  const backfill = await ledger.changeBackfill(backfillId, { to, by: context.actor, reason: reason ?? null })
  const away = await wake(context, backfill)
  return {
    outcome: away === null ? 'done' : 'partly',
    data: facts(backfill, await readProgress(context, backfill), await queuePlaces(ledger)),
    text: [
      `backfill ${backfillId} of ${backfill.view}@v${backfill.version}: ${words[to]}`,
      ...(away === null ? [] : [`${away.message}; it is noticed within 15 minutes of its coming back`]),
    ].join('\n'),
  }
}

const words: Readonly<Record<BackfillChange, string>> = {
  pause: 'paused; runs under way finish',
  resume: 'goes on when its turn has come',
  cancel: 'ends: runs under way finish, what it has committed is published, the rest is left to others',
  approve: 'approved; it begins when its turn has come',
}

async function wake(context: CliContext, backfill: Backfill): Promise<MillcourseError | null> {
  try {
    await (await context.runControl()).wakeBackfill(backfillInput(context.project, backfill))
    return null
  } catch (error) {
    if (isMillcourseError(error) && error.code === 'TEMPORAL_UNREACHABLE') return error
    throw error
  }
}

export interface RetryOptions extends StartOptions {
  readonly failed?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
}

/**
 * A backfill of its own over what failed in another: what was planned then may be done, or have other files, by now. Shows its plan, as
 * `backfill` does, which starts it; within the limit of the other one, unless another one is named.
 */
export async function retryBackfill(context: CliContext, id: string, options: RetryOptions): Promise<Report> {
  if (!options.failed)
    throw new MillcourseError('USAGE', 'say what is to be tried again', { hint: 'only what failed can be: --failed' })
  const isStarting = options.yes === true && !options.dryRun
  if (isStarting) checkReason(options)
  const before = await findBackfill(context, id)
  if (before.endedAt === null)
    throw new MillcourseError(
      'BACKFILL_NOT_APPLICABLE',
      `backfill ${before.backfillId} is ${before.state}: what failed is tried again once it is over`,
      { hint: `millcourse backfill status ${before.backfillId}`, facts: { backfill: before.backfillId } },
    )
  await checkApplied(context, before)
  const range = { from: formatInstant(before.range.start), to: formatInstant(before.range.end) }
  const plan = await plannedAnew(context, before.view, {
    ...{ range, options: { ...before.options, isForced: false }, retryOf: before.backfillId },
  })
  return isStarting ? await startPlan(context, plan, options) : planReport(context, plan, options)
}

/** A plan is of the version that is applied: what failed of another one is no part of it. */
async function checkApplied(context: CliContext, { backfillId, view, version, range }: Backfill): Promise<void> {
  const newest = await (await context.registry()).view(view)
  if (newest.view.version === version) return
  throw new MillcourseError(
    'BACKFILL_NOT_APPLICABLE',
    `backfill ${backfillId} is of ${view}@v${version}, and v${newest.view.version} is applied by now: what failed of v${version} is not run again`,
    {
      hint: `of v${newest.view.version}: millcourse backfill ${view} --from ${formatInstant(range.start)} --to ${formatInstant(range.end)}`,
      facts: { backfill: backfillId, view },
    },
  )
}
