/** Starts a plan by its id, if what it would do now is what was shown; the ledger lets one backfill at a time into a range. */
import { MillcourseError } from '../core/errors.js'
import {
  type BackfillPlan,
  backfillsAtOnce,
  intervalsToRun,
  type PlannedInterval,
  planChanges,
} from '../core/plan/index.js'
import type { Backfill, BackfillRequest } from '../core/ports/backfill-ledger.js'
import type { StartBackfillInput } from '../core/ports/run-control.js'
import { formatInterval, fromIsoInterval, overlaps } from '../core/time/interval.js'
import type { ActivityDeps } from './activity-deps.js'
import { labelledBackfillInput } from './backfill-input.js'
import type { BackfillActivities } from './backfill-steps.js'
import { costMaxOf, failedIn, planContent } from './plan-backfill.js'

const changesNamed = 5

export function openBackfill(deps: ActivityDeps): BackfillActivities['openBackfill'] {
  return async (input) => {
    const plan = await deps.ledger.backfillPlan(input.planId)
    if (plan === null)
      throw new MillcourseError('BACKFILL_UNKNOWN', `the ledger has no plan "${input.planId}"`, {
        hint: 'plans are kept for a week: make it again with millcourse backfill VIEW --from … --to …',
        facts: { plan: input.planId },
      })
    const key = { view: plan.view, version: plan.version }
    const open = await deps.ledger.backfills({ view: plan.view, isOpen: true, limit: 100 })
    // Said twice it is said once: what it has done meanwhile is no other input.
    const same = open.find((one) => one.planId === plan.planId && one.version === plan.version)
    if (same)
      return {
        kind: 'joined',
        backfill: await labelledBackfillInput(deps, same),
        intervals: (await deps.ledger.backfillProgress(same.backfillId)).total,
      }
    const range = fromIsoInterval(plan.range)
    const other = open.find((one) => one.version === plan.version && overlaps(one.range, range))
    // What it has run meanwhile would be told as moved.
    if (other) throw overlapping(plan, other)
    await checkUnmoved(deps, plan, input)
    const retryOf = plan.retryOf ?? input.retryOf
    const due = await chosen(deps, plan, retryOf)
    if (due.length === 0) return { kind: 'nothing-to-run' }
    const request: BackfillRequest = {
      backfillId: await freeId(deps, plan.planId),
      ...{ plan, retryOf: retryOf ?? null },
      limits: {
        costMax: input.costMax ?? (await costMaxOf(deps, retryOf)),
        costMaxOfAll: deps.settings.backfillCostMax ?? null,
      },
      ...{ by: input.by, reason: input.reason, pretendedNow: input.now },
      intervals: due.map((one) => ({ interval: fromIsoInterval(one), need: one.need })),
    }
    const opened = await deps.ledger.openBackfill(request)
    if (opened.kind === 'overlaps') throw overlapping(plan, opened.with)
    const { backfillId } = opened.backfill
    const { state } = await deps.ledger.beginBackfill(backfillId, backfillsAtOnce(deps.settings))
    const kind =
      opened.kind === 'joined' ? 'joined' : state === 'queued' || state === 'awaiting-approval' ? state : 'started'
    deps.log.info({ ...key, backfill: backfillId, by: input.by, reason: input.reason }, `backfill ${kind}`)
    return { kind, backfill: await labelledBackfillInput(deps, opened.backfill), intervals: due.length }
  }
}

/** @throws MillcourseError BACKFILL_PLAN_MOVED */
async function checkUnmoved(deps: ActivityDeps, plan: BackfillPlan, { now }: StartBackfillInput): Promise<void> {
  const { view, options, retryOf } = plan
  const { start: from, end: to } = plan.range
  const asked = { view, range: { from, to }, options, now, ...(retryOf === undefined ? {} : { retryOf }) }
  const newest = await deps.registry.view(plan.view)
  const moved =
    newest.view.version === plan.version
      ? planChanges(plan, (await planContent(deps, asked)).content)
      : [`${plan.view} is at version ${newest.view.version}, the plan is of ${plan.version}`]
  if (moved.length === 0) return
  const more = moved.length > changesNamed ? `; and ${moved.length - changesNamed} more` : ''
  throw new MillcourseError(
    'BACKFILL_PLAN_MOVED',
    `plan ${plan.planId} is of another day: ${moved.slice(0, changesNamed).join('; ')}${more}`,
    {
      hint: `plan it again: millcourse backfill ${retryOf ? `retry ${retryOf} --failed` : `${view} --from ${from} --to ${to}`}`,
      facts: { plan: plan.planId, view: plan.view, moved: moved.length },
    },
  )
}

/** Of a retry: what failed then, as far as it would still run. A plan of the release before holds the whole range. */
async function chosen(deps: ActivityDeps, plan: BackfillPlan, retryOf?: string): Promise<PlannedInterval[]> {
  const due = intervalsToRun(plan)
  if (retryOf === undefined) return due
  const failed = await failedIn(deps, retryOf)
  return due.filter((one) => failed.has(fromIsoInterval(one).start))
}

/** A plan that was carried out, or cancelled, may be started once more. */
async function freeId({ ledger }: ActivityDeps, planId: string): Promise<string> {
  const taken = new Set(
    (await ledger.backfills({ idPrefix: planId, limit: 1_000 })).map(({ backfillId }) => backfillId),
  )
  for (let turn = 1; ; turn++) {
    const id = turn === 1 ? planId : `${planId}-${turn}`
    if (!taken.has(id)) return id
  }
}

function overlapping(plan: BackfillPlan, other: Backfill): MillcourseError {
  const { backfillId: id, state } = other
  const wait =
    state === 'awaiting-approval'
      ? `approve it (millcourse backfill approve ${id} --reason …) and wait for it`
      : `wait for it (millcourse backfill status ${id})`
  return new MillcourseError(
    'BACKFILL_OVERLAPS',
    `backfill ${id} of ${plan.view}@v${plan.version} is ${state} over ${formatInterval(other.range)}, by ${other.by}: ${other.reason}`,
    {
      hint: `${wait}${state === 'cancelling' ? '' : `, or millcourse backfill cancel ${id}`}`,
      facts: { view: plan.view, backfill: id, by: other.by },
    },
  )
}
