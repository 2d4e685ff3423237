import { MillcourseError } from '../../core/errors.js'
import { type BackfillOptions, type BackfillPlan, costAwaits } from '../../core/plan/index.js'
import type { PlanBackfillInput, StartBackfillResult } from '../../core/ports/run-control.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'
import { formatPlan } from '../backfill-screen/plan-text.js'
import { awaitsText } from '../backfill-screen/status-text.js'
import type { CliContext, Report } from '../context.js'
import { plural } from '../output/words.js'
import { followBackfill } from './backfill-status.js'

export interface BackfillCommandOptions {
  readonly from?: string
  readonly to?: string
  readonly order?: BackfillOptions['order']
  readonly force?: boolean
  readonly stopOnFailure?: boolean
  readonly atOnce?: number
  readonly dryRun?: boolean
  readonly plan?: string
  readonly yes?: boolean
  readonly reason?: string
  readonly costMax?: number
  readonly wait?: boolean
}

/** Shows what would be done and what it takes; starts it only where that plan is named, or `--yes` says that none was to be looked at. */
export async function backfill(context: CliContext, view: string, options: BackfillCommandOptions): Promise<Report> {
  if (options.plan !== undefined && options.yes)
    throw usage('--plan names a plan that was looked at, --yes makes one that was not', 'give one of the two')
  const isStarting = !options.dryRun && (options.plan !== undefined || options.yes === true)
  if (isStarting) checkReason(options)
  const plan =
    options.plan === undefined ? await makePlan(context, view, options) : await knownPlan(context, view, options)
  return isStarting ? await startPlan(context, plan, options) : planReport(context, plan, options)
}

/** @throws MillcourseError USAGE */
export function checkReason({ reason }: { readonly reason?: string }): void {
  if (!reason?.trim()) throw usage('a backfill needs a reason: it is kept with it, and in the audit', '--reason "why"')
}

async function makePlan(context: CliContext, view: string, options: BackfillCommandOptions): Promise<BackfillPlan> {
  const { from, to, order = 'oldest', force = false, stopOnFailure = false, atOnce = 4 } = options
  if (from === undefined || to === undefined)
    throw usage('a backfill names its range', '--from 2001-01-01T00:00:00Z --to 2001-02-01T00:00:00Z')
  await (await context.registry()).view(view)
  const range = { from: formatInstant(parseInstant(from)), to: formatInstant(parseInstant(to)) }
  return await plannedAnew(context, view, {
    range,
    options: { order, isForced: force, onFailure: stopOnFailure ? 'stop' : 'continue', atOnce },
  })
}

export async function plannedAnew(
  context: CliContext,
  view: string,
  asked: Pick<PlanBackfillInput, 'range' | 'options' | 'retryOf'>,
): Promise<BackfillPlan> {
  context.progress.update(`${view}: planning`)
  const runControl = await context.runControl()
  const { planId } = await runControl.planBackfill({ view, ...asked, now: context.pretendedNow })
  const plan = await (await context.ledger()).backfillPlan(planId)
  context.progress.end()
  if (plan === null) throw unknownPlan(view, planId)
  return plan
}

async function knownPlan(context: CliContext, view: string, options: BackfillCommandOptions): Promise<BackfillPlan> {
  const { from, to, order, atOnce, force, stopOnFailure } = options
  if ([from, to, order, atOnce, force, stopOnFailure].some((given) => given !== undefined))
    throw usage(
      'a plan has its range and options in it',
      `millcourse backfill ${view} --plan ${options.plan} --reason "why"`,
    )
  const plan = await (await context.ledger()).backfillPlan(options.plan!)
  if (plan === null) throw unknownPlan(view, options.plan!)
  if (plan.view !== view)
    throw usage(`plan ${plan.planId} is of ${plan.view}`, `millcourse backfill ${plan.view} --plan ${plan.planId}`)
  return plan
}

export type StartOptions = Pick<BackfillCommandOptions, 'reason' | 'costMax' | 'wait'>

/** The reason was looked at. */
export async function startPlan(context: CliContext, plan: BackfillPlan, options: StartOptions): Promise<Report> {
  const { planId, retryOf } = plan
  const result = await (await context.runControl()).startBackfill({
    ...{ planId, by: context.actor, reason: options.reason!, ...(retryOf === undefined ? {} : { retryOf }) },
    ...{ costMax: options.costMax ?? null, now: context.pretendedNow },
  })
  return await startedReport(context, plan.view, result, options.wait ?? false)
}

async function startedReport(
  context: CliContext,
  view: string,
  result: StartBackfillResult,
  isFollowed: boolean,
): Promise<Report> {
  if (result.kind === 'nothing-to-run')
    return { outcome: 'done', data: { view, state: 'nothing-to-run' }, text: `${view}: nothing to run` }
  if (isFollowed && result.kind !== 'awaiting-approval') return await followBackfill(context, result.backfillId)
  const { backfillId, intervals, kind } = result
  const how = {
    started: `started backfill ${backfillId}: ${plural(intervals, 'interval')}`,
    joined: `backfill ${backfillId} is under way already: ${plural(intervals, 'interval')}`,
    queued: `queued backfill ${backfillId}: ${plural(intervals, 'interval')}; it begins by itself when others have ended`,
    'awaiting-approval': `backfill ${backfillId} waits: ${await awaitedText(context, backfillId)}; millcourse backfill approve ${backfillId} --reason …`,
  }[kind]
  return {
    outcome: 'done',
    data: { view, backfill: backfillId, state: kind, intervals },
    text: `${how}\nmillcourse backfill status ${backfillId}${context.givenOptions}`,
  }
}

async function awaitedText(context: CliContext, backfillId: string): Promise<string> {
  const backfill = await (await context.ledger()).backfill(backfillId)
  return backfill?.awaits ? awaitsText(backfill) : 'it costs more than --cost-max'
}

export function planReport(
  context: CliContext,
  plan: BackfillPlan,
  options: Pick<BackfillCommandOptions, 'costMax'>,
): Report {
  const { intervals, files, limits, ...rest } = plan
  const { costMaxOfAll = null, openDollars = 0 } = limits ?? {}
  const costMax = options.costMax ?? limits?.costMax ?? null
  const awaits = costAwaits(plan.estimate, { costMax, costMaxOfAll }, openDollars)
  return {
    outcome: 'done',
    data: {
      ...rest,
      intervals: intervals.map(({ start, end, need }) => ({ start, end, need })),
      files: files.length,
      awaits,
    },
    text: formatPlan(plan, awaits, context.givenOptions),
  }
}

function usage(message: string, hint: string): MillcourseError {
  return new MillcourseError('USAGE', message, { hint })
}

function unknownPlan(view: string, planId: string): MillcourseError {
  return new MillcourseError('BACKFILL_UNKNOWN', `the ledger has no plan "${planId}"`, {
    hint: `plans are kept for a week: millcourse backfill ${view} --from … --to … makes one`,
    facts: { plan: planId, view },
  })
}
